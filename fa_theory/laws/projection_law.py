"""projection-law: what the updates of the first layer cannot reach stays as it was."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from fa_theory.backend import Array, from_numpy, machine_epsilon, to_numpy
from fa_theory.model import DirectFeedback, FeedbackAlignment, Network, spectrum

Host = np.ndarray[Any, Any]


def unseen_inputs(network: Network, X: Array) -> Array:
    """Return W_1 (I - P_X), (n_1, d), with P_X the projector on the row space of X; constant for any rule.

    Notes
    -----
    Statement projection-law (own).

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 2], [3, 4]], [[1, 1]]], "relu", [[[1], [1]]])
    >>> ft.laws.unseen_inputs(network, np.array([[1.0, 0.0]])).tolist()  # only the first input is ever seen
    [[0.0, 2.0], [0.0, 4.0]]
    """
    W, basis = to_numpy(network.weights[0]), spectrum(X).row_basis
    return from_numpy(W - (W @ basis.T) @ basis, network.weights[0])


def feedback_range(network: Network) -> Host:
    """Return U, an orthonormal basis, (n_1, r), of the range of B_2 B_3 ... B_L.

    The product ends with the first direct feedback (DFA), which takes the output error itself.

    Raises
    ------
    ValueError
        If the feedback is not fixed (FA or DFA).

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1], [2]], [[1, 1]]], "linear", [[[3], [4]]])
    >>> abs(ft.laws.feedback_range(network)).round(9).tolist()
    [[0.6], [0.8]]
    """
    rules = network.feedback
    if not all(isinstance(rule, FeedbackAlignment | DirectFeedback) for rule in rules):
        raise ValueError(f"feedback must be fixed (fa or dfa), got {network.rule_name}")
    last = next((layer for layer, rule in enumerate(rules) if rule.direct), len(rules) - 1)
    product = reduce(np.matmul, [to_numpy(matrix) for matrix in network.matrices()[: last + 1]])
    left, singular, _ = np.linalg.svd(product, full_matrices=False)
    rank = int(np.sum(singular > max(product.shape) * machine_epsilon(network.weights[0]) * singular[0]))
    return np.asarray(left[:, :rank])


def unreached_neurons(network: Network) -> Array:
    """Return (I - U U^T) (W_1, b_1), (n_1, d) or (n_1, d + 1), U = `feedback_range`; linear nets keep it.

    Raises
    ------
    ValueError
        If the feedback is not fixed (FA or DFA).

    Notes
    -----
    Statement projection-law (own).

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1], [2]], [[1, 1]]], "linear", [[[1], [0]]])
    >>> ft.laws.unreached_neurons(network).tolist()  # no feedback comes to the second neuron
    [[0.0], [2.0]]
    """
    W, U = to_numpy(network.first_layer_weights()), feedback_range(network)
    return from_numpy(W - U @ (U.T @ W), network.weights[0])
