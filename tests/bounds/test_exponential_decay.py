"""exponential-decay against the explicit Gram matrix, random flows, and the counterexamples of the theory."""

import numpy as np
import pytest
from bound_instances import (
    RULES,
    aligned,
    failing,
    gram,
    output,
    own_alignment,
    regression,
    run,
    seeds,
    two_neurons,
)
from bound_instances import TWO_SAMPLES as X
from hypothesis import given
from hypothesis import strategies as st

import fa_theory as ft
from fa_theory.bounds import exponential_decay
from fa_theory.model import AdaptiveFeedback, FeedbackAlignment, Network, Problem
from fa_theory.verification import assess_bound


@given(seeds, st.integers(1, 3), st.integers(0, 2), st.integers(1, 3), st.sampled_from(RULES), st.booleans())
def test_rate_of_leaky_networks_from_the_explicit_gram_matrix(seed, n_samples, extra, width, rule, biases):
    a = 0.4
    network = aligned(seed, n_samples + extra, width, f"leaky_relu:{a}", rule, biases)
    problem = regression(seed, n_samples, n_samples + extra)
    bound = exponential_decay(network, problem)
    eigenvalues = np.linalg.eigvalsh(gram(network, problem.X))
    c = own_alignment(network)
    rate = 2 * a**2 * c.sum() * eigenvalues[0]
    start = np.mean((output(network, problem.X) - problem.Y) ** 2) / 2
    if eigenvalues[0] > 1e-9:
        assert bound.applicable, bound.failed
        np.testing.assert_allclose(bound.rate, rate, rtol=1e-9, atol=1e-13)
        times = np.array([0.0, 0.5, 3.0])
        np.testing.assert_allclose(bound(times), start * np.exp(-rate * times), rtol=1e-9)
        assert bound.quantity == "loss"
        np.testing.assert_allclose(bound.constants["s"], c.sum(), rtol=1e-9)


@given(seeds, st.integers(1, 6), st.integers(1, 3), st.integers(1, 3), st.sampled_from(RULES), st.booleans())
def test_rate_of_linear_networks_is_that_of_the_smallest_nonzero_eigenvalue(seed, n, d, width, rule, biases):
    network = aligned(seed, d, width, "linear", rule, biases)
    problem = regression(seed, n, d)
    bound = exponential_decay(network, problem)
    eigenvalues = np.linalg.eigvalsh(gram(network, problem.X))
    nonzero = eigenvalues[-min(n, d + biases) :]
    if nonzero[0] < 1e-9:
        return
    assert bound.applicable, bound.failed
    np.testing.assert_allclose(bound.rate, 2 * own_alignment(network).sum() * nonzero[0], rtol=1e-8)
    columns = problem.X if not biases else np.column_stack([problem.X, np.ones(n)])
    best = columns @ np.linalg.lstsq(columns, problem.Y, rcond=None)[0]
    floor = np.mean((best - problem.Y) ** 2) / 2
    np.testing.assert_allclose(bound.floor, floor, rtol=1e-9, atol=1e-14)
    assert bound.quantity == ("excess_loss" if n > min(n, d + biases) else "loss")
    start = np.mean((output(network, problem.X) - problem.Y) ** 2) / 2 - floor
    np.testing.assert_allclose(bound(0.0), start, rtol=1e-8, atol=1e-13)


def test_mixed_signs_pay_with_the_largest_eigenvalue():
    # c = (2, -0.01) by hand; X = diag(1, 2), so the eigenvalues of X X^T / 2 are 1/2 and 2
    W, V = np.array([[1.0, 1.0], [0.2, 0.0]]), np.array([[3.0, 0.01]])
    network = Network([W, V], "leaky_relu:0.5", [[[1.0], [1.0]]])
    problem = Problem(np.diag([1.0, 2.0]), [1.0, -1.0])
    bound = exponential_decay(network, problem)
    assert bound.applicable
    np.testing.assert_allclose(bound.rate, 2 * (0.25 * 2.0 * 0.5 - 0.01 * 2.0), rtol=1e-12)
    # the same with c = (2, -0.2): 0.25 - 0.4 < 0
    network = Network([np.array([[1.0, 1.0], [0.2, 0.6]]), V], "leaky_relu:0.5", [[[1.0], [1.0]]])
    bound = exponential_decay(network, problem)
    assert failing(bound) == ["aligned start"]
    np.testing.assert_allclose(bound.failed[0].margin, 2.0 - (0.2 - 0.01) * 2.0 / (0.25 * 0.5), rtol=1e-12)
    # linear: only the sum counts, 2 - 0.19
    network = Network(network.weights, "linear", network.feedback)
    np.testing.assert_allclose(exponential_decay(network, problem).rate, 2 * (2 - 0.19) * 0.5, rtol=1e-12)


@given(
    seeds,
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(RULES),
    st.sampled_from(["linear", "leaky_relu:0.3", "leaky_relu:0.8"]),
    st.booleans(),
)
def test_never_violated_by_a_random_admissible_instance(seed, n_samples, width, rule, activation, biases):
    network = aligned(seed, 3, width, activation, rule, biases)
    problem = regression(seed, n_samples, 3)
    bound = exponential_decay(network, problem)
    verdict = assess_bound(bound, run(network, problem, time=1.0))
    assert verdict.verdict in ("holds", "undecided"), verdict
    if bound.applicable and 1e-3 < bound.rate < 10:  # else slack or run may be too small to tell
        assert verdict.verdict == "holds", verdict


def test_contradictory_labels_without_independence():
    # THEORY, section D: one-dimensional samples 2 and 2 with labels -2 and 2; the loss cannot fall below 2, and at
    # t = 30 it is 114 times what the formula would say
    network = Network([[[-1.0]], [[2.5]]], "leaky_relu:0.1", [[[1.0]]])
    problem = Problem([[2.0], [2.0]], [-2.0, 2.0])
    bound = exponential_decay(network, problem)
    assert failing(bound) == ["linearly independent samples"]
    assert bound.failed[0].margin == -1.0
    with pytest.raises(ValueError, match="linearly independent samples"):
        bound([1.0])
    trajectory = run(network, problem, time=30.0)
    naive = trajectory.loss[0] * np.exp(-2 * 0.1**2 * 2.0 * 4.0 * 30.0)
    np.testing.assert_allclose(trajectory.loss[-1] / naive, 114, rtol=0.01)
    assert assess_bound(bound, trajectory).verdict == "not_applicable"


def test_positive_invariant_lets_the_loss_grow():
    # THEORY, section D (32-fold there, on coarser times): C = 2 + 1 = 3 > 0
    network = Network([[[-2.0]], [[-1.0]]], "linear", [[[1.0]]])
    problem = Problem([[1.0]], [3.0])
    trajectory = run(network, problem, time=10.0, points=401)
    assert 32 < trajectory.loss.max() / trajectory.loss[0] < 35
    for activation, margin in (("linear", -3.0), ("leaky_relu:0.5", -3.0 / 0.5**2)):
        bound = exponential_decay(Network(network.weights, activation, network.feedback), problem)
        assert failing(bound) == ["aligned start"]
        verdict = assess_bound(bound, trajectory)
        assert verdict.verdict == "not_applicable"
        np.testing.assert_allclose(verdict.margin, margin, rtol=1e-12)
        assert "aligned start" in verdict.detail


def test_adafa_with_fas_invariant_in_place_of_its_own():
    # THEORY, T11: FA's c = 6 - 9/8 = 4.875 would promise exp(-9.75 t); adaFA's own is 6 - 8 - 9/8 < 0
    W, V, B = np.array([[-1.5]]), np.array([[2.0]]), np.array([[3.0]])
    problem = Problem([[1.0]], [5.0])
    network = Network([W, V], "linear", [AdaptiveFeedback(4.0, B, V)])
    trajectory = run(network, problem, time=2.0)
    naive = exponential_decay(Network([W, V], "linear", [FeedbackAlignment(B)]), problem)
    np.testing.assert_allclose(naive.rate, 9.75, rtol=1e-12)
    assert np.max(trajectory.loss / naive(trajectory.t)) > 1e7
    assert assess_bound(naive, trajectory).verdict == "refuted"
    own = exponential_decay(network, problem)
    assert failing(own) == ["aligned start"]
    assert own.failed[0].margin == 6 - 8 - 9 / 8
    # with an invariant of its own that is negative the same rule is bounded: B = 8 gives 16 - 8 - 9/8
    network = Network([W, V], "linear", [AdaptiveFeedback(4.0, np.array([[8.0]]), V)])
    bound = exponential_decay(network, problem)
    np.testing.assert_allclose(bound.rate, 2 * (8 - 9 / 8), rtol=1e-12)
    assert assess_bound(bound, run(network, problem, time=0.5)).verdict == "holds"


@pytest.mark.parametrize(
    ("change", "loss", "samples", "name"),
    [
        ({}, "squared", X, None),
        ({"activation": "relu"}, "squared", X, "leaky ReLU or linear activation"),
        ({"activation": "tanh"}, "squared", X, "leaky ReLU or linear activation"),
        ({"activation": "power:2"}, "squared", X, "leaky ReLU or linear activation"),
        ({}, "logistic", X, "squared loss"),
        ({}, "squared", np.vstack([X[0], X[0]]), "linearly independent samples"),
        ({}, "squared", np.vstack([X, X[:1]]), "linearly independent samples"),
        ({"activation": "linear"}, "squared", np.vstack([X, X[:1]]), None),
        ({"activation": "linear"}, "squared", 0 * X, "data are not all zero"),
        ({"feedback": [np.array([[1.0], [1.0]])]}, "squared", X, "aligned start"),
        (
            {"activation": "linear", "biases": [None, np.array([0.1])]},
            "squared",
            np.vstack([X, [0.3, -2.0]]),
            "no output bias, or constants in the span of the data",
        ),
        ({"activation": "linear", "biases": [np.zeros(2), np.array([0.1])]}, "squared", np.vstack([X, X]), None),
        ({"biases": [None, np.array([0.1])]}, "squared", X, None),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(change, loss, samples, name):
    network = two_neurons("leaky_relu:0.5", change)
    labels = np.where(np.arange(len(samples)) % 2, 1.0, -1.0)
    bound = exponential_decay(network, Problem(samples, labels, loss))
    expected = [] if name is None else [name]
    if change.get("activation") == "tanh":
        expected.append("aligned start")  # there is no invariant to be negative
    assert failing(bound) == expected


def test_depth_and_outputs_are_named():
    W = np.array([[0.1]])
    deep = Network([W, W + 1, W + 1], "linear", [W + 0.9, W + 0.9])
    assert failing(exponential_decay(deep, Problem([[1.0]], [1.0]))) == ["two layers"]
    wide = Network([W, np.array([[1.0], [1.0]])], "linear", [np.array([[1.0, 1.0]])])
    assert failing(exponential_decay(wide, Problem([[1.0]], [[1.0, 1.0]]))) == ["scalar output"]


def test_an_output_bias_outside_the_span_would_break_the_bound():
    # X = 0 but for one sample: constants are not in its span; the bias lowers the loss below the best linear map's
    network = Network([[[0.1]], [[1.0]]], "linear", [[[1.0]]], [None, [0.0]])
    problem = Problem([[1.0], [0.0]], [1.0, 1.0])
    trajectory = run(network, problem, time=20.0)
    bound = exponential_decay(network, problem)
    assert failing(bound) == ["no output bias, or constants in the span of the data"]
    assert trajectory.loss[-1] - bound.floor < -0.2


@pytest.mark.parametrize("ulps", [-2, 0, 2])
def test_an_invariant_of_zero_up_to_rounding_is_undecided(ulps):
    # v = 1/2 |w|^2 / B, so that C = 0 but for a few roundings
    w = np.array([[0.3, 0.7]])
    v = 0.5 * np.sum(w**2) * (1 + ulps * np.finfo(float).eps)
    network = Network([w, [[v]]], "linear", [[[1.0]]])
    problem = Problem([[1.0, 0.0]], [1.0])
    (failure,) = exponential_decay(network, problem).failed
    assert failure.holds is None
    assert abs(failure.margin) < 1e-15
    verdict = assess_bound(exponential_decay(network, problem), run(network, problem, 1.0))
    assert (verdict.verdict, verdict.evidence) == ("undecided", None)


def test_degenerate_inputs():
    one = Network([[[0.0]], [[1.0]]], "leaky_relu:0.5", [[[1.0]]])
    assert exponential_decay(one, Problem([[1.0]], [0.0])).applicable
    zero = Network([[[0.0]], [[0.0]]], "leaky_relu:0.5", [[[1.0]]])
    bound = exponential_decay(zero, Problem([[1.0]], [1.0]))
    assert failing(bound) == ["aligned start"]
    assert bound.failed[0].holds is False  # exactly zero, no rounding in it
    # b_i = 0: that neuron does not learn, and is not aligned unless w_i = 0
    idle = Network([[[0.5], [0.5]], [[1.0, 1.0]]], "leaky_relu:0.5", [[[0.0], [1.0]]])
    bound = exponential_decay(idle, Problem([[1.0]], [1.0]))
    assert bound.applicable
    np.testing.assert_allclose(bound.rate, 2 * (0.25 * 0.875 - 0.125), rtol=1e-12)
    for times in ([-1.0], [np.nan], [np.inf]):
        with pytest.raises(ValueError, match="times must be finite and >= 0"):
            bound(times)


def test_a_fitted_start_has_a_bound_of_zero():
    network = Network([[[0.0]], [[1.0]]], "linear", [[[1.0]]])
    bound = exponential_decay(network, Problem([[1.0], [2.0]], [0.0, 0.0]))
    assert bound([0.0, 1.0]).tolist() == [0.0, 0.0]


def test_time_zero_leaves_nothing_to_judge():
    network, problem = aligned(0, 2, 2), regression(0, 2, 2)
    verdict = assess_bound(exponential_decay(network, problem), run(network, problem, 0.0))
    assert verdict.verdict == "undecided"


def test_float32_is_judged_with_its_own_rounding():
    W, V, B = (np.array(each, dtype=np.float32) for each in ([[0.5]], [[1.0]], [[1.0]]))
    problem = Problem(np.array([[1.0]], dtype=np.float32), np.array([1.5], dtype=np.float32))
    bound = exponential_decay(Network([W, V], "linear", [B]), problem)
    np.testing.assert_allclose(bound.rate, 2 * 0.875, rtol=1e-5)
    assert bound.rate < 2 * 0.875
    # a margin of 1e-8 is within float32's rounding of the invariant
    V = np.array([[0.125 + 2e-8]], dtype=np.float32)
    (failure,) = exponential_decay(Network([W, V], "linear", [B]), problem).failed
    assert failure.holds is None


def test_gradient_descent_is_not_judged_by_it():
    network, problem = aligned(0, 2, 2), regression(0, 2, 2)
    trajectory = ft.simulate(network, problem, method="gd", steps=10, step_size=0.01)
    verdict = assess_bound(exponential_decay(network, problem), trajectory)
    assert verdict.verdict == "not_applicable"
    assert "continuous-time flow" in verdict.detail


def test_rank_deficient_data_count_only_eigenvalues_that_are_not_zero():
    # rows (1, 1, 0), (2, 2, 0), (1, 1, 0): X X^T has the one non-zero eigenvalue 2 + 8 + 2, over N = 3
    samples = np.outer([1.0, 2.0, 1.0], [1.0, 1.0, 0.0])
    network = Network([[[0.5, 0.0, 0.0]], [[1.0]]], "linear", [[[1.0]]])
    bound = exponential_decay(network, Problem(samples, [1.0, -1.0, 0.5]))
    np.testing.assert_allclose(bound.rate, 2 * 0.875 * 4.0, rtol=1e-12)
    assert assess_bound(bound, run(network, Problem(samples, [1.0, -1.0, 0.5]), 0.5)).verdict == "holds"


@pytest.mark.parametrize("seed", range(8))
def test_a_start_at_the_best_map_has_no_negative_bound(seed):
    rng = np.random.default_rng(seed)
    problem = Problem(rng.standard_normal((6, 2)), rng.standard_normal(6))
    best = np.linalg.lstsq(problem.X, problem.Y, rcond=None)[0]
    v = 1.0 + np.sum(best**2)
    bound = exponential_decay(Network([best.T / v, [[v]]], "linear", [[[1.0]]]), problem)
    assert bound.applicable
    assert 0 <= bound(0.0)[0] < 1e-14
