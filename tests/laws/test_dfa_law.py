"""dfa-law: exact derivatives over the rationals, flows, and feedback, activations and matrices that break it."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq, fmpq_mat
from hypothesis import assume, given
from hypothesis import strategies as st
from law_instances import build, fraction_array, loop_directions, seeds

import fa_theory as ft
from fa_theory.laws import dfa_law, effective_feedback, exact_rank, feedback_pairs, matrix_law
from fa_theory.model import DirectFeedback, Network, Problem
from fa_theory.verification import assess_dfa_law, dfa_law_drift, included_kernels, law_drift


def exact_inverse(B):
    """B^+ = (B^T B)^{-1} B^T of full column rank over the rationals, by another library's solver."""
    matrix = fmpq_mat(*B.shape, [fmpq(x.numerator, x.denominator) for x in B.ravel()])
    gram = matrix.transpose() * matrix
    assume(gram.det() != 0)
    inverse = gram.inv() * matrix.transpose()
    return np.array([[Fraction(int(x.p), int(x.q)) for x in row] for row in inverse.tolist()], dtype=object)


def exact_rate(network, X, errors, effective, layer):
    """d/dt of W W^T + b b^T - E W' - (E W')^T under dW = -F, by loops over the rationals."""
    F = loop_directions(network, X, errors)
    dW, dV, db = (-np.array(part, dtype=object) for part in (F.weights[layer], F.weights[layer + 1], F.biases[layer]))
    W, b = network.weights[layer], network.biases[layer]
    outer = W @ dW.T if b is None else W @ dW.T + b[:, None] * db[None, :]
    mixed = effective @ dV
    return outer + outer.T - mixed - mixed.T


@given(seeds, st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_the_derivative_vanishes_exactly_with_the_effective_feedback(seed, d, m, biases):
    rng = np.random.default_rng(seed)
    widths = (d, int(rng.integers(1, 4)), int(rng.integers(m, 4)), int(rng.integers(m, 4)), m)
    network = build(seed, widths, "linear", "dfa", biases, Fraction)
    X, errors = fraction_array(rng, (2, d)), fraction_array(rng, (2, m))
    for layer in (0, 1):
        B, above = (network.feedback[k].B for k in (layer, layer + 1))
        assert not np.any(exact_rate(network, X, errors, B @ exact_inverse(above), layer))
    assert not np.any(exact_rate(network, X, errors, network.feedback[2].B, 2))


@given(seeds)
def test_the_kernel_of_the_upper_feedback_may_lie_inside_the_lower_ones(seed):
    """B_3 = b v^T and B_2 = c v^T have rank one for m = 2, so E = c b^T / |b|^2; with another v the law fails."""
    rng = np.random.default_rng(seed)
    b, c, v = (fraction_array(rng, shape) for shape in (3, 2, 2))
    assume(np.any(b) and np.any(c) and np.any(v))
    base = build(seed, (2, 2, 3, 2), "linear", "dfa", False, Fraction)
    other = np.array([-v[1], v[0]])
    X, errors = fraction_array(rng, (3, 2)), fraction_array(rng, (3, 2))
    effective = c[:, None] * b[None, :] / sum(b * b)
    for lower, included in ((v, True), (other, False)):
        rules = [DirectFeedback(c[:, None] * lower[None, :]), DirectFeedback(b[:, None] * v[None, :])]
        network = Network(base.weights, "linear", rules)
        rate = exact_rate(network, X, errors, effective, 0)
        (pair,) = feedback_pairs(network)
        assert pair.included is included
        assert pair.rank == 1
        if included:
            assert not np.any(rate)
            np.testing.assert_allclose(pair.effective, effective.astype(float), atol=1e-12)
        else:
            assert pair.lost == pytest.approx(1.0)
            # the rate is c u^T + u c^T with u the sum of (e . v - e . other) W_1 x over the samples
            assert np.any(rate) == np.any((errors @ (v - other)) @ (X @ network.weights[0].T))


def run(network, **options):
    rng = np.random.default_rng(2)
    X, Y = rng.uniform(-1, 1, (4, network.widths[0])), rng.uniform(-1, 1, (4, network.widths[-1]))
    return ft.simulate(network, Problem(X, Y), **({"time": 1.0, "points": 11, "accuracy": 1e-7} | options))


def small(widths=(2, 3, 3, 2), name="linear", biases=True, seed=3):
    network = build(seed, widths, name, "dfa", biases)
    return Network(
        [0.6 * W for W in network.weights],
        name,
        network.feedback,
        [0.6 * b for b in network.biases] if biases else None,
    )


@pytest.mark.parametrize("widths", [(2, 3, 1), (2, 3, 2, 1), (2, 3, 3, 2), (2, 2, 3, 2, 2)])
@pytest.mark.parametrize(
    "options", [{}, *({"method": each, "steps": 5, "step_size": 0.2} for each in ("midpoint", "gauss"))]
)
def test_holds_along_flows_and_midpoint_runs(widths, options):
    options = options or {"time": 1.0, "points": 11, "accuracy": 1e-7}
    network = small(widths)
    rng = np.random.default_rng(2)
    X, Y = rng.uniform(-1, 1, (4, widths[0])), rng.uniform(-1, 1, (4, widths[-1]))
    trajectory = ft.simulate(network, Problem(X, Y), **options)
    verdict = assess_dfa_law(trajectory)
    assert verdict.verdict == "holds", verdict
    moved = abs(trajectory.states[-1].weights[0] - trajectory.states[0].weights[0])
    assert np.max(moved) > 1e-3
    # the last hidden layer's law is the matrix law
    np.testing.assert_allclose(dfa_law(network)[-1], matrix_law(network)[-1], rtol=0, atol=1e-14)


def test_another_effective_feedback_drifts():
    trajectory = run(small())
    pairs = feedback_pairs(trajectory.network)
    assert np.all(dfa_law_drift(trajectory, pairs).drift <= dfa_law_drift(trajectory, pairs).tolerance)
    wrong = tuple(pair._replace(effective=1.01 * pair.effective) for pair in pairs)
    drift = dfa_law_drift(trajectory, wrong)
    assert drift.drift[-1] > 1e3 * drift.tolerance[-1]


def test_gating_breaks_it_below_the_last_hidden_layer():
    network = small(name="leaky_relu:0.25")
    trajectory = run(network)
    verdict = assess_dfa_law(trajectory)
    assert verdict.verdict == "not_applicable"
    assert "linear activation" in verdict.detail
    drift = law_drift(trajectory, lambda now: np.diag(dfa_law(now)[0]), 4.0)
    assert drift.drift[-1] > 1e3 * drift.tolerance[-1]


def test_a_kernel_that_is_not_included_is_named_and_the_law_drifts():
    network = small((2, 3, 3, 2))
    narrow = replace(network.feedback[1], B=network.feedback[1].B[:, :1] @ np.array([[1.0, 0.5]]))
    broken = Network(network.weights, "linear", [network.feedback[0], narrow], network.biases)
    trajectory = run(broken)
    verdict = assess_dfa_law(trajectory)
    assert verdict.verdict == "not_applicable"
    assert verdict.detail.startswith("null(B_{l+1}) inside null(B_l): layer 1")
    assert -1 <= verdict.margin < 0
    drift = law_drift(trajectory, lambda now: dfa_law(now)[0], 4.0)
    assert drift.drift[-1] > 1e3 * drift.tolerance[-1]


def with_upper(B):
    network = small((2, 3, 3, 2))
    return Network(network.weights, "linear", [network.feedback[0], DirectFeedback(B)], network.biases)


def test_ranks_that_floating_point_cannot_tell_are_undecided():
    eps = 2.0**-52
    nearly = np.array([[1.0, 1.0], [1.0, 1.0 + eps], [1.0, 1.0]])
    network = with_upper(nearly)
    (pair,) = feedback_pairs(network)
    assert (pair.included, pair.rank, pair.float_rank) == (True, 2, 1)
    assert included_kernels((pair,)).holds is None
    verdict = assess_dfa_law(run(network, time=0.1))
    assert verdict.verdict == "undecided"
    assert "rank 2, but 1 in floating point" in verdict.detail


def test_a_kernel_that_is_lost_by_rounding_only_is_undecided():
    """B_3 = b v^T rounds to a matrix of rank one; B_2 = c v'^T with v' one rounding away is no longer included."""
    v = np.array([1.0, 1.0])
    network = with_upper(np.outer([1.0, 2.0, 3.0], v))
    lower = DirectFeedback(np.outer([1.0, -1.0, 2.0], [1.0, 1.0 + 2.0**-52]))
    broken = Network(network.weights, "linear", [lower, network.feedback[1]], network.biases)
    (pair,) = feedback_pairs(broken)
    assert not pair.included
    assert included_kernels((pair,)).holds is None


def test_zero_feedback():
    network = with_upper(np.zeros((3, 2)))
    assert feedback_pairs(network)[0].lost == 1.0
    none = Network(network.weights, "linear", [DirectFeedback(np.zeros((3, 2)))] * 2, network.biases)
    (pair,) = feedback_pairs(none)
    assert (pair.included, pair.rank, pair.lost) == (True, 0, 0.0)
    assert not np.any(effective_feedback(none)[0])
    verdict = assess_dfa_law(run(none, time=0.5))
    assert verdict.verdict == "holds", verdict


@pytest.mark.parametrize(
    ("rule", "options", "named"),
    [
        ("fa", {}, "rule is dfa: fa"),
        ("dfa", {"method": "gd", "steps": 2}, "flow, midpoint or Gauss rule: method gd"),
    ],
)
def test_not_applicable_names_what_fails(rule, options, named):
    network = build(1, (2, 2, 1), "linear", rule, False)
    options = options or {"time": 0.1, "points": 3}
    verdict = assess_dfa_law(ft.simulate(network, Problem(np.eye(2), [1.0, 0.0]), **options))
    assert (verdict.verdict, verdict.detail) == ("not_applicable", named)


def test_other_rules_are_refused():
    with pytest.raises(ValueError, match="dfa in every hidden layer, got fa"):
        dfa_law(build(1, (2, 2, 1), "linear", "fa", False))


@given(seeds, st.integers(1, 4), st.integers(1, 4), st.integers(0, 3))
def test_exact_rank_of_products(seed, rows, columns, rank):
    rng = np.random.default_rng(seed)
    left, right = rng.integers(-3, 4, (rows, rank)), rng.integers(-3, 4, (rank, columns))
    product = (left @ right).astype(float)
    expected = np.linalg.matrix_rank(product) if rank else 0
    assert exact_rank(product) == expected
    assert exact_rank(fraction_array(rng, (1, 1)) * 0) == 0
