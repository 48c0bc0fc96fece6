"""neuron-law, matrix-law and projection-law along flows, each with controls that the same judge must refute."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_instances import build, seeds, shapes

import fa_theory as ft
from fa_theory.laws import matrix_law, neuron_law
from fa_theory.model import Network, Parameters, PotentialFeedback, Problem, tanh
from fa_theory.verification import (
    assess_matrix_law,
    assess_neuron_law,
    assess_projection_law,
    law_drift,
    matrix_law_drift,
    neuron_law_drift,
)

TUNED = ("fa", "sign-fa", "adafa:0.5", "backprop", "dfa")


def run(network, n_samples=3, loss="squared", time=0.5, accuracy=1e-7, seed=0):
    rng = np.random.default_rng([seed, 2])
    X = rng.uniform(-1, 1, (n_samples, network.widths[0]))
    Y = rng.uniform(-1, 1, (n_samples, network.widths[-1]))
    if loss != "squared":
        Y = np.where(Y > 0, 1.0, -1.0)
    return ft.simulate(network, Problem(X, Y, loss), time=time, points=11, accuracy=accuracy)


def scaled(network, factor):
    """The same network with smaller weights, so that deep flows stay tame."""
    weights = tuple(factor * W for W in network.weights)
    biases = tuple(None if b is None else factor * b for b in network.biases)
    rules = [
        replace(rule, W_start=W) if hasattr(rule, "W_start") else rule
        for rule, W in zip(network.feedback, weights[1:], strict=True)
    ]
    return Network(weights, network.activation, rules, biases)


@pytest.mark.parametrize("rule", TUNED)
@pytest.mark.parametrize(
    ("name", "depth"),
    [*((name, depth) for name in ("linear", "leaky_relu:0.25") for depth in (2, 3, 4)), ("power:2", 2), ("power:2", 3)],
)
def test_neuron_law_holds(rule, depth, name):
    factor = 0.3 if name == "power:2" else 0.6  # or the flow is stiff, or blows up in finite time
    network = scaled(build(depth + 10, (3, *[3] * (depth - 1), 2), name, rule, depth == 3), factor)
    trajectory = run(network)
    verdict = assess_neuron_law(trajectory)
    assert verdict.verdict == "holds", verdict
    assert verdict.evidence == "float-checked"
    assert assess_projection_law(trajectory).verdict == "holds"


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_neuron_law_holds_for_other_losses_and_relu(loss):
    network = build(4, (3, 4, 1), "relu", "fa", True)
    assert assess_neuron_law(run(network, loss=loss)).verdict == "holds"


@given(seeds, shapes(max_depth=4, max_width=3), st.sampled_from(TUNED), st.booleans())
def test_laws_are_never_refuted(seed, widths, rule, biases):
    network = scaled(build(seed, widths, "linear", rule, biases), 0.5)
    trajectory = run(network, time=0.3, seed=seed)
    for assess in (assess_neuron_law, assess_matrix_law, assess_projection_law):
        verdict = assess(trajectory)
        assert verdict.verdict != "refuted", verdict


@pytest.mark.parametrize("rule", ["fa", "adafa:0.5", "backprop", "dfa"])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_matrix_law_holds_in_linear_networks(rule, depth):
    network = scaled(build(depth, (2, *[3] * (depth - 1), 2), "linear", rule, True), 0.6)
    verdict = assess_matrix_law(run(network))
    assert verdict.verdict == "holds", verdict


def sign_changing():
    """x = 1: v starts at (0.5, 1), and a target of -3 drives the first entry through zero."""
    network = Network([[[2.0], [0.3]], [[0.5, 1.0]]], "linear", "sign-fa")
    return ft.simulate(network, Problem([[1.0]], [[-3.0]]), time=1.0, points=41)


def test_sign_fa_keeps_the_matrix_law_between_sign_changes_and_its_diagonal_across_them():
    trajectory = sign_changing()
    assert any(event.kind == "sign change" for event in trajectory.events)
    assert assess_neuron_law(trajectory).verdict == "holds"
    assert assess_matrix_law(trajectory).verdict == "holds"
    # negative control: over the whole run the off-diagonal entries jump
    whole = law_drift(trajectory, lambda network: matrix_law(network)[0], matrix_law_drift(trajectory).size)
    assert whole.drift[-1] > 1e3 * whole.tolerance[-1]


def test_sign_fa_potential_follows_the_first_layer():
    # THEORY, T2: |v_i|_1 = 1/2 |w_i|^2 - C_i across sign changes, with C_i by hand from the start
    trajectory = sign_changing()
    C = np.array([0.5 * 4.0 - 0.5, 0.5 * 0.09 - 1.0])
    for state in trajectory.states:
        W, V = state.weights
        np.testing.assert_allclose(abs(V[0]), 0.5 * W[:, 0] ** 2 - C, atol=1e-6)


def test_tanh_is_not_applicable():
    network = build(1, (3, 4, 2), "linear", "fa", False)
    trajectory = run(Network(network.weights, "tanh", network.feedback))
    verdict = assess_neuron_law(trajectory)
    assert verdict.verdict == "not_applicable"
    assert "homogeneous activation" in verdict.detail
    assert verdict.margin == -1.0


@pytest.mark.parametrize("degree", [1, 2])
def test_tanh_breaks_the_neuron_law_whatever_degree_is_claimed(degree):
    network = build(1, (3, 4, 2), "linear", "fa", False)
    trajectory = run(Network(network.weights, replace(tanh, degree=degree), network.feedback))
    assert assess_neuron_law(trajectory).verdict == "refuted"


def test_gating_breaks_the_matrix_law_off_the_diagonal_only():
    network = build(1, (3, 4, 2), "leaky_relu:0.25", "fa", False)
    trajectory = run(network, n_samples=5, time=1.0)
    assert assess_matrix_law(trajectory).verdict == "not_applicable"
    size = matrix_law_drift(trajectory).size
    entries = law_drift(trajectory, lambda now: matrix_law(now)[0], size)
    diagonal = law_drift(trajectory, lambda now: np.diag(matrix_law(now)[0]), size)
    assert np.all(diagonal.drift <= diagonal.tolerance)
    assert entries.drift[-1] > 1e3 * entries.tolerance[-1]


@pytest.mark.parametrize("depth", [2, 3])
def test_without_its_bias_term_the_matrix_law_drifts(depth):
    network = scaled(build(depth, (2, *[3] * (depth - 1), 2), "linear", "fa", True), 0.6)
    trajectory = run(network)

    def without(now):
        bare = Network(now.weights, now.activation, now.feedback)
        return np.concatenate([law.ravel() for law in matrix_law(bare)])

    drift = law_drift(trajectory, without, matrix_law_drift(trajectory).size)
    assert drift.drift[-1] > 1e3 * drift.tolerance[-1]


def test_dfa_with_gating_has_no_law_below_the_last_hidden_layer():
    network = build(2, (3, 4, 4, 2), "leaky_relu:0.25", "dfa", False)
    trajectory = run(network)
    verdict = assess_neuron_law(trajectory)
    assert verdict.verdict == "holds"
    assert "last hidden layer only" in verdict.detail
    effective = network.feedback[0].B @ np.linalg.pinv(network.feedback[1].B)

    def deeper(now):
        return (now.weights[0] ** 2).sum(axis=1) / 2 - (effective * now.weights[1].T).sum(axis=1)

    drift = law_drift(trajectory, deeper, neuron_law_drift(trajectory).size)
    assert drift.drift[-1] > 1e3 * drift.tolerance[-1]


@pytest.mark.parametrize("name", ["linear", "leaky_relu:0.25"])
def test_a_potential_off_by_a_thousandth_is_refuted(name):
    # the flow of backprop, judged by a law whose Psi is 1.001 times too large
    network = build(1, (3, 4, 2), name, "backprop", False)
    trajectory = run(network, accuracy=1e-9)
    assert assess_neuron_law(trajectory).verdict == "holds"
    wrong = PotentialFeedback(lambda W: 1.001 * W.T, lambda W: 1.001 * (W**2).sum(axis=0) / 2)
    changed = replace(trajectory, network=Network(network.weights, network.activation, [wrong]))
    assert assess_neuron_law(changed).verdict == "refuted"


@pytest.mark.parametrize("assess", [assess_neuron_law, assess_matrix_law, assess_projection_law])
@pytest.mark.parametrize("at", [1, 5, 10])
def test_a_weight_off_by_a_ten_thousandth_at_one_time_is_refuted(assess, at):
    rng = np.random.default_rng(0)
    network = build(1, (3, 4, 2), "linear", "fa", False)
    X = rng.standard_normal((2, 3))
    trajectory = ft.simulate(network, Problem(X, rng.standard_normal((2, 2))), time=0.5, points=11, accuracy=1e-9)
    assert assess(trajectory).verdict == "holds"
    W, V = trajectory.states[at].weights
    moved = W.copy()
    moved[0, 0] += 1e-4
    states, shadow = list(trajectory.states), list(trajectory.shadow)
    states[at] = Parameters((moved, V), (None, None))
    # the looser run is moved too, so that the change cannot pass for an error of integration
    shadow[at] = Parameters((shadow[at].weights[0] + moved - W, shadow[at].weights[1]), (None, None))
    changed = replace(trajectory, states=tuple(states), shadow=tuple(shadow))
    assert assess(changed).verdict == "refuted"


def test_gradient_descent_is_not_judged_by_the_flows_laws():
    network = build(1, (3, 4, 2), "linear", "fa", False)
    rng = np.random.default_rng(0)
    problem = Problem(rng.standard_normal((3, 3)), rng.standard_normal((3, 2)))
    trajectory = ft.simulate(network, problem, method="gd", steps=20, step_size=0.05)
    for assess in (assess_neuron_law, assess_matrix_law):
        verdict = assess(trajectory)
        assert verdict.verdict == "not_applicable"
        assert "method gd" in verdict.detail
    # the projection law is linear in W_1, and holds for every step
    assert assess_projection_law(trajectory).verdict == "holds"


@pytest.mark.parametrize("time", [0.0, 0.5])
def test_stationary_start(time):
    # all weights zero: backprop stays there, and so does every law
    network = Network([np.zeros((2, 2)), np.zeros((1, 2))], "leaky_relu:0.5", "backprop")
    trajectory = ft.simulate(network, Problem([[1.0, 2.0]], [[1.0]]), time=time, points=5)
    assert [law.tolist() for law in neuron_law(trajectory.network_at(-1))] == [[0.0, 0.0]]
    for assess in (assess_neuron_law, assess_projection_law):
        assert assess(trajectory).verdict == "holds"
