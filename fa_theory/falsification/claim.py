"""A claim to be searched for counterexamples, and what one instance says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from fa_theory.falsification.families import Coordinates, Family
from fa_theory.model import Network, Problem

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
