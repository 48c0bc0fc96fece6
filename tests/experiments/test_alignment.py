"""The experiment alignment: its measures and its statistics against other code, and findings of every kind."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr
from small_images import small_images

from fa_theory.experiments.alignment import ALIGNMENT, rank_correlation, trend
from fa_theory.experiments.prepare import arrays, one_hot, start

SETTINGS = dataclasses.replace(ALIGNMENT.quick, classes=(2, 3), widths=(4,), steps=8, batch_size=5)


def run(**changes):
    settings = dataclasses.replace(SETTINGS, **changes)
    return [row for cell in ALIGNMENT.cells(settings) for row in ALIGNMENT.run(cell, small_images(8))]


def test_every_rule_number_of_classes_and_seed_has_a_row():
    rows = run(seeds=2)
    assert [(row["classes"], row["rule"], row["seed"]) for row in rows] == [
        (classes, rule, seed) for classes in (2, 3) for rule in SETTINGS.rules for seed in (0, 1)
    ]
    for row in rows:
        assert 0 <= row["test_accuracy"] <= 1
        backprop = row["rule"] == "backprop"
        for name in ("cosine_update", "cosine_update_end", "cosine_feedback", "cosine_feedback_end"):
            assert (abs(row[name] - 1) < 1e-9) == backprop


def test_cosines_are_those_of_a_gradient_by_differences():
    # one full-batch step of FA; G by central differences of the loss, F from its definition
    (row,) = run(rules=("fa",), classes=(3,), steps=1, batch_size=24)
    data = arrays(small_images(8), 3)
    network = start((10, 4, 4, 3), "leaky_relu:0.2", "fa", 0)
    weights, (B2, B3) = [np.array(W) for W in network.weights], (rule.B for rule in network.feedback)
    Y = one_hot(data.labels, 3)

    def passes(weights):
        z1 = data.X @ weights[0].T
        h1 = np.maximum(z1, 0.2 * z1)
        z2 = h1 @ weights[1].T
        h2 = np.maximum(z2, 0.2 * z2)
        f = h2 @ weights[2].T
        return z1, h1, z2, h2, np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)

    def loss(weights):
        return -np.mean(np.log(np.sum(Y * passes(weights)[-1], axis=1)))

    def updates(weights):
        z1, h1, z2, h2, p = passes(weights)
        d2 = ((p - Y) @ B3.T) * np.where(z2 > 0, 1, 0.2)
        d1 = (d2 @ B2.T) * np.where(z1 > 0, 1, 0.2)
        return [d1.T @ data.X / len(Y), d2.T @ h1 / len(Y), (p - Y).T @ h2 / len(Y)]

    weights = [W - 0.1 * F for W, F in zip(weights, updates(weights), strict=True)]
    cosines = []
    for layer, F in enumerate(updates(weights)[:2]):
        G = np.zeros(F.shape)
        for index in np.ndindex(F.shape):
            ends = []
            for shift in (1e-6, -1e-6):
                moved = [W.copy() for W in weights]
                moved[layer][index] += shift
                ends.append(loss(moved))
            G[index] = (ends[0] - ends[1]) / 2e-6
        cosines.append(np.sum(F * G) / np.linalg.norm(F) / np.linalg.norm(G))
    assert row["cosine_update_end"] == pytest.approx(np.mean(cosines), abs=1e-6)
    predicted = np.argmax(np.maximum(passes(weights)[3], -9e9) @ weights[2].T, axis=1)
    assert row["train_accuracy"] == pytest.approx(np.mean(predicted == data.labels))
    pairs = ((B2, weights[1]), (B3, weights[2]))
    feedback = [np.sum(B * W.T) / np.linalg.norm(B) / np.linalg.norm(W) for B, W in pairs]
    assert row["cosine_feedback_end"] == pytest.approx(np.mean(feedback))


def test_the_step_size_with_the_lowest_training_loss_is_kept():
    one = {size: run(rules=("fa",), classes=(3,), step_sizes=(size,))[0] for size in (0.01, 0.1, 1e31)}
    assert one[1e31]["outcome"] == "diverged"
    assert "test_accuracy" not in one[1e31]
    (best,) = run(rules=("fa",), classes=(3,), step_sizes=(0.01, 1e31, 0.1))
    assert best == min((one[0.01], one[0.1]), key=lambda row: row["loss_mean"])


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 5, 12), rng.integers(0, 5, 12)  # with ties
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert rank_correlation(x, np.ones(12)) == 0


def test_a_trend_is_told_from_chance():
    rising = [(range(6), range(6))] * 2
    assert trend(rising) == (pytest.approx(1.0), pytest.approx(1 / 2001, abs=2 / 2001))
    assert trend([(range(6), range(6, 0, -1))] * 2)[0] == pytest.approx(-1)
    rng = np.random.default_rng(0)
    chances = [trend([(rng.random(6), rng.random(6))])[1] for _ in range(200)]
    # without a trend p is below 0.05 in one case of twenty, and so hardly in twice as many of 200
    assert np.mean(np.asarray(chances) < 0.05) < 0.1


def table(accuracy, classes=(2, 3, 4), rules=("backprop", "fa", "sign-fa", "dfa"), seeds=3):
    rng = np.random.default_rng(0)
    rows = []
    for number in classes:
        for place, rule in enumerate(rules):
            for seed in range(seeds):
                cosine = 1.0 if rule == "backprop" else place / 5 + 0.01 * rng.random()
                row = {
                    "classes": number,
                    "rule": rule,
                    "seed": seed,
                    "cosine_update": cosine,
                    "cosine_feedback": cosine,
                }
                rows.append(row | {"test_accuracy": accuracy(number, rule, cosine)})
    return rows


def verdicts(rows, **changes):
    settings = dataclasses.replace(
        SETTINGS, **({"classes": (2, 3, 4), "rules": ("backprop", "fa", "sign-fa", "dfa")} | changes)
    )
    return [finding.verdict for finding in ALIGNMENT.findings(rows, settings)]


def test_findings_follow_the_table():
    def gap(number, rule, cosine):
        return 0.9 if rule == "backprop" else 0.9 - 0.1 * number + 0.05 * cosine

    assert verdicts(table(gap)) == ["agrees"] * 3
    assert verdicts(table(lambda n, rule, c: 0.9 if rule == "backprop" else 0.1 * n - 0.05 * c)) == ["disagrees"] * 3
    rng = np.random.default_rng(5)
    assert verdicts(table(lambda *_: rng.random())) == ["undecided"] * 3


def test_runs_without_a_cosine_are_left_out_and_told():
    rows = table(lambda *_: 0.5)
    rows[-1]["cosine_update"] = None
    first, second, third = ALIGNMENT.findings(rows, dataclasses.replace(SETTINGS, classes=(2, 3, 4)))
    assert "backprop left out, runs without a cosine left out (1) " in first.found
    assert "without a cosine" not in second.found
    assert third.verdict == "undecided"


def test_backprop_does_not_count_for_alignment():
    # accuracy that is higher for backprop alone says nothing about alignment
    rng = np.random.default_rng(1)
    rows = table(lambda _, rule, __: 0.99 if rule == "backprop" else 0.5 + 0.1 * rng.random())
    assert verdicts(rows)[:2] == ["undecided"] * 2


def test_too_little_to_compare_is_told():
    few = table(lambda *_: 0.5, classes=(2,), rules=("fa",), seeds=1)
    assert verdicts(few, classes=(2,), rules=("fa",)) == ["undecided", "undecided", "no claim to compare"]
    diverged = [{"classes": 2, "rule": "fa", "seed": 0, "outcome": "diverged"}]
    assert verdicts(diverged) == ["undecided", "undecided", "no claim to compare"]
