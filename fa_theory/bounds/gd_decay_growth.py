"""gd-decay-growth: gd-decay with what stays of the first layer, and with the weights' growth as the loss falls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Bound, Host, bound_on_excess
from fa_theory.bounds.float_range import within_floats
from fa_theory.bounds.gd_decay import (
    LEAST_EXCESS,
    best_on_square,
    certified_step,
    check_step_size,
    in_steps,
    rank_decided,
)
from fa_theory.bounds.linear_growth import LinearGrowth
from fa_theory.dynamics import has_reduced_flow
from fa_theory.model import Network, Problem, Spectrum, spectrum

_BISECTIONS = 60


class _Ingredients(NamedTuple):
    """What the step size is computed from, each rounded to the side that makes it smaller.

    Attributes
    ----------
    low, high : float
        a = b.v(0) - 1/2 |w(0)|^2, from below and from above.
    kept : float
        kappa, the least eigenvalue of K in the span of the data, from below.
    most_kept : float
        The largest eigenvalue of X K X^T / N, from above.
    excess : float
        E_0, from above.
    smallest, largest : float
        lambda- from below, lambda+ from above.
    feedback : float
        |b|, from above.
    pull, still : float
        m and |w_perp|^2, from above.
    """

    low: float
    high: float
    kept: float
    most_kept: float
    excess: float
    smallest: float
    largest: float
    feedback: float
    pull: float
    still: float

    def size(self, theta: Any) -> Any:
        """Return zeta, the largest |w| that a loss of at most E_0 allows: zeta^2 = x^2 + still, x from a cubic."""
        stiff = self.kept + theta * self.low + self.still / 2
        low, high = np.zeros_like(stiff), np.minimum(self.pull / stiff, np.cbrt(2 * self.pull))
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            short = (stiff + middle**2 / 2) * middle < self.pull
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return np.sqrt(high**2 + self.still)

    def step_size(self, theta: Any, mu: Any) -> Any:
        """Return the largest step size that the two conditions of the statement allow for (theta, mu)."""
        theta = np.asarray(theta, dtype=float)
        kept, linear, quadratic = theta * self.low + self.kept, *self._curvature(theta)
        descends = (2 - mu) * (1 - theta) * self.low * kept / (self.feedback**2 * self.excess)
        return np.minimum(descends, 2 * mu / (linear + np.sqrt(linear**2 + 4 * quadratic * mu)))

    def needed_mu(self, theta: float, eta: float) -> float:
        """Return the smallest mu that the second condition allows."""
        linear, quadratic = self._curvature(np.asarray(theta))
        return float(eta * (linear + eta * quadratic)) * (1 + 64 * float(np.finfo(float).eps))

    def _curvature(self, theta: Any) -> tuple[Any, Any]:
        size = self.size(theta)
        linear = self.most_kept + self.largest * (self.high + 1.5 * size**2)
        return linear, self.largest * self.feedback * size * np.sqrt(2 * self.largest * self.excess)


@within_floats
def gd_decay_growth(network: Network, problem: Problem, step_size: float | None = None) -> Bound:
    """Bound the excess loss of gradient descent on a two-layer, linear, scalar FA network after every step.

    w = W_1^T b / |b|, a = b.v(0) - 1/2 |w(0)|^2 > 0, K = W_1^T (I - b b^T / |b|^2) W_1, which stays; Q an orthonormal
    basis of the row space of X, w_perp = (I - Q Q^T) w(0), which stays; E_0 the excess loss at the start, lambda- and
    lambda+ the smallest non-zero and the largest eigenvalue of X^T X / N, kappa = lambda_min(Q^T K Q), p = q - q* the
    error of the end-to-end map in the row space. For any theta in (0, 1), mu in (0, 2) let x >= 0 solve
    (kappa + theta a + 1/2 (x^2 + |w_perp|^2)) x = m, m = |Q^T (K (w(0) - w_perp) + (b.v(0)) w(0) - |b| p(0))| + |b|
    sqrt(2 E_0 / lambda-), and zeta^2 = x^2 + |w_perp|^2. If

        eta <= (2 - mu) (1 - theta) a (theta a + kappa) / (|b|^2 E_0)    and
        eta (lambda_max(X K X^T / N) + lambda+ (a + 3/2 zeta^2 + eta |b| zeta sqrt(2 lambda+ E_0))) <= mu,

    then E_{k+1} <= max((1 - eta M(E_k))^2, (1 - mu)^2) E_k for all k, M(E) the least non-zero eigenvalue of
    X ((theta a + 1/2 z^2) I + K) X^T / N with any z below which |w| cannot be at a loss of E: see linear-decay-growth.
    With a hidden bias (x, 1) stands in place of x.

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
    Statement gd-decay-growth (own). b.v_k = a_k + 1/2 |w_k|^2 with a_{k+1} = a_k - 1/2 eta^2 |b|^2 |g_k|^2, and one
    step takes p to p - eta A g with A = (a_{k+1} + 1/2 |w_{k+1}|^2) I + K + w w^T, as in gd-decay.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = ft.bounds.gd_decay_growth(network, ft.Problem([[1, 0], [0, 1]], [1, 1]))
    >>> bound.applicable, round(bound.step_size, 2)  # gd-decay certifies 0.14
    (True, 0.54)
    """
    check_step_size(step_size)
    data = spectrum(network.first_layer_inputs(problem.X))
    judged = [
        *assume.linear_two_layers(network, problem),
        assume.nonzero_data(data),
        rank_decided(data),
        assume.no_output_bias(network),
    ]
    floor, start = assume.best_linear_loss(problem, data), assume.start_loss(network, problem)
    eps = assume.working_epsilon(problem.X)
    certified, excess, eta = None, 0.0, 1.0
    fall: Callable[[Host], Host] = np.zeros_like
    constants = {"start_loss": start}
    growth = LinearGrowth.of(network, problem, data) if has_reduced_flow(network) else None
    if growth is not None:
        excess = float(growth.start @ growth.start) / 2
        judged.append(
            assume.judged("aligned start: b.v - 1/2 |w|^2 > 0", growth.a, growth.rounding, f"a = {growth.a:.6g}")
        )
    if growth is not None and all(each.holds for each in judged):
        known = _ingredients(network, growth, data, excess)
        theta, mu = best_on_square(known.step_size)
        certified = float(known.step_size(theta, mu)) * (1 - 64 * eps)
        eta = certified if step_size is None else step_size
        judged.append(certified_step(eta, certified, eps))
        sizes, losses = growth.levels()
        if judged[-1].holds:
            theta, mu = best_on_square(
                lambda th, m: np.where(known.step_size(th, m) >= eta, th + 0 * m, -np.inf), (theta, mu)
            )
        mu = min(mu, known.needed_mu(theta, min(eta, certified)))
        rates = np.asarray([max(growth.least_rate(theta * known.low, size), 0.0) for size in sizes])
        factors = np.maximum((1 - min(eta, certified) * rates) ** 2, (1 - mu) ** 2)
        fall = _falling(excess, losses, factors) if excess > 0 else fall
        constants |= {"a": growth.a, "kappa": known.kept, "theta": theta, "mu": mu}
        constants |= {"factor_at_start": float(factors[0]), "factor_at_end": float(factors[-1])}

    return bound_on_excess(
        "gd-decay-growth",
        judged,
        in_steps(fall, eta),
        rate=None,
        floor=floor,
        excess=excess,
        rounding=64 * eps,
        constants=constants,
        method="gd",
        step_size=certified,
    )


def _ingredients(network: Network, growth: LinearGrowth, data: Spectrum, excess: float) -> _Ingredients:
    eps = np.finfo(float).eps
    up = 1 + 64 * eps * (8 + sum(network.widths))
    Q = data.row_basis.T.astype(float)
    J = growth.data
    smallest = data.smallest_nonzero - assume.eigenvalue_rounding(data, data.smallest_nonzero)
    inner = np.linalg.eigvalsh(Q.T @ growth.kept @ Q)
    slack = 64 * len(Q) * eps * float(np.linalg.norm(growth.kept))
    # the errors vanish where |b| T w = h: what is left of J^+ h once w_perp has had its share pulls on Q^T w
    still = growth.now - Q @ (Q.T @ growth.now)
    pulled = np.linalg.solve(J @ Q, growth.target) / growth.feedback - Q.T @ (growth.kept @ still)
    unsure = (up - 1) * float(np.linalg.norm(growth.target) / np.sqrt(smallest))
    reach = growth.feedback * float(np.sqrt(2 * excess / smallest))
    return _Ingredients(
        low=growth.a - growth.rounding,
        high=growth.a + growth.rounding,
        kept=max(float(inner[0]) - slack, 0.0),
        most_kept=float(np.linalg.eigvalsh(J @ growth.kept @ J.T)[-1]) * up + slack * data.largest,
        excess=max(excess * up, LEAST_EXCESS),
        smallest=smallest,
        largest=data.largest + assume.eigenvalue_rounding(data, data.largest),
        feedback=growth.feedback * up,
        pull=(float(np.linalg.norm(pulled)) + unsure / growth.feedback + reach) * up,
        still=float(still @ still) * up,
    )


def _falling(start: float, losses: Host, factors: Host) -> Callable[[Host], Host]:
    """Return what is left after k steps: a factor factors[i] at each step from a loss of at most losses[i]."""
    logs = np.log(np.maximum(factors, np.finfo(float).tiny))
    first, tops, used = [0.0], [np.log(start)], []
    i = int(np.sum(losses[1:] >= start))
    positive = int(np.sum(losses > 0))
    while True:
        used.append(logs[i])
        if i + 1 >= positive or used[-1] == 0:
            break
        steps = np.ceil((tops[-1] - np.log(losses[i + 1])) / -logs[i])
        first.append(first[-1] + steps)
        tops.append(min(tops[-1] + steps * logs[i], np.log(losses[i + 1])))
        i = max(i + 1, int(np.sum(np.log(losses[1:positive]) >= tops[-1])))
    begun, level, slope = (np.asarray(each) for each in (first, tops, used))

    def fall(steps: Host) -> Host:
        k = np.searchsorted(begun, steps, side="right") - 1
        return np.asarray(np.exp(level[k] + slope[k] * (steps - begun[k])))

    return fall
