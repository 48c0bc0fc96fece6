"""Gradient descent and SGD: W_l <- W_l - eta F_l, with the full data or with seeded minibatches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fa_theory.backend import Array, from_numpy, namespace
from fa_theory.dynamics.decay import WeightDecay, decay_option, decayed, with_decay
from fa_theory.dynamics.passes import forward, update_directions
from fa_theory.dynamics.trajectory import BLOW_UP, Trajectory
from fa_theory.model import Network, Parameters, Problem

Host = np.ndarray[Any, Any]
Progress = Callable[[float], None]


def take_step(parameters: Parameters, directions: Parameters, step_size: Any) -> Parameters:
    """Return W_l - eta F_l and b_l - eta E[delta_l] for every layer, and shares likewise."""
    return Parameters(
        tuple(W - step_size * F for W, F in zip(parameters.weights, directions.weights, strict=True)),
        tuple(
            None if b is None else b - step_size * F for b, F in zip(parameters.biases, directions.biases, strict=True)
        ),
        tuple(s - step_size * F for s, F in zip(parameters.shares, directions.shares, strict=True)),
    )


def minibatches(n_samples: int, batch_size: int, seed: int) -> Iterator[Host]:
    """Yield index arrays for ever: each epoch is a fresh permutation, cut in batches; a short rest is dropped."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(n_samples)
        for start in range(0, n_samples - batch_size + 1, batch_size):
            yield order[start : start + batch_size]


def recorded_steps(steps: int, points: int) -> list[int]:
    """Return at most `points` numbers of steps, equally spaced from 0 to `steps`, both among them."""
    return sorted(set(np.linspace(0, steps, min(points, steps + 1)).round().astype(int).tolist()))


def gradient_descent(
    network: Network,
    problem: Problem,
    *,
    steps: int,
    step_size: float,
    batch_size: int | None = None,
    seed: int = 0,
    points: int = 101,
    weight_decay: WeightDecay = 0.0,
    progress: Progress | None = None,
) -> Trajectory:
    """Run gradient descent, or SGD when `batch_size` is given.

    Parameters
    ----------
    network, problem
        Start and data, of the same dtype and array namespace.
    steps : int
        Number of steps, >= 0.
    step_size : float
        eta, positive and finite.
    batch_size : int, optional
        Samples in a minibatch, drawn without replacement within an epoch; the update is the minibatch's mean.
    seed : int
        Seed of the minibatches.
    points : int
        At most this many states are recorded, equally spaced in steps, the first and the last among them.
    weight_decay : number or sequence of numbers
        lambda_l of every layer, or one for all: W_l <- W_l - eta (F_l + lambda_l W_l), biases too.
    progress : callable, optional
        Called with the finished fraction.

    Returns
    -------
    Trajectory
        With the mean loss over all samples. `error` estimates rounding: eps times the square root of the number of
        steps. A run whose weights exceed 1e30 or whose loss is not finite ends there with the outcome ``"diverged"``.

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
    if batch_size is not None and not 1 <= batch_size <= problem.n_samples:
        raise ValueError(f"batch_size must lie in [1, {problem.n_samples}], got {batch_size}")
    network, decay = with_decay(network, weight_decay)
    xp = namespace(problem.X)
    record_at = set(recorded_steps(steps, points))
    batches = None if batch_size is None else minibatches(problem.n_samples, batch_size, seed)
    times, losses, errors, states, slopes = [], [], [], [], []
    outcome, parameters, n_steps = "completed", network.parameters, 0
    # a run that diverges may overflow before it is given up
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps + 1):
            if not all(_bounded(W) for W in parameters.weights):
                outcome = "diverged"
                break
            now = network.with_parameters(parameters)
            passed = forward(now, problem.X)
            if step in record_at:
                loss = float(problem.loss.mean(passed.output, problem.Y))
                if not np.isfinite(loss):
                    outcome = "diverged"
                    break
                times.append(step * step_size)
                losses.append(loss)
                errors.append(problem.loss.rounding(passed.output, problem.Y) * np.sqrt(1 + step))
                states.append(parameters)
                slopes.append(passed.slopes)
                if progress is not None and steps:
                    progress(step / steps)
            if step == steps:
                break
            labels = problem.Y
            if batches is not None:
                chosen = from_numpy(next(batches), problem.X)
                labels = xp.take(problem.Y, chosen, axis=0)
                passed = forward(now, xp.take(problem.X, chosen, axis=0))
            directions = update_directions(now, passed, problem.loss.derivative(passed.output, labels))
            parameters = take_step(parameters, decayed(directions, parameters, decay), step_size)
            n_steps += 1
    return Trajectory(
        network=network,
        problem=problem,
        method="gd" if batch_size is None else "sgd",
        options={"steps": steps, "step_size": step_size, "points": points}
        | ({} if batch_size is None else {"batch_size": batch_size, "seed": seed})
        | decay_option(decay),
        t=np.asarray(times),
        loss=np.asarray(losses),
        error=np.asarray(errors),
        states=tuple(states),
        shadow=tuple(states),
        slopes=tuple(slopes) if network.activation.has_kink else (),
        events=(),
        n_steps=n_steps,
        outcome=outcome,
    )


def _bounded(array: Array) -> bool:
    xp = namespace(array)
    return bool(xp.all(abs(array) < BLOW_UP))
