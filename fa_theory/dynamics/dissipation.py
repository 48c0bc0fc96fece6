"""The split of the loss's decay into gradient, feedback and alignment components (statement dissipation-split)."""

from __future__ import annotations

from typing import NamedTuple

from fa_theory.backend import Array, namespace
from fa_theory.dynamics.decay import opposite
from fa_theory.dynamics.passes import forward, gradients, inner, magnitudes, tangents, update_directions
from fa_theory.model import Network, Problem


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
    feedback_size : float
        |F_l|^2 with every term of F_l replaced by its absolute value; far above `feedback`, the terms have cancelled
        and ratios with `feedback` are rounding.
    """

    gradient: float
    feedback: float
    alignment: float
    feedback_size: float

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
    layers = tuple(
        LayerSplit(
            float(inner(slope, slope, layer)),
            float(inner(directions, directions, layer)),
            float(inner(slope, directions, layer)),
            float(inner(feedback_size, feedback_size, layer)),
        )
        for layer in range(network.depth)
    )
    size = sum(float(inner(gradient_size, feedback_size, layer)) for layer in range(network.depth))
    return Dissipation(float(rate), layers, size)
