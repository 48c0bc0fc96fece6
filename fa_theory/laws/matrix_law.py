"""matrix-law: in linear networks W_l W_l^T + b_l b_l^T minus a symmetric form of the feedback is constant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fa_theory.laws.neuron_law import layers_with_potential
from fa_theory.model import (
    AdaptiveFeedback,
    Backprop,
    DirectFeedback,
    FeedbackAlignment,
    FeedbackRule,
    Network,
    SignFeedback,
)

if TYPE_CHECKING:
    from fa_theory.backend import Array


def _quadratic_form(rule: FeedbackRule, W: Array) -> Array:
    """Return the symmetric (n_l, n_l) form whose diagonal is 2 Psi."""
    match rule:
        case Backprop():
            return W.T @ W
        case AdaptiveFeedback():
            mixed = rule.D @ W
            return rule.kappa * (W.T @ W) + mixed + mixed.T
        case FeedbackAlignment() | SignFeedback() | DirectFeedback():
            mixed = rule.matrix(W) @ W
            return mixed + mixed.T
    raise ValueError(f"matrix-law is not known for the rule {rule.name!r}")


def has_matrix_law(network: Network) -> bool:
    """Tell whether every layer's rule has a matrix law (a user's own potential has none that is known).

    Examples
    --------
    >>> import fa_theory as ft
    >>> ft.laws.has_matrix_law(ft.initialise("gaussian", (2, 3, 1), rule="sign-fa"))
    True
    """
    known = (Backprop, AdaptiveFeedback, FeedbackAlignment, SignFeedback, DirectFeedback)
    return all(isinstance(rule, known) for rule in network.feedback)


def matrix_law(network: Network) -> tuple[Array, ...]:
    """Return the conserved matrix, (n_l, n_l), of each hidden layer that has the law.

    FA (and DFA below the output): W_l W_l^T + b_l b_l^T - B W_{l+1} - W_{l+1}^T B^T. Backprop: ... -
    W_{l+1}^T W_{l+1}. adaFA: ... - kappa W^T W - D W - W^T D^T. sign-FA: FA's with B = sign(W)^T, constant
    between sign changes, its diagonal always. It is evaluated for any activation, but constant in linear
    networks only; half its diagonal is the neuron law.

    Raises
    ------
    ValueError
        If a rule has no such form.

    Notes
    -----
    Statement matrix-law (own).

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> (law,) = ft.laws.matrix_law(network)
    >>> law.tolist()  # I - B W_2 - W_2^T B^T
    [[-3.0, -3.0], [-3.0, -1.0]]
    """
    laws = []
    for layer in layers_with_potential(network):
        W, b = network.weights[layer], network.biases[layer]
        outer = W @ W.T if b is None else W @ W.T + b[:, None] * b[None, :]
        laws.append(outer - _quadratic_form(network.feedback[layer], network.weights[layer + 1]))
    return tuple(laws)
