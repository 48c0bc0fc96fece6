"""Drift of the conserved quantities against what integration errors allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from fa_theory.backend import machine_epsilon
from fa_theory.choices import not_among
from fa_theory.dynamics import Trajectory
from fa_theory.plots.style import LOOKS, MARKS, describe_run, draw_curve, legend_on_top, log_ticks, require
from fa_theory.verification import (
    LawDrift,
    assess_matrix_law,
    assess_neuron_law,
    assess_projection_law,
    matrix_law_drift,
    neuron_law_drift,
    projection_law_drift,
)

Host = np.ndarray[Any, Any]

LAWS: dict[str, tuple[Callable[[Trajectory], Any], Callable[[Trajectory], LawDrift]]] = {
    "neuron-law": (assess_neuron_law, neuron_law_drift),
    "matrix-law": (assess_matrix_law, matrix_law_drift),
    "projection-law": (assess_projection_law, projection_law_drift),
}


def plot_law_drift(trajectory: Trajectory, ax: Axes, laws: Sequence[str] | None = None) -> Axes:
    """Draw how far the conserved quantities have drifted, and how far integration errors allow them to, against time.

    Drifts below rounding, zeros among them, are drawn at machine epsilon times the size of the quantity's terms.

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    ax : Axes
        Where to draw.
    laws : sequence of str, optional
        Ids among neuron-law, matrix-law and projection-law; by default those that apply to the run.

    Returns
    -------
    Axes
        The same Axes. Its lines are, for each law, the drift and the tolerance.

    Raises
    ------
    ValueError
        If a law has another id.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import fa_theory as ft
    >>> from fa_theory.plots import plot_law_drift
    >>> network, problem = ft.initialise("aligned", (2, 3, 1)), ft.Problem([[1, 0], [0, 1]], [1, 1])
    >>> run = ft.simulate(network, problem, time=1.0, points=5)
    >>> drift, tolerance, _ = plot_law_drift(run, Figure().add_subplot(), laws=["neuron-law"]).lines
    >>> bool((drift.get_ydata() <= tolerance.get_ydata()).all())
    True
    """
    require(Trajectory, trajectory=trajectory)
    require(Axes, ax=ax)
    if laws is None:
        laws = [law for law, (assess, _) in LAWS.items() if assess(trajectory).verdict != "not_applicable"]
    if isinstance(laws, str) or not isinstance(laws, Iterable):
        raise TypeError(f"laws must be a sequence of ids such as ['neuron-law'], got {laws!r}")
    laws = list(laws)
    for law in laws:
        if law not in LAWS:
            raise not_among("each of laws", law, LAWS)
    epsilon = machine_epsilon(trajectory.problem.X)
    for law in laws:
        look = list(LAWS).index(law)
        measured = LAWS[law][1](trajectory)
        smallest = epsilon * (measured.size or 1.0)
        draw_curve(ax, trajectory.t, np.maximum(measured.drift, smallest), law, look)
        _draw_tolerance(ax, trajectory.t, np.maximum(measured.tolerance, smallest), look)
    if laws:
        ax.plot(
            [],
            [],
            color="0.4",
            linestyle=":",
            marker="o",
            markerfacecolor="white",
            label="tolerance of each law",
        )
        ax.set_yscale("log")
        log_ticks(ax)
        legend_on_top(ax)
    else:
        ax.text(0.5, 0.5, "no law applies to this run", transform=ax.transAxes, ha="center")
    describe_run(ax, f"Drift of the conserved quantities\nrule {trajectory.network.rule_name}", trajectory)
    ax.set_ylabel("largest change since the start")
    return ax


def _draw_tolerance(ax: Axes, t: Host, values: Host, look: int) -> None:
    color, _, marker = LOOKS[look]
    every = max(1, len(t) // MARKS)
    start = (look + 1) * every // 4 % every if len(t) > MARKS else 0
    ax.plot(
        t,
        values,
        color=color,
        linestyle=":",
        marker=marker,
        markerfacecolor="white",
        markevery=(start, every),
        linewidth=1.0,
    )
