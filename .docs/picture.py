"""Draw the picture of README.md: what the theory says of one run of feedback alignment, and what was seen.

Usage: python .docs/picture.py, which writes .docs/pages/picture.png.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import fa_theory as ft
from fa_theory.plots import plot_alignment, plot_bounds, plot_law_drift, print_style

SHOWN = ("exponential-decay", "linear-decay-growth")

rng = np.random.default_rng(0)
X = rng.standard_normal((40, 3))
problem = ft.Problem(X, X @ [1.0, -1.0, 0.5], "squared")
network = ft.initialise("aligned", (3, 8, 1), "linear", "fa", seed=0, alignment=1.0)
report = ft.verify(network, problem, time=4.0)
with print_style():
    figure = Figure(figsize=(11.6, 3.0), layout="tight")
    left, middle, right = figure.subplots(1, 3)
    plot_bounds([bound for bound in report.bounds if bound.id in SHOWN], report.trajectory, left)
    plot_law_drift(report.trajectory, middle)
    plot_alignment(report.trajectory, right)
    figure.savefig(Path(__file__).parent / "pages" / "picture.png", dpi=110)
