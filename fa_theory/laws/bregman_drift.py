"""bregman-drift: what one discrete step does to the neuron law, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fa_theory.backend import Array, namespace
from fa_theory.dynamics import forward, take_step, update_directions
from fa_theory.laws.neuron_law import layers_with_potential, neuron_law, require_degree

if TYPE_CHECKING:
    from fa_theory.model import Network


class Drift(NamedTuple):
    """The change of C_i in one step for one hidden layer, observed and predicted.

    Attributes
    ----------
    observed, predicted : array, (n_l,)
        C_i after minus C_i before; 1/2 eta^2 (|F_l[i,:]|^2 + bias part) - p D_Psi(v_i after, v_i before).

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1]], [[2]]], "linear", [[[1]]])
    >>> _, (drift,) = ft.laws.bregman_drift(network, np.array([[1.0]]), np.array([[1.0]]), step_size=0.5)
    >>> drift.observed.tolist(), drift.predicted.tolist()
    ([0.125], [0.125])
    """

    observed: Array
    predicted: Array


def bregman_drift(network: Network, X: Array, errors: Array, step_size: Any) -> tuple[Network, tuple[Drift, ...]]:
    """Take one step W_l <- W_l - eta F_l and return the network after it with the change of the neuron law.

    Parameters
    ----------
    network : Network
        The state before; its activation must be homogeneous.
    X : array, (N, d)
        The samples of the step (a minibatch or all).
    errors : array, (N, m)
        e at these samples. Any matrix will do: the identity holds for any loss.
    step_size : number
        eta.

    Returns
    -------
    Network
        The network after the step.
    tuple of Drift
        For each hidden layer that has a neuron law. On exact inputs both sides are equal, not only close.

    Raises
    ------
    ValueError
        If the activation is not homogeneous.

    Notes
    -----
    Statement bregman-drift (own). D_Psi(v', v) = Psi(v') - Psi(v) - <M(v), v' - v> with the M that the rule
    used.

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1]], [[2]]], "linear", [[[1]]])
    >>> after, (drift,) = ft.laws.bregman_drift(network, np.array([[1.0]]), np.array([[1.0]]), step_size=0.5)
    >>> after.weights[0].item(), after.weights[1].item()  # one step of 1/2 along F = (B e x, e W_1 x) = (1, 1)
    (0.5, 1.5)
    >>> drift.observed.item(), drift.predicted.item()  # 1/2 eta^2 |F_1|^2
    (0.125, 0.125)
    """
    degree = require_degree(network)
    directions = update_directions(network, forward(network, X), errors)
    after = network.with_parameters(take_step(network.parameters, directions, step_size))
    drifts = []
    for layer, before_law, after_law in zip(
        layers_with_potential(network), neuron_law(network), neuron_law(after), strict=True
    ):
        rule, old, new = network.feedback[layer], network.weights[layer + 1], after.weights[layer + 1]
        xp = namespace(old)
        bregman = rule.potential(new) - rule.potential(old) - xp.sum(rule.matrix(old) * (new - old).T, axis=1)
        squared = xp.sum(directions.weights[layer] ** 2, axis=1)
        bias = directions.biases[layer]
        if bias is not None:
            squared = squared + bias**2
        drifts.append(Drift(after_law - before_law, step_size * step_size * squared / 2 - degree * bregman))
    return after, tuple(drifts)
