"""neuron-law: C_i = 1/2 (|W_l[i,:]|^2 + b_l[i]^2) - p Psi_i(W_{l+1}[:,i]) is constant along the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fa_theory.backend import Array, namespace

if TYPE_CHECKING:
    from fa_theory.model import Network


def require_degree(network: Network) -> int:
    """Return the activation's degree p of homogeneity; raise ValueError if it has none."""
    degree = network.activation.degree
    if degree is None:
        raise ValueError(f"activation {network.activation.name} is not homogeneous, so there is no neuron law")
    return degree


def layers_with_potential(network: Network) -> tuple[int, ...]:
    """Return the hidden layers (counted from 0) that see the feedback of the layer above.

    All of them, except under direct feedback, where only the last hidden layer does.
    """
    last = network.depth - 2
    return tuple(layer for layer, rule in enumerate(network.feedback) if layer == last or not rule.direct)


def _squared_norms(network: Network, layer: int) -> Array:
    W, b = network.weights[layer], network.biases[layer]
    total = namespace(W).sum(W**2, axis=1)
    return total if b is None else total + b**2


def neuron_law(network: Network) -> tuple[Array, ...]:
    """Return C_i for every neuron, an array (n_l,) for each hidden layer that has the law.

    Raises
    ------
    ValueError
        If the activation is not homogeneous.

    Notes
    -----
    Statement neuron-law (FA: paper; potential form: own). Exact on exact inputs.
    """
    degree = require_degree(network)
    return tuple(
        _squared_norms(network, layer) / 2 - degree * network.feedback[layer].potential(network.weights[layer + 1])
        for layer in layers_with_potential(network)
    )


def neuron_law_size(network: Network) -> tuple[Array, ...]:
    """Return 1/2 |w_i|^2 + p (|Psi_i| + sum_k |M_ik v_ki|), the scale of rounding in each C_i.

    Both terms are needed: under adaFA either may cancel where the other does not.
    """
    degree = require_degree(network)
    sizes = []
    for layer in layers_with_potential(network):
        rule, above = network.feedback[layer], network.weights[layer + 1]
        terms = namespace(above).sum(abs(rule.matrix(above) * above.T), axis=1) + abs(rule.potential(above))
        sizes.append(_squared_norms(network, layer) / 2 + degree * terms)
    return tuple(sizes)
