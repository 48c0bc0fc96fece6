"""A quantity over two parameters of a family of runs."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.ticker import Formatter

from fa_theory.plots.style import require

Host = np.ndarray[Any, Any]


def plot_phase_diagram(
    x: Sequence[object], y: Sequence[object], values: Host, ax: Axes, *, xlabel: str, ylabel: str, label: str
) -> Axes:
    """Draw a quantity over two parameters as a grid of coloured cells, each with its number.

    Positive and negative values have different colours; cells without a value (NaN) are left white and crossed.

    Parameters
    ----------
    x, y : sequence
        The parameters' values, shown as they are, one for each column and for each row, from the bottom.
    values : array, (len(y), len(x))
        The quantity: finite numbers, or NaN where there is none.
    ax : Axes
        Where to draw.
    xlabel, ylabel, label : str
        What the parameters and the quantity are.

    Returns
    -------
    Axes
        The same Axes, with the cells as its only image.

    Raises
    ------
    ValueError
        If there are no parameters, or the shape of `values` does not fit, or they are neither finite nor NaN.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from fa_theory.plots import plot_phase_diagram
    >>> ax, values = Figure().add_subplot(), np.array([[1.0, 2.0], [-1.0, np.nan]])
    >>> ax = plot_phase_diagram([8, 16], [2, 3], values, ax, xlabel="width", ylabel="depth", label="dominance")
    >>> [text.get_text() for text in ax.texts]
    ['1', '2', '−1', '×']
    """
    require(Axes, ax=ax)
    for name, parameters in (("x", x), ("y", y)):
        if isinstance(parameters, str) or not isinstance(parameters, Sized):
            raise TypeError(f"{name} must be a sequence of the parameter's values, got {parameters!r}")
        if not len(parameters):
            raise ValueError(f"{name} must hold at least one value of the parameter, got none")
    try:
        values = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"values must be an array of numbers, or NaN: {error}") from None
    if values.shape != (len(y), len(x)):
        raise ValueError(f"values must have shape {(len(y), len(x))}, one row for each y, got {values.shape}")
    for (row, column), value in np.ndenumerate(values):
        if np.isinf(value):
            raise ValueError(f"values must be finite or NaN, got {value} in row {row}, column {column}")
    size = float(np.max(abs(values), initial=0.0, where=np.isfinite(values))) or 1.0
    ax.imshow(values, origin="lower", cmap="RdBu", norm=TwoSlopeNorm(0.0, -size, size), aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        dark = np.isfinite(value) and abs(value) > 0.6 * size
        # with the minus of Matplotlib's own ticks
        text = Formatter.fix_minus(f"{value:.2g}") if np.isfinite(value) else "×"
        ax.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    ax.set_xticks(range(len(x)), [_shown(each) for each in x])
    ax.set_yticks(range(len(y)), [_shown(each) for each in y])
    ax.grid(visible=False)
    ax.set_title(label)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return ax


def _shown(value: object) -> str:
    """Return the words for a parameter; only in a number a hyphen is a minus."""
    return Formatter.fix_minus(str(value)) if isinstance(value, Real) else str(value)
