"""Observed losses, and bounds on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from fa_theory.bounds import Bound
from fa_theory.dynamics import Trajectory
from fa_theory.plots.style import LOOKS, describe_run, draw_curve, legend_on_top, log_ticks, require
from fa_theory.statements import STATEMENTS

Host = np.ndarray[Any, Any]


def plot_bound(bound: Bound, trajectory: Trajectory, ax: Axes) -> Axes:
    """Draw the observed loss and a bound on it against time.

    The scale is logarithmic where the values are positive and span more than a decade. The band is the error estimate
    of the loss, drawn where it can be seen; what lies inside it is rounding or integration error, and the axis ends
    where nothing else is left.

    Parameters
    ----------
    bound : Bound
        A bound whose assumptions hold.
    trajectory : Trajectory
        The run that the bound is compared with.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same Axes. Its lines are, in order, the observed loss (or excess loss) and the bound.

    Raises
    ------
    ValueError
        If the bound does not apply.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import fa_theory as ft
    >>> from fa_theory.plots import plot_bound
    >>> network, problem = ft.initialise("aligned", (2, 3, 1)), ft.Problem([[1, 0], [0, 1]], [1, 1])
    >>> run = ft.simulate(network, problem, method="gd", steps=10)
    >>> ax = plot_bound(ft.bounds.exponential_decay(network, problem), run, Figure().add_subplot())
    >>> [line.get_label() for line in ax.lines]
    ['observed', 'bound (exponential-decay)']
    """
    require(Bound, bound=bound)
    require(Trajectory, trajectory=trajectory)
    require(Axes, ax=ax)
    observed, limit, error = trajectory.loss - bound.floor, bound(trajectory.t), trajectory.error
    excess = bound.quantity == "excess_loss"
    draw_curve(ax, trajectory.t, observed, "observed", 0)
    draw_curve(ax, trajectory.t, limit, f"bound ({bound.id})", 1)
    _scale_to(ax, trajectory.t, observed, limit, error)
    describe_run(ax, f"{STATEMENTS[bound.id].title}\nrule {trajectory.network.rule_name}", trajectory)
    ax.set_ylabel("excess loss L(t) \N{MINUS SIGN} L*" if excess else "mean loss L(t)")
    legend_on_top(ax)
    return ax


def plot_bounds(bounds: Sequence[Bound], trajectory: Trajectory, ax: Axes) -> Axes:
    """Draw every bound that applies, and on the loss itself, against time, with the observed loss.

    A bound on the excess loss is drawn with the smallest loss added, so that all are on one scale. Where they span more
    than a decade the scale is logarithmic.

    Parameters
    ----------
    bounds : sequence of Bound
        Bounds, at least one, as `fa_theory.verification.Report.bounds` holds them; those that do not apply are left
        out.
    trajectory : Trajectory
        The run that they are compared with.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same Axes. Its lines are the observed loss and one for each bound that applies, in the order given.

    Raises
    ------
    ValueError
        If there are no bounds.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import fa_theory as ft
    >>> from fa_theory.plots import plot_bounds
    >>> network, problem = ft.initialise("aligned", (2, 3, 1)), ft.Problem([[1, 0], [0, 1]], [1, 1])
    >>> run = ft.simulate(network, problem, method="gd", steps=10)
    >>> drawn = [calculate(network, problem) for calculate in (ft.bounds.descent, ft.bounds.exponential_decay)]
    >>> [line.get_label() for line in plot_bounds(drawn, run, Figure().add_subplot()).lines]
    ['observed', 'descent', 'exponential-decay']
    """
    require(Trajectory, trajectory=trajectory)
    require(Axes, ax=ax)
    if not isinstance(bounds, Iterable):
        raise TypeError(f"bounds must be a sequence of Bound, got {type(bounds).__name__}; of one bound: [bound]")
    given = list(bounds)
    if not given:
        raise ValueError("bounds must hold at least one bound, got none")
    require(Bound, **{f"bounds[{place}]": bound for place, bound in enumerate(given)})
    drawn = [bound for bound in given if bound.applicable]
    curves = [bound(trajectory.t) + bound.floor for bound in drawn]
    draw_curve(ax, trajectory.t, trajectory.loss, "observed", 0)
    for look, (bound, curve) in enumerate(zip(drawn, curves, strict=True), start=1):
        draw_curve(ax, trajectory.t, curve, bound.id, look)
    limits = np.concatenate(curves) if curves else trajectory.loss
    _scale_to(ax, trajectory.t, trajectory.loss, limits, trajectory.error)
    describe_run(ax, f"Bounds and observed loss\nrule {trajectory.network.rule_name}", trajectory)
    ax.set_ylabel("mean loss L(t)")
    legend_on_top(ax)
    return ax


def plot_losses(trajectories: Mapping[str, Trajectory], ax: Axes) -> Axes:
    """Draw the losses of several runs against time.

    Parameters
    ----------
    trajectories : mapping of str to Trajectory
        The runs, at least one, by the names that they have in the legend.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same Axes. Its lines are the runs' losses, in the order given.

    Raises
    ------
    ValueError
        If there are no runs, or a name is empty or begins with an underscore.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import fa_theory as ft
    >>> from fa_theory.plots import plot_losses
    >>> networks = {rule: ft.initialise("gaussian", (2, 3, 1), rule=rule) for rule in ("backprop", "fa")}
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, 1])
    >>> runs = {rule: ft.simulate(network, problem, method="gd", steps=10) for rule, network in networks.items()}
    >>> [line.get_label() for line in plot_losses(runs, Figure().add_subplot()).lines]
    ['backprop', 'fa']
    """
    require(Mapping, trajectories=trajectories)
    require(Axes, ax=ax)
    if not trajectories:
        raise ValueError("trajectories must hold at least one run, got none")
    require(Trajectory, **{f"trajectories[{name!r}]": run for name, run in trajectories.items()})
    for name in trajectories:
        if str(name)[:1] in ("", "_"):
            raise ValueError(f"trajectories must have names for the legend, without _ before them, got {name!r}")
    runs = list(trajectories.values())
    for look, (name, run) in enumerate(trajectories.items()):
        draw_curve(ax, run.t, run.loss, name, look)
    losses, errors = (np.concatenate([getattr(run, name) for run in runs]) for name in ("loss", "error"))
    _scale_axis(ax, losses, errors)
    describe_run(ax, "Observed loss", runs[0])
    ax.set_ylabel("mean loss L(t)")
    legend_on_top(ax)
    return ax


def _scale_to(ax: Axes, t: Host, observed: Host, limit: Host, error: Host) -> None:
    """Choose the scale, and draw the error estimate of the observed loss where it is thicker than a line."""
    errors = np.concatenate([error, np.resize(error, limit.shape)])
    low, high = _scale_axis(ax, np.concatenate([observed, limit]), errors)
    if ax.get_yscale() == "log":
        bottom = low / 4
        thickness = np.log(np.maximum(observed + error, low) / np.maximum(observed, low)) / np.log(high / low)
    else:
        bottom = -np.inf
        thickness = error / (max(high, 0.0) - min(low, 0.0) or 1.0)
    if np.any(thickness > 0.01):
        below, above = np.maximum(observed - error, bottom), observed + error
        ax.fill_between(t, below, above, color=LOOKS[0].color, alpha=0.25, linewidth=0, label="error estimate")


def _scale_axis(ax: Axes, values: Host, errors: Host) -> tuple[float, float]:
    """Choose the scale for values with errors; return the least and the largest that tell anything."""
    finite = np.isfinite(values)
    if not finite.any():
        return 0.0, 0.0
    # a value within its error of zero tells no more than the error does
    telling = np.where(abs(values) < errors, errors, values)[finite]
    low, high = float(np.min(telling)), float(np.max(telling))
    if low > 0 and high > 10 * low:
        ax.set_yscale("log")
        ax.set_ylim(low / 2, high * 1.5)
        log_ticks(ax)
    else:
        ax.set_ylim(min(0.0, 1.05 * low), 1.05 * high if high > 0 else 1.0)
    return low, high
