"""Results of experiments: means over seeds, with the range of the seeds.

A table is a sequence of mappings, one for each run, as in the rows of an experiment or of its ``experiment.json``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from fa_theory.choices import not_among
from fa_theory.plots.style import TITLE_WIDTH, legend_on_top, log_ticks, look_of, require
from fa_theory.plots.table import AT_MOST_ONE, COSINE, FRACTION, NOT_NEGATIVE, POSITIVE, TRUTH, Row, known, table_of

Draw = Callable[[Axes], Axes]


def plot_against(
    rows: Iterable[Row],
    x: str,
    y: str,
    by: str,
    ax: Axes,
    *,
    title: str,
    xlabel: str,
    ylabel: str,
) -> Axes:
    """Draw the mean over seeds of one column of a table against another, with a bar from the least seed to the largest.

    Parameters
    ----------
    rows : iterable of mappings
        The table; rows without a value are left out.
    x, y : str
        The columns.
    by : str
        One line for each value of this column, in the order in which they come.
    ax : Axes
        Where to draw.
    title, xlabel, ylabel : str
        What it is.

    Returns
    -------
    Axes
        The same Axes, with one container of error bars for each line.
    """
    groups: dict[Any, dict[float, list[float]]] = {}
    seeds = set()
    for row in rows:
        if known(row, y):
            groups.setdefault(row[by], {}).setdefault(row[x], []).append(row[y])
            seeds.add(row["seed"])
    for number, (name, points) in enumerate(groups.items()):
        at = sorted(points)
        means = np.asarray([np.mean(points[each]) for each in at])
        ends = np.asarray([(min(points[each]), max(points[each])) for each in at]).T
        color, linestyle, marker = look_of(number)
        bars = np.maximum(np.stack([means - ends[0], ends[1] - means]), 0.0)
        ax.errorbar(
            at,
            means,
            bars,
            color=color,
            linestyle=linestyle,
            marker=marker,
            label=str(name),
            elinewidth=0.7,
            capsize=1.5,
        )
    told = f"mean and range over {len(seeds)} seeds" if len(seeds) > 1 else "one seed"
    short = len(seeds) <= 1 and len(f"{title}, {told}") <= TITLE_WIDTH
    ax.set_title(f"{title}, {told}" if short else f"{title}\n{told}")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return ax


def plot_drift(rows: Iterable[Row], method: str, ax: Axes) -> Axes:
    """Draw the drift of C_i, relative to what 1/2 |w_i|^2 moves, against the step size, with a line of slope 1.

    Over a fixed time the drift of the neuron law is proportional to the step size (statement bregman-drift). Both axes
    are logarithmic; marks are means over seeds, with bars from the least seed to the largest.

    Parameters
    ----------
    rows : iterable of mappings
        One for each run, in any order, with the columns ``method``, ``rule``, ``seed``, ``step_size`` (> 0) and
        ``relative_drift`` (>= 0), a fraction; rows without the last, or where it is None, NaN or 0, are left out.
    method : {"gd", "sgd"}
        Which runs are drawn.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same Axes, with one container of error bars for each rule and, as its last line, the one of slope 1.

    Raises
    ------
    ValueError
        If `method` is another, or there are no rows, or one lacks a column or has anything else there.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from fa_theory.plots import plot_drift
    >>> rows = [
    ...     {"method": "gd", "rule": "fa", "seed": seed, "step_size": size, "relative_drift": (1 + seed) * size}
    ...     for size in (0.01, 0.02)
    ...     for seed in (0, 1)
    ... ]
    >>> ax = plot_drift(rows, "gd", Figure().add_subplot())
    >>> [bars.get_label() for bars in ax.containers], ax.containers[0].lines[0].get_ydata().round(3).tolist()
    (['fa'], [0.015, 0.03])
    """
    require(Axes, ax=ax)
    names = {"gd": "gradient descent", "sgd": "SGD"}
    if method not in names:
        raise not_among("method", method, names)
    table = table_of(rows, ("method", "rule", "seed"), {"step_size": POSITIVE}, {"relative_drift": NOT_NEGATIVE})
    # a drift of zero has no place on a logarithmic axis
    drawn = [row for row in table if row["method"] == method and known(row, "relative_drift") and row["relative_drift"]]
    plot_against(
        drawn,
        "step_size",
        "relative_drift",
        "rule",
        ax,
        title=f"Drift of the neuron law, {names[method]}",
        xlabel="step size",
        ylabel="drift of C / change of ½|w|²",
    )
    if drawn:
        sizes = sorted({row["step_size"] for row in drawn})
        ax.set_xscale("log")
        ax.set_yscale("log")
        least = min(row["relative_drift"] for row in drawn if row["step_size"] == sizes[0]) / 2
        ax.plot(sizes, [least * size / sizes[0] for size in sizes], color="0.4", linewidth=0.9, label="slope 1")
        _ticks_at(ax, sizes)
        log_ticks(ax)
        legend_on_top(ax)
    return ax


def plot_classes(rows: Iterable[Row], y: str, ax: Axes, *, title: str, ylabel: str) -> Axes:
    """Draw a measure against the number of classes, one line for each rule.

    Marks are means over seeds, with bars from the least seed to the largest.

    Parameters
    ----------
    rows : iterable of mappings
        One for each run, in any order, with the columns ``classes``, ``rule``, ``seed`` and `y`; rows without the last,
        or where it is None or NaN, are left out.
    y : str
        The column of the measure, which is at most 1: a fraction, drawn in per cent if its name ends with ``accuracy``,
        or a cosine.
    ax : Axes
        Where to draw.
    title, ylabel : str
        What the measure is.

    Returns
    -------
    Axes
        The same Axes, with one container of error bars for each rule.

    Raises
    ------
    ValueError
        If there are no rows, or one lacks a column or has anything else there.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from fa_theory.plots import plot_classes
    >>> rows = [
    ...     {"classes": classes, "rule": rule, "seed": 0, "test_accuracy": accuracy}
    ...     for rule, accuracies in {"backprop": (0.99, 0.96), "fa": (0.99, 0.93)}.items()
    ...     for classes, accuracy in zip((2, 10), accuracies)
    ... ]
    >>> ax = plot_classes(rows, "test_accuracy", Figure().add_subplot(), title="On digits", ylabel="accuracy")
    >>> {bars.get_label(): bars.lines[0].get_ydata().tolist() for bars in ax.containers}
    {'backprop': [0.99, 0.96], 'fa': [0.99, 0.93]}
    """
    require(Axes, ax=ax)
    table = table_of(rows, ("rule", "seed"), {"classes": POSITIVE}, {y: AT_MOST_ONE})
    plot_against(table, "classes", y, "rule", ax, title=title, xlabel="classes", ylabel=ylabel)
    classes = sorted({row["classes"] for row in table})
    ax.xaxis.set_major_locator(FixedLocator(classes))
    if ax.get_legend_handles_labels()[0]:
        # the room for the legend has no ticks, as neither accuracies nor cosines exceed 1
        ax.yaxis.set_major_locator(FixedLocator([tick for tick in ax.get_yticks() if tick < 1 + 1e-9]))
        if y.endswith("accuracy"):
            ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        legend_on_top(ax)
    return ax


def plot_accuracy_against_alignment(rows: Iterable[Row], ax: Axes) -> Axes:
    """Draw one mark for each run with the most classes: held-out accuracy against the cosine of F and G.

    Parameters
    ----------
    rows : iterable of mappings
        One for each run, with the columns ``classes``, ``rule``, ``cosine_update`` (from -1 to 1) and ``test_accuracy``
        (a fraction, drawn in per cent); rows without one of the last two, or where it is None or NaN, are left out.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same Axes, with one line of marks for each rule.

    Raises
    ------
    ValueError
        If there are no rows, or one lacks a column or has anything else there.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from fa_theory.plots import plot_accuracy_against_alignment
    >>> rows = [
    ...     {"classes": classes, "rule": "fa", "cosine_update": cosine, "test_accuracy": accuracy}
    ...     for classes, cosine, accuracy in ((2, 0.9, 0.99), (10, 0.6, 0.93), (10, 0.7, 0.94))
    ... ]
    >>> ax = plot_accuracy_against_alignment(rows, Figure().add_subplot())
    >>> ax.lines[0].get_label(), ax.lines[0].get_xydata().tolist()
    ('fa', [[0.6, 0.93], [0.7, 0.94]])
    """
    require(Axes, ax=ax)
    table = table_of(rows, ("rule",), {"classes": POSITIVE}, {"cosine_update": COSINE, "test_accuracy": FRACTION})
    most = max(row["classes"] for row in table)
    shown = [
        row for row in table if row["classes"] == most and known(row, "cosine_update") and known(row, "test_accuracy")
    ]
    for number, rule in enumerate(dict.fromkeys(row["rule"] for row in shown)):
        points = [(row["cosine_update"], row["test_accuracy"]) for row in shown if row["rule"] == rule]
        color, _, marker = look_of(number)
        ax.plot(*zip(*points, strict=True), color=color, marker=marker, linestyle="none", label=rule)
    ax.set_title(f"Accuracy against alignment, {most} classes")
    ax.set_xlabel("cosine of F and G, mean over training")
    ax.set_ylabel("held-out accuracy")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    if shown:
        legend_on_top(ax)
    return ax


def plot_widths(rows: Iterable[Row], activation: str, ax: Axes) -> Axes:
    """Draw the held-out error of networks that fit their labels, noisy or clean, against width.

    One line for each rule and kind of labels; for linear networks also the minimum-norm interpolants' (statement
    minimum-norm). Marks are means over seeds, with bars from the least seed to the largest; the width's axis is
    logarithmic.

    Parameters
    ----------
    rows : iterable of mappings
        One for each run, in any order, with the columns ``activation``, ``rule``, ``seed``, ``width`` (> 0), ``noise``
        (the fraction of flipped labels; 0: clean), ``interpolates`` (whether all labels are fitted; other runs are left
        out) and ``test_error`` (a fraction, drawn in per cent), and for linear networks ``test_error_minimum_norm``.
        Rows where an error is None or NaN are left out.
    activation : str
        Which runs are drawn, as it stands in their column.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same Axes, with one container of error bars for each line; of no run, it has none.

    Raises
    ------
    ValueError
        If there are no rows, or none of `activation`, or one lacks a column or has anything else there.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from fa_theory.plots import plot_widths
    >>> rows = [
    ...     {
    ...         "activation": "relu",
    ...         "rule": "fa",
    ...         "seed": 0,
    ...         "width": width,
    ...         "noise": noise,
    ...         "interpolates": True,
    ...         "test_error": 0.1 + noise / width,
    ...     }
    ...     for width in (2, 8)
    ...     for noise in (0.2, 0.0)
    ... ]
    >>> ax = plot_widths(rows, "relu", Figure().add_subplot())
    >>> {bars.get_label(): bars.lines[0].get_ydata().round(3).tolist() for bars in ax.containers}
    {'fa, clean': [0.1, 0.1], 'fa, noisy': [0.2, 0.125]}
    """
    require(Axes, ax=ax)
    errors = ("test_error", "test_error_minimum_norm") if activation == "linear" else ("test_error",)
    table = table_of(
        rows,
        ("activation", "rule", "seed"),
        {"interpolates": TRUTH, "width": POSITIVE, "noise": FRACTION},
        dict.fromkeys(errors, FRACTION),
    )
    here = [row for row in table if row["activation"] == activation]
    if not here:
        raise not_among("activation", activation, dict.fromkeys(row["activation"] for row in table))
    named = [{**row, "line": f"{row['rule']}, {_labels(row)}"} for row in here if row["interpolates"]]
    noisy_last = sorted(named, key=lambda row: row["noise"] > 0)
    if activation == "linear":
        noisy_last += [
            {**row, "line": f"min. norm, {_labels(row)}", "test_error": row.get("test_error_minimum_norm")}
            for row in sorted(here, key=lambda row: row["noise"] > 0)
        ]
    plot_against(
        noisy_last,
        "width",
        "test_error",
        "line",
        ax,
        title=f"Interpolating networks, {activation.partition(':')[0].replace('_', ' ')}",
        xlabel="width",
        ylabel="held-out error (clean labels)",
    )
    if ax.get_legend_handles_labels()[0]:
        ax.set_xscale("log")
        _ticks_at(ax, sorted({row["width"] for row in noisy_last}))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        legend_on_top(ax)
    return ax


def _labels(row: Row) -> str:
    return "noisy" if row["noise"] > 0 else "clean"


def _ticks_at(ax: Axes, values: Sequence[float]) -> None:
    """Label a logarithmic axis at the values that were run, as plain numbers."""
    ax.xaxis.set_major_locator(FixedLocator(values))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def experiment_figures(name: str, rows: Sequence[Row]) -> dict[str, Draw]:
    """Return the figures of an experiment by the names of their files: functions Axes -> Axes."""
    # runs that diverged have no measures, and that may be all of them
    absent = dict.fromkeys(("relative_drift", "test_accuracy", "cosine_update", "cosine_feedback"))
    rows = [{**absent, **row} for row in rows]
    if name == "conservation":
        return {f"drift-{method}": partial(plot_drift, rows, method) for method in ("gd", "sgd")}
    if name == "overfitting":
        activations = dict.fromkeys(row["activation"] for row in rows)
        return {f"width-{each.partition(':')[0]}": partial(plot_widths, rows, each) for each in activations}
    measures = {
        "accuracy": ("test_accuracy", "Held-out accuracy", "held-out accuracy"),
        "cosine-update": ("cosine_update", "Alignment of updates", "cosine of F and G"),
        "cosine-feedback": ("cosine_feedback", "Alignment of feedback", "cosine of feedback and Wᵀ"),
    }
    figures: dict[str, Draw] = {
        stem: partial(plot_classes, rows, column, title=title, ylabel=ylabel)
        for stem, (column, title, ylabel) in measures.items()
    }
    return figures | {"accuracy-alignment": partial(plot_accuracy_against_alignment, rows)}
