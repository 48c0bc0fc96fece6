"""neuron-law: C_i = 1/2 (|W_l[i,:]|^2 + b_l[i]^2) - p Psi_i(W_{l+1}[:,i]) is constant along the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fa_theory.backend import Array, namespace

if TYPE_CHECKING:
    from fa_theory.model import Network


def require_degree(network: Network) -> int:
    """Return the activation's degree p of homogeneity; raise ValueError if it has none.

    Examples
    --------
    >>> import fa_theory as ft
    >>> ft.laws.require_degree(ft.initialise("gaussian", (2, 3, 1), "relu"))
    1
    >>> ft.laws.require_degree(ft.initialise("gaussian", (2, 3, 1), "tanh"))
    Traceback (most recent call last):
        ...
    ValueError: activation tanh is not homogeneous, so there is no neuron law
    """
    degree = network.activation.degree
    if degree is None:
        raise ValueError(f"activation {network.activation.name} is not homogeneous, so there is no neuron law")
    return degree


def layers_with_potential(network: Network) -> tuple[int, ...]:
    """Return the hidden layers (counted from 0) that see the feedback of the layer above.

    All of them, except under direct feedback, where only the last hidden layer does.

    Examples
    --------
    >>> import fa_theory as ft
    >>> [ft.laws.layers_with_potential(ft.initialise("gaussian", (2, 3, 3, 1), rule=rule)) for rule in ("fa", "dfa")]
    [(0, 1), (1,)]
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

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "relu", [[[1], [1]]])
    >>> run = ft.simulate(network, ft.Problem([[1, 0], [0, 1]], [1, 1]), time=1.0, points=2)
    >>> [[law.round(6).tolist() for law in ft.laws.neuron_law(state)] for state in map(run.network_at, (0, 1))]
    [[[-1.5, -0.5]], [[-1.5, -0.5]]]
    """
    degree = require_degree(network)
    return tuple(
        _squared_norms(network, layer) / 2 - degree * network.feedback[layer].potential(network.weights[layer + 1])
        for layer in layers_with_potential(network)
    )


def neuron_law_size(network: Network) -> tuple[Array, ...]:
    """Return 1/2 |w_i|^2 + p (|Psi_i| + sum_k |M_ik v_ki|), the scale of rounding in each C_i.

    Both terms are needed: under adaFA either may cancel where the other does not.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "relu", [[[1], [-1]]])
    >>> [size.tolist() for size in ft.laws.neuron_law_size(network)]  # 1/2 |w_i|^2 + 2 |B_i v_i|
    [[4.5, 2.5]]
    """
    degree = require_degree(network)
    sizes = []
    for layer in layers_with_potential(network):
        rule, above = network.feedback[layer], network.weights[layer + 1]
        terms = namespace(above).sum(abs(rule.matrix(above) * above.T), axis=1) + abs(rule.potential(above))
        sizes.append(_squared_norms(network, layer) / 2 + degree * terms)
    return tuple(sizes)
