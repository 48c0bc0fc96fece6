"""exponential-decay-path against its form in loops, what runs really do, and random flows."""

from dataclasses import replace

import numpy as np
import pytest
from bound_instances import aligned, failing, gram, own_alignment, regression, run, seeds, wide
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh

from fa_theory.bounds import exponential_decay, exponential_decay_path, exponential_decay_patterns
from fa_theory.bounds.exponential_decay_path import _STEP, stages_of
from fa_theory.model import Network, Problem
from fa_theory.verification import assess_bound


def known_form(network, problem, moved, share):
    """M of the statement for |w_i - w_i(0)| <= |b_i| moved_i, and the neurons of known slopes with their Gram matrices.

    In loops, for FA without biases.
    """
    X, N, a = problem.X, problem.n_samples, network.activation.slope
    W, b, c = network.weights[0], abs(network.feedback[0].B[:, 0]), own_alignment(network)
    eigenvalues = np.linalg.eigvalsh(gram(network, X))
    M, frozen = np.zeros((N, N)), {}
    for i, (w, bi, ci, far) in enumerate(zip(W, b, c, moved, strict=True)):
        q = ci + max(np.linalg.norm(w) - bi * far, 0) ** 2 / 2
        known = [abs(w @ x) > bi * far * np.linalg.norm(x) for x in X]
        theta = np.asarray([(1.0 if w @ x > 0 else a) if sure else a for x, sure in zip(X, known, strict=True)])
        if all(known):
            frozen[i] = np.diag(theta) @ X @ X.T @ np.diag(theta) / N
            M += q * frozen[i]
        else:
            M += eigenvalues[0] * q * np.diag(theta**2)
    hidden = np.asarray([[z if z > 0 else a * z for z in W @ x] for x in X])
    kept = (1 - share) * hidden @ hidden.T / N
    if share < 1:
        M += kept - (1 / share - 1) * eigenvalues[-1] * np.sum((b * moved) ** 2) * np.eye(N)
    return M, frozen


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("width", "size", "scale"), [(40, 3.0, 0.3), (6, 1.0, 0.05), (6, 1.0, np.inf)])
def test_rates_and_movements_are_those_of_the_form(seed, width, size, scale):
    network, problem = wide(seed, width, size)
    moved = np.random.default_rng(seed).uniform(0.2, 1, width) * scale
    rate, movement = stages_of(network, problem).supported(moved)
    shares = (1.0, 0.02, 0.1, 0.3, 0.7) if np.isfinite(scale) else (1.0,)
    forms = [known_form(network, problem, moved, share) for share in shares]
    M, frozen = max(forms, key=lambda form: np.linalg.eigvalsh(form[0])[0])
    np.testing.assert_allclose(rate, 2 * np.linalg.eigvalsh(M)[0], rtol=1e-9)
    most = np.linalg.eigvalsh(gram(network, problem.X))[-1]
    size_left = np.maximum(np.linalg.norm(network.weights[0], axis=1) - abs(network.feedback[0].B[:, 0]) * moved, 0)
    resisted = own_alignment(network) + size_left**2 / 2
    for i, own in frozen.items():  # the largest rho with rho own <= M is the least generalised eigenvalue
        resisted[i] = max(resisted[i], eigh(M, own, eigvals_only=True)[0])
    assert len(frozen) > 0 or not np.isfinite(scale)
    expected = np.minimum(np.sqrt(2 * most) / rate, 1 / np.sqrt(resisted * rate))
    np.testing.assert_allclose(movement, expected, rtol=1e-8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rule", ["fa", "sign-fa"])
def test_wide_starts_decay_faster_than_with_patterns_alone(seed, rule):
    network, problem = wide(seed, 60, 3.0, rule=rule)
    bound, patterns = exponential_decay_path(network, problem), exponential_decay_patterns(network, problem)
    assert bound.applicable, bound.failed
    time = 3 / patterns.rate
    assert np.log(bound(0.0)[0] / bound(time)[0]) > 1.1 * 3
    trajectory = run(network, problem, time, accuracy=1e-6)
    assert assess_bound(bound, trajectory).verdict == "holds"
    faster = replace(bound, curve=lambda t: bound(12 * t))
    assert assess_bound(faster, trajectory).verdict == "refuted"


@pytest.mark.parametrize("seed", range(3))
def test_weights_move_as_little_as_promised_at_every_loss(seed):
    network, problem = wide(seed, 40, 2.0)
    stages = stages_of(network, problem)
    trajectory = run(network, problem, 3 / exponential_decay_patterns(network, problem).rate, accuracy=1e-6)
    W, b = network.weights[0], abs(network.feedback[0].B[:, 0])
    high, moved = np.sqrt(trajectory.loss[0]), np.zeros(40)
    for state, loss in zip(trajectory.states[1:], trajectory.loss[1:], strict=True):
        low = np.sqrt(loss) * (1 - 1e-4)
        _, moved = stages.through(moved, high - low)
        really = np.linalg.norm(state.weights[0] - W, axis=1) / b
        assert np.all(really < moved)
        high = low
    assert np.max(moved / really) < 100


@given(
    seeds,
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from(["fa", "sign-fa"]),
    st.sampled_from(["linear", "leaky_relu:0.4", "leaky_relu:0.1"]),
    st.booleans(),
    st.sampled_from([0.1, 1.0, 10.0]),
)
@settings(max_examples=20)
def test_never_violated_and_never_worse_than_the_plain_form(seed, n_samples, width, rule, activation, biases, slack):
    network = aligned(seed, 3, width, activation, rule, biases, slack)
    problem = regression(seed, n_samples, 3)
    bound, plain = exponential_decay_path(network, problem), exponential_decay(network, problem)
    if not plain.applicable or plain.rate < 1e-3:
        return
    assert bound.applicable, bound.failed
    times = np.geomspace(1e-3, 30 / plain.rate, 20)
    assert np.all(bound(times) <= plain(times) * (1 + 1e-9))
    trajectory = run(network, problem, min(2.0, 5 / bound.constants["rate_at_start"]), accuracy=1e-6)
    verdict = assess_bound(bound, trajectory)
    assert verdict.verdict == "holds", verdict


def test_stages_end_where_their_rates_say():
    network, problem = wide(1, 30, 3.0)
    bound = exponential_decay_path(network, problem)
    start = bound(0.0)[0]
    time = _STEP / bound.constants["rate_at_start"]
    np.testing.assert_allclose(bound(time), start * np.exp(-_STEP), rtol=1e-12)
    late = np.asarray([200.0, 201.0]) / bound.constants["rate_at_end"]
    np.testing.assert_allclose(np.log(bound(late)[0] / bound(late)[1]), 1.0, rtol=1e-9)


def test_weights_that_pass_through_zero_break_what_ignoring_their_motion_would_say():
    # w goes from -2 to a positive value: v = w^2/2 + 0.05, and near w = 0 nothing but c = 0.05 drives the decay
    network, problem = Network([[[-2.0]], [[2.05]]], "linear", [[[1.0]]]), Problem([[1.0]], [2.0])
    bound = exponential_decay_path(network, problem)
    first = bound.constants["rate_at_start"]
    trajectory = run(network, problem, 10.0, points=41)
    naive = replace(bound, curve=lambda t: bound([0.0])[0] * np.exp(-first * t))
    assert assess_bound(naive, trajectory).verdict == "refuted"
    assert assess_bound(bound, trajectory).verdict == "holds"


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"activation": "relu"}, ["leaky ReLU or linear activation"]),
        ({"feedback": None}, ["aligned start", "all -C_i >= 0"]),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(change, names):
    network, problem = aligned(1, 2, 2, "leaky_relu:0.5"), regression(1, 2, 2)
    if "feedback" in change:
        change = {"feedback": [-network.feedback[0].B]}
    made = {"weights": network.weights, "activation": "leaky_relu:0.5", "feedback": network.feedback} | change
    assert failing(exponential_decay_path(Network(**made), problem))[: len(names)] == names


def test_other_rules_and_dependent_samples_are_named():
    problem = regression(1, 2, 2)
    adaptive = aligned(1, 2, 2, "leaky_relu:0.5", "adafa:0.5")
    assert failing(exponential_decay_path(adaptive, problem)) == ["rule is fa or sign-fa"]
    many = regression(1, 4, 2)
    assert failing(exponential_decay_path(aligned(1, 2, 2), many)) == ["linearly independent samples"]


def test_linear_networks_need_every_neuron_aligned():
    # the sum of the c_i is positive, one of them is not
    network = Network([[[1.0], [1.0]], [[3.0, -0.5]]], "linear", [[[1.0], [1.0]]])
    assert failing(exponential_decay_path(network, Problem([[1.0]], [1.0]))) == ["all -C_i >= 0"]


def test_dead_neurons_and_starts_on_a_kink_are_taken():
    network = Network([[[0.0, 0.0], [0.0, 1.0]], [[5.0, 2.0]]], "leaky_relu:0.5", [[[0.0], [1.0]]])
    problem = Problem(np.eye(2), [1.0, -1.0])
    bound = exponential_decay_path(network, problem)
    assert bound.applicable
    assert assess_bound(bound, run(network, problem, 3.0)).verdict == "holds"


def test_no_loss_moves_nothing():
    network = Network([[[1.0]], [[1.0]]], "linear", [[[2.0]]])
    assert exponential_decay_path(network, Problem([[1.0]], [1.0]))([0.0, 1.0]).tolist() == [0.0, 0.0]
