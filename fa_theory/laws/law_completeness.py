"""law-completeness: matrix-law and projection-law are all the laws of two-layer linear FA, counted exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fa_theory.laws.exact import exact_array, exact_matrix, exact_rank

if TYPE_CHECKING:
    from typing import Any

    from fa_theory.model import Network

    Host = np.ndarray[Any, Any]


class LawCount(NamedTuple):
    """Independent laws and dimensions of the orbit at one state, by exact ranks and by formula.

    Attributes
    ----------
    laws : int
        The rank of the gradients of all entries of matrix-law and projection-law at the state.
    orbit : int
        The rank, at the state, of the fields (-B M, -M W_1^T) and their brackets (0, K B^T), M any (m, d) matrix and K
        skew: the dimension of what gradient flows on all data and losses together can reach.
    predicted_laws, predicted_orbit : int
        nd + mn - md - m(m-1)/2, and md + m(m-1)/2.
    parameters : int
        nd + mn.

    Examples
    --------
    >>> from fa_theory.laws import LawCount
    >>> LawCount(laws=7, orbit=2, predicted_laws=7, predicted_orbit=2, parameters=9).complete
    True
    """

    laws: int
    orbit: int
    predicted_laws: int
    predicted_orbit: int
    parameters: int

    @property
    def complete(self) -> bool:
        """Whether the laws and the orbit have the predicted dimensions, so that there are no further laws."""
        return (self.laws, self.orbit) == (self.predicted_laws, self.predicted_orbit)


def count_laws(network: Network) -> LawCount:
    """Count the independent laws of a two-layer linear network under FA at its state, over the rationals.

    Floats are taken as the rationals that they are; a hidden bias counts as the weight of a constant input.

    Parameters
    ----------
    network : Network
        Two layers, fixed feedback B of shape (n, m), n >= m, of rank m, no output bias.

    Raises
    ------
    ValueError
        If there are more than two layers, or an output bias.

    Notes
    -----
    Statement law-completeness (own). Two-layer linear FA moves (W_1, W_2) along (-B M, -M W_1^T) with M = E[e x^T]; all
    M occur over all data and losses. A law is constant along all of these, so laws and orbit together have at most as
    many dimensions as there are parameters; where both reach the formula, there is no further law.

    Examples
    --------
    >>> import fa_theory as ft
    >>> count = ft.laws.count_laws(ft.initialise("gaussian", (2, 3, 1)))
    >>> count.laws, count.orbit, count.parameters, count.complete  # nd + mn - md, md, nd + mn
    (7, 2, 9, True)
    """
    if network.depth != 2:
        raise ValueError(f"network must have two layers, got {network.depth}")
    if network.biases[-1] is not None:
        raise ValueError("network must have no output bias, got one")
    W, V = exact_array(network.first_layer_weights()), exact_array(network.weights[1])
    B = exact_array(network.matrices()[0])
    (n, d), m = W.shape, len(V)
    orbit = m * d + m * (m - 1) // 2
    return LawCount(
        laws=exact_rank(_law_gradients(W, V, B)),
        orbit=exact_rank(_orbit_directions(W, V, B)),
        predicted_laws=n * d + m * n - orbit,
        predicted_orbit=orbit,
        parameters=n * d + m * n,
    )


def _unit(shape: tuple[int, ...], index: tuple[int, ...]) -> Host:
    unit = np.zeros(shape, dtype=object)
    unit[index] = 1
    return unit


def _law_gradients(W: Host, V: Host, B: Host) -> Host:
    """Return the derivatives of every law (columns) by every weight (rows); the laws are quadratic and linear."""
    rows = []
    basis = [(_unit(W.shape, index), 0 * V) for index in np.ndindex(W.shape)]
    basis += [(0 * W, _unit(V.shape, index)) for index in np.ndindex(V.shape)]
    unreached, upper = _left_kernel(B), np.triu_indices(len(B))
    for dW, dV in basis:
        outer, mixed = dW @ W.T, B @ dV
        matrix = outer + outer.T - mixed - mixed.T
        rows.append(np.concatenate([matrix[upper], (unreached @ dW).ravel()]))
    return np.stack(rows)


def _left_kernel(B: Host) -> Host:
    """Return a basis, as rows, of the vectors c with c B = 0."""
    n = len(B)
    reduced, rank = exact_matrix(B.T).rref()
    pivots = [next(j for j in range(n) if reduced[i, j] != 0) for i in range(rank)]
    kernel = np.zeros((n - rank, n), dtype=object)
    for row, free in enumerate(j for j in range(n) if j not in pivots):
        kernel[row, free] = 1
        for i, pivot in enumerate(pivots):
            kernel[row, pivot] = -reduced[i, free]
    return kernel


def _orbit_directions(W: Host, V: Host, B: Host) -> Host:
    """Return the fields (-B M, -M W^T) for the unit matrices M, and (0, K B^T) for the elementary skew K, as rows."""
    (_, d), m = W.shape, len(V)
    rows = []
    for index in np.ndindex(m, d):
        M = _unit((m, d), index)
        rows.append(np.concatenate([(-B @ M).ravel(), (-M @ W.T).ravel()]))
    for i in range(m):
        for j in range(i):
            K = _unit((m, m), (i, j)) - _unit((m, m), (j, i))
            rows.append(np.concatenate([(0 * W).ravel(), (K @ B.T).ravel()]))
    return np.stack(rows)
