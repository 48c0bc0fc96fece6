"""multi-output-decay-projection: what feedback cannot reach of the first layer keeps driving the decay."""

from __future__ import annotations

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Bound, bound_on_excess, exponential
from fa_theory.bounds.float_range import within_floats
from fa_theory.bounds.multi_output_decay import MatrixAlignment, matrix_alignment
from fa_theory.laws import has_matrix_law
from fa_theory.model import Network, Problem, Spectrum, spectrum


@within_floats
def multi_output_decay_projection(network: Network, problem: Problem) -> Bound:
    """Return L(t) - L* <= V(0) / lambda_min(H) exp(-2 mu t) for two-layer linear FA with squared loss.

    H, V, U and a0 are those of multi-output-decay; K = W_1^T (I - U U^T) W_1 at the start, which FA never changes, and
    mu is the least non-zero eigenvalue of X (a0 I + K) X^T / N. With a hidden bias (x, 1) stands in place of x.
    mu >= a0 lambda, much larger in networks that are much wider than they have outputs; mu > 0 is enough, a0 < 0
    allowed.

    Parameters
    ----------
    network, problem
        Start and data; m outputs, m = 1 included.

    Returns
    -------
    Bound
        On the loss, or on the excess loss where the best linear map leaves some.

    Notes
    -----
    Statement multi-output-decay-projection (own).

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1], [2], [3]], [[2, 0, 0]]], "linear", [[[1], [0], [0]]])
    >>> bound = ft.bounds.multi_output_decay_projection(network, ft.Problem([[1]], [1]))
    >>> round(bound.rate, 9)  # 2 (a0 + K): a0 = 2 - 1/2, and feedback cannot reach K = 2^2 + 3^2
    29.0
    """
    data = spectrum(network.first_layer_inputs(problem.X))
    eps = assume.working_epsilon(problem.X)
    judged = [
        assume.two_layers(network),
        assume.linear_activation(network),
        assume.loss_is(problem, "squared"),
        assume.fixed_feedback(network),
        assume.nonzero_data(data),
        assume.no_output_bias(network),
    ]
    start, floor = assume.start_loss(network, problem), assume.best_linear_loss(problem, data)
    known, mu, rounding = MatrixAlignment.none(), 0.0, 0.0
    if network.depth == 2 and has_matrix_law(network):
        known = matrix_alignment(network, problem, data)
        judged.append(known.full_rank)
        if known.full_rank.holds and data.rank:
            mu, rounding = _least_rate(network, problem, data, known)
    if known.full_rank.holds is not None:  # else there is nothing to look at
        judged.append(assume.judged("decay: mu > 0", mu, rounding, f"mu = {mu:.6g}, a0 = {known.a0:.6g}"))
    rate = 2 * (mu - rounding)

    return bound_on_excess(
        "multi-output-decay-projection",
        judged,
        exponential(known.potential / known.smallest, rate),
        rate=rate,
        floor=floor,
        excess=max(start - floor, 0.0),
        rounding=256 * eps,
        condition=known.condition,
        constants={
            "a0": known.a0,
            "mu": mu,
            "lambda": data.smallest_nonzero,
            "lambda_min_H": known.smallest,
            "V": known.potential,
            "start_loss": start,
        },
    )


def _least_rate(network: Network, problem: Problem, data: Spectrum, known: MatrixAlignment) -> tuple[float, float]:
    """Return mu, and by how much it may be off."""
    X = to_numpy(network.first_layer_inputs(problem.X)).astype(float)
    W = to_numpy(network.first_layer_weights()).astype(float)
    J = data.column_basis.T @ X * len(X) ** -0.5
    # W less its part in the range of B: the left singular vectors of B span it
    U = np.linalg.svd(to_numpy(network.feedback[-1].matrix(network.weights[-1])).astype(float), full_matrices=False)[0]
    rest = (W - U @ (U.T @ W)) @ J.T
    mu = float(np.linalg.eigvalsh(rest.T @ rest + known.a0 * (J @ J.T))[0])
    size = float(np.linalg.norm(W, 2) ** 2) * data.largest
    off = known.rounding * data.largest + abs(known.a0) * assume.eigenvalue_rounding(data, data.smallest_nonzero)
    return mu, off + 64 * sum(network.widths) * assume.working_epsilon(problem.X) * known.condition * size
