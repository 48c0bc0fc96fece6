"""One door to all ways of running a learning rule."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fa_theory.backend import is_exact, namespace, nearest_float, require_same_kind
from fa_theory.choices import not_among
from fa_theory.dynamics.decay import WeightDecay, decay_rates
from fa_theory.dynamics.discrete import gradient_descent
from fa_theory.dynamics.exact import MAX_BITS, check_exact
from fa_theory.dynamics.fixed_steps import run_fixed_steps
from fa_theory.dynamics.flow import flow
from fa_theory.dynamics.gauss import gauss_step
from fa_theory.dynamics.integrate import Progress
from fa_theory.dynamics.passes import forward, loss_of
from fa_theory.dynamics.projection import projected_step
from fa_theory.dynamics.trajectory import Trajectory
from fa_theory.model import Network, Problem, to_backend

METHODS = ("flow", "gd", "sgd", "midpoint", "gauss", "projection")
GAUSS_METHODS = ("midpoint", "gauss")
"""Methods that keep quadratic laws to solver tolerance."""
_GAUSS_STAGES = 3


def simulate(
    network: Network,
    problem: Problem,
    *,
    method: str = "flow",
    time: float = 10.0,
    steps: int = 1000,
    step_size: Any = 0.01,
    batch_size: int | None = None,
    seed: int = 0,
    points: int = 101,
    loss_every: int | None = None,
    accuracy: float = 1e-8,
    weight_decay: WeightDecay = 0.0,
    max_bits: int = MAX_BITS,
    store: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    backend: str | None = None,
) -> Trajectory:
    """Run a learning rule from a network on a problem.

    Over exact rationals (object arrays of `fractions.Fraction` or python-flint's fmpq) gd and sgd are exact: the states
    are, and only the recorded losses and times are rounded to floats. Their numbers grow, see `Trajectory.bits`.

    Parameters
    ----------
    network, problem
        Start and data; shapes, dtype and array namespace must fit.
    method : {"flow", "gd", "sgd", "midpoint", "gauss", "projection"}
        ``flow``: dW/dt = -F to `time` at the requested `accuracy`. ``gd`` and ``sgd``: `steps` of `step_size`, sgd
        with minibatches of `batch_size` (default: a tenth of the samples, at least one) drawn from `seed`.
        ``midpoint`` and ``gauss``: `steps` of the implicit midpoint rule (order 2), or of the Gauss method of order 6,
        with `step_size`; both keep quadratic laws at any step size [midpoint-exactness]. ``projection``, for
        comparison: `steps` of the classical Runge-Kutta method (order 4), each followed by a projection onto the
        neuron law.
    time, steps, step_size, batch_size, seed, accuracy
        As said under `method`.
    points : int
        How many times are recorded.
    loss_every : int, optional
        For ``gd`` and ``sgd``: record the loss alone every so many steps too, as `Trajectory.losses`.
    weight_decay : number or sequence of numbers
        lambda_l >= 0 of every layer, or one for all: dW_l/dt = -F_l - lambda_l W_l, biases too, and the same in steps.
        adaFA's B decays at the rate of the weights W_{l+1} that it stands for.
    max_bits : int
        Exact runs end with an error when a numerator or denominator takes more bits than this.
    store : path, optional
        For ``gd`` and ``sgd`` of NumPy floats: a folder that recorded points are written to as the run goes, in the
        format of `fa_theory.dynamics.storage`. A run that was stopped goes on from there, bit for bit.
    progress : callable, optional
        Called with the finished fraction of the present run.
    backend : {"numpy", "cupy"}, optional
        Move network and problem there first (`fa_theory.to_backend`); the states of the trajectory stay there. Without
        it the run is made in the library and on the device of the arrays that were given. gd and sgd wait for a device
        at recorded points only; the flow and the midpoint rule at every step.

    Raises
    ------
    ValueError
        If an argument is out of range, the backend does not work here, network and problem do not fit each other, or
        weights and X are exact rationals and the method is neither gd nor sgd, the step size or slope is a float, or
        there is weight decay.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[0.0]], [[0.0]]], "linear", [[[1.0]]])
    >>> run = ft.simulate(network, ft.Problem([[1.0]], [1.0]), time=20.0, points=5)
    >>> (w,), (v,) = (W[0].tolist() for W in run.states[-1].weights)
    >>> run.completed, round(v * w, 6), abs(w**2 / 2 - v) < 1e-6  # f has reached y, and C = 1/2 w^2 - v is kept
    (True, 1.0, True)
    """
    if method not in METHODS:
        raise not_among("method", method, METHODS)
    if backend is not None:
        network, problem = to_backend(network, problem, backend)
    check_fit(network, problem)
    if is_exact(problem.X):
        check_exact(network, method, step_size, decay_rates(weight_decay, network.depth))
    if loss_every is not None and method not in ("gd", "sgd"):
        raise ValueError(f"loss_every needs the method gd or sgd, got {method!r}")
    if store is not None and method not in ("gd", "sgd"):
        raise ValueError(f"store needs the method gd or sgd, got {method!r}")
    common: dict[str, Any] = {"points": points, "weight_decay": weight_decay, "progress": progress}
    if method == "flow":
        return flow(network, problem, time=time, accuracy=accuracy, **common)
    if method in ("midpoint", "gauss", "projection"):
        common |= {"method": method, "steps": steps, "step_size": step_size}
        if method == "projection":
            if any(decay_rates(weight_decay, network.depth)):
                raise ValueError(f"weight_decay must be 0 for method projection (no law holds), got {weight_decay}")
            return run_fixed_steps(network, problem, projected_step(network), 4, **common)
        stages = 1 if method == "midpoint" else _GAUSS_STAGES
        return run_fixed_steps(network, problem, gauss_step(stages), 2 * stages, **common)
    if method == "sgd" and batch_size is None:
        batch_size = default_batch_size(problem)
    return gradient_descent(
        network,
        problem,
        steps=steps,
        step_size=step_size,
        batch_size=batch_size if method == "sgd" else None,
        seed=seed,
        max_bits=max_bits,
        loss_every=loss_every,
        store=store,
        **common,
    )


def default_batch_size(problem: Problem) -> int:
    """Return the samples in a minibatch where none are given: a tenth of them, at least one."""
    return max(1, problem.n_samples // 10)


def check_fit(network: Network, problem: Problem) -> None:
    """Raise ValueError unless shapes, dtype and array library agree and loss and data stay within floats.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import check_fit
    >>> check_fit(ft.initialise("small", (2, 3, 1)), ft.Problem([[1.0]], [1.0]))
    Traceback (most recent call last):
    ValueError: X must have 2 columns, one for each column of W1, got 1
    """
    widths = network.widths
    if problem.X.shape[1] != widths[0]:
        raise ValueError(f"X must have {widths[0]} columns, one for each column of W1, got {problem.X.shape[1]}")
    if problem.Y.shape[1] != widths[-1]:
        raise ValueError(
            f"Y must have {widths[-1]} columns, one for each row of W{network.depth}, got {problem.Y.shape[1]}"
        )
    require_same_kind("X", problem.X, "W1", network.weights[0])
    with np.errstate(over="ignore", invalid="ignore"):
        loss = nearest_float(loss_of(network, problem))
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
