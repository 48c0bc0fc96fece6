"""Alignment dominance along a run: the constants in both forms, and where it fails."""

from __future__ import annotations

from typing import NamedTuple

from fa_theory.backend import machine_epsilon
from fa_theory.dynamics import Trajectory, dissipation


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
    """

    feedback: float | None
    gradient: float | None
    failures: tuple[float, ...]


def dominance_along(trajectory: Trajectory) -> Dominance:
    """Measure alignment dominance at every recorded time.

    A layer whose F_l is zero up to rounding (|F_l| below 1e6 eps times the size of its terms) is left out.
    """
    negligible = (1e6 * machine_epsilon(trajectory.problem.X)) ** 2
    feedback, gradient, failures = [], [], []
    for k in range(len(trajectory.t)):
        split = dissipation(trajectory.network_at(k), trajectory.problem, trajectory.slopes_at(k))
        layers = [layer for layer in split.layers[:-1] if layer.feedback > negligible * layer.feedback_size]
        feedback += [layer.dominance for layer in layers if layer.dominance is not None]
        gradient += [layer.gradient_dominance for layer in layers if layer.gradient_dominance is not None]
        if any(layer.alignment <= 0 for layer in layers):
            failures.append(float(trajectory.t[k]))
    return Dominance(min(feedback, default=None), min(gradient, default=None), tuple(failures))
