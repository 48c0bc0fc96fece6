"""Bounds against trajectories: the loss is compared at every recorded time, errors taken into account."""

from __future__ import annotations

import numpy as np

from fa_theory.backend import machine_epsilon
from fa_theory.bounds import Bound
from fa_theory.dynamics import Trajectory
from fa_theory.verification.dominance import dominance_along
from fa_theory.verification.verdict import Verdict, first_failure, not_applicable, yes_or_no

_RUNS = {"flow": "continuous-time flow", "gd": "gradient descent with the full data"}


def assess_bound(bound: Bound, trajectory: Trajectory) -> Verdict:
    """Judge a bound on a trajectory.

    At each time after the start the slack, bound minus loss, must be at least the loss's error estimate plus the
    bound's own rounding for the bound to hold; where the loss exceeds the bound by more than that it is refuted; else
    the verdict is undecided. At the start the two may be equal.
    """
    failure = first_failure(
        *bound.assumptions,
        yes_or_no(_RUNS[bound.method], trajectory.method == bound.method, f"method {trajectory.method}"),
    )
    if failure is not None:
        return not_applicable(bound.id, failure)
    values = bound(trajectory.t)
    slack = values - (trajectory.loss - bound.floor)
    tolerance = trajectory.error + bound.rounding * values
    later = trajectory.t > 0
    if not later.any():
        return Verdict(
            bound.id, "undecided", None, None, f"nothing was recorded after the start ({trajectory.outcome})"
        )
    relative = np.divide(slack, values, out=np.full_like(slack, -1.0), where=values > 0)
    margin = float(np.min(relative[later]))
    if np.any(slack < -tolerance):
        worst = int(np.argmin(slack + tolerance))
        detail = f"the loss exceeds the bound by {-slack[worst]:.3g} at t = {trajectory.t[worst]:.4g}"
        return Verdict(bound.id, "refuted", "float-checked", float(relative[worst]), detail)
    unsure = later & (slack < tolerance)
    if np.any(unsure):
        first = trajectory.t[unsure][0]
        detail = (
            f"at {int(np.sum(unsure))} times, first t = {first:.4g}, the error estimate (up to "
            f"{np.max(tolerance[unsure]):.2e}) exceeds the slack"
        )
        return Verdict(bound.id, "undecided", "float-checked", margin, detail)
    detail = f"{int(np.sum(later))} times{_tightness(bound, trajectory, values)}"
    if trajectory.outcome != "completed":
        detail += f"; the run ended early: {trajectory.outcome}"
    return Verdict(bound.id, "holds", "float-checked", margin, detail)


def _tightness(bound: Bound, trajectory: Trajectory, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    """Say how many times faster the loss decays than the bound, in logarithms at the end."""
    observed = trajectory.loss - bound.floor
    if not (0 < observed[-1] < observed[0] and 0 < values[-1] < values[0]):
        return ""
    ratio = np.log(observed[0] / observed[-1]) / np.log(values[0] / values[-1])
    return f"; at the end log-decay {ratio:.3g} times the bound's"


def assess_descent(bound: Bound, trajectory: Trajectory) -> Verdict:
    """Judge statement descent: never above the start, never rising, and dominance at least as predicted."""
    verdict = assess_bound(bound, trajectory)
    if verdict.verdict not in ("holds", "undecided") or verdict.evidence is None:
        return verdict
    rise = np.diff(trajectory.loss) - trajectory.error[1:] - trajectory.error[:-1]
    if np.any(rise > 0):
        worst = int(np.argmax(rise))
        detail = f"the loss rises by {rise[worst]:.3g} between t = {trajectory.t[worst]:.4g} and the next recorded time"
        return Verdict(bound.id, "refuted", "float-checked", -float(rise[worst]) / float(trajectory.loss[0]), detail)
    measured = dominance_along(trajectory).feedback
    detail = "never rises" + (
        f"; dominance <G,F>/|F|^2 at least {measured:.4g} along the run" if measured is not None else ""
    )
    predicted = bound.constants.get("dominance")
    if measured is not None and predicted is not None:
        detail += f", predicted at least {predicted:.4g}"
        allowed = 1e3 * machine_epsilon(trajectory.problem.X) * trajectory.problem.n_samples
        gap = trajectory.error[-1] / max(float(trajectory.loss[0]), 1e-300) + allowed
        if measured < predicted * (1 - gap) - allowed:
            return Verdict(bound.id, "refuted", "float-checked", measured / predicted - 1, detail)
    return Verdict(bound.id, verdict.verdict, verdict.evidence, verdict.margin, detail)


def assess_hitting_time(bound: Bound, trajectory: Trajectory) -> Verdict:
    """Judge statement hitting-time: the curve at every recorded time, and whether the loss reached epsilon by its time.

    The curve is what can be refuted: it says from when on the loss stays at most epsilon, while the loss may have
    dipped to epsilon between two recorded times. Where the loss was not seen there by then, the row is undecided.
    """
    verdict = assess_bound(bound, trajectory)
    if verdict.evidence is None or verdict.verdict == "refuted" or bound.epsilon is None:
        return verdict
    reached = trajectory.t[trajectory.loss + trajectory.error <= bound.epsilon]
    promised = "later than a float can say" if bound.time is None else f"t = {bound.time:.4g}"
    said = f"loss {bound.epsilon:.4g} promised by {promised}"
    if len(reached) and (bound.time is None or reached[0] <= bound.time):
        found = f"{said}, reached by t = {reached[0]:.4g}; {verdict.detail}"
        return Verdict(bound.id, verdict.verdict, verdict.evidence, verdict.margin, found)
    missing = (
        "reached between recorded times or later" if len(reached) else f"not seen up to t = {trajectory.t[-1]:.4g}"
    )
    return Verdict(bound.id, "undecided", verdict.evidence, verdict.margin, f"{said}, {missing}")
