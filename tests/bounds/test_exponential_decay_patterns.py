"""exponential-decay-patterns against its condition in loops, what runs really do, and random flows."""

from dataclasses import replace

import numpy as np
import pytest
from bound_instances import aligned, failing, gram, output, own_alignment, regression, run, seeds, wide
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_theory as ft
from fa_theory.bounds import exponential_decay, exponential_decay_patterns
from fa_theory.model import Network, Problem
from fa_theory.verification import assess_bound


def supported(network, problem, rate):
    """THEORY's right-hand side (E2) in loops over neurons, for a network without biases and independent samples."""
    X, N, a = problem.X, problem.n_samples, network.activation.slope
    W, c = network.weights[0], own_alignment(network)
    b = np.ones(len(c)) if network.rule_name == "sign-fa" else abs(network.feedback[0].B[:, 0])
    eigenvalues = np.linalg.eigvalsh(gram(network, X))
    start = np.mean((output(network, X) - problem.Y) ** 2) / 2
    D = 2 * np.sqrt(2 * eigenvalues[-1] * start) / rate
    frozen, rest = np.zeros((N, N)), 0.0
    for w, bi, ci in zip(W, b, c, strict=True):
        q = ci + max(np.linalg.norm(w) - bi * D, 0) ** 2 / 2
        if min(abs(w @ x) / (bi * np.linalg.norm(x)) for x in X) > D:
            scaled = np.diag(np.where(X @ w > 0, 1, a)) @ X
            frozen += q * scaled @ scaled.T / N
        else:
            rest += q
    return 2 * (np.linalg.eigvalsh(frozen)[0] + a**2 * eigenvalues[0] * rest)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rule", ["fa", "sign-fa"])
def test_the_rate_supports_itself_and_is_much_larger_for_wide_starts(seed, rule):
    network, problem = wide(seed, 60, 3.0, rule=rule)
    bound, plain = exponential_decay_patterns(network, problem), exponential_decay(network, problem)
    assert bound.applicable, bound.failed
    assert bound.rate <= supported(network, problem, bound.rate) * (1 + 1e-9)
    assert bound.rate * 1.05 > supported(network, problem, bound.rate * 1.05) or bound.constants["frozen"] == 1
    assert bound.rate > 500 * plain.rate
    trajectory = run(network, problem, 3 / bound.rate, accuracy=1e-6)
    assert assess_bound(bound, trajectory).verdict == "holds"


@pytest.mark.parametrize("seed", range(4))
def test_weights_move_as_little_and_patterns_last_as_promised(seed):
    network, problem = wide(seed, 40, 2.0)
    bound = exponential_decay_patterns(network, problem)
    trajectory = run(network, problem, 10 / bound.rate, accuracy=1e-6)
    W, b = network.weights[0], abs(network.feedback[0].B[:, 0])
    moved = max(np.max(np.linalg.norm(state.weights[0] - W, axis=1) / b) for state in trajectory.states)
    assert 0 < moved < bound.constants["moved"]
    distances = abs(problem.X @ W.T) / (np.linalg.norm(problem.X, axis=1)[:, None] * b)
    frozen = np.min(distances, axis=0) > bound.constants["moved"]
    np.testing.assert_allclose(np.mean(frozen), bound.constants["frozen"])
    for state in trajectory.states:
        same = np.sign(problem.X @ state.weights[0].T) == np.sign(problem.X @ W.T)
        assert np.all(same[:, frozen])


@given(
    seeds,
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from(["fa", "sign-fa"]),
    st.sampled_from(["linear", "leaky_relu:0.4"]),
    st.booleans(),
    st.sampled_from([0.1, 1.0, 10.0]),
)
@settings(max_examples=25)
def test_never_violated_and_never_worse_than_the_plain_form(seed, n_samples, width, rule, activation, biases, slack):
    network = aligned(seed, 3, width, activation, rule, biases, slack)
    problem = regression(seed, n_samples, 3)
    bound, plain = exponential_decay_patterns(network, problem), exponential_decay(network, problem)
    if not plain.applicable or plain.rate < 1e-3:
        return
    assert bound.applicable, bound.failed
    assert bound.rate >= plain.rate * (1 - 1e-9)
    trajectory = run(network, problem, min(1.0, 5 / bound.rate), accuracy=1e-6)
    verdict = assess_bound(bound, trajectory)
    assert verdict.verdict == "holds", verdict


def test_linear_networks_on_any_data_have_an_excess():
    network, problem = wide(2, 30, 3.0, slope=1.0)[0], regression(2, 9, 4)
    W, B = network.weights[0], network.feedback[0].B
    v = (np.sum(W**2, axis=1) / 2 + 0.01) / B[:, 0]
    big = Network([W, v[None, :]], "linear", [B])
    bound, plain = exponential_decay_patterns(big, problem), exponential_decay(big, problem)
    assert bound.quantity == plain.quantity == "excess_loss"
    assert bound.rate > 10 * plain.rate
    # by hand: rate = 2 lambda (s + 1/2 sum (|w_i| - |b_i| D)_+^2)
    eigenvalues = np.linalg.eigvalsh(gram(big, problem.X))[-4:]
    D = 2 * np.sqrt(2 * eigenvalues[-1] * bound([0.0])[0]) / bound.rate
    kept = np.maximum(np.linalg.norm(W, axis=1) - abs(B[:, 0]) * D, 0)
    np.testing.assert_allclose(bound.rate, 2 * eigenvalues[0] * (0.3 + np.sum(kept**2) / 2), rtol=1e-6)
    assert assess_bound(bound, run(big, problem, 3 / bound.rate)).verdict == "holds"


def test_weights_that_pass_through_zero_break_what_ignoring_their_motion_would_say():
    # w goes from -2 to a positive value: v = w^2/2 + 0.05, and near w = 0 nothing but c = 0.05 drives the decay
    network, problem = Network([[[-2.0]], [[2.05]]], "linear", [[[1.0]]]), Problem([[1.0]], [2.0])
    bound = exponential_decay_patterns(network, problem)
    naive = replace(bound, curve=lambda t: bound([0.0])[0] * np.exp(-2 * (0.05 + 2.0) * t))
    trajectory = run(network, problem, 10.0, points=41)
    assert assess_bound(naive, trajectory).verdict == "refuted"
    assert assess_bound(bound, trajectory).verdict == "holds"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"activation": "relu"}, "leaky ReLU or linear activation"),
        ({"feedback": -np.ones((2, 1))}, "aligned start"),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(change, name):
    network, problem = aligned(1, 2, 2, "leaky_relu:0.5"), regression(1, 2, 2)
    if name == "aligned start":
        change = {"feedback": [-network.feedback[0].B]}
    made = {"weights": network.weights, "activation": "leaky_relu:0.5", "feedback": network.feedback} | change
    assert failing(exponential_decay_patterns(Network(**made), problem)) == [name]


def test_other_rules_are_named():
    network, problem = aligned(1, 2, 2, "leaky_relu:0.5", "adafa:0.5"), regression(1, 2, 2)
    assert failing(exponential_decay_patterns(network, problem)) == ["rule is fa or sign-fa"]


def test_a_zero_sample_a_dead_neuron_and_a_start_on_a_kink_are_taken():
    # linear, so that a zero sample is allowed; leaky with w.x = 0 at the start and b = 0 beside it
    zero = Problem([[0.0, 0.0], [1.0, 0.0]], [1.0, 2.0])
    assert exponential_decay_patterns(aligned(3, 2, 3), zero).applicable
    network = ft.Network([[[0.0, 0.0], [0.0, 1.0]], [[5.0, 2.0]]], "leaky_relu:0.5", [[[0.0], [1.0]]])
    bound = exponential_decay_patterns(network, Problem(np.eye(2), [1.0, -1.0]))
    assert bound.constants["frozen"] == 0.0
    np.testing.assert_allclose(bound.rate, 2 * 0.25 * 0.5 * 1.5, rtol=0.5)


def test_no_excess_loss_moves_nothing():
    network = Network([[[1.0]], [[1.0]]], "linear", [[[2.0]]])
    bound = exponential_decay_patterns(network, Problem([[1.0]], [1.0]))
    np.testing.assert_allclose(bound.rate, 2 * (1.5 + 0.5), rtol=1e-9)  # all of |w|^2 / 2 lasts
    assert bound([0.0, 1.0]).tolist() == [0.0, 0.0]
