"""exponential-decay-growth: fitting the labels makes the incoming weights grow, and with them the rate of decay."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Bound, Host, bound_on_excess
from fa_theory.bounds.float_range import within_floats
from fa_theory.model import Network, Problem, spectrum

_STEP = 0.01
_DEPTH = 40.0


class _Growth(NamedTuple):
    """Omega(L), the least sum of |w_i|^2 with which a loss of L is possible.

    Attributes
    ----------
    labels : float
        |y|, or the norm of its part in the span of the data, from below.
    reach : float
        sqrt(N lambda_max), from above.
    cubic, straight : float
        1 / (2 min |b|) and |C / b|_2, from above.
    n_samples : int
        N.
    """

    labels: float
    reach: float
    cubic: float
    straight: float
    n_samples: int

    def __call__(self, losses: Host) -> Host:
        """Return Omega at losses >= 0, (K,), from below: z^2 with cubic z^3 + straight z at most what is wanted."""
        wanted = np.maximum((self.labels - np.sqrt(2 * self.n_samples * losses)) / self.reach, 0)
        low, high = np.zeros_like(wanted), np.cbrt(wanted / self.cubic)
        for _ in range(60):
            middle = (low + high) / 2
            short = self.cubic * middle**3 + self.straight * middle < wanted
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return np.asarray(low**2)


@within_floats
def exponential_decay_growth(network: Network, problem: Problem) -> Bound:
    """Bound the squared loss as exponential-decay does, with a rate that grows as the loss falls.

    v_i = (1/2 |w_i|^2 - C_i) / b_i, so that outputs near the labels need large incoming weights: Omega = sum |w_i|^2
    satisfies sqrt(N lambda_max) (Omega^{3/2} / (2 min |b|) + sqrt(Omega) |C / b|_2) >= |y| - sqrt(2 N L). With
    Omega(L) the smallest such, dL/dt <= -2 a^2 lambda_min (s + Omega(L) / 2) L. Linear networks: any data, only s > 0,
    for the excess loss, with the smallest non-zero eigenvalue and the part of y in the span of the data. sign-FA:
    b_i = 1. With a hidden bias (x, 1) stands in place of x.

    Parameters
    ----------
    network, problem
        Start and data.

    Returns
    -------
    Bound
        On the loss, or on the excess loss where the best linear map leaves some. The equation is solved with the rate
        of the larger end of each of many small steps in log L, so that no quadrature is trusted.

    Notes
    -----
    Statement exponential-decay-growth (own).

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = ft.bounds.exponential_decay_growth(network, ft.Problem([[1, 0], [0, 1]], [1, 1]))
    >>> round(bound.constants["rate_at_start"], 3), round(bound.constants["rate_at_end"], 3)  # exponential-decay: 2
    (2.033, 2.287)
    """
    inputs = network.first_layer_inputs(problem.X)
    data = spectrum(inputs)
    alignment = assume.initial_alignment(network)
    b = assume.feedback_sizes(network)
    judged = (
        *assume.leaky_two_layers(network, problem, "squared"),
        assume.fixed_or_sign_feedback(network),
        assume.all_feedback(b),
        assume.span_or_samples(network, data),
        assume.no_output_bias(network),
        assume.aligned_start(network, alignment, strict=True),
    )
    start, floor = assume.start_loss(network, problem), assume.best_linear_loss(problem, data)
    excess = max(start - floor, 0.0)
    eps = assume.working_epsilon(inputs)
    curve: Callable[[Host], Host] = np.zeros_like
    constants = {"s": alignment.total, "start_loss": start}
    if all(each.holds for each in judged) and excess > 0:
        labels = data.column_basis.T @ to_numpy(problem.Y).astype(float)
        most = data.largest + assume.eigenvalue_rounding(data, data.largest)
        growth = _Growth(
            labels=float(np.linalg.norm(labels)) * (1 - 64 * eps),
            reach=float(np.sqrt(problem.n_samples * most)),
            cubic=float(0.5 / np.min(b)),
            straight=float(np.linalg.norm((abs(alignment.c) + alignment.rounding) / b)),
            n_samples=problem.n_samples,
        )
        lowest, least = assume.slowest_mode(network, data)
        total = alignment.total - float(np.sum(alignment.rounding))
        losses = excess * np.exp(-_STEP * np.arange(int(_DEPTH / _STEP)))
        # rounded up, as the rate is that of the larger loss
        rates = 2 * least * (total + growth(losses * (1 + 64 * eps)) / 2)
        curve = falling_curve(losses, rates)
        constants |= {"lambda": lowest, "Omega": float(growth(np.zeros(1))[0]), "rate_at_start": float(rates[0])}
        constants["rate_at_end"] = float(rates[-1])
    return bound_on_excess(
        "exponential-decay-growth",
        judged,
        curve,
        rate=None,
        floor=floor,
        excess=excess,
        rounding=64 * eps,
        constants=constants,
    )


def falling_curve(losses: Host, rates: Host) -> Callable[[Host], Host]:
    """Return the curve that falls from losses[k] with the exponential rate rates[k] until it reaches losses[k + 1].

    Rates are >= 0; the last one lasts for ever.
    """
    with np.errstate(divide="ignore"):
        reached = np.append(0.0, np.cumsum(np.log(losses[:-1] / losses[1:]) / rates[:-1]))

    def curve(times: Host) -> Host:
        k = np.searchsorted(reached, times, side="right") - 1
        return np.asarray(losses[k] * np.exp(-rates[k] * (times - reached[k])))

    return curve
