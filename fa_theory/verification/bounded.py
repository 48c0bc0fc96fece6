"""Bounds against trajectories: the loss is compared at every recorded time, errors taken into account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fa_theory.backend import machine_epsilon
from fa_theory.bounds import Assumption, Bound
from fa_theory.dynamics import Trajectory, dissipation
from fa_theory.verification.dominance import dominance_along
from fa_theory.verification.verdict import Verdict, at_all, first_failure, no_weight_decay, not_applicable, yes_or_no


def without_decay(bound: Bound, rates: tuple[float, ...]) -> Bound:
    """Return a bound with the assumption that there is no weight decay, which fails if a rate is not zero.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import without_decay
    >>> network, problem = ft.initialise("aligned", (2, 3, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> bound = ft.bounds.exponential_decay(network, problem)
    >>> bound.applicable, without_decay(bound, (0.1, 0.1)).applicable
    (True, False)
    """
    return replace(bound, assumptions=(no_weight_decay(rates), *bound.assumptions)) if rates else bound


_RUNS = {"flow": "continuous-time flow", "gd": "gradient descent with the full data"}


def assess_bound(bound: Bound, trajectory: Trajectory) -> Verdict:
    """Judge a bound on a trajectory.

    At each time after the start the slack, bound minus loss, must be at least the loss's error estimate plus the
    bound's own rounding for the bound to hold; where the loss exceeds the bound by more than that it is refuted; else
    the verdict is undecided. At the start the two may be equal.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_bound
    >>> network, problem = ft.initialise("aligned", (2, 3, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> bound = ft.bounds.exponential_decay(network, problem)
    >>> verdict = assess_bound(bound, ft.simulate(network, problem, time=1.0, points=5))
    >>> verdict.verdict, 0 < verdict.margin < 1
    ('holds', True)
    """
    failure = first_failure(
        no_weight_decay(trajectory.weight_decay),
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
        count, first = int(np.sum(unsure)), trajectory.t[unsure][0]
        detail = (
            f"at {count} time{'s' * (count > 1)}, first t = {first:.4g}, the error estimate (up to "
            f"{np.max(tolerance[unsure]):.2e}) exceeds the slack"
        )
        return Verdict(bound.id, "undecided", "float-checked", margin, detail)
    times = at_all(int(np.sum(later)), "time")
    detail = f"below the bound {times} after the start{_tightness(bound, trajectory, values)}"
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
    """Judge statement descent: never above the start, never rising, and dominance at least as predicted.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_descent
    >>> network, problem = ft.initialise("aligned", (2, 3, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> run = ft.simulate(network, problem, time=1.0, points=5)
    >>> assess_descent(ft.bounds.descent(network, problem), run).verdict
    'holds'
    """
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

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_hitting_time
    >>> network = ft.initialise("aligned", (2, 3, 1))
    >>> problem = ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0], "logistic")
    >>> bound = ft.bounds.hitting_time(network, problem, epsilon=0.3)
    >>> for time in (0.1, 1.1 * bound.time):
    ...     assess_hitting_time(bound, ft.simulate(network, problem, time=time, points=11)).verdict
    'undecided'
    'holds'
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


def assess_generalised_decay(bound: Bound, rate: Callable[[float], float], trajectory: Trajectory) -> Verdict:
    """Judge a bound of `fa_theory.bounds.generalised_decay` on a run, after its premise dL/dt <= -g(L).

    The premise is measured at every recorded state with a positive (excess) loss. Where the rate of decay falls short
    of g by more than rounding the verdict is not applicable, with the shortfall in parts of g as its margin.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_generalised_decay
    >>> network = ft.Network([[[1.0]], [[0.0]]], "linear", [[[0.0]]])  # no feedback: L = 1/2 exp(-2 t)
    >>> run = ft.simulate(network, ft.Problem([[1.0]], [1.0]), time=1.0, points=5)
    >>> for speed in (1.0, 3.0):
    ...     bound = ft.bounds.generalised_decay(lambda L: speed * L, float(run.loss[0]))
    ...     assess_generalised_decay(bound, lambda L: speed * L, run).verdict
    'holds'
    'not_applicable'
    """
    allowed = 4 * machine_epsilon(trajectory.problem.X) * trajectory.problem.n_samples
    worst, when = float("inf"), 0.0
    for k in range(len(trajectory.t)):
        loss = float(trajectory.loss[k]) - bound.floor
        if loss <= trajectory.error[k]:
            continue
        split = dissipation(trajectory.network_at(k), trajectory.problem, trajectory.slopes_at(k))
        wanted = float(rate(loss))
        spare = (-split.rate + allowed * split.size - wanted) / wanted
        if spare < worst:
            worst, when = spare, float(trajectory.t[k])
    premise = Assumption("dL/dt <= -g(L)", worst, worst >= 0, f"least spare part of g {worst:.3g}, at t = {when:.4g}")
    return assess_bound(replace(bound, assumptions=(*bound.assumptions, premise)), trajectory)


ASSESS: dict[str, Callable[[Bound, Trajectory], Verdict]] = {
    "descent": assess_descent,
    "hitting-time": assess_hitting_time,
    "hitting-time-two-sided": assess_hitting_time,
}
"""What judges bounds that promise more than their curve, by the statement's id."""
