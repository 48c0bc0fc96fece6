"""Verdicts from enclosures: bounds and losses in balls from the exact values of the inputs, compared with certainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any

from flint import ctx

from fa_theory.bounds import Bound
from fa_theory.dynamics import Trajectory, minibatches, recorded_steps
from fa_theory.model import Network, Problem
from fa_theory.rigour import (
    FLOW_BOUNDS,
    HITTING_TIMES,
    STEP_BOUNDS,
    WHY_NOT,
    EnclosedBound,
    ExactStart,
    UndecidedError,
    enclosed_bound,
    reduced_flow,
    steps,
)
from fa_theory.rigour.balls import ACCURACY, Ball, Rational, float_of_sign, rational
from fa_theory.verification.bounded import ASSESS, assess_bound
from fa_theory.verification.verdict import Verdict, at_all, first_failure, not_applicable, yes_or_no

_AT_STATES = "it is evaluated at the recorded floating-point states"
NOT_ENCLOSED = WHY_NOT | {
    "neuron-identity": _AT_STATES,
    "neuron-law": _AT_STATES,
    "matrix-law": _AT_STATES,
    "projection-law": _AT_STATES,
    "dfa-law": _AT_STATES,
    "matched-decay": _AT_STATES,
    "midpoint-exactness": "its steps are solved in floating point to a tolerance",
    "dissipation-split": _AT_STATES,
    "reduced-flow": "it compares two integrators in floating point",
    "minimum-norm": "it is about a limit that the run approaches",
}
"""Why a statement stays float-checked however rigorous the run, by id."""


@dataclass(frozen=True)
class Enclosure:
    """What was enclosed of a run.

    Attributes
    ----------
    start : ExactStart
        The start over the rationals.
    bounds : tuple of EnclosedBound
        The bounds in balls.
    places : tuple of rational
        The recorded times of a flow, or numbers of steps.
    batches : tuple or None
        The minibatches of SGD, sample by sample.
    losses : dict
        ``"loss"`` and, where it is known, ``"excess_loss"`` at those places, balls; empty if the run is not enclosed.
    reason : str
        Why the run is not enclosed; empty if it is.
    """

    start: ExactStart
    bounds: tuple[EnclosedBound, ...]
    places: tuple[Rational, ...]
    batches: tuple[tuple[int, ...], ...] | None
    losses: dict[str, tuple[Ball, ...]]
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: the nearest floats, for reading; a certificate has the endpoints."""
        losses = {name: [float(value.mid()) for value in values] for name, values in self.losses.items()}
        return {"at": [float_of_sign(place) for place in self.places], **losses, "reason": self.reason or None}

    def bound(self, statement: str) -> EnclosedBound | None:
        """Return the enclosed bound of that id, or None."""
        return next((bound for bound in self.bounds if bound.id == statement), None)


def enclose_run(trajectory: Trajectory, epsilon: float | None = None) -> Enclosure:
    """Enclose the bounds and, where it can be done, the loss at the recorded times, from the exact start.

    The loss of discrete steps is enclosed for any built-in rule, loss and homogeneous activation; that of a flow for
    two-layer, linear, scalar FA with squared loss. `epsilon` is the loss of hitting-time.

    Raises
    ------
    ValueError
        If there is weight decay, network or data have no exact rational values, or they have too many rows for
        eigenvalues to be enclosed.
    """
    if trajectory.weight_decay:
        raise ValueError("runs with weight decay are not enclosed")
    start, method = ExactStart(trajectory.network, trajectory.problem), trajectory.method
    step_size = trajectory.options["step_size"] if method == "gd" else None
    made = [
        enclosed_bound(name, start, step_size=step_size, epsilon=epsilon)
        for name in (*FLOW_BOUNDS, *HITTING_TIMES, *STEP_BOUNDS)
    ]
    bounds = [bound for bound in made if bound is not None]
    places, batches = _places(trajectory)
    losses: dict[str, tuple[Ball, ...]] = {}
    reason = _reason(start, trajectory)
    linear = all(each.holds for each in reduced_flow.has_enclosed_flow(start))
    if not reason and not linear and not any(bound.applicable and bound.method == method for bound in bounds):
        reason = "no bound applies to it"
    if not reason:
        try:
            if method == "flow":
                found: tuple[tuple[Ball, ...] | None, ...] = reduced_flow.enclosed_losses(start, places)
            else:
                count = [int(place.p) for place in places]
                found = steps.enclosed_losses(start, trajectory.options["step_size"], count, batches)
            losses = {name: each for name, each in zip(("loss", "excess_loss"), found, strict=True) if each is not None}
        except UndecidedError as undecided:
            reason = str(undecided)
    return Enclosure(start, tuple(bounds), places, batches, losses, reason)


def enclosed_bounds(
    network: Network,
    problem: Problem,
    bounds: Sequence[Bound],
    step_size: float | None,
    epsilon: float | None = None,
) -> tuple[Bound, ...]:
    """Return the bounds with assumptions, constants and curves from enclosures, those that are computed in balls.

    `step_size` is that of gradient descent, by default the largest certified one of the float bound; `epsilon` the loss
    of hitting-time, by default half of the loss at the start.

    Raises
    ------
    ValueError
        If network or data have no exact rational values, or too many rows for eigenvalues to be enclosed.
    """
    start, found = ExactStart(network, problem), []
    for bound in bounds:
        step = step_size or bound.step_size or 1.0
        enclosed = enclosed_bound(bound.id, start, step_size=step, epsilon=epsilon)
        found.append(bound if enclosed is None else enclosed.as_bound(bound))
    return tuple(found)


def _reason(start: ExactStart, trajectory: Trajectory) -> str:
    """Say why the run cannot be enclosed; nothing if it can."""
    if len(trajectory.t) == 0:
        return f"nothing was recorded ({trajectory.outcome})"
    if trajectory.method not in ("flow", "gd", "sgd"):
        return f"runs of method {trajectory.method} are not enclosed"
    if trajectory.method == "flow":
        failure = first_failure(*reduced_flow.has_enclosed_flow(start))
        if failure is not None:
            return f"only the flow of two-layer linear scalar FA with squared loss is enclosed ({failure.detail})"
    return ""


def _places(trajectory: Trajectory) -> tuple[tuple[Rational, ...], tuple[tuple[int, ...], ...] | None]:
    options = trajectory.options
    if trajectory.method not in ("gd", "sgd"):
        return tuple(rational(t) for t in trajectory.t.tolist()), None
    taken = recorded_steps(options["steps"], options["points"])[: len(trajectory.t)]
    batches = None
    if trajectory.method == "sgd":
        drawn = minibatches(trajectory.problem.n_samples, options["batch_size"], options["seed"])
        batches = tuple(tuple(batch.tolist()) for batch in islice(drawn, trajectory.n_steps))
    return tuple(rational(int(step)) for step in taken), batches


def assess_enclosed(bound: EnclosedBound, float_bound: Bound, trajectory: Trajectory, run: Enclosure) -> Verdict:
    """Judge a bound by its enclosure: with certainty where the loss is enclosed too, else against the float run."""
    failure = first_failure(
        *bound.assumptions,
        yes_or_no(f"method {bound.method}", trajectory.method == bound.method, f"method {trajectory.method}"),
    )
    if failure is not None:
        return not_applicable(bound.id, failure)
    observed = run.losses.get(bound.quantity)
    if observed is None:
        assess = ASSESS.get(bound.id, assess_bound)
        verdict = assess(bound.as_bound(float_bound), trajectory)
        return with_reason(verdict, f"the bound is enclosed, the run is not: {run.reason}")
    later = [k for k, place in enumerate(run.places) if place > 0]
    if not later:
        return Verdict(bound.id, "undecided", None, None, "nothing was recorded after the start")
    values = bound.values(run.places)
    with ctx.workprec(4 * ACCURACY):  # finer than the balls themselves
        slack = [(values[k] - observed[k], values[k]) for k in later]
        falls = [b - a for a, b in pairwise(observed)] if bound.id == "descent" else []
    # a start of no loss has nothing to decay: there the two are equal
    margin = min(float((gap / value).mid()) if not value.is_zero() else 0.0 for gap, value in slack)
    places = at_all(len(later), "step" if bound.method == "gd" else "time") + " after the start, in balls"
    rising, told = ("", "") if not falls else (", or rises", f"; {_dominance(bound)}")
    if any(gap < 0 for gap, _ in slack) or any(rise > 0 for rise in falls):
        detail = f"the loss exceeds the bound{rising}: compared {places}{told}"
        return Verdict(bound.id, "refuted", "enclosed", margin, detail)
    if all(gap >= 0 for gap, _ in slack) and all(rise <= 0 for rise in falls):
        never = "; never rises between them" if falls else ""
        return Verdict(bound.id, "holds", "enclosed", margin, f"below the bound {places}{never}{told}")
    detail = f"loss and bound are too close to tell: compared {places}{told}"
    return Verdict(bound.id, "undecided", "enclosed", margin, detail)


def _dominance(bound: EnclosedBound) -> str:
    """Say what the exact start tells about alignment dominance along the run, by statement neuron-law."""
    known = bound.enclosed_constants().get("dominance")
    if known is None:
        return "dominance is not enclosed: the start tells no constant"
    return f"dominance at least {float(known.mid()):.4g} by the exact start; along the run it is not enclosed"


def with_reason(verdict: Verdict, reason: str) -> Verdict:
    """Return a float-checked verdict that says why it is no more."""
    if verdict.evidence != "float-checked" or not reason:
        return verdict
    return replace(verdict, detail=f"{verdict.detail}; not enclosed: {reason}")
