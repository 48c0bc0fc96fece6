"""One door to all ways of running a learning rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from fa_theory.backend import is_exact, namespace, require_same_kind
from fa_theory.choices import not_among
from fa_theory.dynamics.decay import WeightDecay
from fa_theory.dynamics.discrete import gradient_descent
from fa_theory.dynamics.flow import flow
from fa_theory.dynamics.integrate import Progress
from fa_theory.dynamics.midpoint import implicit_midpoint
from fa_theory.dynamics.passes import forward, loss_of
from fa_theory.dynamics.trajectory import Trajectory
from fa_theory.model import Network, Problem

METHODS = ("flow", "gd", "sgd", "midpoint")


def simulate(
    network: Network,
    problem: Problem,
    *,
    method: str = "flow",
    time: float = 10.0,
    steps: int = 1000,
    step_size: float = 0.01,
    batch_size: int | None = None,
    seed: int = 0,
    points: int = 101,
    accuracy: float = 1e-8,
    weight_decay: WeightDecay = 0.0,
    progress: Progress | None = None,
) -> Trajectory:
    """Run a learning rule from a network on a problem.

    Parameters
    ----------
    network, problem
        Start and data; shapes, dtype and array namespace must fit.
    method : {"flow", "gd", "sgd", "midpoint"}
        ``flow``: dW/dt = -F to `time` at the requested `accuracy`. ``gd`` and ``sgd``: `steps` of `step_size`, sgd
        with minibatches of `batch_size` (default: a tenth of the samples, at least one) drawn from `seed`.
        ``midpoint``: `steps` of the implicit midpoint rule with `step_size`.
    time, steps, step_size, batch_size, seed, accuracy
        As said under `method`.
    points : int
        How many times are recorded.
    weight_decay : number or sequence of numbers
        lambda_l >= 0 of every layer, or one for all: dW_l/dt = -F_l - lambda_l W_l, biases too, and the same in steps.
        adaFA's B decays at the rate of the weights W_{l+1} that it stands for.
    progress : callable, optional
        Called with the finished fraction of the present run.

    Raises
    ------
    ValueError
        If an argument is out of range, the values are exact rationals, or network and problem do not fit each other.
    """
    if method not in METHODS:
        raise not_among("method", method, METHODS)
    if is_exact(problem.X):
        raise ValueError("weights and X must be floating-point to be simulated, got exact rationals")
    check_fit(network, problem)
    common: dict[str, Any] = {"points": points, "weight_decay": weight_decay, "progress": progress}
    if method == "flow":
        return flow(network, problem, time=time, accuracy=accuracy, **common)
    if method == "midpoint":
        return implicit_midpoint(network, problem, steps=steps, step_size=step_size, **common)
    if method == "sgd" and batch_size is None:
        batch_size = max(1, problem.n_samples // 10)
    return gradient_descent(
        network,
        problem,
        steps=steps,
        step_size=step_size,
        batch_size=batch_size if method == "sgd" else None,
        seed=seed,
        **common,
    )


def check_fit(network: Network, problem: Problem) -> None:
    """Raise ValueError unless shapes, dtype and array library agree and loss and data stay within floats."""
    widths = network.widths
    if problem.X.shape[1] != widths[0]:
        raise ValueError(f"X must have {widths[0]} columns, one for each column of W1, got {problem.X.shape[1]}")
    if problem.Y.shape[1] != widths[-1]:
        raise ValueError(
            f"Y must have {widths[-1]} columns, one for each row of W{network.depth}, got {problem.Y.shape[1]}"
        )
    require_same_kind("X", problem.X, "W1", network.weights[0])
    with np.errstate(over="ignore", invalid="ignore"):
        loss = float(loss_of(network, problem))
        if not np.isfinite(loss):
            raise ValueError(f"weights and X must give a finite {problem.loss.name} loss at the start, got {loss}")
        if is_exact(problem.X):
            return
        error = problem.loss.rounding(forward(network, problem.X).output, problem.Y)
        size = float(namespace(problem.X).sum(problem.X**2))
    if not np.isfinite(error):
        raise ValueError("weights and X must give outputs at the start whose squares are finite")
    if not np.isfinite(size):
        raise ValueError(
            f"X must have entries whose squares are finite, got {float(namespace(problem.X).max(abs(problem.X))):.3g}"
        )
