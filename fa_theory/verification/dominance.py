"""Alignment dominance along a run of any rule and depth: components, constants in both forms, and where it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import least_resolved, machine_epsilon
from fa_theory.dynamics import LayerSplit, NeuronSplit, Trajectory, dissipation, feedback_cosines

Host = np.ndarray[Any, Any]


class Dominance(NamedTuple):
    """The largest constants with which alignment dominates over all recorded times and hidden layers.

    Attributes
    ----------
    feedback : float or None
        The largest c with <G_l, F_l> >= c |F_l|^2; None if every F_l is zero.
    gradient : float or None
        The largest c with <G_l, F_l> >= c |G_l|^2; None if every G_l is zero.
    failures : tuple of float
        Recorded times at which <G_l, F_l> <= 0 in some layer with F_l not zero.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import dominance_along
    >>> opposed = ft.Network([[[1.0]], [[2.0]]], "linear", [[[-1.0]]])
    >>> run = ft.simulate(opposed, ft.Problem([[1.0]], [0.0]), time=0.1, points=2)
    >>> found = dominance_along(run)
    >>> found.feedback, found.failures
    (-2.0, (0.0, 0.1))
    """

    feedback: float | None
    gradient: float | None
    failures: tuple[float, ...]


@dataclass(frozen=True)
class Alignment:
    """Alignment along a run, of a hidden layer (arrays (P,)) or of each of its neurons (arrays (P, n_l)).

    Attributes
    ----------
    t : array, (P,)
        The recorded times.
    gradient, feedback, alignment : array
        |G|^2, |F|^2 and <G, F> of weights and bias together.
    moves, slopes : bool array
        Where F, and where G, is not zero up to rounding (beyond 1e6 eps times the size of its terms) and not so
        small that its square is lost to underflow.
    feedback_cosine : array
        The cosine between the feedback M_{l+1} and W_{l+1}^T; NaN where either is zero.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import alignment_along
    >>> opposed = ft.Network([[[1.0]], [[2.0]]], "linear", [[[-1.0]]])
    >>> run = ft.simulate(opposed, ft.Problem([[1.0]], [0.0]), time=0.1, points=2)
    >>> layer = alignment_along(run)[0].layer
    >>> layer.cosine.round(9).tolist(), layer.fails.tolist(), float(layer.first_failure)
    ([-1.0, -1.0], [True, True], 0.0)
    """

    t: Host
    gradient: Host
    feedback: Host
    alignment: Host
    moves: Host
    slopes: Host
    feedback_cosine: Host

    @property
    def cosine(self) -> Host:
        """The cosine between F and G; NaN where F is zero, 0 where only G is."""
        size = np.sqrt(self.gradient) * np.sqrt(self.feedback)
        found = np.divide(self.alignment, size, out=np.zeros_like(size), where=size > 0)
        return np.where(self.moves, found, np.nan)

    @property
    def fails(self) -> Host:
        """Where <G, F> <= 0 and F is not zero."""
        return self.moves & (self.alignment <= 0)

    @property
    def dominance(self) -> Host:
        """The largest c with <G, F> >= c |F|^2 at all times with F not zero; NaN where there is none."""
        return _least(self.alignment, self.feedback, self.moves)

    @property
    def gradient_dominance(self) -> Host:
        """The largest c with <G, F> >= c |G|^2 at all times with G not zero; NaN where there is none."""
        return _least(self.alignment, self.gradient, self.slopes)

    @property
    def first_failure(self) -> Host:
        """The first recorded time at which dominance fails; NaN if it never does."""
        return np.where(self.fails.any(axis=0), self.t[np.argmax(self.fails, axis=0)], np.nan)

    @property
    def last_failure(self) -> Host:
        """The last recorded time at which dominance fails; NaN if it never does."""
        last = len(self.t) - 1 - np.argmax(self.fails[::-1], axis=0)
        return np.where(self.fails.any(axis=0), self.t[last], np.nan)


class LayerAlignment(NamedTuple):
    """Alignment of one hidden layer along a run: of the whole layer, and of each neuron.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import alignment_along
    >>> network, problem = ft.initialise("aligned", (2, 3, 4, 1)), ft.Problem([[1.0, -1.0]], [1.0])
    >>> run = ft.simulate(network, problem, time=0.1, points=5)
    >>> [(each.layer.alignment.shape, each.neurons.alignment.shape) for each in alignment_along(run)]
    [((5,), (5, 3)), ((5,), (5, 4))]
    """

    layer: Alignment
    neurons: Alignment


def _least(alignment: Host, size: Host, counts: Host) -> Host:
    ratios = np.divide(alignment, size, out=np.full_like(alignment, np.inf), where=counts & (size > 0))
    least = np.min(ratios, axis=0, initial=np.inf)
    return np.where(np.isfinite(least), least, np.nan)


def alignment_along(trajectory: Trajectory) -> tuple[LayerAlignment, ...]:
    """Measure alignment at every recorded time, for each hidden layer and each of its neurons.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import alignment_along
    >>> network = ft.Network([[[1.0]], [[2.0]]], "linear", "backprop")
    >>> run = ft.simulate(network, ft.Problem([[1.0]], [0.0]), time=0.1, points=3)
    >>> (hidden,) = alignment_along(run)
    >>> hidden.layer.cosine.round(9).tolist()  # backpropagation follows the gradient
    [1.0, 1.0, 1.0]
    """
    negligible = (1e6 * machine_epsilon(trajectory.problem.X)) ** 2
    least = least_resolved(trajectory.problem.X)
    layers: list[list[LayerSplit]] = []
    cosines = []
    # near the end of a run that diverges squares may overflow
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(len(trajectory.t)):
            now = trajectory.network_at(k)
            layers.append(list(dissipation(now, trajectory.problem, trajectory.slopes_at(k)).layers[:-1]))
            cosines.append(feedback_cosines(now))

    def along(splits: list[LayerSplit] | list[NeuronSplit], cosine: list[Any]) -> Alignment:
        parts = {
            name: np.asarray([getattr(split, name) for split in splits], dtype=float)
            for name in ("gradient", "feedback", "alignment", "gradient_size", "feedback_size")
        }
        return Alignment(
            t=trajectory.t,
            gradient=parts["gradient"],
            feedback=parts["feedback"],
            alignment=parts["alignment"],
            moves=parts["feedback"] > np.maximum(negligible * parts["feedback_size"], least),
            slopes=parts["gradient"] > np.maximum(negligible * parts["gradient_size"], least),
            feedback_cosine=np.asarray(cosine, dtype=float),
        )

    return tuple(
        LayerAlignment(
            along([split[layer] for split in layers], [each[layer].layer for each in cosines]),
            along([split[layer].neurons for split in layers], [each[layer].neurons for each in cosines]),
        )
        for layer in range(trajectory.network.depth - 1)
    )


def dominance_along(trajectory: Trajectory) -> Dominance:
    """Sum up alignment dominance over all recorded times and hidden layers.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import dominance_along
    >>> network = ft.Network([[[1.0]], [[2.0]]], "linear", "backprop")
    >>> run = ft.simulate(network, ft.Problem([[1.0]], [0.0]), time=0.1, points=3)
    >>> found = dominance_along(run)
    >>> round(found.feedback, 9), round(found.gradient, 9), found.failures
    (1.0, 1.0, ())
    """
    layers = [each.layer for each in alignment_along(trajectory)]
    fails = np.any([layer.fails for layer in layers], axis=0)
    return Dominance(
        _smallest([layer.dominance for layer in layers]),
        _smallest([layer.gradient_dominance for layer in layers]),
        tuple(trajectory.t[fails].tolist()),
    )


def _smallest(constants: list[Host]) -> float | None:
    return min((float(each) for each in constants if each == each), default=None)


def dominance_json(trajectory: Trajectory) -> list[dict[str, Any]]:
    """Return JSON values of the alignment of every hidden layer: constants, failures, components along the run.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import dominance_json
    >>> network, problem = ft.initialise("aligned", (2, 3, 1)), ft.Problem([[1.0, -1.0]], [1.0])
    >>> (hidden,) = dominance_json(ft.simulate(network, problem, time=0.1, points=5))
    >>> hidden["layer"], len(hidden["cosine"]), hidden["first_failure"], hidden["dominance"] > 0
    (1, 5, None, True)
    """
    rows = []
    with np.errstate(over="ignore", invalid="ignore"):
        for index, (layer, neurons) in enumerate(alignment_along(trajectory), start=1):
            constants = {name: _plain(getattr(neurons, name)) for name in _CONSTANTS}
            measured = {name: _plain(getattr(layer, name)) for name in (*_CONSTANTS, *_COMPONENTS)}
            rows.append({"layer": index, **measured, "neurons": constants})
    return rows


_CONSTANTS = ("dominance", "gradient_dominance", "first_failure", "last_failure")
_COMPONENTS = ("gradient", "feedback", "alignment", "cosine", "feedback_cosine")


def _plain(values: Host) -> Any:
    """Return floats, with None for what is not a number."""
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()
