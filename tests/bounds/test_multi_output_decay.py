"""multi-output-decay against its definition with explicit matrix square roots, and random flows."""

from dataclasses import replace

import numpy as np
import pytest
from bound_instances import aligned, failing, own_alignment, regression, run, seeds
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import null_space, sqrtm

from fa_theory.bounds import exponential_decay, multi_output_decay
from fa_theory.model import AdaptiveFeedback, DirectFeedback, Network, Problem
from fa_theory.verification import assess_bound


def matrix_aligned(seed, d, n, m, biases=False):
    """W_2 = K B^+ with K symmetric and large, so that H W_2 B + its transpose outweighs W_1 W_1^T."""
    rng = np.random.default_rng(seed)
    W, B = rng.uniform(-1, 1, (n, d)) / np.sqrt(n), rng.uniform(-1, 1, (n, m))
    B[:m] += 2 * np.eye(m)
    b = rng.uniform(-1, 1, n) / n if biases else None
    given = [b, rng.uniform(-1, 1, m)] if biases else None
    # B W_2 + W_2^T B^T with W_2 = c B^T is 2 c B B^T: U^T of it is 2 c H
    c = rng.uniform(0.6, 1.0) * (1 + (0 if b is None else b @ b) + np.linalg.norm(W, 2) ** 2)
    return Network([W, c * B.T + 0.01 * rng.standard_normal((m, n))], "linear", [B], given)


def by_definition(network, problem):
    """a0, V(0), lambda_min(H), lambda and L* from THEORY's formulas, with matrix square roots and eigvalsh."""
    W, V = network.weights
    B = network.feedback[0].B
    first = W if network.biases[0] is None else np.column_stack([W, network.biases[0]])
    X = problem.X if network.biases[0] is None else np.column_stack([problem.X, np.ones(len(problem.X))])
    H = B.T @ B
    root = np.real(sqrtm(H))
    U = B @ np.linalg.inv(root)
    C = first @ first.T - B @ V - V.T @ B.T
    a0 = np.linalg.eigvalsh(-U.T @ C @ U)[0] / 2
    E = X @ first.T @ V.T + (0 if network.biases[1] is None else network.biases[1]) - problem.Y
    parallel = X @ np.linalg.pinv(X) @ E
    potential = np.linalg.norm(parallel @ root) ** 2 / (2 * len(X))
    eigenvalues = np.linalg.eigvalsh(X @ X.T / len(X))
    floor = np.linalg.norm(problem.Y - X @ np.linalg.pinv(X) @ problem.Y) ** 2 / (2 * len(X))
    return a0, potential, np.linalg.eigvalsh(H)[0], eigenvalues[-min(X.shape)], floor


@given(seeds, st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.booleans())
def test_curve_by_definition(seed, n_samples, d, m, extra, biases):
    network, problem = matrix_aligned(seed, d, m + extra, m, biases), regression(seed, n_samples, d, m)
    a0, potential, smallest, eigenvalue, floor = by_definition(network, problem)
    if eigenvalue < 1e-6:
        return
    bound = multi_output_decay(network, problem)
    np.testing.assert_allclose(bound.constants["a0"], a0, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(bound.constants["lambda_min_H"], smallest, rtol=1e-9)
    np.testing.assert_allclose(bound.constants["V"], potential, rtol=1e-8)
    np.testing.assert_allclose(bound.rate, 2 * a0 * eigenvalue, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(bound.floor, floor, rtol=1e-8, atol=1e-14)
    assert bound.applicable == (a0 > 0)
    if bound.applicable:
        times = np.array([0.0, 0.7])
        expected = potential / smallest * np.exp(-2 * a0 * eigenvalue * times)
        np.testing.assert_allclose(bound(times), expected, rtol=1e-7)


@given(seeds, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 1), st.booleans())
def test_never_violated_by_a_random_admissible_instance(seed, n_samples, d, m, extra, biases):
    network, problem = matrix_aligned(seed, d, m + extra, m, biases), regression(seed, n_samples, d, m)
    bound = multi_output_decay(network, problem)
    verdict = assess_bound(bound, run(network, problem, time=0.5))
    if bound.applicable:
        # a bound that hardly falls, or falls below the accuracy of the run, may be undecided
        allowed = ("holds",) if 1e-3 < bound.rate < 20 else ("holds", "undecided")
        assert verdict.verdict in allowed, verdict
    else:
        assert verdict.verdict in ("not_applicable", "undecided")


@given(seeds, st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))
def test_one_output_is_never_worse_than_exponential_decay(seed, n_samples, d, width):
    # a0 = B.v - 1/2 |U^T W_1|^2 >= B.v - 1/2 |W_1|^2 = s, with equality for one neuron
    network, problem = aligned(seed, d, width), regression(seed, n_samples, d)
    several, one = multi_output_decay(network, problem), exponential_decay(network, problem)
    B, s = network.feedback[0].B[:, 0], own_alignment(network).sum()
    unit = B / np.linalg.norm(B)
    a0 = B @ network.weights[1][0] - np.sum((unit @ network.weights[0]) ** 2) / 2
    np.testing.assert_allclose(several.constants["a0"], a0, rtol=1e-9)
    assert a0 >= s * (1 - 1e-12)
    if several.applicable and one.applicable:
        assert np.all(several([0.0, 1.0]) <= one([0.0, 1.0]) * (1 + 1e-9))
        if width == 1:
            np.testing.assert_allclose(several([0.0, 1.0]), one([0.0, 1.0]), rtol=1e-9)


@given(seeds, st.integers(1, 3), st.integers(0, 2))
def test_starts_below_the_condition_number_times_the_excess(seed, m, extra):
    network, problem = matrix_aligned(seed, 2, m + extra, m), regression(seed, 4, 2, m)
    bound = multi_output_decay(network, problem)
    if bound.applicable:
        eigenvalues = np.linalg.eigvalsh(network.feedback[0].B.T @ network.feedback[0].B)
        excess = bound.constants["start_loss"] - bound.floor
        start = bound(0.0)[0]
        assert excess * (1 - 1e-9) <= start <= eigenvalues[-1] / eigenvalues[0] * excess * (1 + 1e-9)


BASE = matrix_aligned(0, 2, 3, 2)
DATA = regression(0, 3, 2, 2)
W, V = BASE.weights
B = BASE.feedback[0].B


@pytest.mark.parametrize(
    ("weights", "activation", "feedback", "problem", "names"),
    [
        ([W, V], "linear", [B], DATA, []),
        ([W, V], "linear", [DirectFeedback(B)], DATA, []),
        ([W, V], "linear", [AdaptiveFeedback(0.0, B, V)], DATA, []),
        ([W, V], "linear", [AdaptiveFeedback(0.1, B, V)], DATA, ["rule is fa"]),
        ([W, V], "leaky_relu:0.5", [B], DATA, ["linear activation"]),
        ([W, V], "linear", [B], Problem(DATA.X, np.eye(3)[:, :2] + np.eye(3)[:, 2:], "squared"), []),
        ([W, V], "linear", [B], Problem(DATA.X, np.eye(2)[[0, 1, 0]], "cross_entropy"), ["squared loss"]),
        ([W, V], "linear", [B], Problem(0 * DATA.X, DATA.Y), ["data are not all zero"]),
        ([W, -V], "linear", [B], DATA, ["aligned start"]),
        ([W, V], "linear", [np.outer(B[:, 0], [1.0, 2.0])], DATA, ["B of full column rank", "aligned start"]),
        ([W[:1], V[:, :1]], "linear", [B[:1]], DATA, ["B of full column rank", "aligned start"]),
        ([W, V], "linear", [0 * B], DATA, ["B of full column rank", "aligned start"]),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(weights, activation, feedback, problem, names):
    bound = multi_output_decay(Network(weights, activation, feedback), problem)
    assert failing(bound) == names
    assert all(each.margin <= 0 for each in bound.failed)


def test_an_output_bias_must_stay_in_the_span():
    X = null_space(np.ones((1, 3))).copy()  # constants are orthogonal to the data
    network = Network([W, V], "linear", [B], [None, np.zeros(2)])
    names = failing(multi_output_decay(network, Problem(X, DATA.Y)))
    assert names == ["no output bias, or constants in the span of the data"]
    with_bias = Network([W, V], "linear", [B], [np.zeros(3), np.zeros(2)])
    assert failing(multi_output_decay(with_bias, Problem(X, DATA.Y))) == []


def test_a_users_rule_has_no_matrix_law_and_no_bound():
    from fa_theory.model import PotentialFeedback

    rule = PotentialFeedback(lambda weight: B + 0 * weight.T, lambda weight: (B * weight.T).sum(axis=1))
    assert "rule is fa" in failing(multi_output_decay(Network([W, V], "linear", [rule]), DATA))


def test_an_alignment_of_zero_up_to_rounding_is_undecided():
    # one neuron, one output: a0 = B v - w^2 / 2
    w, B1 = 0.7, 3.0
    network = Network([[[w]], [[w * w / 2 / B1]]], "linear", [[[B1]]])
    (failure,) = multi_output_decay(network, Problem([[1.0]], [1.0])).failed
    assert failure.holds is None


def test_a_loss_above_the_bound_by_a_millionth_is_refuted():
    bound, trajectory = multi_output_decay(BASE, DATA), run(BASE, DATA, 0.5)
    tight = bound.floor + bound(trajectory.t) * (1 + 1e-6)
    changed = replace(trajectory, loss=tight, error=np.full(len(tight), 1e-12))
    assert assess_bound(bound, changed).verdict == "refuted"


def test_the_bound_is_attained_in_rate_by_a_large_alignment():
    # one weight of each layer, B = v large: dA/dt = -(B v + w^2) (A - y) with B v nearly constant
    network = Network([[[0.0]], [[100.0]]], "linear", [[[100.0]]])
    problem = Problem([[1.0]], [1e-3])
    trajectory, bound = run(network, problem, 1e-4), multi_output_decay(network, problem)
    observed = np.log(trajectory.loss[0] / trajectory.loss[-1])
    np.testing.assert_allclose(observed, bound.rate * 1e-4, rtol=1e-6)
    assert assess_bound(bound, trajectory).verdict in ("holds", "undecided")


def test_float32_rounds_the_rate_down():
    # one weight of each layer by hand: a0 = 2 * 1 - 0.5^2 / 2
    W1, V1, B1 = (np.array(each, dtype=np.float32) for each in ([[0.5]], [[1.0]], [[2.0]]))
    problem = Problem(np.array([[1.0]], dtype=np.float32), np.array([1.5], dtype=np.float32))
    bound = multi_output_decay(Network([W1, V1], "linear", [B1]), problem)
    np.testing.assert_allclose(bound.rate, 2 * 1.875, rtol=1e-5)
    assert bound.rate < 2 * 1.875
