"""The search for the instance with the least slack: random points, then simplices from the best of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite
from time import perf_counter
from typing import Any

import numpy as np
from scipy.optimize import minimize

from fa_theory.dynamics import Progress
from fa_theory.falsification.claim import Claim, Outcome
from fa_theory.falsification.claims import find_claim
from fa_theory.falsification.families import Coordinates, make_instance
from fa_theory.model import Network, Problem
from fa_theory.verification import Instance, command_from_state, describe

Host = np.ndarray[Any, Any]

EVALUATIONS = 400
_EXPLORED = 0.4
_RESTARTS = 4
_SIMPLEX = 0.15
_INADMISSIBLE = 1e6
_SHARPENING = 1e-2
_FINEST = 1e-11


class _Stopped(Exception):  # noqa: N818 - it ends a search, and is no error
    """The search is over."""


@dataclass(frozen=True)
class Search:
    """What a search for a counterexample found.

    Attributes
    ----------
    statement : str
        The statement's id.
    dropped : str or None
        The assumption that was dropped.
    refuted : bool
        Whether a counterexample was found: beyond the error estimates, and again with a hundredth of the error.
    slack : float or None
        The smallest slack met; None if no instance was admissible.
    unit : str
        What the slack is measured in.
    instance : Instance or None
        The instance of the smallest slack, with the options of its run.
    detail : str
        What was found on it.
    tried, admissible : int
        Instances that were drawn, and those of which the statement says something.
    doubtful : int
        Instances that seemed to refute it, but not with a hundredth of the error.
    seed : int
        The seed.
    seconds : float
        How long it took.
    stopped : str
        ``"counterexample"``, ``"evaluations"`` or ``"time"``: what ended it. The first two are reproducible.

    Examples
    --------
    >>> from fa_theory.falsification import falsify
    >>> search = falsify("descent", drop="scalar output", evaluations=20)
    >>> search.refuted, search.stopped, search.instance.network.widths[-1] > 1
    (True, 'counterexample', True)
    >>> search.command("found.npz")[:35]  # and the options of its run
    'fa-theory verify --state found.npz '
    """

    statement: str
    dropped: str | None
    refuted: bool
    slack: float | None
    unit: str
    instance: Instance | None
    detail: str
    tried: int
    admissible: int
    doubtful: int
    seed: int
    seconds: float
    stopped: str

    def to_json(self) -> dict[str, Any]:
        """Return the search as JSON values."""
        values = {name: value for name, value in vars(self).items() if name != "instance"}
        if self.instance is None:
            return values | {"instance": None, "command": None}
        return values | {"instance": describe(self.instance), "command": self.command("STATE.npz")}

    def command(self, state: str) -> str | None:
        """Return the command that runs the instance again from its state file."""
        return None if self.instance is None else command_from_state(self.instance, state)


class _Hunt:
    """The course of one search; the only thing here that changes."""

    def __init__(self, claim: Claim, evaluations: int, seconds: float | None, progress: Progress | None) -> None:
        self.claim, self.evaluations, self.seconds, self.progress = claim, evaluations, seconds, progress
        self.begun = perf_counter()
        self.tried = self.admissible = self.doubtful = 0
        self.best: Outcome | None = None
        self.instance: Instance | None = None
        self.stopped = "evaluations"

    def slack(self, family_index: int, point: Host) -> float:
        """Return the slack at a point of a family's cube, a large number where the claim says nothing."""
        elapsed = perf_counter() - self.begun
        if self.tried >= self.evaluations:
            raise _Stopped
        if self.seconds is not None and elapsed > self.seconds:
            self.stopped = "time"
            raise _Stopped
        if self.progress is not None:
            self.progress(max(self.tried / self.evaluations, elapsed / self.seconds if self.seconds else 0.0))
        self.tried += 1
        family = self.claim.families[family_index]
        coordinates = Coordinates(point)
        with np.errstate(all="ignore"):  # what overflows is not admissible
            network, problem = make_instance(family, coordinates)
            run = self.claim.plan(network, problem, family, coordinates)
            outcome = None if run is None else self.claim.measure(network, problem, run)
        if run is None or outcome is None or not isfinite(outcome.slack):
            return _INADMISSIBLE
        self.admissible += 1
        if outcome.refuted and not self._confirmed(network, problem, run):
            self.doubtful += 1
            return max(outcome.slack, 0.0)
        if outcome.refuted or self.best is None or outcome.slack < self.best.slack:
            name = f"smallest slack of {self.claim.statement}"
            self.best, self.instance = outcome, Instance(name, network, problem, run, {})
        if outcome.refuted:
            self.stopped = "counterexample"
            raise _Stopped
        return outcome.slack

    def _confirmed(self, network: Network, problem: Problem, run: dict[str, Any]) -> bool:
        """Tell whether the claim fails again when the flow is integrated to a hundredth of the error."""
        if "accuracy" not in run:
            return True
        finer = run | {"accuracy": max(run["accuracy"] * _SHARPENING, _FINEST)}
        again = self.claim.measure(network, problem, finer)
        return again is not None and again.refuted

    def explore(self, rng: np.random.Generator) -> None:
        """Try random points of all families in turn, then descend from the best, of different families if possible."""
        families = self.claim.families
        found: list[tuple[float, int, Host]] = []
        for k in range(max(1, round(_EXPLORED * self.evaluations))):
            index = k % len(families)
            point = rng.random(families[index].dimension)
            found.append((self.slack(index, point), index, point))
        found.sort(key=lambda each: each[0])
        first = [next(each for each in found if each[1] == index) for index in dict.fromkeys(each[1] for each in found)]
        starts = first[:_RESTARTS]
        starts += [each for each in found if not any(each is other for other in starts)][: _RESTARTS - len(starts)]
        while True:
            share = max(1, (self.evaluations - self.tried) // len(starts))
            for _, index, point in starts:
                corners = np.vstack([point, point + _SIMPLEX * np.where(point > 0.5, -1, 1) * np.eye(len(point))])
                minimize(
                    partial(self.slack, index),
                    point,
                    method="Nelder-Mead",
                    options={"initial_simplex": corners, "maxfev": share, "adaptive": True},
                )


def falsify(
    statement: str,
    *,
    drop: str | None = None,
    seed: int = 0,
    evaluations: int = EVALUATIONS,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> Search:
    """Search tiny instances for one that breaks a statement, or comes closest to it.

    Random instances of several families first, then Nelder-Mead simplices from the best of them. A violation counts
    only if it exceeds the error estimates, and does so again at a hundredth of the error.

    Parameters
    ----------
    statement : str
        The statement's id.
    drop : str, optional
        An assumption to drop (`fa_theory.falsification.droppable` lists them): then a counterexample should be found.
    seed : int
        The seed; the same seed and number of evaluations give the same search.
    evaluations : int
        The largest number of instances.
    seconds : float, optional
        A limit on the time; a search that it ends is not reproducible, and says so.
    progress : callable, optional
        Called with the finished fraction.

    Returns
    -------
    Search
        With the smallest slack met and its instance; `refuted` if it is a counterexample.

    Raises
    ------
    ValueError
        If there is no such statement or assumption, or a number is out of range.

    Examples
    --------
    >>> from fa_theory.falsification import falsify
    >>> falsify("matrix-law", evaluations=3).refuted  # a few instances only
    False
    >>> falsify("matrix-law", drop="bias term", evaluations=20).refuted  # without b b^T nothing stays
    True
    """
    claim = find_claim(statement, drop)
    if evaluations < 1 or int(evaluations) != evaluations:
        raise ValueError(f"evaluations must be a whole number >= 1, got {evaluations}")
    if seconds is not None and not 0 < seconds < inf:
        raise ValueError(f"seconds must be a positive finite number, got {seconds}")
    if seed < 0 or int(seed) != seed:
        raise ValueError(f"seed must be a whole number >= 0, got {seed}")
    hunt = _Hunt(claim, evaluations, seconds, progress)
    with suppress(_Stopped):
        hunt.explore(np.random.default_rng(seed))
    best = hunt.best
    return Search(
        statement=statement,
        dropped=drop,
        refuted=best is not None and best.refuted,
        slack=None if best is None else best.slack,
        unit=claim.unit,
        instance=hunt.instance,
        detail="no admissible instance was met" if best is None else best.detail,
        tried=hunt.tried,
        admissible=hunt.admissible,
        doubtful=hunt.doubtful,
        seed=seed,
        seconds=perf_counter() - hunt.begun,
        stopped=hunt.stopped,
    )


def slack_of(
    statement: str, network: Network, problem: Problem, run: dict[str, Any], drop: str | None = None
) -> Outcome | None:
    """Return what one instance says of a statement, with an assumption dropped if one is named; None: nothing.

    Raises
    ------
    ValueError
        If there is no such statement or assumption.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.falsification import slack_of
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> problem, run = ft.Problem([[1, 0], [0, 1]], [1, 1]), {"method": "flow", "time": 1.0, "points": 5}
    >>> outcome = slack_of("exponential-decay", network, problem, run)
    >>> outcome.refuted, outcome.slack > 0  # the loss falls faster than the bound
    (False, True)
    """
    with np.errstate(all="ignore"):
        return find_claim(statement, drop).measure(network, problem, run)
