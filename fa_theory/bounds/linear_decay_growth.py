"""linear-decay-growth: two-layer linear FA decays as its kept weights say, and faster as the fitted ones grow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Bound, Host, bound_on_excess
from fa_theory.bounds.float_range import within_floats
from fa_theory.bounds.linear_growth import LinearGrowth
from fa_theory.dynamics import has_reduced_flow
from fa_theory.model import Network, Problem, spectrum


@within_floats
def linear_decay_growth(network: Network, problem: Problem) -> Bound:
    """Bound the excess loss of two-layer, linear, scalar FA through its reduced flow.

    With w = W_1^T b / |b| and a = b.v(0) - 1/2 |w(0)|^2 > 0, K = W_1^T (I - b b^T / |b|^2) W_1 stays and
    b.v = a + 1/2 |w|^2, so that with E = L - L*

        dE/dt <= -2 mu(|w|) E,    mu(z) the least non-zero eigenvalue of X ((a + z^2 / 2) I + K) X^T / N.

    A small loss needs a large w: for every c in the span of the data |w| <= z implies sqrt(2 N E) >= (c.h - |b| z
    |((a + z^2 / 2) I + K) X^T c|) / (|b|^2 |c|), h = |b|^2 y - X r, r = |b|^2 W_1^T v - (K + (b.v) I) W_1^T b at the
    start. With the best c for each of many z this is a rate for every loss. With a hidden bias (x, 1) stands in place
    of x.

    Parameters
    ----------
    network, problem
        Start and data.

    Returns
    -------
    Bound
        On the loss, or on the excess loss where the best linear map leaves some.

    Notes
    -----
    Statement linear-decay-growth (own). Never worse than exponential-decay: a >= s and K >= 0.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = ft.bounds.linear_decay_growth(network, ft.Problem([[1, 0], [0, 1]], [1, 1]))
    >>> round(bound.constants["a"], 9)  # b.v - 1/2 |w|^2 with w = (1, 1) / sqrt(2)
    2.5
    >>> round(bound.constants["rate_at_start"], 3), round(bound.constants["rate_at_end"], 3)  # exponential-decay: 2
    (2.5, 2.791)
    """
    data = spectrum(network.first_layer_inputs(problem.X))
    judged = [
        *assume.linear_two_layers(network, problem),
        assume.nonzero_data(data),
        assume.no_output_bias(network),
    ]
    floor, start = assume.best_linear_loss(problem, data), assume.start_loss(network, problem)
    eps = assume.working_epsilon(problem.X)
    curve: Callable[[Host], Host] = np.zeros_like
    constants = {"start_loss": start}
    excess = 0.0
    if has_reduced_flow(network):
        growth = LinearGrowth.of(network, problem, data)
        excess = float(growth.start @ growth.start) / 2
        judged.append(
            assume.judged("aligned start: b.v - 1/2 |w|^2 > 0", growth.a, growth.rounding, f"a = {growth.a:.6g}")
        )
        if all(each.holds for each in judged) and excess > 0:
            sizes, losses = growth.levels()
            rates = 2 * np.asarray([max(growth.least_rate(growth.a - growth.rounding, size), 0.0) for size in sizes])
            curve = _in_pieces(excess, losses, rates)
            constants |= {"a": growth.a, "rate_at_start": float(rates[0]), "rate_at_end": float(rates[-1])}
            constants |= {"size_at_end": float(sizes[-1])}
    return bound_on_excess(
        "linear-decay-growth",
        judged,
        curve,
        rate=None,
        floor=floor,
        excess=excess,
        rounding=64 * eps,
        constants=constants,
    )


def _in_pieces(start: float, losses: Host, rates: Host) -> Callable[[Host], Host]:
    """Return the curve that falls from `start` at the rate rates[k] once it is at most losses[k]."""
    tops = np.minimum(np.append(start, losses[1:]), start)
    with np.errstate(divide="ignore", invalid="ignore"):
        lasting = np.where(tops[:-1] > tops[1:], np.log(tops[:-1] / tops[1:]) / rates[:-1], 0.0)
    reached = np.append(0.0, np.cumsum(lasting))

    def curve(times: Host) -> Host:
        k = np.searchsorted(reached, times, side="right") - 1
        return np.asarray(tops[k] * np.exp(-rates[k] * (times - reached[k])))

    return curve
