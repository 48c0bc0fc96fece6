"""dfa-law: in linear networks under direct feedback layer l obeys the matrix law with B_l B_{l+1}^+ in place of B."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.laws.exact import exact_rank
from fa_theory.model import DirectFeedback

if TYPE_CHECKING:
    from fa_theory.model import Network

Host = np.ndarray[Any, Any]


class FeedbackPair(NamedTuple):
    """The direct feedback of a hidden layer and of the one above it.

    Attributes
    ----------
    layer : int
        The lower hidden layer, counted from 0.
    effective : array, (n_l, n_{l+1})
        B_l B_{l+1}^+, with the singular values of B_{l+1} that exceed the rank tolerance.
    included : bool
        Whether null(B_{l+1}) lies inside null(B_l), decided over the rationals that the floats are.
    lost : float
        |B_l (I - B_{l+1}^+ B_{l+1})| / |B_l| in Frobenius norms: the part of B_l that acts on null(B_{l+1}).
    rank, float_rank : int
        The rank of B_{l+1}, over the rationals and by its singular values.
    smallest : float
        The smallest singular value that counts as non-zero over the rank tolerance max(n_{l+1}, m) eps s_max; 0 if
        none does.
    condition : float
        The largest singular value over the smallest that counts as non-zero (1 if none does).

    Examples
    --------
    >>> import fa_theory as ft
    >>> (pair,) = ft.laws.feedback_pairs(ft.initialise("gaussian", (2, 3, 4, 1), rule="dfa"))
    >>> pair.layer, pair.effective.shape
    (0, (3, 4))
    """

    layer: int
    effective: Host
    included: bool
    lost: float
    rank: int
    float_rank: int
    smallest: float
    condition: float


def feedback_pairs(network: Network) -> tuple[FeedbackPair, ...]:
    """Compare the direct feedback of every hidden layer but the last with that of the layer above.

    Raises
    ------
    ValueError
        If the rule is not DFA.

    Examples
    --------
    >>> import fa_theory as ft
    >>> (pair,) = ft.laws.feedback_pairs(ft.initialise("gaussian", (2, 3, 3, 2), rule="dfa"))
    >>> pair.included, pair.rank  # B_2 has full column rank, so that null(B_2) is {0}
    (True, 2)
    """
    matrices = _direct_matrices(network)
    return tuple(_pair(layer, below, above) for layer, (below, above) in enumerate(pairwise(matrices)))


def effective_feedback(network: Network) -> tuple[Host, ...]:
    """Return B_l B_{l+1}^+, (n_l, n_{l+1}), for every hidden layer but the last, and the last one's B, (n_{L-1}, m).

    Raises
    ------
    ValueError
        If the rule is not DFA.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.initialise("gaussian", (2, 3, 4, 1), rule="dfa")
    >>> below, above = ft.laws.effective_feedback(network)
    >>> bool(abs(below @ above - network.matrices()[0]).max() < 1e-12)  # B_1 B_2^+ B_2 = B_1
    True
    """
    return (*(pair.effective for pair in feedback_pairs(network)), _direct_matrices(network)[-1])


def dfa_law(network: Network, effective: tuple[Host, ...] | None = None) -> tuple[Host, ...]:
    """Return W_l W_l^T + b_l b_l^T - E_l W_{l+1} - W_{l+1}^T E_l^T, (n_l, n_l), of each hidden layer.

    It is evaluated for any activation and feedback, but constant in linear networks and in those layers only for which
    null(B_{l+1}) lies inside null(B_l).

    Parameters
    ----------
    network : Network
        The state.
    effective : tuple of arrays, optional
        E_l = `effective_feedback`, which does not change along a run.

    Raises
    ------
    ValueError
        If the rule is not DFA.

    Notes
    -----
    Statement dfa-law (own). dW_l/dt h_l^T = -B_l E[e h_l^T] and dW_{l+1}/dt = -B_{l+1} E[e h_l^T], so E_l carries the
    second to the first if B_l B_{l+1}^+ B_{l+1} = B_l.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.initialise("gaussian", (2, 3, 3, 1), rule="dfa")
    >>> run = ft.simulate(network, ft.Problem([[1, 0], [0, 1]], [1, 1]), time=1.0, points=2)
    >>> laws = [ft.laws.dfa_law(state) for state in map(run.network_at, (0, 1))]
    >>> [bool(abs(before - after).max() < 1e-6) for before, after in zip(*laws)]
    [True, True]
    """
    laws = []
    for layer, matrix in enumerate(effective_feedback(network) if effective is None else effective):
        W, b = _host(network.weights[layer]), network.biases[layer]
        outer = W @ W.T if b is None else W @ W.T + np.outer(_host(b), _host(b))
        mixed = matrix @ _host(network.weights[layer + 1])
        laws.append(outer - mixed - mixed.T)
    return tuple(laws)


def dfa_law_size(network: Network, effective: tuple[Host, ...]) -> tuple[float, ...]:
    """Return for each hidden layer the largest entry of its law with all terms made positive.

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.model import DirectFeedback
    >>> network = ft.Network([[[1]], [[-2]]], "linear", [DirectFeedback(np.array([[3.0]]))])
    >>> ft.laws.dfa_law_size(network, ft.laws.effective_feedback(network))  # 1 + 6 + 6
    (13.0,)
    """
    sizes = []
    for layer, matrix in enumerate(effective):
        W, b = abs(_host(network.weights[layer])), network.biases[layer]
        outer = W @ W.T if b is None else W @ W.T + np.outer(abs(_host(b)), abs(_host(b)))
        mixed = abs(matrix) @ abs(_host(network.weights[layer + 1]))
        sizes.append(float(np.max(outer + mixed + mixed.T)))
    return tuple(sizes)


def _host(array: Any) -> Host:
    return to_numpy(array).astype(float)


def _direct_matrices(network: Network) -> tuple[Host, ...]:
    if not all(isinstance(rule, DirectFeedback) for rule in network.feedback):
        raise ValueError(f"feedback must be dfa in every hidden layer, got {network.rule_name}")
    return tuple(_host(matrix) for matrix in network.matrices())


def _pair(layer: int, below: Host, above: Host) -> FeedbackPair:
    left, singular, right = np.linalg.svd(above, full_matrices=False)
    tolerance = max(above.shape) * float(np.finfo(float).eps) * float(singular[0])
    kept = int(np.sum(singular > tolerance))
    along = below @ right[:kept].T
    size = float(np.linalg.norm(below))
    lost = float(np.linalg.norm(below - along @ right[:kept])) / size if size else 0.0
    rank = exact_rank(above)
    return FeedbackPair(
        layer=layer,
        effective=(along / singular[:kept]) @ left[:, :kept].T,
        included=exact_rank(np.concatenate([above, below])) == rank,
        lost=lost,
        rank=rank,
        float_rank=kept,
        smallest=float(singular[kept - 1]) / tolerance if kept else 0.0,
        condition=float(singular[0] / singular[kept - 1]) if kept else 1.0,
    )
