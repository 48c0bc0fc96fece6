"""multi-output-decay: two-layer linear FA with several outputs decays exponentially when aligned as a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Assumption, Bound, Host
from fa_theory.dynamics import forward
from fa_theory.laws import has_matrix_law, matrix_law
from fa_theory.model import Network, Problem, spectrum


def _full_column_rank(B: np.ndarray[Any, Any], eps: float) -> Assumption:
    singular = np.linalg.svd(B, compute_uv=False)
    tolerance = max(B.shape) * eps * float(singular[0])
    smallest = float(singular[-1]) if B.shape[0] >= B.shape[1] else 0.0
    margin = smallest / tolerance - 1 if tolerance > 0 else -1.0
    return Assumption("B of full column rank", margin, margin > 0, f"smallest singular value {smallest:.6g}")


def multi_output_decay(network: Network, problem: Problem) -> Bound:
    """Return L(t) - L* <= V(0) / lambda_min(H) exp(-2 a0 lambda t) for two-layer linear FA with squared loss.

    H = B^T B, U = B H^{-1/2}, C the conserved matrix of matrix-law at the start, a0 = 1/2 lambda_min(-U^T C U),
    lambda the smallest non-zero eigenvalue of X X^T / N, V = 1/(2N) |H^{1/2} E_par|_F^2 with E_par the part of the error
    in the span of the data. With a hidden bias (x, 1) stands in place of x.

    Parameters
    ----------
    network, problem
        Start and data; m outputs, m = 1 included.

    Returns
    -------
    Bound
        On the excess loss over the best linear map.

    Notes
    -----
    Statement multi-output-decay (own).
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
    start = assume.start_loss(network, problem)
    floor = assume.best_linear_loss(problem, data)
    alignment, potential, smallest, rounding = 0.0, 0.0, 1.0, 0.0
    if has_matrix_law(network):
        B = to_numpy(network.feedback[-1].matrix(network.weights[-1])).astype(float)
        rank = _full_column_rank(B, eps)
        judged.append(rank)
        if rank.holds:
            # B = P S Q^T gives H = Q S^2 Q^T and U = P Q^T without squaring the condition number
            P, S, Q = np.linalg.svd(B, full_matrices=False)
            U = P @ Q
            C = to_numpy(matrix_law(network)[-1]).astype(float)
            alignment = float(np.linalg.eigvalsh(-U.T @ C @ U)[0]) / 2
            rounding = 16 * eps * len(C) * float(np.linalg.norm(C) + np.linalg.norm(B) * np.linalg.norm(to_numpy(network.weights[-1])))
            errors = to_numpy(forward(network, problem.X).output - problem.Y).astype(float)
            inside = data.column_basis @ (data.column_basis.T @ errors)
            potential = float(np.sum((inside @ Q.T * S) ** 2)) / (2 * problem.n_samples)
            smallest = float(S[-1]) ** 2
    judged.append(
        assume.judged("aligned start: lambda_min(-U^T C U) > 0", 2 * alignment, rounding, f"a0 = {alignment:.6g}")
    )
    rate = 2 * alignment * data.smallest_nonzero

    def curve(times: Host) -> Host:
        return np.asarray(potential / smallest * np.exp(-rate * times))

    return Bound(
        id="multi-output-decay",
        quantity="excess_loss" if floor else "loss",
        assumptions=tuple(judged),
        curve=curve,
        rate=rate,
        floor=floor,
        rounding=256 * eps * (1 + (floor / (start - floor) if start > floor else 0.0)),
        constants={
            "a0": alignment,
            "lambda": data.smallest_nonzero,
            "lambda_min_H": smallest,
            "V": potential,
            "start_loss": start,
        },
    )

