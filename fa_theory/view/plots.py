"""Plots: functions that draw one kind of picture on a Matplotlib Axes and return it.

None of them uses pyplot or changes Matplotlib's settings. Colours are told apart by colour-blind readers (Okabe and
Ito's palette), and every line also has its own style and marker, so that print in black and white loses nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.style import context as style_context
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from fa_theory.backend import machine_epsilon
from fa_theory.bounds import Bound
from fa_theory.dynamics import Trajectory
from fa_theory.statements import STATEMENTS
from fa_theory.verification import (
    LawDrift,
    alignment_along,
    assess_matrix_law,
    assess_neuron_law,
    assess_projection_law,
    matrix_law_drift,
    neuron_law_drift,
    projection_law_drift,
)

Host = np.ndarray[Any, Any]

COLUMN_WIDTH = 3.4
"""Inches: one column of a two-column page."""

PRINT_STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "figure.dpi": 220,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.4,
    "legend.fontsize": 7,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "fa_theory",
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
}
"""Settings for a picture one column wide; also what makes SVG files the same from run to run."""


class _Look(NamedTuple):
    color: str
    linestyle: str | tuple[int, tuple[float, ...]]
    marker: str


_LOOKS = (
    _Look("#0072B2", "-", "o"),
    _Look("#D55E00", (0, (5, 2)), "s"),
    _Look("#009E73", (0, (5, 1.5, 1, 1.5)), "^"),
    _Look("#CC79A7", (0, (2, 1)), "D"),
    _Look("#000000", (0, (8, 2)), "v"),
    _Look("#56B4E9", (0, (3, 1, 1, 1, 1, 1)), "P"),
)
_MARKS = 8
"""Markers along a line, enough to tell lines apart without hiding them."""

LAWS: dict[str, tuple[Callable[[Trajectory], Any], Callable[[Trajectory], LawDrift]]] = {
    "neuron-law": (assess_neuron_law, neuron_law_drift),
    "matrix-law": (assess_matrix_law, matrix_law_drift),
    "projection-law": (assess_projection_law, projection_law_drift),
}


def print_style() -> AbstractContextManager[None]:
    """Return a context of Matplotlib's own defaults and `PRINT_STYLE`, whatever the user's settings are."""
    return style_context(["default", PRINT_STYLE])


def picture(draw: Callable[[Axes], Axes], *, width: float = COLUMN_WIDTH, height: float = 2.7) -> tuple[bytes, bytes]:
    """Make a figure of one Axes in `print_style`, let `draw` draw on it, and return it as SVG and as PNG.

    Parameters
    ----------
    draw : callable
        Axes -> Axes, one of the functions of this module with its other arguments filled in.
    width, height : float
        In inches.

    Returns
    -------
    svg, png : bytes
        The contents of the two files, the same for the same picture (no date, no random identifiers).
    """
    svg, png = io.BytesIO(), io.BytesIO()
    with print_style():
        figure = Figure(figsize=(width, height), layout="tight")
        draw(figure.add_subplot())
        # Figure.savefig lays out and draws twice for each file; the canvases draw once, and one layout is enough
        print_png: Callable[..., None] = FigureCanvasAgg(figure).print_png
        print_png(png, pil_kwargs={"compress_level": 4})
        figure.set_layout_engine("none")
        print_svg: Callable[..., None] = FigureCanvasSVG(figure).print_svg
        print_svg(svg, metadata={"Date": None})
    return svg.getvalue(), png.getvalue()


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
    """
    observed, limit, error = trajectory.loss - bound.floor, bound(trajectory.t), trajectory.error
    excess = bound.quantity == "excess_loss"
    _draw_curve(ax, trajectory.t, observed, "observed", 0)
    _draw_curve(ax, trajectory.t, limit, f"bound ({bound.id})", 1)
    _scale_to(ax, trajectory.t, observed, limit, error)
    _describe(ax, f"{STATEMENTS[bound.id].title}\nrule {trajectory.network.rule_name}", trajectory)
    ax.set_ylabel("excess loss L(t) \N{MINUS SIGN} L*" if excess else "mean loss L(t)")
    _legend_on_top(ax)
    return ax


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
    """
    if laws is None:
        laws = [law for law, (assess, _) in LAWS.items() if assess(trajectory).verdict != "not_applicable"]
    unknown = [law for law in laws if law not in LAWS]
    if unknown:
        raise ValueError(f"laws must be among {', '.join(LAWS)}, got {unknown[0]!r}")
    epsilon = machine_epsilon(trajectory.problem.X)
    for law in laws:
        look = list(LAWS).index(law)
        measured = LAWS[law][1](trajectory)
        smallest = epsilon * (measured.size or 1.0)
        _draw_curve(ax, trajectory.t, np.maximum(measured.drift, smallest), law, look)
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
        _log_ticks(ax)
        _legend_on_top(ax)
    else:
        ax.text(0.5, 0.5, "no law applies to this run", transform=ax.transAxes, ha="center")
    _describe(ax, f"Drift of the conserved quantities\nrule {trajectory.network.rule_name}", trajectory)
    ax.set_ylabel("largest change since the start")
    return ax


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
    """
    layers = [each.layer for each in alignment_along(trajectory)]
    for index, layer in enumerate(layers):
        _draw_curve(ax, trajectory.t, layer.cosine, f"layer {index + 1}", index)
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
    _describe(ax, f"Alignment of updates with gradients\nrule {trajectory.network.rule_name}", trajectory)
    ax.set_ylabel("cosine between F and G")
    _legend_on_top(ax)
    return ax


def _draw_curve(ax: Axes, t: Host, values: Host, label: str, look: int) -> None:
    color, linestyle, marker = _LOOKS[look % len(_LOOKS)]
    every = max(1, len(t) // _MARKS)
    # each line's markers start elsewhere, so that lines on top of each other show both
    start = look * every // 3 % every if len(t) > _MARKS else 0
    ax.plot(t, values, color=color, linestyle=linestyle, marker=marker, markevery=(start, every), label=label)


def _draw_tolerance(ax: Axes, t: Host, values: Host, look: int) -> None:
    color, _, marker = _LOOKS[look]
    every = max(1, len(t) // _MARKS)
    start = (look + 1) * every // 4 % every if len(t) > _MARKS else 0
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


def _scale_to(ax: Axes, t: Host, observed: Host, limit: Host, error: Host) -> None:
    """Choose the scale, and draw the error estimate where it is thicker than a line."""
    values, errors = np.concatenate([observed, limit]), np.concatenate([error, error])
    finite = np.isfinite(values)
    if not finite.any():
        return
    # a value within its error of zero tells no more than the error does
    telling = np.where(abs(values) < errors, errors, values)[finite]
    low, high = float(np.min(telling)), float(np.max(telling))
    if low > 0 and high > 10 * low:
        ax.set_yscale("log")
        ax.set_ylim(low / 2, high * 1.5)
        _log_ticks(ax)
        bottom = low / 4
        thickness = np.log(np.maximum(observed + error, low) / np.maximum(observed, low)) / np.log(high / low)
    else:
        ax.set_ylim(min(0.0, 1.05 * low), 1.05 * high if high > 0 else 1.0)
        bottom = -np.inf
        thickness = error / (max(high, 0.0) - min(low, 0.0) or 1.0)
    if np.any(thickness > 0.01):
        below, above = np.maximum(observed - error, bottom), observed + error
        ax.fill_between(t, below, above, color=_LOOKS[0].color, alpha=0.25, linewidth=0, label="error estimate")


def _describe(ax: Axes, title: str, trajectory: Trajectory) -> None:
    ax.set_title(title, y=1.0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    steps = "" if trajectory.method == "flow" else f" (steps of {trajectory.options['step_size']:g})"
    ax.set_xlabel(f"time t{steps}")


def _log_ticks(ax: Axes) -> None:
    """Label decades as 10⁻³ in plain text, and 2 and 5 times them where the axis spans few decades."""
    low, high = ax.get_ylim()
    few = high < 200 * low
    ax.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=6))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(_power_of_ten))


def _power_of_ten(value: float, _position: int | None) -> str:
    mantissa, exponent = f"{value:.0e}".split("e")
    power = "10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if mantissa == "1" else f"{mantissa}·{power}"


def _legend_on_top(ax: Axes) -> None:
    """Put the legend at the top, in two columns, on an axis extended upwards so that it hides nothing."""
    # columns are filled one after the other: short labels first, so that only one column is wide
    entries = sorted(zip(*ax.get_legend_handles_labels(), strict=True), key=lambda entry: len(entry[1]))
    handles, labels = zip(*entries, strict=True)
    ax.legend(handles, labels, loc="upper left", ncols=2, columnspacing=1.0, handlelength=1.7, borderaxespad=0.2)
    room = 0.12 * ((len(labels) + 1) // 2) + 0.02
    low, high = ax.get_ylim()
    share = room / (1 - room)
    ax.set_ylim(low, high * (high / low) ** share if ax.get_yscale() == "log" else high + share * (high - low))
