"""Proofs of statements: a derivation with its assumptions, source and negative controls, and how it is checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import sympy as sp

from fa_theory.symbolic.derivation import Derivation, Step
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.vocabulary import Vocabulary
from fa_theory.symbolic.words import ShapeError

Derive = Callable[[Derivation], Fact | Sequence[Fact]]


@dataclass(frozen=True)
class Control:
    """A negative control: something false that must be seen to fail.

    Attributes
    ----------
    name : str
        What is false, in words.
    attempt : callable
        Either ``attempt(derivation)``, a wrong variant of the proof of which a step must fail; or, when
        `counterexample` is true, ``attempt()`` that returns the false claim evaluated in exact arithmetic at one
        instance: a SymPy relation, or a bool, that must be false.
    counterexample : bool
        Which of both.
    """

    name: str
    attempt: Callable[..., Any]
    counterexample: bool = False


@dataclass(frozen=True)
class Proof:
    """The proof of a statement or lemma.

    Attributes
    ----------
    id : str
        The statement's id.
    title : str
        Its name in words.
    statement : str
        What is proved, in LaTeX (text with mathematics between dollar signs).
    assumptions : mapping of str to str
        Key -> text of every assumption; each must be used.
    source : str
        ``"paper"``, ``"own"`` or ``"textbook"``.
    derive : callable
        Takes a `Derivation`, returns the fact or facts that it concludes.
    controls : tuple of Control
        What must fail.
    """

    id: str
    title: str
    statement: str
    assumptions: Mapping[str, str]
    source: str
    derive: Derive
    controls: tuple[Control, ...]

    def theorem(self) -> Theorem:
        """Return what is proved; the derivation is run once in a process.

        Raises
        ------
        StepFailed
            If a step fails, or the conclusion rests on something other than the declared assumptions.
        """
        return _theorem(self.id, self)

    def __hash__(self) -> int:
        return hash(self.id)


class Theorem(NamedTuple):
    """What a checked derivation has established.

    Attributes
    ----------
    conclusions : tuple of Fact
        The facts that it concludes.
    steps : tuple of Step
        Its steps.
    vocabulary : Vocabulary
        What its symbols stand for.
    """

    conclusions: tuple[Fact, ...]
    steps: tuple[Step, ...]
    vocabulary: Vocabulary


@dataclass(frozen=True)
class Checked:
    """The outcome of checking a proof.

    Attributes
    ----------
    id : str
        The statement's id.
    status : str
        ``"proved"`` or ``"failed"``.
    failure : str
        Why it failed; empty if it did not.
    steps, controls : int
        How many steps were checked, and how many negative controls failed as they must.
    by_hand, cites : tuple of str
        What no machine has checked, and which textbook theorems are used.
    seconds : float
        Time taken.
    """

    id: str
    status: str
    failure: str
    steps: int
    controls: int
    by_hand: tuple[str, ...]
    cites: tuple[str, ...]
    seconds: float = field(compare=False)

    @property
    def evidence(self) -> str:
        """``"proved"``, ``"proved up to: ..."`` or ``"-"``."""
        if self.status != "proved":
            return "-"
        return "proved up to: " + "; ".join(self.by_hand) if self.by_hand else "proved"


def check(proof: Proof) -> Checked:
    """Check a proof: run its derivation and see every negative control fail."""
    start = time.perf_counter()

    def outcome(failure: str, theorem: Theorem | None = None) -> Checked:
        conclusions = theorem.conclusions if theorem else ()
        return Checked(
            proof.id,
            "failed" if failure else "proved",
            failure,
            len(theorem.steps) if theorem else 0,
            len(proof.controls),
            tuple(sorted({name for fact in conclusions for name in fact.by_hand})),
            tuple(sorted({name for fact in conclusions for name in fact.cites})),
            time.perf_counter() - start,
        )

    try:
        theorem = proof.theorem()
    except (StepFailed, ShapeError, RecursionError) as failed:
        return outcome(str(failed))
    if not proof.controls:
        return outcome("there is no negative control", theorem)
    for control in proof.controls:
        failure = _why_not_rejected(proof, control)
        if failure:
            return outcome(f"negative control {control.name!r}: {failure}", theorem)
    return outcome("", theorem)


@cache
def _theorem(_key: str, proof: Proof) -> Theorem:
    derivation = Derivation(proof.assumptions)
    result = proof.derive(derivation)
    conclusions = (result,) if isinstance(result, Fact) else tuple(result)
    if not conclusions:
        raise StepFailed(f"{proof.id} concludes nothing")
    used = {key for fact in conclusions for key in fact.assumptions}
    undeclared = used - proof.assumptions.keys()
    if undeclared:
        raise StepFailed(f"{proof.id} rests on assumptions that it does not declare: {', '.join(undeclared)}")
    unused = proof.assumptions.keys() - used
    if unused:
        raise StepFailed(f"{proof.id} declares assumptions that its conclusion does not rest on: {', '.join(unused)}")
    return Theorem(conclusions, tuple(derivation.steps), derivation.vocabulary)


def _why_not_rejected(proof: Proof, control: Control) -> str:
    if control.counterexample:
        outcome = control.attempt()
        if isinstance(outcome, sp.Basic) and outcome.has(sp.Float):
            return "a counterexample is evaluated in exact arithmetic, not in floating point"
        if outcome is False or outcome == sp.false:
            return ""
        return f"the false claim evaluates to {outcome}"
    try:
        control.attempt(Derivation(proof.assumptions))
    except StepFailed:
        return ""
    return "the wrong variant was accepted"
