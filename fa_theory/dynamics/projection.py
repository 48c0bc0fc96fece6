"""The classical Runge-Kutta step followed by a projection onto the neuron law, for comparison with the Gauss methods.

An explicit step of order four leaves the surface {C_i = C_i(0)} by its error; Newton's method along the gradients of
the C_i leads back. The law is then kept by force, not by the method: nothing is learnt from it about statement
neuron-law, and what has no law (the matrix law off its diagonal, projection-law) drifts on.
"""

from __future__ import annotations

from fa_theory.backend import Array, machine_epsilon, namespace
from fa_theory.dynamics.fixed_steps import Field, Step, Stepped
from fa_theory.dynamics.trajectory import BLOW_UP, flatten, unflatten
from fa_theory.model import Network, Parameters

_SWEEPS = 30


def projected_step(network: Network) -> Step:
    """Return the step of the classical Runge-Kutta method, projected onto {C_i = C_i(0)} from the network's start.

    The laws of one hidden layer share no weight, so that Newton's method along their gradients is one division a
    neuron; layers are swept in turn. Where the sweeps do not reach rounding the step returns None.

    Raises
    ------
    ValueError
        If the activation is not homogeneous, so that there is no law to project onto.
    """
    if network.activation.degree is None:
        raise ValueError(f"method projection needs the neuron law, which activation {network.activation.name} has not")
    degree, last = network.activation.degree, network.depth - 2
    layers = tuple(layer for layer, rule in enumerate(network.feedback) if layer == last or not rule.direct)
    wanted = tuple(_law(network, layer, degree)[0] for layer in layers)

    def step(velocity: Field, y: Array, h: float) -> Stepped | None:
        one = velocity(y)
        two = velocity(y + h / 2 * one)
        three = velocity(y + h / 2 * two)
        four = velocity(y + h * three)
        free = y + h / 6 * (one + 2 * (two + three) + four)
        if not float(namespace(y).max(abs(free))) <= BLOW_UP:
            return Stepped(free, (h,))
        reached = project(free)
        return None if reached is None else Stepped(reached, (h,))

    def project(y: Array) -> Array | None:
        now = network.with_parameters(unflatten(y, network.parameters))
        before = float("inf")
        for _ in range(_SWEEPS):
            off = 0.0
            for layer, target in zip(layers, wanted, strict=True):
                law, size = _law(now, layer, degree)
                gap = target - law
                xp = namespace(gap)
                off = max(off, float(xp.max(abs(gap) / (machine_epsilon(gap) * (1 + size)))))
                now = now.with_parameters(_moved(now, layer, degree, gap))
            if not off < float("inf"):
                return None
            # to a few roundings, and no better by another sweep
            if off <= 16 and off >= before / 2:
                return flatten(now.parameters)
            before = off
        return None

    return step


def _law(network: Network, layer: int, degree: int) -> tuple[Array, Array]:
    """Return C_i, (n_l,), of a hidden layer, and the size of the terms that it adds up."""
    W, b = network.weights[layer], network.biases[layer]
    rule, above = network.feedback[layer], network.weights[layer + 1]
    xp = namespace(W)
    squared = xp.sum(W**2, axis=1) if b is None else xp.sum(W**2, axis=1) + b**2
    terms = xp.sum(abs(rule.matrix(above) * above.T), axis=1)
    return squared / 2 - degree * rule.potential(above), squared / 2 + degree * terms


def _moved(network: Network, layer: int, degree: int, gap: Array) -> Parameters:
    """Return the parameters after one step of Newton's method along the gradient of each C_i of a layer."""
    weights, biases, shares = network.parameters
    W, b, M = weights[layer], biases[layer], network.feedback[layer].matrix(weights[layer + 1])
    xp = namespace(W)
    squared = xp.sum(W**2, axis=1) + degree**2 * xp.sum(M**2, axis=1)
    if b is not None:
        squared = squared + b**2
    # a gradient that vanishes leads nowhere
    length = xp.where(squared > 0, gap / xp.where(squared > 0, squared, xp.ones_like(squared)), xp.zeros_like(gap))
    new_weights = list(weights)
    new_weights[layer] = W + length[:, None] * W
    new_weights[layer + 1] = weights[layer + 1] - degree * (length[:, None] * M).T
    new_biases = list(biases)
    new_biases[layer] = None if b is None else b + length * b
    return Parameters(tuple(new_weights), tuple(new_biases), shares)
