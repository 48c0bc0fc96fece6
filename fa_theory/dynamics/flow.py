"""The flow to a requested accuracy: whole runs at ever tighter tolerances, compared with each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.dynamics.decay import WeightDecay, decay_option, with_decay
from fa_theory.dynamics.integrate import Integration, Progress
from fa_theory.dynamics.passes import forward
from fa_theory.dynamics.series import SeriesIntegration, has_series
from fa_theory.dynamics.trajectory import Trajectory, recorded_times
from fa_theory.model import Network, Parameters, Problem

Host = np.ndarray[Any, Any]

_TIGHTENING = 20.0
_ROUNDS = 4
_SERIES_MARGIN = 20.0


def flow(
    network: Network,
    problem: Problem,
    *,
    time: float,
    points: int = 101,
    accuracy: float = 1e-8,
    weight_decay: WeightDecay = 0.0,
    progress: Progress | None = None,
) -> Trajectory:
    """Integrate dW_l/dt = -F_l, db_l/dt = -E[delta_l] from 0 to `time`, in Filippov's sense where there are kinks.

    Two-layer networks with a piecewise-linear activation go by Taylor series, others by Runge-Kutta steps of order
    five. The run is compared with a looser one, at a tolerance 20 times as large and one order lower; they differ even
    where events dictate the same steps to both. While their losses differ by more than `accuracy` times the loss at
    the start, both are repeated at tighter tolerances. The tighter run is returned, and the difference is its error
    estimate (it estimates the looser run's error, and so is conservative).

    Parameters
    ----------
    network, problem
        Start and data, of the same dtype and array namespace.
    time : float
        The end, finite and >= 0.
    points : int
        The number of equally spaced recorded times, both ends included.
    accuracy : float
        The error in the loss to aim at, relative to the loss at the start.
    weight_decay : number or sequence of numbers
        lambda_l of every layer, or one for all: dW_l/dt = -F_l - lambda_l W_l, biases too.
    progress : callable, optional
        Called with the finished fraction of the present run.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import math
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import flow
    >>> network = ft.Network([[[1.0]], [[0.0]]], "linear", [[[0.0]]])  # no feedback: W_1 stays, v = 1 - exp(-t)
    >>> run = flow(network, ft.Problem([[1.0]], [1.0]), time=1.0, points=2)
    >>> abs(float(run.loss[-1]) - math.exp(-2) / 2) <= 1e-8
    True
    """
    times = recorded_times(time, points)
    network, decay = with_decay(network, weight_decay)
    finest = 100 * machine_epsilon(problem.X)
    if not finest <= accuracy < 1:
        raise ValueError(f"accuracy must lie in [{finest:.2g}, 1) for {problem.X.dtype}, got {accuracy}")
    start = forward(network, problem.X).output
    allowed = accuracy * float(problem.loss.mean(start, problem.Y)) + 2 * problem.loss.rounding(start, problem.Y)
    by_series = has_series(network, problem)
    kind = SeriesIntegration if by_series else Integration
    # a degree more is cheap, another round is not
    tolerance = max(min(accuracy, 1e-3) / (_SERIES_MARGIN if by_series else 1.0), finest / 10)
    while True:
        # a run that blows up overflows on its way to its outcome
        with np.errstate(over="ignore", invalid="ignore"):
            loose = kind(network, problem, tolerance, order=4, decay=decay).run(times, progress)
            tolerance = max(tolerance / _TIGHTENING, finest / 10)
            tight = kind(network, problem, tolerance, order=5, decay=decay).run(times, progress)
            kept = min(len(loose.states), len(tight.states))
            losses, error = _losses(network, problem, tight.states[:kept], loose.states[:kept])
        reached = bool(np.all(error <= allowed)) and tight.outcome == loose.outcome
        tightest = max(finest / 10, accuracy / _TIGHTENING**_ROUNDS)
        if reached or tight.outcome == "too_many_steps" or tolerance <= tightest:
            break
    finite = int(np.argmin(np.append(np.isfinite(losses) & np.isfinite(error), False)))
    outcome = tight.outcome
    if outcome == "completed" and finite < kept:
        outcome = "diverged"
    elif outcome == "completed" and not reached:
        outcome = "accuracy_not_reached" if loose.outcome == "completed" else loose.outcome
    return Trajectory(
        network=network,
        problem=problem,
        method="flow",
        options={"time": time, "points": points, "accuracy": accuracy, "tolerance": tolerance} | decay_option(decay),
        t=np.asarray(times[:finite]),
        loss=losses[:finite],
        error=error[:finite],
        states=tuple(tight.states[:finite]),
        shadow=tuple(loose.states[:finite]),
        slopes=tuple(tight.slopes[:finite]),
        events=tuple(tight.events),
        n_steps=tight.n_steps,
        outcome=outcome,
    )


def _losses(
    network: Network, problem: Problem, states: list[Parameters], shadow: list[Parameters]
) -> tuple[Host, Host]:
    """Return the mean losses and their error estimates, (P,).

    The estimate averages the samples' absolute differences, so that errors of opposite sign do not cancel, and takes
    the largest of three neighbouring times, so that it does not vanish where two losses happen to cross. What the loss
    bends between the two outputs is added: at a minimum of the loss its difference alone says little.
    """
    losses, gaps, rounding = [], [], []
    for state, other in zip(states, shadow, strict=True):
        output = forward(network.with_parameters(state), problem.X).output
        shifted = forward(network.with_parameters(other), problem.X).output
        change = to_numpy(problem.loss.value(shifted, problem.Y)) - to_numpy(problem.loss.value(output, problem.Y))
        linear = np.sum(to_numpy(problem.loss.derivative(output, problem.Y)) * to_numpy(shifted - output), axis=1)
        losses.append(float(problem.loss.mean(output, problem.Y)))
        gaps.append(float(np.mean(abs(change) + abs(change - linear))))
        rounding.append(problem.loss.rounding(output, problem.Y))
    padded = np.asarray([gaps[0], *gaps, gaps[-1]])
    smoothed = np.max([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    smoothed[0] = 0.0
    return np.asarray(losses), smoothed + np.asarray(rounding)
