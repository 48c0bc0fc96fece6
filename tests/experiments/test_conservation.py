"""The experiment conservation: its numbers against plain NumPy, and that it sees what is wrong."""

import dataclasses

import numpy as np
import pytest
from small_images import small_images

from fa_theory.experiments import conservation
from fa_theory.experiments.conservation import CONSERVATION, exponents, fitted_exponent
from fa_theory.experiments.prepare import arrays, one_hot, start

SETTINGS = dataclasses.replace(
    CONSERVATION.quick, classes=(3,), widths=(4,), step_sizes=(0.02, 0.01), steps=10, batch_size=5
)


def run(**changes):
    settings = dataclasses.replace(SETTINGS, **changes)
    return [row for cell in CONSERVATION.cells(settings) for row in CONSERVATION.run(cell, small_images())]


def verdicts(rows):
    return [finding.verdict for finding in CONSERVATION.findings(rows, SETTINGS)]


def test_drift_of_feedback_alignment_is_the_sum_of_squared_updates():
    # bregman-drift for FA: C_i grows by 1/2 eta^2 |F_i|^2 in every step; the loop below knows nothing of the package
    (row,) = (row for row in run(rules=("fa",), step_sizes=(0.05,)) if row["method"] == "gd")
    data = arrays(small_images(), 3)
    network = start((10, 4, 4, 3), "leaky_relu:0.2", "fa", 0)
    (W1, W2, W3), (B2, B3) = (np.array(W) for W in network.weights), (rule.B for rule in network.feedback)
    Y, eta, growth = one_hot(data.labels, 3), 0.05, np.zeros(8)
    start_squares = np.concatenate([np.sum(W1**2, axis=1), np.sum(W2**2, axis=1)]) / 2
    moved = 0.0
    for _ in range(row["steps"]):
        z1 = data.X @ W1.T
        h1 = np.where(z1 > 0, z1, 0.2 * z1)
        z2 = h1 @ W2.T
        h2 = np.where(z2 > 0, z2, 0.2 * z2)
        f = np.exp(h2 @ W3.T)
        e = f / f.sum(axis=1, keepdims=True) - Y
        d2 = (e @ B3.T) * np.where(z2 > 0, 1, 0.2)
        d1 = (d2 @ B2.T) * np.where(z1 > 0, 1, 0.2)
        F1, F2, F3 = d1.T @ data.X / len(Y), d2.T @ h1 / len(Y), e.T @ h2 / len(Y)
        growth += eta**2 / 2 * np.concatenate([np.sum(F1**2, axis=1), np.sum(F2**2, axis=1)])
        W1, W2, W3 = W1 - eta * F1, W2 - eta * F2, W3 - eta * F3
        squares = np.concatenate([np.sum(W1**2, axis=1), np.sum(W2**2, axis=1)]) / 2
        moved = max(moved, np.max(abs(squares - start_squares)))
    assert row["drift"] == pytest.approx(growth.max(), rel=1e-9)
    assert row["moved"] == pytest.approx(moved, rel=1e-9)
    assert row["relative_drift"] == pytest.approx(growth.max() / moved, rel=1e-9)


def test_the_law_and_the_identity_are_confirmed_for_every_rule():
    rows = run()
    assert {row["rule"] for row in rows} == {"backprop", "fa", "sign-fa", "adafa:0.5", "dfa"}
    identities = [row for row in rows if row["kind"] == "identity"]
    # ten steps of weights of size one: the simulation may sum in another order than the replay
    assert all(row["replay_gap"] < 1e-13 and row["unequal"] == 0 and row["gap"] <= 1 for row in identities)
    # three steps in rationals; under DFA the last hidden layer only has the law
    assert {row["rule"]: row["equations"] for row in identities} == dict.fromkeys(SETTINGS.rules, 24) | {"dfa": 12}
    assert verdicts(rows)[0] == verdicts(rows)[2] == "agrees"
    slopes = exponents(row for row in rows if row["method"] == "gd")
    assert slopes.keys() == {(rule, "gd") for rule in SETTINGS.rules}
    assert all(abs(slope - 1) < 0.1 for slope in slopes.values())


@pytest.mark.parametrize("factor", [2, -1, 0])
def test_a_wrong_identity_is_seen(monkeypatch, factor):
    right = conservation.bregman_drift

    def drifted(*arguments):
        network, drifts = right(*arguments)
        return network, tuple(each._replace(predicted=factor * each.predicted) for each in drifts)

    monkeypatch.setattr(conservation, "bregman_drift", drifted)
    rows = run(rules=("fa",), step_sizes=(0.5,))
    (identity,) = (row for row in rows if row["kind"] == "identity")
    assert identity["gap"] > 1
    assert identity["unequal"] == identity["equations"]
    assert verdicts(rows)[2] == "disagrees"


def test_steps_of_another_run_are_seen(monkeypatch):
    monkeypatch.setattr(conservation, "minibatches", lambda *_: iter([np.arange(5)] * 1000))
    rows = run(rules=("fa",), step_sizes=(0.1,))
    (identity,) = (row for row in rows if row["kind"] == "identity")
    assert identity["replay_gap"] > 1e-6
    assert (identity["gap"] <= 1, identity["unequal"]) == (True, 0)  # of whatever steps, the identity is true
    assert verdicts(rows)[2] == "disagrees"


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_exponents_are_those_of_power_laws(power):
    assert fitted_exponent({size: 3 * size**power for size in (0.1, 0.05, 0.02)}) == pytest.approx(power)


def test_exponents_need_two_points_with_a_drift():
    assert fitted_exponent({0.1: 1.0, 0.05: 0.0}) is None


def law_rows(drift, moved=10.0, seeds=(0, 1)):
    shared = {"kind": "drift", "rule": "fa", "method": "gd", "outcome": "completed", "moved": moved}
    return [
        shared | {"seed": seed, "step_size": size, "drift": drift(size), "relative_drift": drift(size) / moved}
        for seed in seeds
        for size in (0.1, 0.05, 0.025)
    ]


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        (lambda size: size, ["agrees", "agrees", "undecided"]),
        (lambda size: size**2, ["agrees", "disagrees", "undecided"]),  # a wrong exponent
        (lambda size: size**0.5, ["agrees", "disagrees", "undecided"]),
        (lambda _: 0.3, ["agrees", "disagrees", "undecided"]),  # does not fall with the step size
        (lambda _: 5.0, ["disagrees", "undecided", "undecided"]),  # is no law at all
        (lambda _: 0.0, ["agrees", "undecided", "undecided"]),
    ],
)
def test_findings_tell_a_law_from_none_and_a_first_power_from_another(drift, expected):
    assert verdicts(law_rows(drift)) == expected


def test_step_sizes_at_which_the_law_is_lost_do_not_count_for_the_exponent():
    rows = law_rows(lambda size: size if size < 0.1 else 100.0)
    assert exponents(rows) == {("fa", "gd"): pytest.approx(1.0)}
    rows += [row | {"rule": "dfa"} for row in law_rows(lambda size: size if size < 0.05 else 100.0)]
    (finding,) = (each for each in CONSERVATION.findings(rows, CONSERVATION.quick) if "proportional" in each.claim)
    assert "exponents: fa gd 1.00; not fitted, for want of two step sizes" in finding.found
    assert finding.found.endswith("drifts a little: dfa gd; criterion: all within 0.15 of 1")


def test_diverging_runs_are_told_and_leave_findings_undecided():
    rows = run(rules=("fa",), step_sizes=(1e31, 2e31))
    assert {row["outcome"] for row in rows} == {"diverged"}
    assert all("drift" not in row and "gap" not in row for row in rows)
    assert verdicts(rows) == ["undecided"] * 3
    mixed = law_rows(lambda size: size) + [row | {"step_size": 0.025} for row in rows]
    found = CONSERVATION.findings(mixed, SETTINGS)[0]
    assert found.verdict == "undecided"
    assert "were not completed" in found.found
