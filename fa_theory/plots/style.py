"""The look of all pictures: colours, lines, scales, legends, and a figure of one Axes as SVG and PNG.

Colours are told apart by colour-blind readers (Okabe and Ito's palette), and every line also has its own style and
marker, so that print in black and white loses nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.style import context as style_context
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from fa_theory.dynamics import Trajectory

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


class Look(NamedTuple):
    """The look of a line."""

    color: str
    linestyle: str | tuple[int, tuple[float, ...]]
    marker: str


LOOKS = (
    Look("#0072B2", "-", "o"),
    Look("#D55E00", (0, (5, 2)), "s"),
    Look("#009E73", (0, (5, 1.5, 1, 1.5)), "^"),
    Look("#CC79A7", (0, (2, 1)), "D"),
    Look("#000000", (0, (8, 2)), "v"),
    Look("#56B4E9", (0, (3, 1, 1, 1, 1, 1)), "P"),
)
TITLE_WIDTH, _LEGEND_WIDTH = 46, 44
"""Characters that fit into a picture of one column: of a title, and of two labels beside each other."""

MARKS = 8
"""Markers along a line, enough to tell lines apart without hiding them."""


def print_style() -> AbstractContextManager[None]:
    """Return a context of Matplotlib's own defaults and `PRINT_STYLE`, whatever the user's settings are.

    Examples
    --------
    >>> import matplotlib as mpl
    >>> from fa_theory.plots import print_style
    >>> with print_style():
    ...     mpl.rcParams["font.size"], mpl.rcParams["axes.spines.top"]
    (8.0, False)
    """
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

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.plots import picture, plot_phase_diagram
    >>> values = np.array([[0.5, -1.0]])
    >>> svg, png = picture(lambda ax: plot_phase_diagram([8, 16], [2], values, ax, xlabel="n", ylabel="L", label="C"))
    >>> svg[:5], png[1:4]
    (b'<?xml', b'PNG')
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


def require(kind: type, **given: object) -> None:
    """Raise TypeError, which names the argument, if one of those given is not of a kind.

    Examples
    --------
    >>> from fa_theory.plots.style import require
    >>> require(str, name="x")
    >>> require(str, name=3)
    Traceback (most recent call last):
    TypeError: name must be a str, got int
    """
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    for name, value in given.items():
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be {article} {kind.__name__}, got {type(value).__name__}")


def look_of(number: int) -> Look:
    """Return the look of the line of that number; when the colours are used up they come again with other styles."""
    lap, place = divmod(number, len(LOOKS))
    other = LOOKS[(place + lap) % len(LOOKS)]
    return Look(LOOKS[place].color, other.linestyle, other.marker)


def draw_curve(ax: Axes, t: Host, values: Host, label: str, look: int) -> None:
    """Draw one line with its markers; lines of different `look` differ in colour, or in style and marker."""
    color, linestyle, marker = look_of(look)
    every = max(1, len(t) // MARKS)
    # each line's markers start elsewhere, so that lines on top of each other show both
    start = look * every // 3 % every if len(t) > MARKS else 0
    ax.plot(t, values, color=color, linestyle=linestyle, marker=marker, markevery=(start, every), label=label)


def describe_run(ax: Axes, title: str, trajectory: Trajectory) -> None:
    """Set the title, its long lines broken, and what the time axis says of a run."""
    ax.set_title("\n".join(fill(line, TITLE_WIDTH) for line in title.split("\n")), y=1.0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    steps = "" if trajectory.method == "flow" else f" (steps of {trajectory.options['step_size']:g})"
    ax.set_xlabel(f"time t{steps}")


def log_ticks(ax: Axes) -> None:
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


def legend_on_top(ax: Axes) -> None:
    """Put the legend at the top, in two columns if these fit, on an axis extended upwards so that it hides nothing."""
    # columns are filled one after the other: short labels first, so that only one column is wide
    entries = sorted(zip(*ax.get_legend_handles_labels(), strict=True), key=lambda entry: len(entry[1]))
    handles, labels = zip(*entries, strict=True)
    rows = (len(labels) + 1) // 2
    columns = 2 if len(labels[rows - 1]) + len(labels[-1]) <= _LEGEND_WIDTH else 1
    ax.legend(handles, labels, loc="upper left", ncols=columns, columnspacing=1.0, handlelength=1.7, borderaxespad=0.2)
    # a third at least is left to the curves: without that, eight lines would leave them nothing
    room = min(0.12 * (rows if columns == 2 else len(labels)) + 0.02, 2 / 3)
    low, high = ax.get_ylim()
    share = room / (1 - room)
    ax.set_ylim(low, high * (high / low) ** share if ax.get_yscale() == "log" else high + share * (high - low))
