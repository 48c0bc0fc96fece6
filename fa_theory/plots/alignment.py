"""Alignment of updates with gradients, and its dominance, along a run."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from fa_theory.dynamics import Trajectory
from fa_theory.plots.style import describe_run, draw_curve, legend_on_top, require
from fa_theory.verification import alignment_along


def plot_alignment(trajectory: Trajectory, ax: Axes) -> Axes:
    """Draw the cosine between update direction F_l and gradient G_l against time, for each hidden layer.

    Crosses mark the times at which alignment dominance fails, <G_l, F_l> <= 0. Layers whose F_l is zero up to rounding
    are left out at that time.

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same Axes. Its lines are one for each hidden layer, the zero line, and the crosses if there are any.

    Raises
    ------
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import fa_theory as ft
    >>> from fa_theory.plots import plot_alignment
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> run = ft.simulate(network, ft.Problem([[1, 0], [0, 1]], [1, 1]), method="gd", steps=10)
    >>> ax = plot_alignment(run, Figure().add_subplot())
    >>> ax.lines[0].get_label(), bool(min(ax.lines[0].get_ydata()) > 0)  # from an aligned start dominance never fails
    ('layer 1', True)
    """
    require(Trajectory, trajectory=trajectory)
    require(Axes, ax=ax)
    layers = [each.layer for each in alignment_along(trajectory)]
    for index, layer in enumerate(layers):
        draw_curve(ax, trajectory.t, layer.cosine, f"layer {index + 1}", index)
    ax.axhline(0.0, color="black", linewidth=0.8)
    fails = np.stack([layer.fails for layer in layers], axis=1)
    if fails.any():
        when, where = np.nonzero(fails)
        ax.plot(
            trajectory.t[when],
            np.stack([layer.cosine for layer in layers], axis=1)[when, where],
            color="black",
            linestyle="none",
            marker="x",
            markersize=4.5,
            label="dominance fails",
        )
    ax.set_ylim(-1.08, 1.08)
    ax.set_yticks([-1.0, -0.5, 0.0, 0.5, 1.0])
    describe_run(ax, f"Alignment of updates with gradients\nrule {trajectory.network.rule_name}", trajectory)
    ax.set_ylabel("cosine between F and G")
    legend_on_top(ax)
    return ax


def plot_dominance(trajectory: Trajectory, ax: Axes) -> Axes:
    """Draw <G_l, F_l> / |F_l|^2 and <G_l, F_l> / |G_l|^2 against time, for each hidden layer.

    Their least values along the run are the constants of alignment dominance, in the feedback and in the gradient form;
    where they are not positive it fails (statement dissipation-split).

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same Axes. Its lines are, for each hidden layer, the feedback and the gradient form, and last the zero line.
        Times at which F_l (or G_l) is zero up to rounding are gaps.

    Raises
    ------
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import fa_theory as ft
    >>> from fa_theory.plots import plot_dominance
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> run = ft.simulate(network, ft.Problem([[1, 0], [0, 1]], [1, 1]), method="gd", steps=10)
    >>> ax = plot_dominance(run, Figure().add_subplot())
    >>> len(ax.lines), bool(min(ax.lines[0].get_ydata()) >= 0.5)  # the constant that statement descent gives
    (3, True)
    """
    require(Trajectory, trajectory=trajectory)
    require(Axes, ax=ax)
    for index, (layer, _) in enumerate(alignment_along(trajectory)):
        for form, (size, counts) in enumerate(((layer.feedback, layer.moves), (layer.gradient, layer.slopes))):
            ratio = np.full(size.shape, np.nan)
            np.divide(layer.alignment, size, out=ratio, where=counts & (size > 0))
            name = ("⟨G, F⟩ / |F|²", "⟨G, F⟩ / |G|²")[form]
            draw_curve(ax, trajectory.t, ratio, f"{name}, layer {index + 1}", 2 * index + form)
    ax.axhline(0.0, color="black", linewidth=0.8)
    describe_run(ax, f"Alignment dominance\nrule {trajectory.network.rule_name}", trajectory)
    ax.set_ylabel("dominance")
    legend_on_top(ax)
    return ax
