"""Pictures draw the numbers of the run and of the bound, on a scale that suits them."""

import dataclasses
import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from small_runs import small_run

from fa_theory.bounds import Assumption, Bound
from fa_theory.model import Network, Problem
from fa_theory.plots import (
    picture,
    plot_alignment,
    plot_bound,
    plot_bounds,
    plot_dominance,
    plot_law_drift,
    plot_losses,
    plot_phase_diagram,
    print_style,
)
from fa_theory.plots.style import LOOKS, look_of
from fa_theory.verification import alignment_along, matrix_law_drift, neuron_law_drift, projection_law_drift


def axes():
    return Figure().add_subplot()


def bound_of(report, identifier):
    return next(bound for bound in report.bounds if bound.id == identifier)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("identifier", "options", "ylabel"),
    [
        ("descent", {}, "mean loss L(t)"),
        ("exponential-decay", {}, "excess loss L(t) − L*"),
        ("separable-decay", {"loss": "logistic"}, "mean loss L(t)"),
        ("multi-output-decay", {"outputs": 2, "alignment": 10.0}, "excess loss L(t) − L*"),
    ],
)
def test_bound_picture_shows_loss_and_bound(identifier, options, ylabel):
    report = small_run(**options)
    bound, run, ax = bound_of(report, identifier), report.trajectory, axes()
    assert plot_bound(bound, run, ax) is ax
    observed, limit = ax.get_lines()[:2]
    np.testing.assert_array_equal(observed.get_xdata(), run.t)
    np.testing.assert_array_equal(observed.get_ydata(), run.loss - bound.floor)
    np.testing.assert_array_equal(limit.get_xdata(), run.t)
    np.testing.assert_array_equal(limit.get_ydata(), bound(run.t))
    assert ax.get_ylabel() == ylabel
    assert ax.get_xlabel() == "time t"
    assert ax.get_title().endswith("rule fa")
    assert {"observed", f"bound ({identifier})"} <= set(labels(ax))
    look = [(line.get_linestyle(), line.get_marker()) for line in (observed, limit)]
    assert look[0][0] != look[1][0]
    assert look[0][1] != look[1][1]


def test_bound_that_does_not_apply_is_refused():
    report = small_run()
    with pytest.raises(ValueError, match="separable-decay does not apply"):
        plot_bound(bound_of(report, "separable-decay"), report.trajectory, axes())


def with_losses(report, loss, error=0.0):
    loss = np.asarray(loss)
    return dataclasses.replace(report.trajectory, loss=loss, error=np.broadcast_to(error, loss.shape))


def flat(report, value):
    """The bound descent, at another height."""
    return dataclasses.replace(bound_of(report, "descent"), curve=lambda t: np.full(t.shape, value))


def test_scale_is_logarithmic_beyond_a_decade_only():
    report = small_run()
    one, two = np.geomspace(1.0, 0.11, 11), np.geomspace(1.0, 0.01, 11)
    assert plot_bound(flat(report, 1.0), with_losses(report, one), axes()).get_yscale() == "linear"
    assert plot_bound(flat(report, 1.0), with_losses(report, two), axes()).get_yscale() == "log"
    assert plot_bound(flat(report, 20.0), with_losses(report, one), axes()).get_yscale() == "log"


def test_scale_is_linear_where_values_without_error_are_not_positive():
    report = small_run()
    loss = np.linspace(1.0, -0.5, 11)
    ax = plot_bound(flat(report, 1.0), with_losses(report, loss), axes())
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] <= -0.5


def test_axis_ends_at_the_error_estimate_which_is_drawn():
    report = small_run()
    loss = np.geomspace(1.0, 1e-30, 11)
    loss[-1] = -1e-30
    ax = plot_bound(flat(report, 1.0), with_losses(report, loss, 1e-9), axes())
    assert ax.get_yscale() == "log"
    assert 1e-10 < ax.get_ylim()[0] <= 1e-9
    assert "error estimate" in labels(ax)
    assert len(ax.collections) == 1


@pytest.mark.parametrize("end", [0.5, 1e-3])
def test_error_estimate_thinner_than_a_line_is_left_out(end):
    report = small_run()
    ax = plot_bound(flat(report, 1.0), with_losses(report, np.geomspace(1.0, end, 11), 1e-9), axes())
    assert not ax.collections
    assert "error estimate" not in labels(ax)


def test_error_estimate_is_a_band_around_the_loss_on_a_linear_scale():
    report = small_run()
    ax = plot_bound(flat(report, 1.0), with_losses(report, np.linspace(1.0, 0.5, 11), 0.1), axes())
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(0.4)
    assert heights.max() == pytest.approx(1.1)


def test_loss_that_became_infinite_does_not_stretch_the_axis():
    report = small_run()
    loss = np.linspace(1.0, 0.5, 11)
    loss[-1] = np.inf
    assert np.isfinite(plot_bound(flat(report, 1.0), with_losses(report, loss), axes()).get_ylim()).all()
    loss[:] = np.nan
    assert np.isfinite(plot_bound(flat(report, np.nan), with_losses(report, loss), axes()).get_ylim()).all()


def test_legend_hides_no_line():
    report = small_run()
    ax = plot_bound(flat(report, 1.0), with_losses(report, np.geomspace(1.0, 1e-4, 11)), axes())
    ax.figure.draw_without_rendering()
    box = ax.get_legend().get_window_extent().transformed(ax.transData.inverted())
    assert box.y0 > 1.0


def test_ticks_are_powers_of_ten_in_plain_text():
    report = small_run()
    far = plot_bound(flat(report, 1.0), with_losses(report, np.geomspace(1.0, 1e-12, 11)), axes())
    near = plot_bound(flat(report, 1.0), with_losses(report, np.geomspace(1.0, 0.09, 11)), axes())
    for ax in (far, near):
        ax.figure.draw_without_rendering()
    # which decades are labelled is Matplotlib's choice, and differs between its versions
    powers = {tick: label.get_text() for tick, label in zip(far.get_yticks(), far.get_yticklabels(), strict=True)}
    assert len(powers) >= 4
    for tick, text in powers.items():
        assert text.startswith("10")
        exponent = int(text[2:].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
        assert tick == pytest.approx(10.0**exponent)
    assert {"5·10⁻¹", "10⁰"} <= {label.get_text() for label in near.get_yticklabels()}


def test_law_drift_shows_drift_and_tolerance_of_each_law_that_applies():
    run, ax = small_run().trajectory, axes()
    assert plot_law_drift(run, ax) is ax
    assert ax.get_yscale() == "log"
    expected = [neuron_law_drift(run), matrix_law_drift(run), projection_law_drift(run)]
    assert [line.get_label() for line in ax.get_lines()[::2]][:3] == ["neuron-law", "matrix-law", "projection-law"]
    for law, drift, tolerance in zip(expected, ax.get_lines()[::2], ax.get_lines()[1::2], strict=False):
        smallest = np.finfo(float).eps * law.size
        np.testing.assert_array_equal(drift.get_ydata(), np.maximum(law.drift, smallest))
        np.testing.assert_array_equal(tolerance.get_ydata(), np.maximum(law.tolerance, smallest))
        assert drift.get_ydata()[0] == smallest  # nothing has moved at the start, and zero has no logarithm
        assert tolerance.get_color() == drift.get_color()
        assert tolerance.get_linestyle() != drift.get_linestyle()


def test_law_drift_leaves_out_laws_of_the_flow_for_discrete_steps():
    ax = plot_law_drift(small_run(method="gd").trajectory, axes())
    assert set(labels(ax)) == {"projection-law", "tolerance of each law"}
    assert ax.get_xlabel() == "time t (steps of 0.1)"


def test_laws_can_be_chosen():
    run = small_run().trajectory
    assert set(labels(plot_law_drift(run, axes(), ["matrix-law"]))) == {"matrix-law", "tolerance of each law"}
    empty = plot_law_drift(run, axes(), [])
    assert not empty.get_lines()
    assert "no law applies to this run" in [text.get_text() for text in empty.findobj(Text)]
    with pytest.raises(ValueError, match=r"each of laws must be one of neuron-law, .*, got 'ohm'"):
        plot_law_drift(run, axes(), ["ohm"])


def test_all_zero_weights_have_a_drift_picture():
    ax = plot_law_drift(small_run("zero").trajectory, axes())
    assert np.isfinite(ax.get_ylim()).all()
    assert all((np.asarray(line.get_ydata()) > 0).all() for line in ax.get_lines())


def test_alignment_under_backprop_is_one():
    run, ax = small_run(rule="backprop", depth=3).trajectory, axes()
    assert plot_alignment(run, ax) is ax
    first, second, zero = ax.get_lines()
    np.testing.assert_allclose(first.get_ydata(), 1.0, rtol=1e-12)
    np.testing.assert_allclose(second.get_ydata(), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(zero.get_ydata(), 0.0)
    assert set(labels(ax)) == {"layer 1", "layer 2"}


def against_the_gradient():
    """States of a run with feedback -W_2(0)^T in place of the run's own: F_1 = -G_1 at the start."""
    report = small_run("gaussian")
    network = report.instance.network
    turned = Network(network.weights, "linear", [-network.weights[1].T])
    return dataclasses.replace(report.trajectory, network=turned)


def test_failing_dominance_is_marked():
    run, ax = against_the_gradient(), axes()
    plot_alignment(run, ax)
    line, _, crosses = ax.get_lines()
    assert line.get_ydata()[0] == pytest.approx(-1.0)
    failing = line.get_ydata() <= 0
    np.testing.assert_array_equal(crosses.get_xdata(), run.t[failing])
    np.testing.assert_array_equal(crosses.get_ydata(), line.get_ydata()[failing])
    assert "dominance fails" in labels(ax)


def test_updates_without_direction_are_gaps():
    zero = small_run("zero").trajectory
    fitted = Problem(zero.problem.X, np.zeros((4, 1)), "squared")
    ((layer, _),) = alignment_along(dataclasses.replace(zero, problem=fitted, states=zero.states[:1] * len(zero.t)))
    assert np.isnan(layer.cosine).all()
    assert not layer.fails.any()


def test_zero_weights_above_leave_a_gradient_of_zero_where_dominance_fails():
    # W_2 = 0: G_1 = 0, F_1 is not
    ((layer, _),) = alignment_along(small_run("zero").trajectory)
    assert layer.cosine[0] == 0.0
    assert layer.fails[0]


def test_pictures_are_files_of_their_kind_and_always_the_same():
    run = small_run().trajectory
    svg, png = picture(lambda ax: plot_alignment(run, ax))
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.hashsalt": None}):
        again = picture(lambda ax: plot_alignment(run, ax))
    assert (svg, png) == again
    assert svg.startswith(b"<?xml")
    assert b"<dc:date>" not in svg
    assert mpl.image.imread(io.BytesIO(png)).shape[:2] == (594, 748)


def test_drawing_leaves_settings_alone_and_needs_no_pyplot():
    before = dict(mpl.rcParams)
    run = small_run().trajectory
    picture(lambda ax: plot_law_drift(run, ax))
    assert dict(mpl.rcParams) == before


def test_all_bounds_are_drawn_on_the_loss_itself():
    report, ax = small_run(), axes()
    run = report.trajectory
    applicable = [bound for bound in report.bounds if bound.applicable]
    assert {bound.quantity for bound in applicable} == {"loss", "excess_loss"}
    assert plot_bounds(report.bounds, run, ax) is ax
    observed, *limits = ax.get_lines()
    np.testing.assert_array_equal(observed.get_ydata(), run.loss)
    assert [line.get_label() for line in limits] == [bound.id for bound in applicable]
    for line, bound in zip(limits, applicable, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), bound(run.t) + bound.floor)
        assert (line.get_ydata() >= run.loss - run.error).all()


def test_a_run_without_bounds_still_shows_its_loss():
    report, ax = small_run("gaussian", depth=3), axes()
    plot_bounds([bound for bound in report.bounds if not bound.applicable], report.trajectory, ax)
    assert labels(ax) == ["observed"]


def test_losses_of_several_runs_are_compared():
    runs = {"feedback": small_run().trajectory, "gradient": small_run(rule="backprop").trajectory}
    ax = plot_losses(runs, axes())
    assert [line.get_label() for line in ax.get_lines()] == list(runs)
    for line, run in zip(ax.get_lines(), runs.values(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), run.loss)
    with pytest.raises(ValueError, match="trajectories must hold at least one run"):
        plot_losses({}, axes())


def test_dominance_is_the_ratio_whose_least_value_is_the_constant():
    run, ax = small_run("gaussian", depth=3).trajectory, axes()
    assert plot_dominance(run, ax) is ax
    *ratios, zero = ax.get_lines()
    np.testing.assert_array_equal(zero.get_ydata(), 0.0)
    measured = [layer for layer, _ in alignment_along(run)]
    assert len(ratios) == 2 * len(measured)
    for layer, feedback, gradient in zip(measured, ratios[::2], ratios[1::2], strict=True):
        assert np.nanmin(feedback.get_ydata()) == pytest.approx(float(layer.dominance))
        assert np.nanmin(gradient.get_ydata()) == pytest.approx(float(layer.gradient_dominance))


def test_dominance_of_backprop_is_one_in_both_forms():
    for line in plot_dominance(small_run(rule="backprop").trajectory, axes()).get_lines()[:-1]:
        np.testing.assert_allclose(line.get_ydata(), 1.0, rtol=1e-12)


def test_a_phase_diagram_shows_every_number_where_it_belongs():
    values = np.array([[1.0, -2.0, np.nan], [0.5, 0.0, 3.0]])
    words = {"xlabel": "width n", "ylabel": "step size", "label": "least cosine"}
    ax = plot_phase_diagram([2, -4, "sign-fa"], [0.1, 1], values, axes(), **words)
    np.testing.assert_array_equal(np.ma.filled(ax.get_images()[0].get_array(), np.nan), values)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written[(1, 0)] == "−2"  # Matplotlib's minus, as on its own ticks
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2", "−4", "sign-fa"]
    with mpl.rc_context({"axes.unicode_minus": False}):
        assert plot_phase_diagram([1], [1], [[-2.0]], axes(), **words).texts[0].get_text() == "-2"
    assert written[(2, 0)] == "×"
    assert written[(2, 1)] == "3"
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["0.1", "1"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("width n", "step size", "least cosine")
    with pytest.raises(ValueError, match=r"values must have shape \(2, 3\)"):
        plot_phase_diagram([2, 4, 8], [0.1, 1], values.T, axes(), **words)


def test_more_lines_than_colours_still_differ():
    looks = [look_of(number) for number in range(3 * len(LOOKS))]
    assert len(set(looks)) == len(looks)
    assert looks[: len(LOOKS)] == list(LOOKS)


def in_view(ax, label):
    (x, y), ends = label.get_position(), (*ax.get_xlim(), *ax.get_ylim())
    return ends[0] <= x <= ends[1] if label in ax.get_xticklabels() else ends[2] <= y <= ends[3]


def draw_bound(trajectory, ax):
    return plot_bound(named("multi-output-decay-projection"), trajectory, ax)


def draw_bounds(trajectory, ax):
    names = ["multi-output-decay-projection", "multi-output-decay", "linear-decay-growth", "exponential-decay-growth"]
    return plot_bounds([named(name) for name in names], trajectory, ax)


def named(name):
    curve, fine = (lambda t: 3 * np.exp(-t)), (Assumption("any", 1.0, True, ""),)
    return Bound(name, "loss", fine, curve, rate=None, floor=0.0, rounding=0.0, constants={})


@pytest.mark.parametrize("draw", [plot_law_drift, plot_alignment, plot_dominance, draw_bound, draw_bounds])
def test_no_text_overlaps_another_or_leaves_the_picture(draw):
    with print_style():
        figure = Figure(figsize=(3.4, 2.7), layout="tight")
        ax = draw(small_run(depth=4).trajectory, figure.add_subplot())
        figure.draw_without_rendering()
        ticks = [label for axis in (ax.xaxis, ax.yaxis) for label in axis.get_ticklabels() if in_view(ax, label)]
        texts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ticks, *ax.get_legend().get_texts()]
        boxes = [text.get_window_extent() for text in texts]
    overlapping = [
        (a.get_text(), b.get_text())
        for k, (a, box) in enumerate(zip(texts, boxes, strict=True))
        for b, other in zip(texts[k + 1 :], boxes[k + 1 :], strict=True)
        if box.overlaps(other)
    ]
    assert not overlapping
    for box in boxes:
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0
        assert box.y1 <= figure.bbox.y1
