"""exponential-decay: the squared loss of a two-layer network with an aligned start decays exponentially."""

from __future__ import annotations

import numpy as np

from fa_theory.backend import machine_epsilon
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Bound, bound_on_excess, exponential
from fa_theory.bounds.float_range import within_floats
from fa_theory.model import Network, Problem, spectrum


@within_floats
def exponential_decay(network: Network, problem: Problem) -> Bound:
    """Bound the squared loss of a two-layer, scalar network with an aligned start by L(0) exp(-rate t).

    Leaky ReLU of slope a < 1, linearly independent samples: rate = 2 (a^2 s_+ lambda_min - s_- lambda_max) of
    X X^T / N, which is 2 a^2 s lambda_min when all C_i <= 0. Linear networks: any data and only s > 0, for
    the excess loss over the best linear map, rate = 2 s lambda with the smallest non-zero eigenvalue. With a
    hidden bias (x, 1) stands in place of x. The rate is rounded down by what its ingredients may be off.

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
    Statement exponential-decay (exponential decay under alignment dominance: paper; constants and
    assumptions: own).

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = ft.bounds.exponential_decay(network, ft.Problem([[1, 0], [0, 1]], [1, 1]))
    >>> bound.applicable, round(bound.rate, 9)  # 2 s lambda with s = 3/2 + 1/2 and X X^T / N = I / 2
    (True, 2.0)
    """
    inputs = network.first_layer_inputs(problem.X)
    data = spectrum(inputs)
    alignment = assume.initial_alignment(network)
    linear = network.activation.is_linear
    lowest, least = assume.slowest_mode(network, data)
    most = data.largest + assume.eigenvalue_rounding(data, data.largest)
    # where the data or the activation fail (least = 0), the start is still judged by itself
    penalty = most / least if least > 0 and not linear else 1.0
    weights = np.where(alignment.c >= 0, 1.0, penalty)
    total = float(np.sum(alignment.c * weights))
    eps = machine_epsilon(inputs)
    rounding = float(np.sum((alignment.rounding + 16 * eps * abs(alignment.c)) * weights))
    judged = (
        *assume.leaky_two_layers(network, problem, "squared"),
        assume.aligning_rule(network),
        assume.span_or_samples(network, data),
        assume.constants_in_span(network, data),
        assume.judged(
            "aligned start: s > 0" if linear else "aligned start: s_+ > s_- lambda_max / (a^2 lambda_min)",
            total,
            rounding,
            f"s_+ = {alignment.positive:.6g}, s_- = {alignment.negative:.6g}, factor {penalty:.6g}",
        ),
    )
    floor = assume.best_linear_loss(problem, data)
    start = assume.start_loss(network, problem)
    excess = max(start - floor, 0.0)
    rate = 2 * least * (total - rounding)

    return bound_on_excess(
        "exponential-decay",
        judged,
        exponential(excess, rate),
        rate=rate,
        floor=floor,
        excess=excess,
        rounding=64 * eps,
        constants={
            "s": alignment.total,
            "slope": float(network.activation.slope or 0.0),
            "lambda": lowest,
            "lambda_max": data.largest,
            "start_loss": start,
        },
    )
