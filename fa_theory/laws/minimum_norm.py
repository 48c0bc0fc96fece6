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

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.laws import minimum_norm
    >>> minimum_norm(np.array([[1.0, 1.0]]), np.array([[2.0]])).round(9).tolist()  # of all (a, b) with a + b = 2
    [[1.0, 1.0]]
    """
    data = spectrum(X)
    singular = np.sqrt(data.eigenvalues[: data.rank] * data.n_samples)
    components = (data.column_basis.T @ to_numpy(Y).astype(float)) / singular[:, None]
    return np.asarray(components.T @ data.row_basis)


def upper_layers(network: Network) -> Host:
    """Return W_L ... W_2, (m, n_1).

    Examples
    --------
    >>> import fa_theory as ft
    >>> ft.laws.upper_layers(ft.Network([[[1]], [[2]], [[3]]], "linear", [[[1]], [[1]]])).tolist()  # W_3 W_2
    [[6.0]]
    """
    return np.asarray(reduce(np.matmul, [to_numpy(W).astype(float) for W in network.weights[:0:-1]]))


def end_to_end(network: Network) -> Host:
    """Return W_L ... W_1, (m, d); with a bias b_1 it is W_L ... W_2 (W_1, b_1), (m, d + 1).

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> ft.laws.end_to_end(network).tolist()  # W_2 W_1
    [[2.0, 1.0]]
    """
    return np.asarray(upper_layers(network) @ to_numpy(network.first_layer_weights()).astype(float))


def unseen_map(start: Network, now: Network, problem: Problem) -> Host:
    """Return W_L ... W_2 of `now` times W_1 (I - P_X) of `start`, (m, d): what training can neither see nor remove.

    P_X projects on the row space of X; with a bias b_1, (x, 1) stands in place of x.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> problem = ft.Problem([[1, 0]], [1])  # the second input is never seen
    >>> ft.laws.unseen_map(network, network, problem).round(9).tolist()
    [[0.0, 1.0]]
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

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 1], [1, 2]], [[1, 1]]], "linear", [[[1], [1]]])
    >>> problem = ft.Problem([[1, 0]], [3])  # the second input is never seen, and the data say nothing of its weight
    >>> end = ft.simulate(network, problem, time=20.0, points=2).network_at(-1)
    >>> limit = ft.laws.predicted_limit(network, end, problem)
    >>> bool(abs(limit - ft.laws.end_to_end(end)).max() < 1e-6), round(float(limit[0, 0]), 6)
    (True, 3.0)
    """
    if not start.activation.is_linear:
        raise ValueError(f"activation must be linear, got {start.activation.name}")
    if any(b is not None for b in start.biases[1:]):
        raise ValueError("network must have no bias above the first layer")
    if problem.loss.name != "squared":
        raise ValueError(f"loss must be squared, got {problem.loss.name}")
    return minimum_norm(start.first_layer_inputs(problem.X), problem.Y) + unseen_map(start, end, problem)
