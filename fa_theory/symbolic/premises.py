"""What a lemma assumes, with values put in, and the facts that establish it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sympy as sp

from fa_theory.symbolic.equality import equal, is_matrix
from fa_theory.symbolic.facts import Claim, Fact, Premise, substituted
from fa_theory.symbolic.scope import free_indices, letters
from fa_theory.symbolic.substitution import substitute

if TYPE_CHECKING:
    from fa_theory.symbolic.proof import Theorem


def instance(premise: Premise, at: Mapping[Any, Any]) -> Premise:
    """Return what a premise says with values put in, none of which may be a letter for every value of which it is said.

    Raises
    ------
    ValueError
        If a value is put in for such a letter, or contains one.
    """
    key, claimed, schematic = premise
    ranging = free_indices(claimed.lhs) | free_indices(claimed.rhs) | schematic
    if fixed := ranging & at.keys():
        raise ValueError(f"{key!r} is assumed for every {fixed.pop()}, not for one value only")
    sizes = {each: value for each, value in at.items() if isinstance(each, sp.Symbol)}
    renamed = {each: substitute(each, sizes) if isinstance(each, sp.MatrixSymbol) else each for each in ranging}
    apart = substituted(substituted(claimed, {each: _stand_in(each) for each in ranging}), at)
    if captured := (letters(apart.lhs) | letters(apart.rhs)) & set(renamed.values()):
        raise ValueError(f"{captured.pop()} is put in where {key!r} is assumed for every value of it: rename it")
    return Premise(key, substituted(claimed, at), frozenset(renamed[each] for each in schematic))


def inductive(
    theorem: Theorem, key: str, counter: sp.Symbol
) -> tuple[list[Premise], list[Premise], list[Premise], list[Fact]]:
    """Read a theorem as the step of an induction, from what it assumes under a key to the same at counter + 1.

    Returns
    -------
    hypotheses, starts, others, sources
        What it assumes under the key, the same at 0, what else it assumes, and the conclusions that make the step.

    Raises
    ------
    ValueError
        If the counter is not one, a conclusion is missing, or something else is assumed about the counter.
    """
    if counter.assumptions0 != sp.Dummy(integer=True, nonnegative=True).assumptions0:
        raise ValueError(f"{counter} must be declared as an integer >= 0, and no more")
    if theorem.vocabulary.dynamic:
        raise ValueError("a step of an induction cannot be about rates of change")
    premises = {premise for fact in theorem.conclusions for premise in fact.premises if premise.key == key}
    hypotheses = sorted(premises, key=str)
    if not hypotheses:
        raise ValueError(f"nothing is assumed under {key!r}")
    sources = []
    for _, claimed, schematic in hypotheses:
        wanted = substituted(claimed, {counter: counter + 1})
        same = (fact for fact in theorem.conclusions if fact.claim == wanted)
        source = next(same, None) or next((fact for fact in theorem.conclusions if _says(fact.claim, wanted)), None)
        if source is None or schematic:
            raise ValueError(f"the step does not conclude that {wanted.latex}")
        sources.append(source)
    others = sorted({each for fact in sources for each in fact.premises if each.key != key}, key=str)
    about = {each: letters(each.claim.lhs) | letters(each.claim.rhs) for each in (*hypotheses, *others)}
    if any(counter in about[each] for each in others):
        raise ValueError(f"more is assumed about {counter} than under {key!r}")
    if any(found & theorem.vocabulary.introduced for found in about.values()):
        raise ValueError("the step assumes something of what it defines itself")
    starts = [instance(each, {counter: sp.S.Zero}) for each in hypotheses]
    return hypotheses, starts, others, sources


def _stand_in(letter: Any) -> Any:
    """Return a new letter of the same kind."""
    if isinstance(letter, sp.Symbol):
        return sp.Dummy(**letter.assumptions0)
    if isinstance(letter, sp.MatrixSymbol):
        return sp.MatrixSymbol(sp.Dummy().name + str(sp.Dummy().dummy_index), *letter.shape)
    if isinstance(letter, sp.IndexedBase):
        return sp.IndexedBase(sp.Dummy(**letter.assumptions0))
    return sp.Function(f"{letter.__name__}_{sp.Dummy().dummy_index}", **letter._kwargs)  # noqa: SLF001


def establishing(premise: Premise, facts: Sequence[Fact]) -> Fact:
    """Return the first of the facts that establishes a premise, for every value of what it is said for.

    Raises
    ------
    ValueError
        If there is none.
    """
    for fact in facts:
        if fact.claim == premise.claim and premise.schematic <= fact.schematic:
            return fact  # word for word, which is quick to see
    telling = [fact for fact in facts if _says(fact.claim, premise.claim)]
    for fact in telling:
        if premise.schematic <= fact.schematic:
            return fact
    if telling:
        fixed = ", ".join(map(str, premise.schematic - telling[0].schematic))
        raise ValueError(f"hypothesis {premise.key!r} must hold for every {fixed}")
    told = "; ".join(fact.claim.latex for fact in facts)
    raise ValueError(f"hypothesis {premise.key!r}: not shown that {premise.claim.latex}, got {told or 'nothing'}")


def _says(told: Claim, needed: Claim) -> bool:
    """Tell whether a claim is another in other words."""
    if told.relation != needed.relation and (needed.relation, told.relation) not in (("<=", "="), ("<=", "<")):
        return False
    if is_matrix(needed.lhs) != is_matrix(told.lhs):
        return False
    if is_matrix(needed.lhs):
        same_shape = all(sp.expand(a - b) == 0 for a, b in zip(needed.lhs.shape, told.lhs.shape, strict=True))
        return same_shape and equal(needed.lhs - needed.rhs, told.lhs - told.rhs)
    return equal(needed.rhs - needed.lhs, told.rhs - told.lhs)
