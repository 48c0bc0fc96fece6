"""Forward and backward passes: the update directions F_l, the true gradients G_l, and tangents of the flow.

Everything here is plain array code over any array namespace, and over exact rationals in NumPy object arrays.
"""

from __future__ import annotations

from typing import NamedTuple

from fa_theory.backend import Array, namespace
from fa_theory.model import Network, Parameters, Problem


class ForwardPass(NamedTuple):
    """The network at every sample; rows are samples.

    Attributes
    ----------
    inputs : tuple of arrays
        h_0 = X, h_1, ..., h_{L-1}, each (N, n_l).
    preactivations : tuple of arrays
        z_1, ..., z_L, each (N, n_l); the last is the output f.
    slopes : tuple of arrays
        phi'(z_1), ..., phi'(z_{L-1}), each (N, n_l).
    """

    inputs: tuple[Array, ...]
    preactivations: tuple[Array, ...]
    slopes: tuple[Array, ...]

    @property
    def output(self) -> Array:
        """f(x), (N, m)."""
        return self.preactivations[-1]


def _affine(h: Array, W: Array, b: Array | None) -> Array:
    return h @ W.T if b is None else h @ W.T + b


def forward(network: Network, X: Array, slopes: tuple[Array, ...] | None = None) -> ForwardPass:
    """Run the network on X, (N, d).

    Parameters
    ----------
    network : Network
        The network.
    X : array, (N, d)
        Samples.
    slopes : tuple of arrays, optional
        For a piecewise-linear activation: the slope theta_ij to use for every neuron and sample, h = theta z, instead
        of the one that the sign of z gives. The flow needs this at kinks and between events.
    """
    weights, biases = network.weights, network.biases
    inputs, preactivations, used = [X], [], []
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        z = _affine(inputs[-1], W, b)
        preactivations.append(z)
        if layer < len(weights) - 1:
            slope = network.activation.derivative(z) if slopes is None else slopes[layer]
            used.append(slope)
            inputs.append(network.activation.function(z) if slopes is None else slope * z)
    return ForwardPass(tuple(inputs), tuple(preactivations), tuple(used))


def loss_of(network: Network, problem: Problem) -> Array:
    """Return the objective, the mean loss over the samples, as a scalar array."""
    return problem.loss.mean(forward(network, problem.X).output, problem.Y)


def backward(network: Network, passed: ForwardPass, errors: Array, matrices: tuple[Array, ...]) -> tuple[Array, ...]:
    """Return the backward signals delta_1, ..., delta_L, each (N, n_l).

    Parameters
    ----------
    network : Network
        Tells which layers take the output error directly (DFA).
    passed : ForwardPass
        The forward pass.
    errors : array, (N, m)
        e, the derivative of each sample's loss with respect to the output.
    matrices : tuple of arrays
        M_2, ..., M_L, as `Network.matrices` or the transposed weights give them.
    """
    return _signals(passed, errors, matrices, tuple(rule.direct for rule in network.feedback))


def _signals(
    passed: ForwardPass, errors: Array, matrices: tuple[Array, ...], direct: tuple[bool, ...]
) -> tuple[Array, ...]:
    signals = [errors]
    for layer in range(len(matrices) - 1, -1, -1):
        above = errors if direct[layer] else signals[0]
        signals.insert(0, (above @ matrices[layer].T) * passed.slopes[layer])
    return tuple(signals)


def _mean_outer(signal: Array, h: Array) -> Array:
    return signal.T @ h / signal.shape[0]


def _mean(signal: Array) -> Array:
    return namespace(signal).sum(signal, axis=0) / signal.shape[0]


def _directions(network: Network, passed: ForwardPass, signals: tuple[Array, ...]) -> Parameters:
    return Parameters(
        tuple(_mean_outer(signal, h) for signal, h in zip(signals, passed.inputs, strict=True)),
        tuple(None if b is None else _mean(signal) for signal, b in zip(signals, network.biases, strict=True)),
    )


def update_directions(
    network: Network, passed: ForwardPass, errors: Array, matrices: tuple[Array, ...] | None = None
) -> Parameters:
    """Return F_l = E[delta_l h_{l-1}^T] and the biases' E[delta_l] under the network's feedback (mean over samples).

    `matrices` overrides M_2, ..., M_L; the flow of sign-FA holds them fixed between sign changes.
    """
    if matrices is None:
        matrices = network.matrices()
    return _directions(network, passed, backward(network, passed, errors, matrices))


def gradients(network: Network, passed: ForwardPass, errors: Array) -> Parameters:
    """Return the true gradients G_l of the objective: `update_directions` with M = W^T in every layer."""
    matrices = tuple(W.T for W in network.weights[1:])
    return _directions(network, passed, _signals(passed, errors, matrices, (False,) * len(matrices)))


def magnitudes(network: Network, passed: ForwardPass, errors: Array, *, of_gradients: bool = False) -> Parameters:
    """Return the update directions, or the gradients, with every term replaced by its absolute value.

    This is the scale of rounding in them.
    """
    if of_gradients:
        matrices, direct = tuple(W.T for W in network.weights[1:]), (False,) * (network.depth - 1)
    else:
        matrices, direct = network.matrices(), tuple(rule.direct for rule in network.feedback)
    absolute = ForwardPass(
        tuple(abs(h) for h in passed.inputs), passed.preactivations, tuple(abs(s) for s in passed.slopes)
    )
    signals = _signals(absolute, abs(errors), tuple(abs(M) for M in matrices), direct)
    return _directions(network, absolute, signals)


def tangents(network: Network, passed: ForwardPass, velocity: Parameters) -> tuple[Array, ...]:
    """Return dz_1/dt, ..., dz_L/dt, each (N, n_l), when weights and biases move with `velocity`.

    A forward-mode derivative; it shares no line with `gradients`, and so checks them.
    """
    moving: list[Array] = []
    for layer, (W, dW, db) in enumerate(zip(network.weights, velocity.weights, velocity.biases, strict=True)):
        dz = _affine(passed.inputs[layer], dW, db)
        if layer > 0:
            dz = dz + (passed.slopes[layer - 1] * moving[-1]) @ W.T
        moving.append(dz)
    return tuple(moving)


def inner(left: Parameters, right: Parameters, layer: int) -> Array:
    """Return the Frobenius inner product of one layer's weights and bias (layer counted from 0), a scalar array."""
    xp = namespace(left.weights[layer])
    total = xp.sum(left.weights[layer] * right.weights[layer])
    one, other = left.biases[layer], right.biases[layer]
    return total if one is None or other is None else total + xp.sum(one * other)
