"""What is tried: a statement as it stands, or with one of its assumptions dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from fa_theory.choices import not_among
from fa_theory.falsification.families import Coordinates, Family
from fa_theory.model import Network, Problem
from fa_theory.statements import STATEMENTS

Run = dict[str, Any]


class Outcome(NamedTuple):
    """What one instance says of a claim.

    Attributes
    ----------
    slack : float
        How much room is left, in the claim's own units; negative where it fails.
    refuted : bool
        Whether it fails by more than the error estimates allow.
    detail : str
        What was found.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.falsification import Outcome, slack_of
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> problem, run = ft.Problem([[1, 0], [0, 1]], [1, 1]), {"method": "flow", "time": 1.0, "points": 5}
    >>> outcome = slack_of("neuron-law", network, problem, run)
    >>> isinstance(outcome, Outcome), 0 < outcome.slack <= 1, outcome.refuted  # in parts of the tolerance
    (True, True, False)
    """

    slack: float
    refuted: bool
    detail: str


@dataclass(frozen=True)
class Claim:
    """A statement, or what is left of it when an assumption is dropped.

    Attributes
    ----------
    statement : str
        The statement's id.
    dropped : str or None
        The assumption that is dropped.
    families : tuple of Family
        Where instances come from.
    plan : callable
        (network, problem, family, coordinates) -> options of the run, or None where the claim says nothing.
    measure : callable
        (network, problem, run) -> Outcome, or None where the claim says nothing of the instance.
    unit : str
        What the slack is measured in.
    """

    statement: str
    dropped: str | None
    families: tuple[Family, ...]
    plan: Callable[[Network, Problem, Family, Coordinates], Run | None]
    measure: Callable[[Network, Problem, Run], Outcome | None]
    unit: str


def claims() -> tuple[Claim, ...]:
    """Return all claims: every statement, and every assumption that can be dropped."""
    from fa_theory.falsification.bounded import BOUND_CLAIMS
    from fa_theory.falsification.conserved import LAW_CLAIMS

    return (*LAW_CLAIMS, *BOUND_CLAIMS)


def droppable(statement: str) -> tuple[str, ...]:
    """Return the assumptions of a statement that can be dropped.

    Raises
    ------
    ValueError
        If there is no statement of that id.

    Examples
    --------
    >>> from fa_theory.falsification import droppable
    >>> droppable("matrix-law")
    ('linear activation', 'bias term', 'no sign change')
    """
    if statement not in STATEMENTS:
        raise not_among("statement", statement, STATEMENTS)
    return tuple(each.dropped for each in claims() if each.statement == statement and each.dropped is not None)


def find_claim(statement: str, dropped: str | None = None) -> Claim:
    """Return the claim of a statement, with an assumption dropped if one is named.

    Raises
    ------
    ValueError
        If there is no statement of that id, or the assumption is not one that can be dropped from it.
    """
    names = droppable(statement)
    if dropped is not None and dropped not in names:
        known = ", ".join(map(repr, names)) or "none"
        raise ValueError(f"drop must be an assumption of {statement} that can be dropped ({known}), got {dropped!r}")
    return next(each for each in claims() if (each.statement, each.dropped) == (statement, dropped))
