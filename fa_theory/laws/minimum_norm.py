"""minimum-norm: where a linear network ends once the squared loss has vanished."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from fa_theory.backend import Array, to_numpy
from fa_theory.model import Network, Problem, spectrum

Host = np.ndarray[Any, Any]


def minimum_norm(X: Array, Y: Array) -> Host:
    """Return Y^T (X^+)^T, (m, d): of all linear maps of least mean squared error, the one of least norm.

    Singular values of X within the rank tolerance count as zero.

    Notes
    -----
    Statement minimum-norm (paper).
    """
    data = spectrum(X)
    singular = np.sqrt(data.eigenvalues[: data.rank] * data.n_samples)
    components = (data.column_basis.T @ to_numpy(Y).astype(float)) / singular[:, None]
    return np.asarray(components.T @ data.row_basis)


def upper_layers(network: Network) -> Host:
    """Return W_L ... W_2, (m, n_1)."""
    return np.asarray(reduce(np.matmul, [to_numpy(W).astype(float) for W in network.weights[:0:-1]]))


def end_to_end(network: Network) -> Host:
    """Return W_L ... W_1, (m, d); with a bias b_1 it is W_L ... W_2 (W_1, b_1), (m, d + 1)."""
    return np.asarray(upper_layers(network) @ to_numpy(network.first_layer_weights()).astype(float))


def unseen_map(start: Network, now: Network, problem: Problem) -> Host:
    """Return W_L ... W_2 of `now` times W_1 (I - P_X) of `start`, (m, d): what training can neither see nor remove.

    P_X projects on the row space of X; with a bias b_1, (x, 1) stands in place of x.
    """
    first = to_numpy(start.first_layer_weights()).astype(float)
    basis = spectrum(start.first_layer_inputs(problem.X)).row_basis
    return np.asarray(upper_layers(now) @ (first - (first @ basis.T) @ basis))


def predicted_limit(start: Network, end: Network, problem: Problem) -> Host:
    """Return Y^T (X^+)^T + W_L(end) ... W_2(end) W_1(0) (I - P_X), the limit of the end-to-end map.

    It is the minimum-norm map alone, known from the data, where the rows of W_1(0) lie in the row space of X.

    Parameters
    ----------
    start, end
        The network at the start and at the end of a run whose loss has fallen to that of the best linear map; linear,
        with no bias above the first layer. Any depth and feedback rule.
    problem
        Data; the squared loss.

    Raises
    ------
    ValueError
        If the activation is not linear, a bias above the first layer is trained, or the loss is not the squared one.

    Notes
    -----
    Statement minimum-norm (FA, two layers: paper; any depth and rule, the part outside the row space: own).
    """
    if not start.activation.is_linear:
        raise ValueError(f"activation must be linear, got {start.activation.name}")
    if any(b is not None for b in start.biases[1:]):
        raise ValueError("network must have no bias above the first layer")
    if problem.loss.name != "squared":
        raise ValueError(f"loss must be squared, got {problem.loss.name}")
    return minimum_norm(start.first_layer_inputs(problem.X), problem.Y) + unseen_map(start, end, problem)
