"""Alignment against held-out accuracy, over rules, numbers of classes and seeds (softmax cross-entropy)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from fa_theory.dynamics import forward, simulate
from fa_theory.experiments.prepare import arrays, error_rate, one_hot, start
from fa_theory.experiments.settings import (
    AGREES,
    DISAGREES,
    NO_CLAIM,
    UNDECIDED,
    Cell,
    Experiment,
    Finding,
    Images,
    Row,
    Settings,
)
from fa_theory.model import Problem
from fa_theory.verification import alignment_along

Host = np.ndarray[Any, Any]

_ACTIVATION = "leaky_relu:0.2"
_POINTS = 11
_SHUFFLES = 2000
LEVEL = 0.05
"""A trend counts where fewer than this part of random relabellings show one as strong."""


def _cells(settings: Settings) -> list[Cell]:
    return [
        {
            "classes": classes,
            "rule": rule,
            "seed": seed,
            "width": settings.widths[0],
            "steps": settings.steps,
            "step_sizes": list(settings.step_sizes),
            "batch_size": settings.batch_size,
        }
        for classes in settings.classes
        for rule in settings.rules
        for seed in range(settings.seeds)
    ]


def _run(cell: Mapping[str, Any], images: Images) -> list[Row]:
    """Train with each step size, keep the run with the lowest training loss on average over the run, and measure it.

    The loss at the end alone would prefer step sizes that throw the weights about until every label is fitted by far.
    """
    data = arrays(images, cell["classes"])
    problem = Problem(data.X, one_hot(data.labels, cell["classes"]), "cross_entropy")
    widths = (data.X.shape[1], cell["width"], cell["width"], cell["classes"])
    network = start(widths, _ACTIVATION, cell["rule"], cell["seed"])
    options = {
        "method": "sgd",
        "steps": cell["steps"],
        "batch_size": min(cell["batch_size"], problem.n_samples),
        "seed": cell["seed"],
        "points": _POINTS,
    }
    runs = [simulate(network, problem, step_size=size, **options) for size in cell["step_sizes"]]
    row: Row = {name: cell[name] for name in ("classes", "rule", "seed", "width", "steps")}
    completed = [run for run in runs if run.completed]
    if not completed:
        return [row | {"outcome": runs[0].outcome}]
    best = min(completed, key=lambda run: float(np.mean(run.loss)))
    end = best.network_at(-1)
    layers = [each.layer for each in alignment_along(best)]
    return [
        row
        | {
            "outcome": best.outcome,
            "step_size": best.options["step_size"],
            "loss_mean": float(np.mean(best.loss)),
            "loss_end": float(best.loss[-1]),
            "train_accuracy": 1 - error_rate(forward(end, data.X).output, data.labels),
            "test_accuracy": 1 - error_rate(forward(end, data.X_test).output, data.labels_test),
            "cosine_update": _mean([layer.cosine[1:] for layer in layers]),
            "cosine_update_end": _mean([layer.cosine[-1:] for layer in layers]),
            "cosine_feedback": _mean([layer.feedback_cosine[1:] for layer in layers]),
            "cosine_feedback_end": _mean([layer.feedback_cosine[-1:] for layer in layers]),
        }
    ]


def _mean(values: Sequence[Host]) -> float | None:
    known = np.concatenate(values)
    known = known[np.isfinite(known)]
    return float(np.mean(known)) if known.size else None


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float:
    """Return Spearman's rank correlation, 0 where either does not vary."""
    return float(_ranks(x) @ _ranks(y))


def _ranks(values: Sequence[float]) -> Host:
    """Return the ranks less their mean, as a vector of length one, or zero where all are equal."""
    centred = rankdata(values) - (len(values) + 1) / 2
    size = float(np.linalg.norm(centred))
    return centred / size if size > 0 else np.zeros(len(values))


def trend(groups: Sequence[tuple[Sequence[float], Sequence[float]]]) -> tuple[float, float]:
    """Return the mean rank correlation within groups, and the part of shuffles within groups that are as far from 0."""
    rng = np.random.default_rng(0)
    observed, shuffled = 0.0, np.zeros(_SHUFFLES)
    for x, y in groups:
        left, right = _ranks(x), _ranks(y)
        observed += float(left @ right) / len(groups)
        shuffled += rng.permuted(np.tile(right, (_SHUFFLES, 1)), axis=1) @ left / len(groups)
    as_far = int(np.sum(abs(shuffled) >= abs(observed) - 1e-12))
    return observed, (1 + as_far) / (1 + _SHUFFLES)


def _judge(correlation: float, chance: float) -> str:
    if chance >= LEVEL:
        return UNDECIDED
    return AGREES if correlation > 0 else DISAGREES


def _findings(rows: Sequence[Row], settings: Settings) -> list[Finding]:
    return [
        _alignment_and_accuracy(rows, "cosine_update", "of F and G"),
        _alignment_and_accuracy(rows, "cosine_feedback", "of feedback and transposed weights"),
        _many_classes([row for row in rows if "test_accuracy" in row], settings),
    ]


def _alignment_and_accuracy(rows: Sequence[Row], measure: str, words: str) -> Finding:
    claim = f"better alignment goes with better multi-class accuracy (paper); alignment as the cosine {words}"
    reported = "it does, on MNIST, CIFAR-100 and Tiny-ImageNet; the measure and the numbers are not known here"
    # backprop's cosine is 1 by definition, and so says nothing about alignment
    all_others = [row for row in rows if row["rule"] != "backprop"]
    others = [row for row in all_others if row.get(measure) is not None]
    groups = [
        ([row[measure] for row in of_class], [row["test_accuracy"] for row in of_class])
        for of_class in _by(others, "classes").values()
        if len(of_class) > 1
    ]
    if not groups:
        return Finding(claim, reported, "too few runs to compare", UNDECIDED)
    correlation, chance = trend(groups)
    within = [
        f"{rule} {rank_correlation(*zip(*((row[measure], row['test_accuracy']) for row in of_rule), strict=True)):+.2f}"
        for rule, of_rule in _by(others, "rule").items()
        if len(of_rule) > 1
    ]
    unknown = len(all_others) - len(others)
    left_out = f", runs without a cosine left out ({unknown})" if unknown else ""
    found = (
        f"mean rank correlation {correlation:+.2f} between runs with equally many classes, backprop left out{left_out} "
        f"(p = {chance:.2g} by shuffling; criterion: p < {LEVEL}); within one rule, over classes and seeds: "
        f"{', '.join(within)}"
    )
    return Finding(claim, reported, found, _judge(correlation, chance))


def _many_classes(rows: Sequence[Row], settings: Settings) -> Finding:
    claim = "feedback alignment has limitations in multi-class classification (paper)"
    reported = "it has; in what measure, and from how many classes on, is not known here"
    backprop = {classes: _average(each) for classes, each in _by(_of(rows, "backprop"), "classes").items()}
    gaps = {
        rule: [
            (classes, backprop[classes] - _average(each))
            for classes, each in _by(_of(rows, rule), "classes").items()
            if classes in backprop
        ]
        for rule in settings.rules
        if rule != "backprop"
    }
    gaps = {rule: each for rule, each in gaps.items() if len(each) > 1}
    if not gaps:
        return Finding(claim, reported, "this needs backprop, another rule and two numbers of classes", NO_CLAIM)
    correlation, chance = trend([tuple(zip(*each, strict=True)) for each in gaps.values()])  # type: ignore[misc]
    least, most = min(settings.classes), max(settings.classes)
    words = ", ".join(
        f"{rule} {dict(each).get(least, 0):+.1%} to {dict(each).get(most, 0):+.1%}" for rule, each in gaps.items()
    )
    found = (
        f"held-out accuracy lost against backprop from {least} to {most} classes: {words}; mean rank correlation of "
        f"that loss with the number of classes {correlation:+.2f} (p = {chance:.2g}; criterion: above 0, p < {LEVEL})"
    )
    return Finding(claim, reported, found, _judge(correlation, chance))


def _of(rows: Sequence[Row], rule: str) -> list[Row]:
    return [row for row in rows if row["rule"] == rule]


def _by(rows: Sequence[Row], name: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return groups


def _average(rows: Sequence[Row]) -> float:
    return float(np.mean([row["test_accuracy"] for row in rows]))


_RULES = ("backprop", "fa", "sign-fa", "adafa:0.5", "dfa")

ALIGNMENT = Experiment(
    "alignment",
    "Alignment against accuracy",
    Settings(3, tuple(range(2, 11)), _RULES, (32,), (0.05, 0.2, 0.8), steps=200, per_class=50),
    Settings(1, (2, 3), _RULES, (8,), (0.1,), steps=20, per_class=20),
    ("seeds", "classes", "rules", "widths", "step_sizes", "steps", "batch_size", "per_class"),
    ("widths",),
    _cells,
    _run,
    _findings,
)
"""Cosines of F and G and of feedback and weights, and held-out accuracy."""
