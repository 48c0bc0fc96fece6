"""neuron-identity: d/dt 1/2 (|W_l[i,:]|^2 + b_l[i]^2) = p <M_{l+1}[i,:], d/dt W_{l+1}[:,i]> always."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fa_theory.backend import Array, namespace
from fa_theory.dynamics import forward, magnitudes, update_directions
from fa_theory.laws.neuron_law import layers_with_potential, require_degree

if TYPE_CHECKING:
    from fa_theory.model import Network


class Identity(NamedTuple):
    """Both sides of an identity for one hidden layer, and the scale of rounding in them.

    Attributes
    ----------
    left, right : array, (n_l,)
        The two sides, neuron by neuron.
    size : array, (n_l,)
        The sum of the absolute values of all terms on both sides.

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1]], [[2]]], "relu", [[[3]]])
    >>> (identity,) = ft.laws.neuron_identity(network, np.array([[1.0]]), np.array([[1.0]]))
    >>> identity.left.tolist(), identity.right.tolist(), identity.size.tolist()
    ([-3.0], [-3.0], [6.0])
    """

    left: Array
    right: Array
    size: Array


def neuron_identity(
    network: Network, X: Array, errors: Array, slopes: tuple[Array, ...] | None = None
) -> tuple[Identity, ...]:
    """Return both sides of neuron-identity for every hidden layer to which it applies.

    Parameters
    ----------
    network : Network
        The state; its activation must be homogeneous.
    X : array, (N, d)
        Samples.
    errors : array, (N, m)
        e, the derivative of each sample's loss with respect to the output. Any matrix will do: the identity
        holds for any loss.
    slopes : tuple of arrays, optional
        phi' of the hidden layers where the state lies on a kink.

    Returns
    -------
    tuple of Identity
        Under DFA the last hidden layer only; else all hidden layers.

    Raises
    ------
    ValueError
        If the activation is not homogeneous.

    Notes
    -----
    Statement neuron-identity (paper; form: own).

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1]], [[2]]], "relu", [[[3]]])
    >>> (identity,) = ft.laws.neuron_identity(network, np.array([[1.0]]), np.array([[1.0]]))
    >>> identity.left.item(), identity.right.item()  # -<W_1, B e x^T> and -<B, e h^T>
    (-3.0, -3.0)
    """
    degree = require_degree(network)
    passed = forward(network, X, slopes)
    directions = update_directions(network, passed, errors)
    sizes = magnitudes(network, passed, errors)
    identities = []
    for layer in layers_with_potential(network):
        W, F, b = network.weights[layer], directions.weights[layer], network.biases[layer]
        M = network.feedback[layer].matrix(network.weights[layer + 1])
        xp = namespace(W)
        left, size = -xp.sum(W * F, axis=1), xp.sum(abs(W) * sizes.weights[layer], axis=1)
        if b is not None:
            left = left - b * directions.biases[layer]
            size = size + abs(b) * sizes.biases[layer]
        right = -degree * xp.sum(M * directions.weights[layer + 1].T, axis=1)
        size = size + degree * xp.sum(abs(M) * sizes.weights[layer + 1].T, axis=1)
        identities.append(Identity(left, right, size))
    return tuple(identities)
