"""The implicit midpoint rule, which keeps quadratic invariants to solver tolerance at any step size.

Statement midpoint-exactness (own): the neuron law of FA, backprop and adaFA, and their matrix law, are quadratic
invariants; sign-FA's drifts in a step across a sign change.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from fa_theory.backend import Array, machine_epsilon, namespace
from fa_theory.dynamics.decay import WeightDecay, decay_option, decayed, with_decay
from fa_theory.dynamics.integrate import Progress
from fa_theory.dynamics.passes import forward, update_directions
from fa_theory.dynamics.trajectory import BLOW_UP, Trajectory, flatten, unflatten
from fa_theory.model import Network, Problem

Field = Callable[[Array], Array]

_ITERATIONS = 200
_HALVINGS = 12


def implicit_midpoint(
    network: Network,
    problem: Problem,
    *,
    steps: int,
    step_size: float,
    points: int = 101,
    weight_decay: WeightDecay = 0.0,
    progress: Progress | None = None,
) -> Trajectory:
    """Run the implicit midpoint rule y' = y + eta f((y + y') / 2) for the flow dW_l/dt = -F_l.

    Each step is solved by fixed-point iteration to rounding; where that does not converge (large steps, kinks) the
    step is cut in halves, up to 2**12 pieces, and failing that the run ends with the outcome ``"unsolved_step"``.
    The same run with half the step size gives the error estimate: the rule is of second order where the field is
    smooth, so that 4/3 of the difference is the error of the run that is returned. If the halved run ends early, so
    does this one.

    Parameters
    ----------
    network, problem
        Start and data, of the same dtype and array namespace.
    steps : int
        Number of steps, >= 0.
    step_size : float
        eta, positive and finite.
    points : int
        At most this many states are recorded.
    weight_decay : number or sequence of numbers
        lambda_l of every layer, or one for all: dW_l/dt = -F_l - lambda_l W_l, biases too.
    progress : callable, optional
        Called with the finished fraction.

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
        runs = [_run(velocity, start, record_at, step_size / pieces, pieces, progress) for pieces in (2, 1)]
    kept = min(len(states) for states, _ in runs)
    (fine, fine_outcome), (coarse, outcome) = runs
    if len(fine) < len(coarse):
        outcome = fine_outcome
    networks = [network.with_parameters(unflatten(y, network.parameters)) for y in coarse[:kept]]
    halved = [network.with_parameters(unflatten(y, network.parameters)) for y in fine[:kept]]
    outputs = [forward(each, problem.X).output for each in networks]
    losses = np.asarray([float(problem.loss.mean(output, problem.Y)) for output in outputs])
    others = [float(problem.loss.mean(forward(each, problem.X).output, problem.Y)) for each in halved]
    rounding = [problem.loss.rounding(output, problem.Y) for output in outputs]
    return Trajectory(
        network=network,
        problem=problem,
        method="midpoint",
        options={"steps": steps, "step_size": step_size, "points": points} | decay_option(decay),
        t=np.asarray(record_at[:kept]) * step_size,
        loss=losses,
        error=4 / 3 * abs(losses - np.asarray(others)) + np.asarray(rounding),
        states=tuple(each.parameters for each in networks),
        shadow=tuple(each.parameters for each in networks),
        slopes=(),
        events=(),
        n_steps=record_at[kept - 1],
        outcome=outcome,
    )


def _run(
    velocity: Field, y: Array, record_at: list[int], h: float, pieces: int, progress: Progress | None
) -> tuple[list[Array], str]:
    states = [y]
    for start, end in pairwise(record_at):
        for _ in range((end - start) * pieces):
            reached = _step(velocity, y, h, _HALVINGS)
            if reached is None:
                return states, "unsolved_step"
            y = reached
            if not float(namespace(y).max(abs(y))) <= BLOW_UP:
                return states, "diverged"
        states.append(y)
        if progress is not None:
            progress(end / record_at[-1])
    return states, "completed"


def _step(velocity: Field, y: Array, h: float, halvings: int) -> Array | None:
    """Solve one midpoint step, in halves where it cannot be solved whole; None when that fails too."""
    middle = y
    xp = namespace(y)
    enough = 4 * machine_epsilon(y) * (1 + float(xp.max(abs(y))))
    change = float("inf")
    for _ in range(_ITERATIONS):
        moved = y + h / 2 * velocity(middle)
        before, change = change, float(xp.max(abs(moved - middle)))
        middle = moved
        if not change <= BLOW_UP:
            break
        if change <= enough and change >= before / 2:
            return 2 * middle - y
    if halvings == 0:
        return None
    half = _step(velocity, y, h / 2, halvings - 1)
    return None if half is None else _step(velocity, half, h / 2, halvings - 1)


def _velocity(network: Network, problem: Problem, decay: tuple[float, ...], y: Array) -> Array:
    now = network.with_parameters(unflatten(y, network.parameters))
    passed = forward(now, problem.X)
    directions = update_directions(now, passed, problem.loss.derivative(passed.output, problem.Y))
    return -flatten(decayed(directions, now.parameters, decay))
