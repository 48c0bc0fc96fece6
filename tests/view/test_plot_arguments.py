"""Plots name the argument that is wrong, in place of an empty picture or an error from inside."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from small_runs import small_run

from fa_theory.plots import (
    plot_alignment,
    plot_bound,
    plot_bounds,
    plot_dominance,
    plot_law_drift,
    plot_losses,
    plot_phase_diagram,
)


def axes():
    return Figure().add_subplot()


WORDS = {"xlabel": "", "ylabel": "", "label": ""}


@pytest.mark.parametrize(
    ("draw", "kind", "words"),
    [
        (lambda run, bound: plot_bound(run, bound, axes()), TypeError, "bound must be a Bound, got Trajectory"),
        (lambda _, bound: plot_bound(bound, bound, axes()), TypeError, "trajectory must be a Trajectory, got Bound"),
        (lambda run, bound: plot_bound(bound, run, Figure()), TypeError, "ax must be an Axes, got Figure"),
        (lambda run, _: plot_bounds([], run, axes()), ValueError, "bounds must hold at least one bound, got none"),
        (
            lambda run, bound: plot_bounds(bound, run, axes()),
            TypeError,
            r"bounds must be a sequence of Bound, got Bound; of one bound: \[bound\]",
        ),
        (
            lambda run, bound: plot_bounds([bound, run], run, axes()),
            TypeError,
            r"bounds\[1\] must be a Bound, got Trajectory",
        ),
        (lambda _, bound: plot_bounds([bound], axes(), axes()), TypeError, "trajectory must be a Trajectory, got Axes"),
        (lambda run, bound: plot_bounds([bound], run, Figure()), TypeError, "ax must be an Axes, got Figure"),
        (lambda run, _: plot_losses([run], axes()), TypeError, "trajectories must be a Mapping, got list"),
        (
            lambda run, bound: plot_losses({"fa": run, "b": bound}, axes()),
            TypeError,
            r"trajectories\['b'\] must be a Trajectory, got Bound",
        ),
        (lambda run, _: plot_losses({"fa": run}, Figure()), TypeError, "ax must be an Axes, got Figure"),
        (lambda run, _: plot_losses({"_fa": run}, axes()), ValueError, "trajectories must have names .*, got '_fa'"),
        (lambda run, _: plot_losses({"": run}, axes()), ValueError, "trajectories must have names .*, got ''"),
        *(
            (lambda run, _, draw=draw, given=given: draw(*given(run)), TypeError, words)
            for draw in (plot_law_drift, plot_alignment, plot_dominance)
            for given, words in (
                (lambda run: (axes(), run), "trajectory must be a Trajectory, got Axes"),
                (lambda run: (run, Figure()), "ax must be an Axes, got Figure"),
            )
        ),
        (
            lambda run, _: plot_law_drift(run, axes(), "matrix-law"),
            TypeError,
            r"laws must be a sequence of ids such as \['neuron-law'\], got 'matrix-law'",
        ),
        (lambda run, _: plot_law_drift(run, axes(), 3), TypeError, "laws must be a sequence of ids .*, got 3"),
        (
            lambda run, _: plot_law_drift(run, axes(), ["matrx-law"]),
            ValueError,
            "each of laws must be one of .*did you mean 'matrix-law'",
        ),
        (lambda *_: plot_phase_diagram([1], [1], [[1.0]], Figure(), **WORDS), TypeError, "ax must be an Axes"),
        (lambda *_: plot_phase_diagram([], [1], [[]], axes(), **WORDS), ValueError, "x must hold at least one value"),
        (lambda *_: plot_phase_diagram([1], 2, [[1]], axes(), **WORDS), TypeError, "y must be a sequence .*, got 2"),
        (
            lambda *_: plot_phase_diagram("8", [1], [[1]], axes(), **WORDS),
            TypeError,
            "x must be a sequence .*, got '8'",
        ),
        (lambda *_: plot_phase_diagram([1], [1], [["a"]], axes(), **WORDS), ValueError, "values must be an array of"),
        (
            lambda *_: plot_phase_diagram([1, 2], [1], [[1, -np.inf]], axes(), **WORDS),
            ValueError,
            "values must be finite or NaN, got -inf in row 0, column 1",
        ),
    ],
)
def test_wrong_arguments_are_named(draw, kind, words):
    report = small_run()
    with pytest.raises(kind, match=f"^{words}"):
        draw(report.trajectory, report.bounds[0])
