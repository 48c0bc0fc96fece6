"""midpoint-exactness: the implicit midpoint rule keeps the neuron and matrix laws at any step size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.laws.matrix_law import matrix_law
from fa_theory.laws.neuron_law import layers_with_potential, neuron_law, require_degree
from fa_theory.model import AdaptiveFeedback, Backprop, DirectFeedback, FeedbackAlignment

if TYPE_CHECKING:
    from fa_theory.backend import Array
    from fa_theory.model import Network

_QUADRATIC = (AdaptiveFeedback, Backprop, DirectFeedback, FeedbackAlignment)


def has_quadratic_laws(network: Network) -> bool:
    """Tell whether every layer's rule has a quadratic potential (sign-FA's is not, a user's own need not be).

    Examples
    --------
    >>> import fa_theory as ft
    >>> [ft.laws.has_quadratic_laws(ft.initialise("gaussian", (2, 3, 1), rule=rule)) for rule in ("fa", "sign-fa")]
    [True, False]
    """
    return all(isinstance(rule, _QUADRATIC) for rule in network.feedback)


def quadratic_laws(network: Network) -> tuple[Array, ...]:
    """Return the quadratic invariants that the midpoint rule keeps: C_i and, in linear networks, the matrix law.

    Raises
    ------
    ValueError
        If the activation is not homogeneous, or a rule's potential is not quadratic.

    Notes
    -----
    Statement midpoint-exactness (own). With m the midpoint and Q quadratic, Q(y') - Q(y) = <grad Q(m), y' - y>, and
    y' - y = eta f(m), while <grad Q, f> = 0 at every point.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> [law.tolist() for law in ft.laws.quadratic_laws(network)]
    [[-1.5, -0.5], [[-3.0, -3.0], [-3.0, -1.0]]]
    """
    require_degree(network)
    if not has_quadratic_laws(network):
        raise ValueError(f"feedback must have quadratic potentials, got {network.rule_name}")
    laws = neuron_law(network)
    return (*laws, *matrix_law(network)) if network.activation.is_linear else laws


def steepest_quadratic_law(network: Network) -> float:
    """Return the largest sum of absolute derivatives of any of the `quadratic_laws` by the weights and biases.

    A step whose equation is solved to a residual r (in the maximum norm) moves them by at most that many times r.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 2]], [[2]]], "relu", [[[3]]])
    >>> ft.laws.steepest_quadratic_law(network)  # C = 1/2 |w|^2 - 3 v has the derivatives 1, 2 and -3
    6.0
    """
    degree = require_degree(network)
    steepest = 0.0
    for layer in layers_with_potential(network):
        W, b = to_numpy(network.weights[layer]), network.biases[layer]
        M = to_numpy(network.feedback[layer].matrix(network.weights[layer + 1]))
        derivatives = np.sum(abs(W), axis=1) + degree * np.sum(abs(M), axis=1)
        if b is not None:
            derivatives = derivatives + abs(to_numpy(b))
        steepest = max(steepest, float(np.max(derivatives)))
    # an entry of the matrix law has the derivatives of two neurons, its diagonal twice those of one
    return 2 * steepest if network.activation.is_linear else steepest
