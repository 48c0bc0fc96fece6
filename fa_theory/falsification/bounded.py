"""Bounds, as they stand and with an assumption dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.bounds import (
    Bound,
    descent,
    exponential_decay,
    exponential_decay_growth,
    exponential_decay_path,
    exponential_decay_patterns,
    gd_decay,
    gd_decay_growth,
    hitting_time,
    hitting_time_two_sided,
    linear_decay_growth,
    multi_output_decay,
    multi_output_decay_projection,
    separable_decay,
    separable_decay_path,
    separable_decay_two_sided,
)
from fa_theory.dynamics import Trajectory, dissipation, simulate
from fa_theory.falsification.claim import Claim, Outcome
from fa_theory.falsification.families import Coordinates, Family
from fa_theory.falsification.runs import ACCURACY, POINTS, longest_time, plan_run
from fa_theory.model import FeedbackAlignment, Network, Problem
from fa_theory.verification import assess_bound, assess_descent, assess_hitting_time

Host = np.ndarray[Any, Any]
Run = dict[str, Any]
Calculator = Callable[[Network, Problem, Run], Bound]
Measure = Callable[[Network, Problem, Run], Outcome | None]
Plan = Callable[[Network, Problem, Family, Coordinates], Run | None]

_DECAY = "observed / predicted log-decay - 1"
_STEPS = 60
_RESOLVED = 1e-2
_SCAN = np.geomspace(1e-6, 1e6, 61)


def _scalar(rule: str, activation: str, widths: tuple[int, int, int], n_samples: int, **options: Any) -> Family:
    return Family(widths, n_samples, rule=rule, activation=activation, **{"start": "aligned"} | options)


_SQUARED = (
    _scalar("fa", "linear", (2, 2, 1), 3),
    _scalar("fa", "leaky_relu:0.2", (2, 2, 1), 2),
    _scalar("fa", "leaky_relu:0.5", (3, 1, 1), 3),
    _scalar("sign-fa", "leaky_relu:0.1", (2, 2, 1), 2),
    _scalar("fa", "leaky_relu:0.2", (1, 3, 1), 2, biases=True),
)
_OTHER_RULES = (
    _scalar("adafa:2.0", "leaky_relu:0.2", (2, 2, 1), 2),
    _scalar("backprop", "leaky_relu:0.2", (2, 2, 1), 2),
    _scalar("fa", "leaky_relu:0.5", (2, 2, 1), 2, start="mixed"),
    _scalar("adafa:2.0", "linear", (1, 2, 1), 2, start="mixed"),
)
_LABELLED = tuple(
    _scalar("fa", activation, widths, N, loss=loss)
    for loss in ("exponential", "logistic")
    for activation, widths, N in (("linear", (2, 1, 1), 2), ("leaky_relu:0.2", (2, 2, 1), 3))
)
_LABELLED_OTHERS = (
    _scalar("sign-fa", "leaky_relu:0.2", (2, 2, 1), 2, loss="exponential"),
    _scalar("adafa:2.0", "leaky_relu:0.2", (1, 2, 1), 2, loss="logistic"),
)
_ANY_START = tuple(
    _scalar("fa", activation, widths, N, loss="logistic", start="free")
    for activation, widths, N in (("linear", (1, 1, 1), 1), ("leaky_relu:0.2", (2, 2, 1), 2), ("linear", (2, 2, 1), 3))
)
_DESCENT = (
    _scalar("fa", "leaky_relu:0.2", (2, 2, 1), 3),
    _scalar("fa", "leaky_relu:0.1", (1, 2, 1), 2, loss="logistic"),
    _scalar("sign-fa", "leaky_relu:0.2", (2, 2, 1), 3, start="free"),
    _scalar("adafa:2.0", "leaky_relu:0.2", (2, 2, 1), 3),
    _scalar("fa", "linear", (2, 2, 1), 3, start="mixed"),
    _scalar("backprop", "leaky_relu:0.5", (2, 2, 1), 2, start="free", loss="exponential"),
)
_OUTPUTS = (
    _scalar("fa", "linear", (2, 2, 1), 2, start="aligned"),
    _scalar("fa", "linear", (1, 2, 2), 1, start="aligned"),
    _scalar("fa", "linear", (2, 3, 2), 3, start="aligned"),
)
_GD = (
    _scalar("fa", "linear", (1, 1, 1), 1, method="gd"),
    _scalar("fa", "linear", (2, 2, 1), 3, method="gd"),
    _scalar("fa", "linear", (1, 2, 1), 2, method="gd", biases=True),
)


def _without(bound: Bound, dropped: str | None) -> Bound | None:
    """Return a bound without one of its assumptions, which must fail; None where the claim says nothing."""
    if dropped is None:
        return bound if bound.applicable else None
    kept = tuple(each for each in bound.assumptions if not each.name.startswith(dropped))
    fails = any(each.holds is False for each in bound.assumptions if each.name.startswith(dropped))
    left = replace(bound, assumptions=kept)
    return left if fails and left.applicable else None


def _decay_slack(bound: Bound, trajectory: Trajectory) -> float:
    """Return the least of observed over predicted log-decay, since the loss at the start, - 1.

    Only times count at which the bound is below the start, and by much more than the error estimates.
    """
    values = bound(trajectory.t)
    excess = trajectory.loss - bound.floor
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted, observed = np.log(excess[0] / values), np.log(excess[0] / excess)
        uncertain = trajectory.error / excess + bound.rounding
        slack = (observed - predicted) / predicted
    resolved = (trajectory.t > 0) & (excess > 0) & (predicted > 0) & (uncertain < _RESOLVED * predicted)
    return float(np.min(slack[resolved])) if resolved.any() else float("inf")


def _compared(calculate: Calculator, dropped: str | None = None) -> Measure:
    """Return the measure of a bound on the loss along a run."""

    def measure(network: Network, problem: Problem, run: Run) -> Outcome | None:
        bound = _without(calculate(network, problem, run), dropped)
        if bound is None:
            return None
        trajectory = simulate(network, problem, **run)
        if len(trajectory.t) < 2:
            return None
        verdict = assess_bound(bound, trajectory)
        return Outcome(_decay_slack(bound, trajectory), verdict.verdict == "refuted", verdict.detail)

    return measure


def _planned(calculate: Calculator) -> Plan:
    """Return the plan of a flow that lasts until the bound has fallen by some factor, if that is not too long."""

    def plan(network: Network, problem: Problem, _family: Family, coordinates: Coordinates) -> Run | None:
        level, longest = coordinates.scale(1e-2, 3.0), longest_time(network, problem)
        bound = calculate(network, problem, {})
        if not bound.applicable or not np.isfinite(longest):
            return None
        times = longest * _SCAN
        values = bound(np.append(0.0, times))
        fallen = np.flatnonzero(values[1:] <= values[0] * np.exp(-level))
        time = float(times[fallen[0]]) if fallen.size else longest
        return {"method": "flow", "time": min(time, longest), "points": POINTS, "accuracy": ACCURACY}

    return plan


def _plain(calculate: Callable[[Network, Problem], Bound]) -> Calculator:
    return lambda network, problem, _run: calculate(network, problem)


def _claim(statement: str, calculate: Calculator, families: tuple[Family, ...], dropped: str | None = None) -> Claim:
    """Return the claim of a bound as it stands, or of the naive form that is left without an assumption."""
    plan, measure = _planned(calculate), _compared(calculate)
    return Claim(statement, dropped, families, plan, measure, _DECAY)


def _dependent_samples(network: Network, problem: Problem, _run: Run) -> Bound:
    """Return L(0) exp(-2 a^2 s lambda t) on samples that are dependent, lambda the least of min(N, d) eigenvalues."""
    bound = exponential_decay(network, problem)
    rate, start = bound.rate or 0.0, bound.constants["start_loss"]
    loss = replace(bound, quantity="loss", floor=0.0, curve=lambda times: np.asarray(start * np.exp(-rate * times)))
    left = _without(loss, "linearly independent samples")
    return replace(bound, assumptions=(_impossible(bound),)) if left is None else left


def _fa_alignment(network: Network, problem: Problem, _run: Run) -> Bound:
    """Return exponential-decay of adaFA with the C_i that FA would have with the same feedback."""
    fixed = Network(network.weights, network.activation, [FeedbackAlignment(M) for M in network.matrices()])
    bound, own = exponential_decay(fixed, problem), exponential_decay(network, problem)
    return bound if not own.applicable else replace(bound, assumptions=own.failed or (_impossible(bound),))


def _impossible(bound: Bound) -> Any:
    return replace(bound.assumptions[0], holds=False)


def _average_margin(network: Network, problem: Problem, _run: Run) -> Bound:
    """Return separable-decay with the average margin |(1/N) sum_j y_j x_j| on data that are not separable."""
    bound = separable_decay(network, problem)
    judged = {each.name: each for each in bound.assumptions}
    separable = judged.pop("separable data")
    Y, X = to_numpy(problem.Y), to_numpy(problem.X)
    gamma = float(np.linalg.norm(np.mean(Y * X, axis=0)))
    rho = float(network.activation.slope or 0.0) ** 2 * gamma**2 * bound.constants["s"]
    start = bound.constants["start_loss"]
    fails = replace(separable, name="data that are not separable", holds=separable.holds is False)
    return replace(
        bound,
        assumptions=(*judged.values(), fails),
        curve=lambda times: np.asarray(1 / (1 / start + rho * times)),
    )


def _descent_measure(dropped: str | None) -> Measure:
    """Return the measure of descent: the least of -dL/dt, in parts of its terms, and whether the loss rises."""

    def measure(network: Network, problem: Problem, run: Run) -> Outcome | None:
        bound = _without(descent(network, problem), dropped)
        if bound is None:
            return None
        if dropped is not None:
            bound = replace(bound, constants={})  # dominance is not what is claimed
        trajectory = simulate(network, problem, **run)
        slack = float("inf")
        for k in range(len(trajectory.t)):
            split = dissipation(trajectory.network_at(k), problem, trajectory.slopes_at(k))
            if split.size > 0:
                slack = min(slack, -split.rate / split.size)
        verdict = assess_descent(bound, trajectory)
        return Outcome(slack, verdict.verdict == "refuted", verdict.detail)

    return measure


def _hitting_plan(calculate: Callable[[Network, Problem], Bound]) -> Plan:
    """Return the plan of a flow until the promised time, or a part of what can be followed."""

    def plan(network: Network, problem: Problem, _family: Family, coordinates: Coordinates) -> Run | None:
        horizon = coordinates.scale(0.1, 1.0)
        promised, longest = calculate(network, problem).time, longest_time(network, problem)
        if promised is None or not np.isfinite(longest):
            return None
        return {"method": "flow", "time": min(promised, horizon * longest), "points": 33, "accuracy": ACCURACY}

    return plan


def _hitting_measure(calculate: Callable[[Network, Problem], Bound]) -> Measure:
    """Return the measure promised over observed time - 1, and whether the curve or the promise fails."""

    def measure(network: Network, problem: Problem, run: Run) -> Outcome | None:
        bound = calculate(network, problem)
        if not bound.applicable or bound.epsilon is None or bound.time is None:
            return None
        trajectory = simulate(network, problem, **run)
        if len(trajectory.t) < 2:
            return None
        verdict = assess_hitting_time(bound, trajectory)
        below = np.flatnonzero(trajectory.loss <= bound.epsilon)
        if below.size == 0:
            missed = trajectory.completed and trajectory.t[-1] >= bound.time
            missed = missed and bool(trajectory.loss[-1] - trajectory.error[-1] > bound.epsilon * (1 + bound.rounding))
            slack = -1.0 if missed else float("inf")
            return Outcome(slack, missed or verdict.verdict == "refuted", verdict.detail)
        k = int(below[0])
        if k == 0:
            return None
        high, low = trajectory.loss[k - 1], trajectory.loss[k]
        part = (high - bound.epsilon) / (high - low)
        reached = trajectory.t[k - 1] + part * (trajectory.t[k] - trajectory.t[k - 1])
        return Outcome(bound.time / float(reached) - 1, verdict.verdict == "refuted", verdict.detail)

    return measure


def _at_step(calculate: Callable[..., Bound]) -> Calculator:
    return lambda network, problem, run: calculate(network, problem, run.get("step_size"))


def _gd_plan(calculate: Callable[..., Bound], low: float, high: float) -> Plan:
    """Return the plan of gradient descent with a step size between `low` and `high` times the certified one."""

    def plan(network: Network, problem: Problem, _family: Family, coordinates: Coordinates) -> Run | None:
        factor = coordinates.scale(low, high)
        certified = calculate(network, problem).step_size
        if certified is None or not certified > 0:
            return None
        return {"method": "gd", "steps": _STEPS, "step_size": certified * factor}

    return plan


_STEP = "step size at most the certified one"
_NOT_SEPARABLE = (
    _scalar("fa", "linear", (1, 1, 1), 3, loss="exponential", separable=False),
    _scalar("fa", "leaky_relu:0.2", (1, 2, 1), 3, loss="exponential", separable=False),
)

BOUND_CLAIMS = (
    Claim("descent", None, _DESCENT, plan_run, _descent_measure(None), "-dL/dt in parts of its terms"),
    _claim("exponential-decay", _plain(exponential_decay), (*_SQUARED, *_OTHER_RULES)),
    _claim("exponential-decay-growth", _plain(exponential_decay_growth), _SQUARED),
    _claim("exponential-decay-patterns", _plain(exponential_decay_patterns), _SQUARED),
    _claim("separable-decay", _plain(separable_decay), (*_LABELLED, *_LABELLED_OTHERS)),
    _claim("separable-decay-two-sided", _plain(separable_decay_two_sided), _LABELLED),
    _claim("separable-decay-path", _plain(separable_decay_path), _LABELLED),
    _claim("multi-output-decay", _plain(multi_output_decay), _OUTPUTS),
    _claim("exponential-decay-path", _plain(exponential_decay_path), _SQUARED),
    _claim("linear-decay-growth", _plain(linear_decay_growth), _SQUARED),
    _claim("multi-output-decay-projection", _plain(multi_output_decay_projection), _OUTPUTS),
    *(
        Claim(name, None, _ANY_START, _hitting_plan(bound), _hitting_measure(bound), "promised / observed time - 1")
        for name, bound in (("hitting-time", hitting_time), ("hitting-time-two-sided", hitting_time_two_sided))
    ),
    *(
        Claim(name, None, _GD, _gd_plan(bound, 0.01, 1.0), _compared(_at_step(bound)), _DECAY)
        for name, bound in (("gd-decay", gd_decay), ("gd-decay-growth", gd_decay_growth))
    ),
    Claim(
        "descent",
        "aligned start",
        tuple(
            _scalar("fa", activation, widths, N, start="free")
            for activation, widths, N in (("linear", (1, 1, 1), 1), ("leaky_relu:0.2", (2, 2, 1), 2))
        ),
        plan_run,
        _descent_measure("aligned start"),
        "-dL/dt in parts of its terms",
    ),
    Claim(
        "descent",
        "scalar output",
        (_scalar("fa", "leaky_relu:0.2", (1, 2, 2), 1), _scalar("fa", "relu", (1, 1, 2), 1)),
        plan_run,
        _descent_measure("scalar output"),
        "-dL/dt in parts of its terms",
    ),
    _claim(
        "exponential-decay",
        _dependent_samples,
        (_scalar("fa", "leaky_relu:0.1", (1, 1, 1), 2), _scalar("fa", "leaky_relu:0.2", (1, 2, 1), 2)),
        "linearly independent samples",
    ),
    _claim(
        "exponential-decay",
        _fa_alignment,
        (
            _scalar("adafa:4.0", "linear", (1, 1, 1), 1, start="free"),
            _scalar("adafa:4.0", "leaky_relu:0.5", (2, 2, 1), 2, start="free"),
        ),
        "adaFA's own C_i",
    ),
    _claim("separable-decay", _average_margin, _NOT_SEPARABLE, "separable data"),
    Claim("gd-decay", _STEP, _GD, _gd_plan(gd_decay, 1.0, 1e4), _compared(_at_step(gd_decay), _STEP), _DECAY),
)
