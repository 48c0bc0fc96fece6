"""Results of experiments: means over seeds, with the range of the seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from fa_theory.plots.style import legend_on_top, log_ticks, look_of

Row = Mapping[str, Any]
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
        if row.get(y) is not None:
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
    ax.set_title(f"{title}\nmean and range over {len(seeds)} seeds" if len(seeds) > 1 else f"{title}, one seed")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return ax


def plot_drift(rows: Sequence[Row], method: str, ax: Axes) -> Axes:
    """Draw the drift of C_i, relative to what 1/2 |w_i|^2 moves, against the step size, with a line of slope 1.

    Parameters
    ----------
    rows : sequence of mappings
        The table of the experiment conservation.
    method : {"gd", "sgd"}
        Which runs are drawn.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same Axes, with one container of error bars for each rule and, as its last line, the one of slope 1.
    """
    drawn = [row for row in rows if row["method"] == method and row.get("relative_drift")]
    name = {"gd": "gradient descent", "sgd": "SGD"}[method]
    plot_against(
        drawn,
        "step_size",
        "relative_drift",
        "rule",
        ax,
        title=f"Drift of the neuron law, {name}",
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


def plot_classes(rows: Sequence[Row], y: str, ax: Axes, *, title: str, ylabel: str) -> Axes:
    """Draw a measure of the experiment alignment against the number of classes, one line for each rule."""
    plot_against(rows, "classes", y, "rule", ax, title=title, xlabel="classes", ylabel=ylabel)
    classes = sorted({row["classes"] for row in rows})
    ax.xaxis.set_major_locator(FixedLocator(classes))
    if ax.get_legend_handles_labels()[0]:
        # the room for the legend has no ticks, as neither accuracies nor cosines exceed 1
        ax.yaxis.set_major_locator(FixedLocator([tick for tick in ax.get_yticks() if tick < 1 + 1e-9]))
        legend_on_top(ax)
    return ax


def plot_accuracy_against_alignment(rows: Sequence[Row], ax: Axes) -> Axes:
    """Draw one mark for each run with the most classes: held-out accuracy against the cosine of F and G."""
    most = max(row["classes"] for row in rows)
    known = [row for row in rows if row["classes"] == most and row.get("cosine_update") is not None]
    for number, rule in enumerate(dict.fromkeys(row["rule"] for row in known)):
        points = [(row["cosine_update"], row["test_accuracy"]) for row in known if row["rule"] == rule]
        color, _, marker = look_of(number)
        ax.plot(*zip(*points, strict=True), color=color, marker=marker, linestyle="none", label=rule)
    ax.set_title(f"Accuracy against alignment, {most} classes")
    ax.set_xlabel("cosine of F and G, mean over training")
    ax.set_ylabel("held-out accuracy")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    if known:
        legend_on_top(ax)
    return ax


def plot_widths(rows: Sequence[Row], activation: str, ax: Axes) -> Axes:
    """Draw held-out error of the interpolating runs of the experiment overfitting against width.

    One line for each rule and kind of labels; for linear networks also the minimum-norm interpolants'.
    """
    here = [row for row in rows if row["activation"] == activation]
    named = [{**row, "line": f"{row['rule']}, {_labels(row)}"} for row in here if row["interpolates"]]
    noisy_last = sorted(named, key=lambda row: row["noise"] > 0)
    if activation == "linear":
        noisy_last += [
            {**row, "line": f"min. norm, {_labels(row)}", "test_error": row["test_error_minimum_norm"]}
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
    if noisy_last:
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
