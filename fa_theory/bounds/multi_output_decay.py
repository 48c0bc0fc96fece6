"""multi-output-decay: two-layer linear FA with several outputs, aligned as a matrix, decays exponentially."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Assumption, Bound, bound_on_excess, exponential
from fa_theory.bounds.float_range import within_floats
from fa_theory.dynamics import forward
from fa_theory.laws import has_matrix_law
from fa_theory.model import Network, Problem, Spectrum, spectrum


class MatrixAlignment(NamedTuple):
    """What B = P S Q^T gives, without squaring its condition number: H = Q S^2 Q^T and U = P Q^T.

    The eigenvalues of U^T C U are those of P^T C P: a0 depends on the range of B only.
    """

    full_rank: Assumption
    a0: float
    rounding: float
    potential: float
    smallest: float
    condition: float

    @classmethod
    def none(cls) -> MatrixAlignment:
        """Return what stands for it where no B of full column rank is at hand."""
        return cls(Assumption("B of full column rank", -1.0, False, "not looked at"), 0.0, 0.0, 0.0, 1.0, 1.0)


@within_floats
def multi_output_decay(network: Network, problem: Problem) -> Bound:
    """Return L(t) - L* <= V(0) / lambda_min(H) exp(-2 a0 lambda t) for two-layer linear FA with squared loss.

    H = B^T B, U = B H^{-1/2}, C the conserved matrix of matrix-law at the start, a0 = 1/2 lambda_min(-U^T C
    U), lambda the smallest non-zero eigenvalue of X X^T / N, V = 1/(2N) |H^{1/2} E_par|_F^2 with E_par the
    part of the error in the span of the data. With a hidden bias (x, 1) stands in place of x. The rate is
    rounded down by what its ingredients may be off.

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
    Statement multi-output-decay (own). For m = 1 it is at least as sharp as exponential-decay:
    a0 = B.v - 1/2 |U^T W_1|^2 >= s.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 0], [0, 2]]], "linear", [[[1, 0], [0, 1]]])
    >>> bound = ft.bounds.multi_output_decay(network, ft.Problem([[1, 0], [0, 1]], [[1, 0], [0, 1]]))
    >>> bound.applicable, round(bound.rate, 9)  # 2 a0 lambda with C = I - 2 I - 2 I, a0 = 3/2 and lambda = 1/2
    (True, 1.5)
    """
    data = spectrum(network.first_layer_inputs(problem.X))
    eps = machine_epsilon(problem.X)
    judged = [
        assume.two_layers(network),
        assume.linear_activation(network),
        assume.loss_is(problem, "squared"),
        assume.fixed_feedback(network),
        assume.nonzero_data(data),
        assume.constants_in_span(network, data),
    ]
    start, floor = assume.start_loss(network, problem), assume.best_linear_loss(problem, data)
    known = MatrixAlignment.none()
    if network.depth == 2 and has_matrix_law(network):
        known = matrix_alignment(network, problem, data)
        judged.append(known.full_rank)
    _, a0, rounding, potential, smallest, condition = known
    if known.full_rank.holds is not None:  # else there is nothing to look at
        name = "aligned start: lambda_min(-U^T C U) > 0"
        judged.append(assume.judged(name, 2 * a0, 2 * rounding, f"a0 = {a0:.6g}"))
    slack = rounding * data.smallest_nonzero + a0 * assume.eigenvalue_rounding(data, data.smallest_nonzero)
    rate = 2 * (a0 * data.smallest_nonzero - slack)

    return bound_on_excess(
        "multi-output-decay",
        judged,
        exponential(potential / smallest, rate),
        rate=rate,
        floor=floor,
        excess=max(start - floor, 0.0),
        rounding=256 * eps,
        condition=condition,
        constants={
            "a0": a0,
            "lambda": data.smallest_nonzero,
            "lambda_min_H": smallest,
            "V": potential,
            "start_loss": start,
        },
    )


def matrix_alignment(network: Network, problem: Problem, data: Spectrum) -> MatrixAlignment:
    """Return it for a two-layer network with a linear activation and fixed feedback."""
    eps = machine_epsilon(problem.X)
    above: np.ndarray[Any, Any] = to_numpy(network.weights[-1]).astype(float)
    B = to_numpy(network.feedback[-1].matrix(network.weights[-1])).astype(float)
    P, S, Q = np.linalg.svd(B, full_matrices=False)
    tolerance = max(B.shape) * eps * float(S[0])
    smallest = float(S[-1]) if B.shape[0] >= B.shape[1] else 0.0
    ratio, detail = smallest / tolerance if tolerance > 0 else 0.0, f"smallest singular value {smallest:.6g}"
    full_rank = assume.full_rank("B of full column rank", B, B.shape[1], ratio, detail)
    if not full_rank.holds:
        return MatrixAlignment.none()._replace(full_rank=full_rank)
    first = to_numpy(network.first_layer_weights()).astype(float)
    # P^T C P, without the n by n entries of C
    inside_first, mixed = P.T @ first, (P.T @ B) @ (above @ P)
    a0 = float(np.linalg.eigvalsh(mixed + mixed.T - inside_first @ inside_first.T)[0]) / 2
    size = float(np.sum(first**2) + 2 * np.linalg.norm(B) * np.linalg.norm(above))
    condition = float(S[0] / S[-1])
    rounding = (8 + sum(network.widths)) * condition * eps * size
    errors = to_numpy(forward(network, problem.X).output - problem.Y).astype(float)
    inside = data.column_basis.T @ errors
    potential = float(np.sum((inside @ Q.T * S) ** 2)) / (2 * problem.n_samples)
    return MatrixAlignment(full_rank, a0, rounding, potential, smallest**2, condition)
