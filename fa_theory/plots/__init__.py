"""Plots: functions that draw one kind of picture on a Matplotlib Axes and return it, for reports and notebooks alike.

None of them uses pyplot or changes Matplotlib's settings; `print_style` is a context for figures made for print, and
`picture` makes such a figure. For example::

    from matplotlib.figure import Figure
    from fa_theory.plots import plot_bound
    plot_bound(bound, trajectory, Figure().add_subplot())
"""

from fa_theory.plots.alignment import plot_alignment, plot_dominance
from fa_theory.plots.bounds import plot_bound, plot_bounds, plot_losses
from fa_theory.plots.experiments import (
    plot_accuracy_against_alignment,
    plot_classes,
    plot_drift,
    plot_widths,
)
from fa_theory.plots.laws import LAWS, plot_law_drift
from fa_theory.plots.phase import plot_phase_diagram
from fa_theory.plots.style import COLUMN_WIDTH, PRINT_STYLE, picture, print_style

__all__ = [
    "COLUMN_WIDTH",
    "LAWS",
    "PRINT_STYLE",
    "picture",
    "plot_accuracy_against_alignment",
    "plot_alignment",
    "plot_bound",
    "plot_bounds",
    "plot_classes",
    "plot_dominance",
    "plot_drift",
    "plot_law_drift",
    "plot_losses",
    "plot_phase_diagram",
    "plot_widths",
    "print_style",
]
