"""One picture for each function of `fa_theory.plots`, drawn from numbers in closed form, as stored in pictures/.

Usage: python tests/view/stored_pictures.py [NAME ...], which writes all of them, or these, anew. Look at them before
you commit them.
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fa_theory import plots
from fa_theory.bounds import Assumption, Bound
from fa_theory.dynamics import Trajectory
from fa_theory.model import Network, Problem

STORED = Path(__file__).parent / "pictures"
DPI, WIDTH, HEIGHT = 80, 280, 220
T = np.linspace(0.0, 4.0, 41)


def run(networks, X, shadow=None, loss=None, error=0.0):
    """A run that was never integrated: its states and losses are what is said here."""
    loss = np.ones(len(T)) if loss is None else loss
    states = [network.parameters for network in networks]
    loose = [network.parameters for network in shadow] if shadow else states
    problem = Problem(X, np.ones((len(X), 1)))
    error = np.broadcast_to(error, loss.shape)
    return Trajectory(networks[0], problem, "flow", {}, T, loss, error, states, loose, (), (), 4, "completed")


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@cache
def turning():
    """Two hidden layers whose weights turn towards the feedback: cosines cos(a - 1/2) and cos(a), a from 12/5 to 0."""
    networks = [
        Network(
            [np.eye(2), rotation(0.5), (1 + t / 8) * rotation(2.4 - 0.6 * t)[:, :1].T],
            "linear",
            [np.eye(2), np.array([[1.0], [0.0]])],
        )
        for t in T
    ]
    return run(networks, np.eye(2))


@cache
def drifting():
    """Weights that move in whole roundings of 1, the looser run's four times; the data see one input of three."""

    def networks(roundings):
        direction = roundings * np.finfo(float).eps * np.arange(1.0, 10.0).reshape(3, 3)
        B = np.array([[1.0], [0.0], [0.0]])
        return [Network([np.eye(3) + k * direction, np.ones((1, 3))], "linear", [B]) for k in range(len(T))]

    return run(networks(1), np.eye(3)[:1], networks(4))


def decaying(rate, error=0.0):
    """A loss of exp(-rate t)."""
    return run(
        [Network([np.eye(2), np.ones((1, 2))], "linear", [np.ones((2, 1))])] * len(T),
        np.eye(2)[:1],
        loss=np.exp(-rate * T),
        error=error,
    )


def bound(identifier, curve, quantity="loss", floor=0.0):
    """A bound whose assumptions hold."""
    fine = (Assumption("nothing", 1.0, True, ""),)
    return Bound(identifier, quantity, fine, curve, rate=None, floor=floor, rounding=0.0, constants={})


EXPONENTIAL = bound("exponential-decay", lambda t: np.exp(-1.5 * t))
FLAT = bound("descent", np.ones_like)
EXCESS = bound("linear-decay", lambda t: 1 / (1 + t), quantity="excess_loss", floor=0.01)
RULES = {"backprop": 1.0, "fa": 0.7, "sign-fa": 0.85}


def drift_rows():
    return [
        {"method": "gd", "rule": rule, "seed": seed, "step_size": size, "relative_drift": size * share * (1 + seed / 4)}
        for rule, share in RULES.items()
        for size in (0.01, 0.02, 0.04, 0.08)
        for seed in range(3)
    ]


def class_rows():
    return [
        {
            "classes": classes,
            "rule": rule,
            "seed": seed,
            "test_accuracy": (1 - 0.03 * classes) * (0.6 + 0.4 * share) - seed / 50,
            "cosine_update": share - (1 - share) * (classes / 10 + seed / 5),
        }
        for rule, share in RULES.items()
        for classes in (2, 4, 6, 8, 10)
        for seed in range(3)
    ]


def width_rows():
    return [
        {
            "activation": "linear",
            "rule": rule,
            "width": width,
            "noise": noise,
            "seed": seed,
            "interpolates": True,
            "test_error": 0.05 + noise * share + noise / width + seed / 100,
            "test_error_minimum_norm": 0.03 + noise / 2,
        }
        for rule, share in {"backprop": 0.5, "fa": 1.0}.items()
        for width in (2, 8, 32, 128)
        for noise in (0.0, 0.2)
        for seed in range(3)
    ]


def phases(ax):
    values = np.array([[1.0, 0.5, -0.25], [0.5, 0.0, np.nan], [-0.5, -1.0, 0.125]])
    words = {"xlabel": "width (neurons)", "ylabel": "step size η (time)", "label": "least cosine"}
    return plots.plot_phase_diagram([2, 4, 8], [0.1, 0.2, 0.4], values, ax, **words)


DRAWN = {
    "plot_alignment": lambda ax: plots.plot_alignment(turning(), ax),
    "plot_bound": lambda ax: plots.plot_bound(EXPONENTIAL, decaying(2.0, error=0.001), ax),
    "plot_bounds": lambda ax: plots.plot_bounds([EXPONENTIAL, FLAT, EXCESS], decaying(2.0), ax),
    "plot_dominance": lambda ax: plots.plot_dominance(turning(), ax),
    "plot_law_drift": lambda ax: plots.plot_law_drift(drifting(), ax),
    "plot_losses": lambda ax: plots.plot_losses({"fa": decaying(0.3), "backprop": decaying(0.5)}, ax),
    "plot_phase_diagram": phases,
    "plot_drift": lambda ax: plots.plot_drift(drift_rows(), "gd", ax),
    "plot_classes": lambda ax: plots.plot_classes(
        class_rows(), "test_accuracy", ax, title="Held-out accuracy", ylabel="held-out accuracy"
    ),
    "plot_accuracy_against_alignment": lambda ax: plots.plot_accuracy_against_alignment(class_rows(), ax),
    "plot_widths": lambda ax: plots.plot_widths(width_rows(), "linear", ax),
}
"""Axes -> Axes, by the name of the function that is shown."""


def words_of(ax):
    """Return the words that are seen: title, labels, ticks in view, legend, and what is written on the Axes."""
    legend = ax.get_legend()
    ticks = [
        label
        for axis, place in ((ax.xaxis, 0), (ax.yaxis, 1))
        for label in axis.get_ticklabels()
        if axis.get_view_interval()[0] <= label.get_position()[place] <= axis.get_view_interval()[1]
    ]
    return [ax.title, ax.xaxis.label, ax.yaxis.label, *ticks, *(legend.get_texts() if legend else ()), *ax.texts]


def write(name, path, change=None):
    """Write the picture of that name, with its words as its description; `change` may alter what was drawn.

    Returns
    -------
    within, written : pixels (left, upper, right, lower)
        The Axes with the marks of its ticks, and a list of where words cover it.
    """
    with plots.print_style():
        # margins in whole pixels: the size of letters, which differs with FreeType, moves nothing else
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
        ax = figure.add_axes((50 / WIDTH, 36 / HEIGHT, 222 / WIDTH, 150 / HEIGHT))
        assert DRAWN[name](ax) is ax
        if change:
            change(ax)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        words = words_of(ax)
        description = "\n".join(text.get_text() for text in words)
        told = PngInfo()
        told.add_itxt("Description", description)
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(path, pnginfo=told, optimize=True)
        boxes = [text.get_window_extent() for text in ax.texts]
        if ax.get_legend():
            # the first column of marks stays in its place, whatever the width of the words
            first = min(text.get_window_extent().x0 for text in ax.get_legend().get_texts())
            boxes.append(Bbox([[first, ax.get_legend().get_window_extent().y0], [WIDTH, HEIGHT]]))
    within = (50 - 5, HEIGHT - 186, 50 + 222, HEIGHT - 36 + 5)
    return within, [(int(b.x0) - 3, int(HEIGHT - b.y1) - 3, int(b.x1) + 4, int(HEIGHT - b.y0) + 4) for b in boxes]


if __name__ == "__main__":
    for name in sys.argv[1:] or DRAWN:
        write(name, STORED / f"{name}.png")
