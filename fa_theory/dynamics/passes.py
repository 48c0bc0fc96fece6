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

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import forward
    >>> passed = forward(ft.Network([[[1.0]], [[2.0]]], "leaky_relu:0.5", "backprop"), np.array([[3.0], [-1.0]]))
    >>> passed.output.tolist(), passed.inputs[1].tolist(), passed.slopes[0].tolist()
    ([[6.0], [-1.0]], [[3.0], [-0.5]], [[1.0], [0.5]])
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

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import forward
    >>> network = ft.Network([[[1.0, -1.0]], [[2.0]]], "leaky_relu:0.5", "backprop")
    >>> forward(network, np.array([[3.0, 1.0], [1.0, 3.0]])).output.tolist()
    [[4.0], [-2.0]]
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
    """Return the objective, the mean loss over the samples, as a scalar array.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import loss_of
    >>> network = ft.Network([[[1.0]], [[2.0]]], "linear", "backprop")
    >>> float(loss_of(network, ft.Problem([[1.0], [2.0]], [0.0, 0.0])))  # mean of 1/2 2^2 and 1/2 4^2
    5.0
    """
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

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import backward, forward
    >>> network = ft.Network([[[1.0]], [[2.0]]], "linear", [[[-1.0]]])
    >>> passed, e = forward(network, np.array([[1.0]])), np.array([[3.0]])
    >>> delta = backward(network, passed, e, network.matrices())
    >>> [each.tolist() for each in delta]  # B e, where backpropagation would have W^T e = 6
    [[[-3.0]], [[3.0]]]
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

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import forward, update_directions
    >>> network, problem = ft.Network([[[1.0]], [[2.0]]], "linear", [[[-1.0]]]), ft.Problem([[1.0]], [0.0])
    >>> passed = forward(network, problem.X)
    >>> F = update_directions(network, passed, problem.loss.derivative(passed.output, problem.Y))
    >>> [each.tolist() for each in F.weights]
    [[[-2.0]], [[2.0]]]
    """
    if matrices is None:
        matrices = network.matrices()
    return _directions(network, passed, backward(network, passed, errors, matrices))


def gradients(network: Network, passed: ForwardPass, errors: Array) -> Parameters:
    """Return the true gradients G_l of the objective: `update_directions` with M = W^T in every layer.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import forward, gradients
    >>> network, problem = ft.Network([[[1.0]], [[2.0]]], "linear", [[[-1.0]]]), ft.Problem([[1.0]], [0.0])
    >>> passed = forward(network, problem.X)
    >>> G = gradients(network, passed, problem.loss.derivative(passed.output, problem.Y))
    >>> [each.tolist() for each in G.weights]
    [[[4.0]], [[2.0]]]
    """
    matrices = tuple(W.T for W in network.weights[1:])
    return _directions(network, passed, _signals(passed, errors, matrices, (False,) * len(matrices)))


def magnitudes(network: Network, passed: ForwardPass, errors: Array, *, of_gradients: bool = False) -> Parameters:
    """Return the update directions, or the gradients, with every term replaced by its absolute value.

    This is the scale of rounding in them.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import forward, magnitudes, update_directions
    >>> network = ft.Network([[[1.0]], [[2.0]]], "linear", "backprop")
    >>> problem = ft.Problem([[1.0], [1.0]], [0.0, 4.0])
    >>> passed = forward(network, problem.X)
    >>> e = problem.loss.derivative(passed.output, problem.Y)  # 2 and -2: the samples cancel
    >>> [F.weights[1].tolist() for F in (update_directions(network, passed, e), magnitudes(network, passed, e))]
    [[[0.0]], [[2.0]]]
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

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import forward, tangents
    >>> network = ft.Network([[[1.0]], [[2.0]]], "linear", "backprop")
    >>> dz = tangents(network, forward(network, np.array([[5.0]])), network.parameters)
    >>> [each.tolist() for each in dz]  # when both weights grow at their own size, f = v w x grows at 2 f
    [[[5.0]], [[20.0]]]
    """
    moving: list[Array] = []
    for layer, (W, dW, db) in enumerate(zip(network.weights, velocity.weights, velocity.biases, strict=True)):
        dz = _affine(passed.inputs[layer], dW, db)
        if layer > 0:
            dz = dz + (passed.slopes[layer - 1] * moving[-1]) @ W.T
        moving.append(dz)
    return tuple(moving)


def inner(left: Parameters, right: Parameters, layer: int) -> Array:
    """Return the Frobenius inner product of one layer's weights and bias (layer counted from 0), a scalar array.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import inner
    >>> now = ft.Network([[[3.0, 4.0]], [[2.0]]], "linear", "backprop").parameters
    >>> float(inner(now, now, 0)), float(inner(now, now, 1))
    (25.0, 4.0)
    """
    xp = namespace(left.weights[layer])
    total = xp.sum(left.weights[layer] * right.weights[layer])
    one, other = left.biases[layer], right.biases[layer]
    return total if one is None or other is None else total + xp.sum(one * other)
