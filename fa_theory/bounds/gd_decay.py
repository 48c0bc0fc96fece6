"""gd-decay: gradient descent on a two-layer linear FA network decays geometrically, with a certified step size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Assumption, Bound, Host, bound_on_excess, exponential
from fa_theory.bounds.float_range import within_floats
from fa_theory.dynamics import forward
from fa_theory.model import Network, Problem, Spectrum, spectrum

_GRID = 33
_ZOOMS = 24
LEAST_EXCESS = float(np.finfo(float).eps) ** 4  # by an excess of zero the conditions on the step size would divide


class _Ingredients(NamedTuple):
    """What the step size is computed from, each rounded to the side that makes it smaller.

    Attributes
    ----------
    alignment_low, alignment_high : float
        c = -C(0), from below and from above.
    excess : float
        L_0 - L*, from above.
    smallest, largest : float
        lambda- from below, lambda+ from above.
    first, feedback : float
        |W_1(0)|_F and |b|, from above.
    biased : float
        1 if there is an output bias, else 0.
    """

    alignment_low: float
    alignment_high: float
    excess: float
    smallest: float
    largest: float
    first: float
    feedback: float
    biased: float

    def step_size(self, theta: Any, mu: Any) -> Any:
        """Return the largest step size that the two conditions of the statement allow for (theta, mu)."""
        kept = theta * self.alignment_low
        loss, b = self.excess, self.feedback
        descends = (2 - mu) * (1 - theta) * kept * self.alignment_low / (b**2 * loss)
        r = self.first + 2 * b * np.sqrt(2 * loss / self.smallest) / ((2 - mu) * kept)
        linear = self.largest * (1.5 * r**2 + self.alignment_high) + self.biased
        quadratic = self.largest * b * r * np.sqrt(2 * self.largest * loss)
        smooth = 2 * mu / (linear + np.sqrt(linear**2 + 4 * quadratic * mu))
        return np.minimum(descends, smooth)


def best_on_square(
    objective: Callable[[Any, Any], Any], start: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Return (theta, mu) in (0, 1) x (0, 2) at which the objective is largest among ever finer grids."""
    best, highest = (0.5, 1.0), -np.inf
    if start is not None:
        best, highest = start, float(objective(*start))
    low, high = np.array([0.0, 0.0]), np.array([1.0, 2.0])
    inside = np.arange(1, _GRID + 1) / (_GRID + 1)
    for _ in range(_ZOOMS):
        theta, mu = (edge + (end - edge) * inside for edge, end in zip(low, high, strict=True))
        values = objective(theta[:, None], mu[None, :])
        i, j = np.unravel_index(int(np.argmax(values)), values.shape)
        if values[i, j] > highest:
            best, highest = (float(theta[i]), float(mu[j])), float(values[i, j])
        reach = (high - low) / 5
        low, high = np.maximum(best - reach, [0.0, 0.0]), np.minimum(best + reach, [1.0, 2.0])
    return best


@within_floats
def gd_decay(network: Network, problem: Problem, step_size: float | None = None) -> Bound:
    """Bound the excess loss of gradient descent on a two-layer, linear, scalar FA network after every step.

    With c = -C(0) > 0, C(0) = 1/2 |W_1(0)|_F^2 - b.v(0), L_0 the excess loss at the start, lambda- and lambda+ the
    smallest non-zero and the largest eigenvalue of X X^T / N: for any theta in (0, 1) and mu in (0, 2), if with
    r = |W_1(0)|_F + 2 |b| sqrt(2 L_0 / lambda-) / ((2 - mu) theta c)

        eta <= (2 - mu) (1 - theta) theta c^2 / (|b|^2 L_0)    and
        eta lambda+ (3/2 r^2 + c + eta |b| r sqrt(2 lambda+ L_0)) + eta beta <= mu

    (beta = 1 with an output bias, else 0), then L_k - L* <= (L_0 - L*) (1 - eta (2 - mu) theta c lambda-)^k for all k.
    The largest such eta over (theta, mu) is the certified step size; for a given eta the best rate is taken. With a
    hidden bias (x, 1) stands in place of x.

    Parameters
    ----------
    network, problem
        Start and data.
    step_size : float, optional
        eta; without it the curve is that of the largest certified one.

    Returns
    -------
    Bound
        On the loss, or on the excess loss where the best linear map leaves some, at times t = k eta (constant between
        the steps). `step_size` is the largest certified one, whatever eta was given.

    Raises
    ------
    ValueError
        If `step_size` is not a positive finite number.

    Notes
    -----
    Statement gd-decay (own). One step takes the errors e to (I - eta (X A X^T + beta 1 1^T) / N) e with
    A = (b.v_{k+1}) I + W_1^T W_1 and b.v_{k+1} = 1/2 |W_1(k+1)|_F^2 - C(k+1) >= -C(k+1), where
    C(k+1) = C(0) + 1/2 eta^2 |b|^2 sum_{i <= k} |g_i|^2 (statement bregman-drift). Induction on -C(k) >= theta c: the
    descent of the steps before k bounds their share of the sum by 2 (L_0 - L_k) / (eta (2 - mu) theta c), and
    |g_k|^2 <= 2 lambda+ L_k with eta lambda+ c <= mu and mu (2 - mu) theta <= 1 bounds the share of step k itself.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, 1])
    >>> bound = ft.bounds.gd_decay(network, problem, step_size=0.1)
    >>> bound.applicable, round(bound.step_size, 2)  # 0.1 is certified, and so is any step up to this one
    (True, 0.14)
    >>> run = ft.simulate(network, problem, method="gd", step_size=0.1, steps=20)
    >>> bool((run.loss <= bound(run.t) + run.error).all())
    True
    """
    check_step_size(step_size)
    data = spectrum(network.first_layer_inputs(problem.X))
    alignment = assume.initial_alignment(network)
    rounding = float(np.sum(alignment.rounding))
    judged = [
        *assume.linear_two_layers(network, problem),
        assume.nonzero_data(data),
        rank_decided(data),
        assume.constants_in_span(network, data),
        assume.judged("aligned start: -C(0) > 0", alignment.total, rounding, f"-C(0) = {alignment.total:.6g}"),
    ]
    floor, start = assume.best_linear_loss(problem, data), assume.start_loss(network, problem)
    eps = assume.working_epsilon(problem.X)
    certified, excess, eta, factor, constants = None, 0.0, 1.0, 0.0, {"start_loss": start}
    if all(each.holds for each in judged):
        known, excess = _ingredients(network, problem, data, alignment.total, rounding)
        theta, mu = best_on_square(known.step_size)
        certified = float(known.step_size(theta, mu)) * (1 - 64 * eps)
        eta = certified if step_size is None else step_size
        judged.append(certified_step(eta, certified, eps))
        if judged[-1].holds:
            theta, mu = best_on_square(
                lambda th, m: np.where(known.step_size(th, m) >= eta, (2 - m) * th, -np.inf), (theta, mu)
            )
        factor = min(eta, certified) * (2 - mu) * theta * known.alignment_low * known.smallest
        constants |= {
            "c": alignment.total,
            "lambda": data.smallest_nonzero,
            "lambda_max": data.largest,
            "theta": theta,
            "mu": mu,
            "factor": 1 - factor,
        }

    slope = -float(np.log1p(-factor))
    return bound_on_excess(
        "gd-decay",
        judged,
        in_steps(exponential(excess, slope), eta),
        rate=slope / eta,
        floor=floor,
        excess=excess,
        rounding=64 * eps,
        constants=constants,
        method="gd",
        step_size=certified,
    )


def _ingredients(
    network: Network, problem: Problem, data: Spectrum, c: float, rounding: float
) -> tuple[_Ingredients, float]:
    """Return the ingredients, and the excess loss at the start."""
    eps = assume.working_epsilon(problem.X)
    output = forward(network, problem.X).output
    errors: np.ndarray[Any, Any] = to_numpy(output - problem.Y).astype(float)
    excess = float(np.sum((data.column_basis.T @ errors) ** 2)) / (2 * problem.n_samples)
    lowest = data.smallest_nonzero
    up = 1 + 8 * eps * (8 + sum(network.widths))
    B = to_numpy(network.feedback[-1].matrix(network.weights[-1])).astype(float)
    first = to_numpy(network.first_layer_weights()).astype(float)
    known = _Ingredients(
        alignment_low=c - rounding,
        alignment_high=c + rounding,
        excess=max(excess * up + problem.loss.rounding(output, problem.Y), LEAST_EXCESS),
        smallest=lowest - assume.eigenvalue_rounding(data, lowest),
        largest=data.largest + assume.eigenvalue_rounding(data, data.largest),
        first=float(np.linalg.norm(first)) * up,
        feedback=float(np.linalg.norm(B)) * up,
        biased=0.0 if network.biases[-1] is None else 1.0,
    )
    return known, excess


def check_step_size(step_size: float | None) -> None:
    """Raise ValueError unless the step size is a positive finite number, or None for the largest certified one."""
    if step_size is not None and not 0 < step_size < float("inf"):
        raise ValueError(f"step_size must be a positive finite number, got {step_size}")


def in_steps(fall: Callable[[Host], Host], eta: float) -> Callable[[Host], Host]:
    """Return the curve over times of one over numbers of steps of size eta, constant between them."""

    def curve(times: Host) -> Host:
        with np.errstate(over="ignore"):  # as many steps as a float can count
            return fall(np.minimum(np.floor(times / eta * (1 + 8 * np.finfo(float).eps)), 2.0**53))

    return curve


def rank_decided(data: Spectrum) -> Assumption:
    """Judge whether the smallest eigenvalue that counts as non-zero is more than rounding."""
    lowest = data.smallest_nonzero
    margin = lowest - assume.eigenvalue_rounding(data, lowest)
    holds = True if margin > 0 or data.rank == 0 else None
    return Assumption("rank of the data is decided", margin, holds, f"smallest non-zero eigenvalue {lowest:.3g}")


def certified_step(eta: float, certified: float, eps: float) -> Assumption:
    """Judge whether a step size is certified; the margin is the difference over the larger of the two."""
    margin = (certified - eta) / max(certified, eta)
    holds = True if eta <= certified else None if -margin <= 256 * eps else False
    detail = f"step size {eta:.6g}, largest certified {certified:.6g}"
    return Assumption("step size at most the certified one", margin, holds, detail)
