"""Figures of experiments draw the numbers of their tables."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from fa_theory.plots import plot_accuracy_against_alignment, plot_classes, plot_drift, plot_widths
from fa_theory.plots.experiments import experiment_figures, plot_against
from fa_theory.plots.style import print_style


def axes():
    return Figure().add_subplot()


def lines(ax):
    """Return what the containers of error bars show: {label: (x, mean, lower end, upper end)}."""
    shown = {}
    for container in ax.containers:
        line, _, (bars,) = container
        ends = np.asarray([segment[:, 1] for segment in bars.get_segments()])
        shown[container.get_label()] = (*line.get_data(), ends.min(axis=1), ends.max(axis=1))
    return shown


def legend(ax):
    return {text.get_text() for text in ax.get_legend().get_texts()}


def test_means_and_ranges_over_seeds_are_drawn():
    rows = [{"x": x, "y": x * (1 + seed), "by": by, "seed": seed} for by in "ab" for x in (2, 1) for seed in (0, 2)]
    rows.append({"x": 5, "y": None, "by": "a", "seed": 0})
    ax = plot_against(rows, "x", "y", "by", axes(), title="T", xlabel="X", ylabel="Y")
    for x, mean, low, high in lines(ax).values():
        assert (list(x), list(mean), list(low), list(high)) == ([1, 2], [2, 4], [1, 2], [3, 6])
    assert list(lines(ax)) == ["a", "b"]
    assert ax.get_title() == "T\nmean and range over 2 seeds"
    assert plot_against(rows[:1], "x", "y", "by", axes(), title="T", xlabel="", ylabel="").get_title() == "T, one seed"
    long = plot_against(rows[:1], "x", "y", "by", axes(), title="T" * 40, xlabel="", ylabel="")
    assert long.get_title() == "T" * 40 + "\none seed"


def drift_rows():
    return [
        {"kind": "drift", "method": method, "rule": rule, "seed": 0, "step_size": size, "relative_drift": size * scale}
        for method in ("gd", "sgd")
        for rule, scale in (("fa", 1.0), ("backprop", 2.0))
        for size in (0.04, 0.02, 0.01)
    ]


def test_drift_is_drawn_with_a_line_of_slope_one():
    rows = [*drift_rows(), {"kind": "identity", "method": "gd", "rule": "fa", "seed": 0, "step_size": 0.04}]
    ax = plot_drift(rows, "gd", axes())
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    np.testing.assert_allclose(lines(ax)["backprop"][1], [0.02, 0.04, 0.08])
    x, y = ax.get_lines()[-1].get_data()
    np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(np.log(x)), 1.0)
    assert legend(ax) == {"fa", "backprop", "slope 1"}
    assert "gradient descent" in ax.get_title()
    assert not plot_drift(rows[:1], "sgd", axes()).containers


def class_rows():
    return [
        {"classes": k, "rule": rule, "seed": seed, "test_accuracy": 0.9 - 0.01 * k, "cosine_update": c + 0.01 * seed}
        for k in (2, 3)
        for rule, c in (("fa", 0.4), ("backprop", 0.99))
        for seed in (0, 1)
    ]


def test_measures_are_drawn_against_classes():
    rows = [*class_rows(), {"classes": 4, "rule": "fa", "seed": 0, "test_accuracy": None}]
    ax = plot_classes(rows, "test_accuracy", axes(), title="A", ylabel="accuracy")
    np.testing.assert_allclose(lines(ax)["fa"][1], [0.88, 0.87])
    assert ax.get_xticks().tolist() == [2, 3, 4]
    assert ax.get_yticks().max() < 1 + 1e-9  # above is the legend's room
    assert ax.yaxis.get_major_formatter()(0.875).endswith("%")
    cosines = plot_classes(rows, "cosine_update", axes(), title="A", ylabel="cosine")
    assert "%" not in cosines.yaxis.get_major_formatter()(0.875)
    assert plot_classes(rows[-1:], "test_accuracy", axes(), title="A", ylabel="").get_legend() is None


def test_accuracy_is_drawn_against_alignment_for_the_most_classes():
    ax = plot_accuracy_against_alignment(class_rows(), axes())
    shown = {line.get_label(): line.get_data() for line in ax.get_lines()}
    np.testing.assert_allclose(shown["fa"], [[0.4, 0.41], [0.87, 0.87]])
    assert "3 classes" in ax.get_title()
    nothing = [{"classes": 4, "rule": "fa", "seed": 0, "test_accuracy": None, "cosine_update": None}]
    assert plot_accuracy_against_alignment(nothing, axes()).get_legend() is None


def width_rows(interpolates=True):
    return [
        {
            "activation": activation,
            "rule": "fa",
            "width": width,
            "noise": noise,
            "seed": 0,
            "interpolates": interpolates,
            "test_error": 0.2 + noise / width,
            "test_error_minimum_norm": 0.1 + noise,
        }
        for activation in ("linear", "leaky_relu:0.2")
        for width in (2, 8)
        for noise in (0.2, 0.0)
    ]


def test_interpolating_runs_are_drawn_against_width():
    rows = width_rows()
    rows[0]["interpolates"] = False
    ax = plot_widths(rows, "linear", axes())
    shown = lines(ax)
    assert list(shown) == ["fa, clean", "fa, noisy", "min. norm, clean", "min. norm, noisy"]
    assert [list(each) for each in shown["fa, noisy"][:2]] == [[8], [0.225]]
    np.testing.assert_allclose(shown["min. norm, noisy"][1], 0.3)
    assert list(lines(plot_widths(rows, "leaky_relu:0.2", axes()))) == ["fa, clean", "fa, noisy"]
    assert plot_widths(width_rows(interpolates=False), "leaky_relu:0.2", axes()).get_legend() is None


def draw_classes(rows):
    return plot_classes(rows, "test_accuracy", axes(), title="A", ylabel="accuracy")


@pytest.mark.parametrize("nothing", [{}, {"test_accuracy": None}, {"test_accuracy": float("nan")}])
def test_a_run_without_a_value_is_left_out_however_the_table_says_so(nothing):
    rows = class_rows()
    # as the maker of another table would have them: other numbers, another order
    rows = [{name: np.float64(v) if isinstance(v, float) else v for name, v in row.items()} for row in rows[::-1]]
    diverged = {"classes": 3, "rule": "fa", "seed": 5, "cosine_update": 0.1} | nothing
    assert [each.tolist() for each in lines(draw_classes([*rows, diverged]))["fa"]] == [
        each.tolist() for each in lines(draw_classes(iter(rows)))["fa"]
    ]
    marks = [plot_accuracy_against_alignment(each, axes()).get_lines()[1] for each in ([*rows, diverged], rows)]
    np.testing.assert_array_equal(*(each.get_xydata() for each in marks))
    no_drift = {**drift_rows()[0], "relative_drift": nothing.get("test_accuracy")}
    assert not plot_drift([no_drift], "gd", axes()).containers
    no_errors = [{**row, "test_error": nothing.get("test_accuracy")} for row in width_rows()]
    assert plot_widths(no_errors, "leaky_relu:0.2", axes()).get_legend() is None


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: draw_classes([]), "rows must hold at least one run, got none"),
        (lambda: draw_classes(["classes"]), r"rows must be mappings of columns to values, got 'classes'; .*to_dict"),
        (
            lambda: draw_classes([*class_rows(), {"rule": "fa", "seed": 0}]),
            "rows must have the column classes, got row 8 with rule, seed",
        ),
        (
            lambda: draw_classes([{"rule": "fa", "seed": 0, "classes": "3"}]),
            "rows must have a finite number > 0 as classes, got '3' in row 0",
        ),
        (
            lambda: draw_classes([{"rule": "fa", "seed": 0, "classes": None}]),
            "rows must have a finite number > 0 as classes, got None in row 0",
        ),
        (
            lambda: draw_classes([{"rule": "fa", "seed": 0, "classes": 3, "test_accuracy": "0.9"}]),
            "rows must have a finite number up to 1, None or NaN as test_accuracy, got '0.9' in row 0",
        ),
        (lambda: plot_drift(drift_rows(), "sdg", axes()), "method must be one of gd, sgd, got 'sdg'; did you mean"),
        (
            lambda: plot_widths(width_rows(), "relu", axes()),
            "activation must be one of linear, leaky_relu:0.2, got 'relu'",
        ),
    ],
)
def test_a_table_that_is_none_is_refused(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()


DRAWN = {
    "plot_drift": (drift_rows, lambda rows: plot_drift(rows, "gd", axes())),
    "plot_classes": (class_rows, draw_classes),
    "plot_accuracy_against_alignment": (class_rows, lambda rows: plot_accuracy_against_alignment(rows, axes())),
    "plot_widths": (width_rows, lambda rows: plot_widths(rows, "linear", axes())),
}


@pytest.mark.parametrize(
    ("name", "column", "value", "allowed"),
    [
        *(("plot_drift", "step_size", value, "a finite number > 0") for value in (-1, 0, np.nan, np.inf, "1")),
        ("plot_drift", "relative_drift", -0.1, "a finite number >= 0, None or NaN"),
        ("plot_drift", "relative_drift", np.inf, "a finite number >= 0, None or NaN"),
        ("plot_classes", "test_accuracy", 93.0, "a finite number up to 1, None or NaN"),
        ("plot_classes", "test_accuracy", -np.inf, "a finite number up to 1, None or NaN"),
        ("plot_accuracy_against_alignment", "cosine_update", -1.1, "a number from -1 to 1, None or NaN"),
        ("plot_accuracy_against_alignment", "test_accuracy", 93.0, "a fraction from 0 to 1, None or NaN"),
        ("plot_widths", "width", 0, "a finite number > 0"),
        ("plot_widths", "noise", np.nan, "a fraction from 0 to 1"),
        *(("plot_widths", "interpolates", value, "True or False") for value in ("False", None, 2)),
        ("plot_widths", "test_error_minimum_norm", 12.0, "a fraction from 0 to 1, None or NaN"),
    ],
)
def test_a_value_that_cannot_be_drawn_is_refused_and_none_of_its_neighbours(name, column, value, allowed):
    make, draw = DRAWN[name]
    rows = make()
    draw(rows)
    rows[3] = {**rows[3], column: value}
    with pytest.raises(ValueError, match=f"^rows must have {allowed} as {column}, got {value!r} in row 3$"):
        draw(rows)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("plot_drift", "relative_drift"),
        ("plot_classes", "test_accuracy"),
        ("plot_accuracy_against_alignment", "cosine_update"),
        ("plot_widths", "test_error_minimum_norm"),
        ("plot_widths", "interpolates"),
    ],
)
def test_a_column_under_another_name_is_asked_for(name, column):
    make, draw = DRAWN[name]
    misspelt = column.replace("t", "", 1)
    rows = [{misspelt if key == column else key: value for key, value in row.items()} for row in make()]
    with pytest.raises(ValueError, match=rf"^rows must have the column {column}, got row.*; did you mean '{misspelt}'"):
        draw(rows)


@pytest.mark.parametrize("true", [True, np.True_, 1])
def test_truth_is_whatever_a_table_has_for_it(true):
    rows = [{**row, "interpolates": true} for row in width_rows()]
    assert lines(plot_widths(rows, "linear", axes())).keys() == lines(DRAWN["plot_widths"][1](width_rows())).keys()


def test_minimum_norm_errors_are_asked_for_of_linear_networks_only():
    rows = [{key: value for key, value in row.items() if "minimum" not in key} for row in width_rows()]
    assert list(lines(plot_widths(rows, "leaky_relu:0.2", axes()))) == ["fa, clean", "fa, noisy"]


@pytest.mark.parametrize("draw", [draw for _, draw in DRAWN.values()])
def test_what_is_no_table_is_refused(draw):
    with pytest.raises(TypeError, match="rows must be a sequence of mappings of columns to values, got int"):
        draw(3)


@pytest.mark.parametrize(
    ("draw", "make"),
    [
        (lambda rows, ax: plot_drift(rows, "gd", ax), drift_rows),
        (lambda rows, ax: plot_classes(rows, "test_accuracy", ax, title="", ylabel=""), class_rows),
        (plot_accuracy_against_alignment, class_rows),
        (lambda rows, ax: plot_widths(rows, "linear", ax), width_rows),
    ],
)
def test_a_figure_is_no_axes(draw, make):
    with pytest.raises(TypeError, match="ax must be an Axes, got Figure"):
        draw(make(), Figure())


@pytest.mark.parametrize("name", ["conservation", "alignment"])
def test_an_experiment_of_which_every_run_diverged_has_empty_figures(name):
    rows = [{"kind": "drift", "method": "gd", "rule": "fa", "seed": 0, "step_size": 9.0, "classes": 2}]
    for draw in experiment_figures(name, rows).values():
        ax = draw(axes())
        assert not ax.containers
        assert not ax.lines


@pytest.mark.parametrize(
    ("name", "rows", "stems"),
    [
        ("conservation", drift_rows(), {"drift-gd", "drift-sgd"}),
        ("alignment", class_rows(), {"accuracy", "cosine-update", "cosine-feedback", "accuracy-alignment"}),
        ("overfitting", width_rows(), {"width-linear", "width-leaky_relu"}),
    ],
)
def test_no_text_of_a_figure_overlaps_another(name, rows, stems):
    figures = experiment_figures(name, rows)
    assert figures.keys() == stems
    for draw in figures.values():
        with print_style():
            figure = Figure(figsize=(3.4, 2.7), layout="tight")
            ax = draw(figure.add_subplot())
            figure.draw_without_rendering()
            texts = [
                ax.title,
                ax.xaxis.label,
                ax.yaxis.label,
                *(ax.get_legend().get_texts() if ax.get_legend() else ()),
            ]
            boxes = [text.get_window_extent() for text in texts if text.get_text()]
        pairs = [(a, b) for k, a in enumerate(boxes) for b in boxes[k + 1 :]]
        assert not any(a.overlaps(b) for a, b in pairs)
        assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 + 1 for box in boxes)
