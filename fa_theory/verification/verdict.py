"""Verdicts: what is said of a statement on one instance, on what evidence, by what margin."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from fa_theory.bounds import Assumption

VERDICTS = ("refuted", "undecided", "holds", "not_applicable")
"""From the one that matters most to the one that matters least when several instances are summed up."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on one statement for one instance.

    Attributes
    ----------
    id : str
        The statement's id.
    verdict : str
        ``"holds"``, ``"refuted"``, ``"not_applicable"`` (an assumption fails: `detail` names it) or ``"undecided"``
        (the tolerance is larger than the slack, or an assumption cannot be decided at this precision).
    evidence : str or None
        ``"float-checked"`` (this instance, in floating point with an error estimate), ``"enclosed"`` (this instance, in
        balls from the exact values of the inputs) or ``"exact"`` (rational arithmetic); None unless something was
        compared.
    margin : float or None
        Laws and identities: 1 - deviation / tolerance. Bounds: the smallest (bound - loss) / bound after the start.
        Not applicable: the margin of the assumption that fails (not positive). None where there is nothing to measure.
    detail : str
        One line that says what was found.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_neuron_law
    >>> network, problem = ft.initialise("aligned", (1, 2, 1), seed=0), ft.Problem([[1.0]], [1.0])
    >>> verdict = assess_neuron_law(ft.simulate(network, problem, method="gd", steps=5))
    >>> verdict.verdict, verdict.evidence, verdict.margin, verdict.detail
    ('not_applicable', None, -1.0, 'flow, or midpoint or Gauss rule with a quadratic law: method gd')
    """

    id: str
    verdict: str
    evidence: str | None
    margin: float | None
    detail: str


def not_applicable(statement: str, assumption: Assumption) -> Verdict:
    """Return the verdict for a statement of which an assumption fails or cannot be decided."""
    verdict = "undecided" if assumption.holds is None else "not_applicable"
    return Verdict(statement, verdict, None, assumption.margin, f"{assumption.name}: {assumption.detail}")


def yes_or_no(name: str, holds: bool, detail: str) -> Assumption:
    """Return an assumption that holds or fails without degrees; its margin is 1 or -1."""
    return Assumption(name, 1.0 if holds else -1.0, holds, detail)


def no_weight_decay(rates: tuple[float, ...]) -> Assumption:
    """Return the assumption that there is no weight decay, given lambda_1, ..., lambda_L (or none)."""
    found = ", ".join(f"{rate:g}" for rate in rates)
    return Assumption("no weight decay", -max(rates) if any(rates) else 1.0, not any(rates), f"decay {found or 0}")


def first_failure(*assumptions: Assumption) -> Assumption | None:
    """Return the first assumption that fails, else the first that is undecided, else None."""
    failed = [each for each in assumptions if each.holds is False] + [
        each for each in assumptions if each.holds is None
    ]
    return failed[0] if failed else None


def at_all(count: int, noun: str) -> str:
    """Return "at all 5 times", and for one "at the one time"."""
    return f"at the one {noun}" if count == 1 else f"at all {count} {noun}s"


def judge_deviation(statement: str, deviation: float, tolerance: float, detail: str) -> Verdict:
    """Judge something that should vanish: within its tolerance it holds, beyond ten times that it is refuted.

    The tolerance is itself an estimate, so that a deviation in between leaves the statement undecided; so does one that
    is not a number because the quantity overflowed.
    """
    if not isfinite(deviation) or not isfinite(tolerance):
        return Verdict(statement, "undecided", None, None, f"the quantity overflows; {detail}")
    verdict = "holds" if deviation <= tolerance else "undecided" if deviation <= 10 * tolerance else "refuted"
    margin = 1.0 - deviation / tolerance if tolerance > 0 else (1.0 if deviation == 0 else -1.0)
    return Verdict(statement, verdict, "float-checked", margin, detail)
