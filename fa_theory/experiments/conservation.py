"""The neuron law during training: drift against step size, and what one step does to it (bregman-drift)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fa_theory.dynamics import Trajectory, forward, minibatches, simulate
from fa_theory.experiments.prepare import Arrays, arrays, one_hot, start
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
from fa_theory.laws import (
    bregman_drift,
    exact_array,
    exact_network,
    exact_number,
    layers_with_potential,
    neuron_law,
    neuron_law_size,
)
from fa_theory.model import Network, Problem

Host = np.ndarray[Any, Any]

_ACTIVATION = "leaky_relu:0.2"
_EXACT_BATCH = 8
_EXACT_AT = (0.0, 0.5, 1.0)
_REPLAYED = 50

SLOPE_TOLERANCE = 0.15
"""How far a fitted exponent may be from 1: the next order of the step size bends the line, so it is not exact."""

SAME_RUN = 1e-9
"""How far the weights of a replayed run may be from the run's: far above rounding, far below one step."""

CONSERVED = 0.1
"""The law is said to hold in practice where C_i drifts by less than this part of what its terms move."""


def _cells(settings: Settings) -> list[Cell]:
    shared = {
        "classes": settings.classes[0],
        "width": settings.widths[0],
        "batch_size": settings.batch_size,
        "time": settings.steps * max(settings.step_sizes),
    }
    drifts = [
        {"kind": "drift", "rule": rule, "method": method, "seed": seed, "step_size": size, **shared}
        for rule in settings.rules
        for method in ("gd", "sgd")
        for seed in range(settings.seeds)
        for size in settings.step_sizes
    ]
    identities = [
        {
            "kind": "identity",
            "rule": rule,
            "method": "sgd",
            "seed": seed,
            "step_size": max(settings.step_sizes),
            **shared,
        }
        for rule in settings.rules
        for seed in range(settings.seeds)
    ]
    return drifts + identities


def _run(cell: Mapping[str, Any], images: Images) -> list[Row]:
    data = arrays(images, cell["classes"])
    steps = max(1, round(cell["time"] / cell["step_size"]))
    network, problem = _instance(cell, data)
    options: dict[str, Any] = {
        "method": cell["method"],
        "steps": steps if cell["kind"] == "drift" else min(steps, _REPLAYED),
        "step_size": cell["step_size"],
    }
    if cell["method"] == "sgd":
        options |= {"batch_size": min(cell["batch_size"], problem.n_samples), "seed": cell["seed"]}
    points = min(steps, 50) + 1 if cell["kind"] == "drift" else options["steps"] + 1
    run = simulate(network, problem, points=points, **options)
    row = {name: cell[name] for name in ("kind", "rule", "method", "seed", "classes", "width", "step_size")}
    row |= {"steps": run.n_steps, "outcome": run.outcome}
    if not run.completed:
        return [row]
    return [row | (_drift(run) if cell["kind"] == "drift" else _identity(run, cell["seed"]))]


def _instance(cell: Mapping[str, Any], data: Arrays) -> tuple[Network, Problem]:
    widths = (data.X.shape[1], cell["width"], cell["width"], cell["classes"])
    problem = Problem(data.X, one_hot(data.labels, cell["classes"]), "cross_entropy")
    return start(widths, _ACTIVATION, cell["rule"], cell["seed"]), problem


def _drift(run: Trajectory) -> Row:
    """Return the largest change of C_i along the run, and of its term 1/2 |w_i|^2."""
    laws, _ = run.along(lambda network: np.concatenate(neuron_law(network)))
    squares, _ = run.along(_half_squares)
    drift, moved = (float(np.max(abs(each - each[0]))) for each in (laws, squares))
    return {
        "drift": drift,
        "moved": moved,
        "relative_drift": drift / moved if moved > 0 else None,
        "loss_start": float(run.loss[0]),
        "loss_end": float(run.loss[-1]),
    }


def _half_squares(network: Network) -> Host:
    return np.concatenate([np.sum(network.weights[layer] ** 2, axis=1) / 2 for layer in layers_with_potential(network)])


def _identity(run: Trajectory, seed: int) -> Row:
    """Replay an SGD run step by step and compare what each step does to C_i with what bregman-drift says.

    ``gap``: the largest |observed - predicted| over the rounding that is allowed for it, that of sums with as many
    terms as the widest layer has inputs. ``replay_gap``: how far the replay's weights are from the run's (0: it is the
    same run). ``equations``, ``unequal``: some of the steps again in exact rationals, with the first samples of their
    batch.
    """
    problem, eta = run.problem, run.options["step_size"]
    batches = minibatches(problem.n_samples, run.options["batch_size"], seed)
    terms = max(run.network.widths) + 16
    network, gap, replay_gap, equations, unequal = run.network, 0.0, 0.0, 0, 0
    exact_at = {round(part * (run.n_steps - 1)) for part in _EXACT_AT}
    for step in range(run.n_steps):
        chosen = next(batches)
        X, errors = problem.X[chosen], _errors(network, problem, chosen)
        if step in exact_at:
            few = slice(0, _EXACT_BATCH)
            _, drifts = bregman_drift(
                exact_network(network), exact_array(X[few]), exact_array(errors[few]), exact_number(eta)
            )
            equations += sum(len(each.observed) for each in drifts)
            unequal += sum(int(np.sum(each.observed != each.predicted)) for each in drifts)
        sizes_before = neuron_law_size(network)
        network, drifts = bregman_drift(network, X, errors, eta)
        for drift, before, after in zip(drifts, sizes_before, neuron_law_size(network), strict=True):
            allowed = terms * np.finfo(float).eps * (before + after)
            gap = max(gap, float(np.max(abs(drift.observed - drift.predicted) / allowed)))
        pairs = zip(network.weights, run.states[step + 1].weights, strict=True)
        replay_gap = max(replay_gap, *(float(np.max(abs(here - there))) for here, there in pairs))
    return {"gap": gap, "replay_gap": replay_gap, "equations": equations, "unequal": unequal}


def _errors(network: Network, problem: Problem, chosen: Host) -> Host:
    output = forward(network, problem.X[chosen]).output
    return np.asarray(problem.loss.derivative(output, problem.Y[chosen]))


def fitted_exponent(drifts: Mapping[float, float]) -> float | None:
    """Return the slope of log drift against log step size by least squares; None without two points.

    Parameters
    ----------
    drifts : mapping of step size to drift
        Points whose drift is zero are left out.
    """
    points = [(size, drift) for size, drift in drifts.items() if drift > 0]
    if len(points) < 2:
        return None
    sizes, found = np.log(np.asarray(points)).T
    return float(np.polyfit(sizes, found, 1)[0])


def exponents(rows: Iterable[Row]) -> dict[tuple[str, str], float]:
    """Return the fitted exponent for each rule and method, of the drift's mean over seeds.

    Where C_i drifts by more than `CONSERVED` of what its terms move, higher powers of the step size count, and the step
    size is left out.
    """
    means: dict[tuple[str, str], dict[float, tuple[float, float]]] = {}
    for row in rows:
        if row["kind"] == "drift" and row["outcome"] == "completed":
            sums = means.setdefault((row["rule"], row["method"]), {})
            drift, moved = sums.get(row["step_size"], (0.0, 0.0))
            sums[row["step_size"]] = drift + row["drift"], moved + row["moved"]
    fitted = {
        key: fitted_exponent({size: drift for size, (drift, moved) in sums.items() if drift < CONSERVED * moved})
        for key, sums in means.items()
    }
    return {key: slope for key, slope in fitted.items() if slope is not None}


def _findings(rows: Sequence[Row], settings: Settings) -> list[Finding]:
    del settings
    return [_law_holds(rows), _first_order(rows), _step_identity(rows)]


def _law_holds(rows: Sequence[Row]) -> Finding:
    drifts = [row for row in rows if row["kind"] == "drift"]
    smallest = min(row["step_size"] for row in drifts)
    finest = [row for row in drifts if row["step_size"] == smallest]
    known = [row["relative_drift"] for row in finest if row.get("relative_drift") is not None]
    if not known:
        return Finding(_LAW, _LAW_REPORTED, "no run was completed", UNDECIDED)
    found = (
        f"at the smallest step size, {smallest:g}, C_i drifts by {100 * min(known):.2g} % to {100 * max(known):.2g} % "
        f"of what 1/2 |w_i|^2 moves (criterion: less than {CONSERVED:.0%})"
    )
    unfinished = len(finest) - len(known)
    if unfinished:
        found += f"; {unfinished} of {len(finest)} runs were not completed"
    agree = max(known) < CONSERVED
    return Finding(_LAW, _LAW_REPORTED, found, UNDECIDED if unfinished else AGREES if agree else DISAGREES)


_LAW = "the conservation law holds during training (paper)"
_LAW_REPORTED = "it holds in practice, on MNIST, CIFAR-100 and Tiny-ImageNet; the numbers and sizes are not known here"


_NOTHING = "whether anything is said of this is not known here"


def _first_order(rows: Sequence[Row]) -> Finding:
    claim = "over a fixed time the drift is proportional to the step size (own, from bregman-drift)"
    reported = _NOTHING
    slopes = exponents(rows)
    if not slopes:
        return Finding(claim, reported, "no exponent could be fitted", UNDECIDED)
    words = ", ".join(f"{rule} {method} {slope:.2f}" for (rule, method), slope in slopes.items())
    runs = dict.fromkeys((row["rule"], row["method"]) for row in rows if row["kind"] == "drift")
    unfitted = ", ".join(f"{rule} {method}" for rule, method in runs if (rule, method) not in slopes)
    left_out = f"; not fitted, for want of two step sizes at which C_i drifts a little: {unfitted}" if unfitted else ""
    found = f"exponents: {words}{left_out}; criterion: all within {SLOPE_TOLERANCE} of 1"
    agree = all(abs(slope - 1) <= SLOPE_TOLERANCE for slope in slopes.values())
    return Finding(claim, reported, found, AGREES if agree else DISAGREES)


def _step_identity(rows: Sequence[Row]) -> Finding:
    claim = "each SGD step changes C_i by exactly what bregman-drift says (own)"
    finished = [row for row in rows if row["kind"] == "identity" and "gap" in row]
    if not finished:
        return Finding(claim, _NOTHING, "no run was completed", UNDECIDED)
    unequal, equations = (sum(row[name] for row in finished) for name in ("unequal", "equations"))
    gap, replay_gap = (max(row[name] for row in finished) for name in ("gap", "replay_gap"))
    steps = sum(row["steps"] for row in finished)
    found = (
        f"{equations} equations in rationals, {unequal} unequal; over {steps} steps in floats the largest gap is "
        f"{gap:.2g} of the rounding allowed, and their weights are the run's to {replay_gap:.1g}"
    )
    agree = unequal == 0 and gap <= 1 and replay_gap <= SAME_RUN
    return Finding(claim, _NOTHING, found, AGREES if agree else DISAGREES)


_RULES = ("backprop", "fa", "sign-fa", "adafa:0.5", "dfa")

CONSERVATION = Experiment(
    "conservation",
    "Conservation during training",
    Settings(3, (10,), _RULES, (20,), (0.04, 0.02, 0.01, 0.005), steps=75, per_class=50),
    Settings(1, (3,), _RULES, (5,), (0.02, 0.01), steps=12, per_class=20),
    ("seeds", "classes", "rules", "widths", "step_sizes", "steps", "batch_size", "per_class"),
    ("classes", "widths"),
    _cells,
    _run,
    _findings,
)
"""Drift of C_i against step size, under gradient descent and SGD, and bregman-drift on SGD."""
