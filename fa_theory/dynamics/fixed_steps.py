"""Integrators of fixed step size: they run the flow twice, the second time with halved steps to estimate the error."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fa_theory.backend import Array, namespace
from fa_theory.dynamics.decay import WeightDecay, decay_option, decayed, with_decay
from fa_theory.dynamics.integrate import Progress
from fa_theory.dynamics.passes import forward, update_directions
from fa_theory.dynamics.trajectory import BLOW_UP, Trajectory, flatten, unflatten
from fa_theory.model import Network, Problem, SignFeedback

Field = Callable[[Array], Array]


class Stepped(NamedTuple):
    """A step that was taken.

    Attributes
    ----------
    state : array
        The flattened parameters after it.
    pieces : tuple of float
        The sizes of the steps that it was taken in: more than one where it could not be taken whole.
    """

    state: Array
    pieces: tuple[float, ...]


Step = Callable[[Field, Array, float], Stepped | None]
"""(velocity, y, h) -> what a step of size h leads to, or None where the step's equation cannot be solved."""


def run_fixed_steps(
    network: Network,
    problem: Problem,
    step: Step,
    order: int,
    *,
    method: str,
    steps: int,
    step_size: float,
    points: int = 101,
    weight_decay: WeightDecay = 0.0,
    progress: Progress | None = None,
) -> Trajectory:
    """Integrate dW_l/dt = -F_l by `steps` equal steps of a method of the given order.

    The same run with every step halved, a step that was taken in pieces piece by piece, gives the error estimate: where
    the field is smooth, 2**order / (2**order - 1) of the difference is the error of the run that is returned; where it
    may jump (kinks, sign-FA), the order is one. If the halved run ends early, so does this one.

    Parameters
    ----------
    network, problem
        Start and data, of the same dtype and array namespace.
    step : callable
        (velocity, y, h) -> `Stepped` or None, on flattened parameters.
    order : int
        The order of the method.
    method : str
        What the trajectory says it was made by.
    steps : int
        Number of steps, >= 0.
    step_size : float
        eta, positive and finite.
    points : int
        At most this many states are recorded.
    weight_decay : number or sequence of numbers
        lambda_l of every layer, or one for all: dW_l/dt = -F_l - lambda_l W_l, biases too.
    progress : callable, optional
        Called with the finished fraction of the present run.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    if steps < 0 or int(steps) != steps:
        raise ValueError(f"steps must be a whole number >= 0, got {steps}")
    if not 0 < step_size < float("inf"):
        raise ValueError(f"step_size must be a positive finite number, got {step_size}")
    if points < 2:
        raise ValueError(f"points must be at least 2, got {points}")
    network, decay = with_decay(network, weight_decay)
    velocity = partial(_velocity, network, problem, decay)
    start = flatten(network.parameters)
    record_at = np.linspace(0, steps, min(points, steps + 1)).round().astype(int).tolist()
    # an iteration that diverges may overflow before it is given up
    with np.errstate(over="ignore", invalid="ignore"):
        whole = [[step_size] * (end - begin) for begin, end in pairwise(record_at)]
        coarse, taken, outcome = _run(partial(step, velocity), start, whole, progress)
        halves = [[h / 2 for h in pieces for _ in range(2)] for pieces in taken]
        fine, _, fine_outcome = _run(partial(step, velocity), start, halves, progress)
    kept = len(fine)
    if kept < len(coarse):
        outcome = fine_outcome
    networks = [network.with_parameters(unflatten(y, network.parameters)) for y in coarse[:kept]]
    halved = [network.with_parameters(unflatten(y, network.parameters)) for y in fine]
    outputs = [forward(each, problem.X).output for each in networks]
    losses = np.asarray([float(problem.loss.mean(output, problem.Y)) for output in outputs])
    others = [float(problem.loss.mean(forward(each, problem.X).output, problem.Y)) for each in halved]
    rounding = [problem.loss.rounding(output, problem.Y) for output in outputs]
    jumps = network.activation.has_kink or any(isinstance(rule, SignFeedback) for rule in network.feedback)
    factor = 2 if jumps else 2**order / (2**order - 1)
    return Trajectory(
        network=network,
        problem=problem,
        method=method,
        options={"steps": steps, "step_size": step_size, "points": points} | decay_option(decay),
        t=np.asarray(record_at[:kept]) * step_size,
        loss=losses,
        error=factor * abs(losses - np.asarray(others)) + np.asarray(rounding),
        states=tuple(each.parameters for each in networks),
        shadow=tuple(each.parameters for each in networks),
        slopes=(),
        events=(),
        n_steps=sum(map(len, taken[: kept - 1])),
        outcome=outcome,
    )


def _run(
    step: Callable[[Array, float], Stepped | None], y: Array, sizes: list[list[float]], progress: Progress | None
) -> tuple[list[Array], list[list[float]], str]:
    """Return the states before and after each list of steps, the steps that were taken, and the outcome."""
    states: list[Array] = [y]
    taken: list[list[float]] = []
    for interval in sizes:
        pieces: list[float] = []
        for h in interval:
            stepped = step(y, h)
            if stepped is None:
                return states, taken, "unsolved_step"
            y = stepped.state
            pieces += stepped.pieces
            if not float(namespace(y).max(abs(y))) <= BLOW_UP:
                return states, taken, "diverged"
        states.append(y)
        taken.append(pieces)
        if progress is not None:
            progress(len(taken) / len(sizes))
    return states, taken, "completed"


def _velocity(network: Network, problem: Problem, decay: tuple[float, ...], y: Array) -> Array:
    now = network.with_parameters(unflatten(y, network.parameters))
    passed = forward(now, problem.X)
    directions = update_directions(now, passed, problem.loss.derivative(passed.output, problem.Y))
    return -flatten(decayed(directions, now.parameters, decay))
