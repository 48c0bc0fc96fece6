"""Benign overfitting: networks of growing width, trained until they fit noisy labels, judged on clean ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fa_theory.dynamics import forward, simulate
from fa_theory.experiments.prepare import arrays, start
from fa_theory.experiments.settings import (
    AGREES,
    DISAGREES,
    UNDECIDED,
    Cell,
    Experiment,
    Finding,
    Images,
    Row,
    Settings,
)
from fa_theory.laws import end_to_end, minimum_norm, predicted_limit
from fa_theory.model import Network, Problem, spectrum

Host = np.ndarray[Any, Any]

_ACTIVATIONS = ("linear", "leaky_relu:0.2")
INTERPOLATED = 1e-5
"""The mean squared loss at which a run has fitted its labels: with 30 samples, each to within 0.03."""

_CHUNK = 200
_LONGEST_RETREAT = 256


def _cells(settings: Settings) -> list[Cell]:
    return [
        {
            "activation": activation,
            "rule": rule,
            "width": width,
            "noise": noise,
            "seed": seed,
            "classes": settings.classes[0],
            "samples": settings.samples,
            "steps": settings.steps,
        }
        for activation in _ACTIVATIONS
        for rule in settings.rules
        for width in settings.widths
        for noise in (0.0, settings.noise)
        for seed in range(settings.seeds)
    ]


def _run(cell: Mapping[str, Any], images: Images) -> list[Row]:
    data = arrays(images, cell["classes"])
    # the same subset and, with noise, the same flips for every width, rule and activation
    rng = np.random.default_rng(cell["seed"])
    if cell["samples"] > len(data.labels):
        raise ValueError(f"samples must be at most the {len(data.labels)} training images, got {cell['samples']}")
    chosen = rng.permutation(len(data.labels))[: cell["samples"]]
    flipped = rng.permutation(cell["samples"])[: round(cell["noise"] * cell["samples"])]
    X, clean = data.X[chosen], _signs(data.labels[chosen])
    labels = clean.copy()
    labels[flipped] *= -1
    problem = Problem(X, labels, "squared")
    network = start((X.shape[1], cell["width"], 1), cell["activation"], cell["rule"], cell["seed"])
    fit = interpolate(network, problem, cell["steps"])
    truth = _signs(data.labels_test)
    row: Row = {name: cell[name] for name in ("activation", "rule", "width", "noise", "seed", "classes", "samples")}
    row |= {
        "flipped": len(flipped),
        "steps": fit.steps,
        "loss_end": fit.loss,
        "interpolates": fit.loss <= INTERPOLATED,
        "train_error": _error(forward(fit.network, X).output[:, 0], labels),
        "test_error": _error(forward(fit.network, data.X_test).output[:, 0], truth),
    }
    if network.activation.is_linear:
        least = minimum_norm(X, problem.Y)
        data_spectrum = spectrum(X)
        gap = np.linalg.norm(end_to_end(fit.network) - predicted_limit(network, fit.network, problem))
        row |= {
            "test_error_minimum_norm": _error((data.X_test @ least.T)[:, 0], truth),
            "independent": data_spectrum.rank == len(X),
            "limit_gap": float(gap / np.linalg.norm(least)),
            # a residual R leaves the map within |R| / sigma_min of the limit, as R = X times their difference
            "limit_allowed": float(
                np.sqrt(2 * fit.loss / data_spectrum.smallest_nonzero) / np.linalg.norm(least) + 1e-9
            ),
        }
    return [row]


def _signs(labels: Host) -> Host:
    """Return +1 for classes of odd number and -1 for even ones."""
    return np.where(labels % 2 == 1, 1.0, -1.0)


def _error(outputs: Host, labels: Host) -> float:
    return float(np.mean(np.where(outputs > 0, 1.0, -1.0) != labels))


class Fit(NamedTuple):
    """A network trained until it interpolates, or until the steps were used up."""

    network: Network
    loss: float
    steps: int


def interpolate(network: Network, problem: Problem, most_steps: int) -> Fit:
    """Train by gradient descent until the loss is at most `INTERPOLATED`.

    The step size is adapted between stretches of 200 steps: one that ends lower than it began makes it longer by a
    fifth, one that ends higher is taken back and halves it, but not below 1/256 of the first, as FA may have to climb.

    Parameters
    ----------
    network, problem
        Start and data.
    most_steps : int
        After so many steps it is given up; those taken back count.
    """
    first = step_size = 1.0 / sum(network.widths)
    loss, steps = float("inf"), 0
    while steps < most_steps:
        stretch = min(_CHUNK, most_steps - steps)
        run = simulate(network, problem, method="gd", steps=stretch, step_size=step_size, points=2)
        steps += run.n_steps
        loss = min(loss, float(run.loss[0]))
        if not run.completed or (run.loss[-1] > run.loss[0] and step_size > first / _LONGEST_RETREAT):
            step_size /= 2
            continue
        network, loss = run.network_at(-1), float(run.loss[-1])
        if loss <= INTERPOLATED:
            break
        step_size *= 1.2
    return Fit(network, loss, steps)


def _findings(rows: Sequence[Row], settings: Settings) -> list[Finding]:
    return [*(_benign(rows, settings, activation) for activation in _ACTIVATIONS), _limit(rows)]


def excess_errors(rows: Sequence[Row], activation: str, rule: str, width: int) -> list[float]:
    """Return, for each seed whose two runs interpolate, the test error with noisy labels less that with clean ones."""
    pairs: dict[int, dict[bool, float]] = {}
    for row in rows:
        if (row["activation"], row["rule"], row["width"]) == (activation, rule, width) and row["interpolates"]:
            pairs.setdefault(row["seed"], {})[row["noise"] > 0] = row["test_error"]
    return [pair[True] - pair[False] for pair in pairs.values() if len(pair) == 2]


def _costs(rows: Sequence[Row], activation: str, rules: Sequence[str], width: int) -> list[float]:
    return [each for rule in rules for each in excess_errors(rows, activation, rule, width)]


def _benign(rows: Sequence[Row], settings: Settings, activation: str) -> Finding:
    claim = f"FA overfits benignly (paper); here two layers, {activation.partition(':')[0].replace('_', ' ')}"
    reported = "it does; the measure, the data for this and the numbers are not known here"
    rules = [rule for rule in settings.rules if rule != "backprop"]
    costs = {width: _costs(rows, activation, rules, width) for width in settings.widths}
    widest = max(settings.widths)
    excess = costs[widest]
    if not excess:
        return Finding(claim, reported, f"no pair of runs of width {widest} interpolates", UNDECIDED)
    flipped = round(settings.noise * settings.samples) / settings.samples
    mean = float(np.mean(excess))
    doubt = 2 * float(np.std(excess, ddof=1)) / len(excess) ** 0.5 if len(excess) > 1 else float("inf")
    range_of = f"give or take {doubt:.1%} over seeds" if len(excess) > 1 else "which one seed gives no range for"
    by_width = ", ".join(f"{width}: {np.mean(each):+.1%}" for width, each in costs.items() if each)
    backprop = _costs(rows, activation, ["backprop"], widest)
    beside = f"; backprop's cost is {np.mean(backprop):+.1%}" if backprop else ""
    found = (
        f"fitting {flipped:.0%} of flipped labels costs {mean:+.1%} of held-out error at width {widest} (by width: "
        f"{by_width}), {range_of}{beside}; criterion: less than half of what was flipped"
    )
    if mean + doubt < flipped / 2:
        return Finding(claim, reported, found, AGREES)
    return Finding(claim, reported, found, DISAGREES if mean - doubt > flipped / 2 else UNDECIDED)


def _limit(rows: Sequence[Row]) -> Finding:
    claim = "linear networks under FA end at the minimum-norm interpolant (paper, its first version; minimum-norm)"
    reported = "over-parameterised two-layer linear networks do; experiments on it are not known here"
    fitted = [row for row in rows if row["activation"] == "linear" and row["interpolates"]]
    if not fitted:
        return Finding(claim, reported, "no linear run interpolates", UNDECIDED)
    within = all(row["limit_gap"] <= row["limit_allowed"] for row in fitted)
    gap = max(row["limit_gap"] for row in fitted)
    apart = max(abs(row["test_error"] - row["test_error_minimum_norm"]) for row in fitted)
    found = (
        f"{len(fitted)} runs end within {gap:.1e} (relative) of the limit that minimum-norm predicts from data and "
        f"start, {'all' if within else 'not all'} within what their remaining loss allows; held-out error differs by "
        f"up to {apart:.1%} from the interpolant's, as starts here are not in the row space"
    )
    return Finding(claim, reported, found, AGREES if within else DISAGREES)


OVERFITTING = Experiment(
    "overfitting",
    "Benign overfitting with noisy labels",
    Settings(3, (10,), ("fa", "backprop"), (2, 4, 8, 16, 32, 64, 128), steps=10_000, samples=30, noise=0.2),
    Settings(1, (4,), ("fa",), (2, 8), steps=2000, samples=8, noise=0.25, per_class=20),
    ("seeds", "classes", "rules", "widths", "steps", "per_class", "samples", "noise"),
    ("classes",),
    _cells,
    _run,
    _findings,
)
"""Test error of interpolating networks against width; the linear ones against the minimum-norm interpolant."""
