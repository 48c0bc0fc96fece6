"""The split of the loss's decay into gradient, feedback and alignment components (statement dissipation-split)."""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import Array, namespace, to_numpy
from fa_theory.dynamics.decay import opposite
from fa_theory.dynamics.passes import forward, gradients, inner, magnitudes, tangents, update_directions
from fa_theory.model import Network, Parameters, Problem

Host = np.ndarray[Any, Any]


class NeuronSplit(NamedTuple):
    """The components of each neuron of a layer: of row i of the weights and entry i of the bias, each (n_l,).

    Attributes
    ----------
    gradient, feedback, alignment : array
        |G_l[i]|^2, |F_l[i]|^2 and <G_l[i], F_l[i]>.
    gradient_size, feedback_size : array
        |G_l[i]|^2 and |F_l[i]|^2 with every term of G_l and F_l replaced by its absolute value; far above the first two
        the terms have cancelled, and ratios with them are rounding.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import dissipation
    >>> network = ft.Network([[[1.0], [0.0]], [[2.0, 1.0]]], "linear", [[[1.0], [0.0]]])
    >>> neurons = dissipation(network, ft.Problem([[1.0]], [0.0])).layers[0].neurons
    >>> neurons.gradient.tolist(), neurons.feedback.tolist(), neurons.alignment.tolist()
    ([16.0, 4.0], [4.0, 0.0], [8.0, 0.0])
    """

    gradient: Host
    feedback: Host
    alignment: Host
    gradient_size: Host
    feedback_size: Host


class LayerSplit(NamedTuple):
    """The components of one layer, weights and bias together.

    Attributes
    ----------
    gradient : float
        |G_l|^2.
    feedback : float
        |F_l|^2.
    alignment : float
        <G_l, F_l> = 1/2 (|G_l|^2 + |F_l|^2 - |G_l - F_l|^2).
    gradient_size, feedback_size : float
        |G_l|^2 and |F_l|^2 with every term of G_l and F_l replaced by its absolute value.
    neurons : NeuronSplit
        The same for each neuron; they add up to the layer's.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import dissipation
    >>> network = ft.Network([[[1.0]], [[2.0]]], "linear", [[[-1.0]]])  # B points away from W^T
    >>> hidden, output = dissipation(network, ft.Problem([[1.0]], [0.0])).layers
    >>> hidden.alignment, hidden.dominance, hidden.cosine
    (-8.0, -2.0, -1.0)
    >>> output.alignment, output.dominance, output.cosine
    (4.0, 1.0, 1.0)
    """

    gradient: float
    feedback: float
    alignment: float
    gradient_size: float
    feedback_size: float
    neurons: NeuronSplit

    @property
    def dominance(self) -> float | None:
        """The largest c with <G, F> >= c |F|^2; None where F = 0."""
        return self.alignment / self.feedback if self.feedback > 0 else None

    @property
    def gradient_dominance(self) -> float | None:
        """The largest c with <G, F> >= c |G|^2; None where G = 0."""
        return self.alignment / self.gradient if self.gradient > 0 else None

    @property
    def cosine(self) -> float | None:
        """The cosine between F and G; None where either is zero."""
        size = (self.gradient * self.feedback) ** 0.5
        return self.alignment / size if size > 0 else None


class Dissipation(NamedTuple):
    """The rate of the loss at one state.

    Attributes
    ----------
    rate : float
        dL/dt along the flow, by a forward-mode derivative that does not use the gradients.
    layers : tuple of LayerSplit
        Layers 1, ..., L; in the last F_L = G_L.
    size : float
        The sum of the absolute values of all terms that add up to the rate: the scale of rounding in it.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import dissipation
    >>> network = ft.Network([[[1.0]], [[2.0]]], "linear", [[[1.0]]])
    >>> split = dissipation(network, ft.Problem([[1.0]], [0.0]))
    >>> split.rate, split.predicted_rate, [layer.alignment for layer in split.layers]
    (-12.0, -12.0, [8.0, 4.0])
    """

    rate: float
    layers: tuple[LayerSplit, ...]
    size: float

    @property
    def predicted_rate(self) -> float:
        """-|G_L|^2 - sum_{l < L} <G_l, F_l>."""
        return -sum(layer.alignment for layer in self.layers)


def dissipation(network: Network, problem: Problem, slopes: tuple[Array, ...] | None = None) -> Dissipation:
    """Split dL/dt of the flow at one state (mean loss over the samples).

    Parameters
    ----------
    network, problem
        State and data.
    slopes : tuple of arrays, optional
        phi' of the hidden layers where the state lies on a kink, as `Trajectory.slopes_at` gives them.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import dissipation
    >>> network = ft.initialise("aligned", (3, 5, 1), seed=0)
    >>> split = dissipation(network, ft.Problem([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]], [1.0, -1.0]))
    >>> abs(split.rate - split.predicted_rate) <= 1e-12 * split.size, split.rate < 0
    (True, True)
    """
    xp = namespace(problem.X)
    passed = forward(network, problem.X, slopes)
    errors = problem.loss.derivative(passed.output, problem.Y)
    directions = update_directions(network, passed, errors)
    slope = gradients(network, passed, errors)
    velocity = opposite(directions)
    rate = xp.sum(errors * tangents(network, passed, velocity)[-1]) / problem.n_samples
    feedback_size = magnitudes(network, passed, errors)
    gradient_size = magnitudes(network, passed, errors, of_gradients=True)
    pairs = (
        (slope, slope),
        (directions, directions),
        (slope, directions),
        (gradient_size, gradient_size),
        (feedback_size, feedback_size),
    )
    layers = tuple(
        LayerSplit._make(
            [
                *(float(inner(left, right, layer)) for left, right in pairs),
                NeuronSplit._make(_rowwise_inner(left, right, layer) for left, right in pairs),
            ]
        )
        for layer in range(network.depth)
    )
    size = sum(float(inner(gradient_size, feedback_size, layer)) for layer in range(network.depth))
    return Dissipation(float(rate), layers, size)


def _rowwise_inner(left: Parameters, right: Parameters, layer: int) -> Host:
    total = namespace(left.weights[layer]).sum(left.weights[layer] * right.weights[layer], axis=1)
    one, other = left.biases[layer], right.biases[layer]
    return to_numpy(total if one is None or other is None else total + one * other)


class FeedbackCosine(NamedTuple):
    """The cosine between a hidden layer's feedback and the transposed weights that it stands for.

    Attributes
    ----------
    layer : float
        Of the whole matrices in the Frobenius inner product; NaN where either is zero.
    neurons : array, (n_l,)
        Of M[i, :] and W[:, i] for each neuron.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import feedback_cosines
    >>> network = ft.Network([[[1.0], [1.0]], [[3.0, 4.0]]], "linear", [[[1.0], [0.0]]])
    >>> (cosine,) = feedback_cosines(network)
    >>> round(cosine.layer, 12), cosine.neurons.tolist()  # the second neuron has no feedback
    (0.6, [1.0, nan])
    """

    layer: float
    neurons: Host


def feedback_cosines(network: Network) -> tuple[FeedbackCosine, ...]:
    """Return the cosines between M_{l+1} and W_{l+1}^T for every hidden layer.

    Direct feedback stands for W_{l+1}^T ... W_L^T, what backprop would apply to the error in a linear network; slopes
    of the layers between are left out.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import feedback_cosines
    >>> weights = [[[1.0]], [[2.0]], [[-3.0]]]
    >>> [cosine.layer for cosine in feedback_cosines(ft.Network(weights, "linear", [[[1.0]], [[1.0]]]))]
    [1.0, -1.0]
    >>> [cosine.layer for cosine in feedback_cosines(ft.Network(weights, "linear", "backprop"))]
    [1.0, 1.0]
    """
    weights = [to_numpy(W) for W in network.weights]
    cosines = []
    for layer, (rule, matrix) in enumerate(zip(network.feedback, network.matrices(), strict=True)):
        above = weights[layer + 1 :] if rule.direct else weights[layer + 1 : layer + 2]
        M, true = to_numpy(matrix), reduce(np.matmul, [W.T for W in above])
        products, sizes = np.sum(M * true, axis=1), (np.sum(M**2, axis=1) * np.sum(true**2, axis=1)) ** 0.5
        whole = float(np.linalg.norm(M) * np.linalg.norm(true))
        cosines.append(
            FeedbackCosine(
                float(np.sum(products)) / whole if whole > 0 else float("nan"),
                np.divide(products, sizes, out=np.full(len(M), np.nan), where=sizes > 0),
            )
        )
    return tuple(cosines)
