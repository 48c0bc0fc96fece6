"""Alignment dominance (dissipation-split) against closed forms and loops, and the loss from its measured rate."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_theory as ft
from fa_theory.dynamics import dissipation, feedback_cosines, forward, gradients, update_directions
from fa_theory.model import Network, Problem, feedback_rules, initialise
from fa_theory.verification import alignment_along, dominance_along, measured_decay
from fa_theory.verification.identities import assess_dissipation_split

seeds = st.integers(0, 2**32 - 1)
rules = st.sampled_from(["fa", "sign-fa", "adafa:0.5", "backprop", "dfa"])


def draw(seed, widths, name="leaky_relu:0.2", rule="fa", biases=False):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal(shape) for shape in zip(widths[1:], widths[:-1], strict=True)]
    matrices = [rng.standard_normal((W.shape[1], widths[-1] if rule == "dfa" else len(W))) for W in weights[1:]]
    given_biases = [rng.standard_normal(n) for n in widths[1:]] if biases else None
    network = Network(weights, name, feedback_rules(rule, weights, matrices), given_biases)
    return network, Problem(rng.standard_normal((4, widths[0])), rng.standard_normal((4, widths[-1])))


@given(seeds, rules, st.booleans(), st.lists(st.integers(1, 3), min_size=3, max_size=5))
def test_neurons_add_up_to_their_layer_and_are_the_rows(seed, rule, biases, widths):
    network, problem = draw(seed, widths, rule=rule, biases=biases)
    passed = forward(network, problem.X)
    errors = passed.output - problem.Y
    F, G = update_directions(network, passed, errors), gradients(network, passed, errors)
    for layer, split in enumerate(dissipation(network, problem).layers):
        neurons = split.neurons
        for i in range(network.weights[layer].shape[0]):
            f, g = F.weights[layer][i].tolist(), G.weights[layer][i].tolist()
            if biases:
                f.append(F.biases[layer][i])
                g.append(G.biases[layer][i])
            size = sum(a * a for a in f) + sum(b * b for b in g)
            assert neurons.feedback[i] == pytest.approx(sum(a * a for a in f), abs=1e-13 * size)
            assert neurons.gradient[i] == pytest.approx(sum(b * b for b in g), abs=1e-13 * size)
            assert neurons.alignment[i] == pytest.approx(
                sum(a * b for a, b in zip(f, g, strict=True)), abs=1e-13 * size
            )
        for name in ("gradient", "feedback", "alignment", "gradient_size", "feedback_size"):
            assert getattr(split, name) == pytest.approx(np.sum(getattr(neurons, name)), rel=1e-12, abs=1e-300)


def test_two_layers_scalar_output_in_closed_form():
    """F_1[i] = b_i g_i and G_1[i] = v_i g_i: per neuron <G,F>/|F|^2 = v_i / b_i, <G,F>/|G|^2 = b_i / v_i (T11)."""
    network, problem = draw(3, (2, 4, 1))
    trajectory = ft.simulate(network, problem, time=0.5, points=6)
    ((layer, neurons),) = alignment_along(trajectory)
    b = network.matrices()[0][:, 0]
    v = np.stack([state.weights[1][0] for state in trajectory.states])
    assert neurons.moves.all()
    np.testing.assert_allclose(neurons.alignment / neurons.feedback, v / b, rtol=1e-9)
    np.testing.assert_allclose(neurons.dominance, np.min(v / b, axis=0), rtol=1e-9)
    np.testing.assert_allclose(neurons.gradient_dominance, np.min(b / v, axis=0), rtol=1e-9)
    np.testing.assert_allclose(neurons.cosine, np.sign(v * b), rtol=1e-9)
    np.testing.assert_allclose(neurons.feedback_cosine, np.sign(v * b), rtol=1e-12)
    np.testing.assert_allclose(layer.feedback_cosine, v @ b / np.linalg.norm(b) / np.linalg.norm(v, axis=1), rtol=1e-12)
    fails = v * b <= 0
    assert np.array_equal(neurons.fails, fails)
    for i in range(4):
        times = trajectory.t[fails[:, i]]
        assert (neurons.first_failure[i] == times[0]) if len(times) else np.isnan(neurons.first_failure[i])
        assert (neurons.last_failure[i] == times[-1]) if len(times) else np.isnan(neurons.last_failure[i])


def test_backprop_is_aligned_with_constant_one_in_both_forms():
    network, problem = draw(1, (2, 3, 2, 1), rule="backprop", biases=True)
    for layer, neurons in alignment_along(ft.simulate(network, problem, time=0.2, points=3)):
        for each in (layer, neurons):
            for constants in (each.dominance, each.gradient_dominance, each.feedback_cosine):
                np.testing.assert_allclose(constants[~np.isnan(constants)], 1.0, rtol=1e-12)
            assert np.isnan(each.first_failure).all()


def test_dominance_fails_first_and_recovers():
    """x = 1, w = 0, b = 1, v = -1 and y = 1: FA aligns, v grows through zero; v is 1/2 w^2 - C with C = 1 (T2)."""
    network = Network([[[0.0]], [[-1.0]]], "linear", [[[1.0]]])
    trajectory = ft.simulate(network, Problem([[1.0]], [1.0]), time=8.0, points=81)
    ((layer, _),) = alignment_along(trajectory)
    v = np.array([state.weights[1][0, 0] for state in trajectory.states])
    assert v[0] < 0 < v[-1]
    assert layer.first_failure == 0.0
    assert layer.last_failure == trajectory.t[v <= 0][-1]
    found = dominance_along(trajectory)
    assert found.feedback == pytest.approx(-1.0)  # v / b at the start
    assert found.failures == tuple(trajectory.t[v <= 0].tolist())


def test_updates_of_zero_fail_the_gradient_form_only():
    """B = 0: F_1 = 0 is left out of the form with |F|^2, while G_1 is not zero and <G_1, F_1> = 0."""
    network, problem = draw(1, (2, 3, 1))
    silent = Network(network.weights, network.activation, [np.zeros((3, 1))])
    found = dominance_along(ft.simulate(silent, problem, time=0.0))
    assert (found.feedback, found.gradient, found.failures) == (None, 0.0, ())
    # and the other way round: v = 0 leaves G_1 = 0
    still = Network([network.weights[0], np.zeros((1, 3))], network.activation, network.feedback)
    found = dominance_along(ft.simulate(still, problem, time=0.0))
    assert (found.feedback, found.gradient, found.failures) == (0.0, None, (0.0,))


def test_feedback_cosines_by_loops():
    network, _ = draw(2, (2, 3, 2, 2))
    for layer, found in enumerate(feedback_cosines(network)):
        B, W = network.matrices()[layer].tolist(), network.weights[layer + 1].tolist()
        entries = [(B[i][k], W[k][i]) for i in range(len(B)) for k in range(len(W))]
        dot = sum(a * b for a, b in entries)
        size = (sum(a * a for a, _ in entries) * sum(b * b for _, b in entries)) ** 0.5
        assert found.layer == pytest.approx(dot / size, rel=1e-13)
        row = [W[k][0] for k in range(len(W))]
        sizes = (sum(a * a for a in B[0]) * sum(b * b for b in row)) ** 0.5
        assert found.neurons[0] == pytest.approx(sum(a * b for a, b in zip(B[0], row, strict=True)) / sizes, rel=1e-13)


def test_direct_feedback_is_compared_with_the_product_of_the_weights_above():
    network, problem = draw(2, (2, 3, 2, 2), name="linear", rule="dfa")
    W3, W2 = network.weights[2], network.weights[1]
    exact = Network(network.weights, "linear", feedback_rules("dfa", network.weights, [(W3 @ W2).T, 2 * W3.T]))
    for found in feedback_cosines(exact):
        assert found.layer == pytest.approx(1.0, rel=1e-12)
        np.testing.assert_allclose(found.neurons, 1.0, rtol=1e-12)
    # in a linear network it then is backprop up to a factor
    for layer, _ in alignment_along(ft.simulate(exact, problem, time=0.0)):
        np.testing.assert_allclose(layer.cosine, 1.0, rtol=1e-12)


def test_zero_matrices_have_no_cosine():
    network, _ = draw(2, (2, 3, 1))
    (found,) = feedback_cosines(Network(network.weights, "linear", [np.zeros((3, 1))]))
    assert np.isnan(found.layer)
    assert np.isnan(found.neurons).all()


def test_decay_of_a_loss_that_is_known():
    """W_1 = 0, B = 0, v = 0 with an output bias: f = b_2, db_2/dt = -(f - y), L = 1/2 exp(-2 t), rate 2."""
    network = Network([[[0.0]], [[0.0]]], "linear", [[[0.0]]], [None, [0.0]])
    trajectory = ft.simulate(network, Problem([[1.0]], [1.0]), time=3.0, points=31)
    found = measured_decay(trajectory)
    np.testing.assert_allclose(found.rate, 2.0, rtol=1e-7)
    np.testing.assert_allclose(found.integral, 2 * found.t, rtol=1e-7)
    np.testing.assert_allclose(found.curve, 0.5 * np.exp(-2 * found.t), rtol=1e-6)
    assert found.agrees
    assert np.max(found.tolerance) < 1e-4


@pytest.mark.parametrize("rule", ["fa", "sign-fa", "adafa:0.5", "backprop", "dfa"])
@pytest.mark.parametrize(("name", "widths"), [("linear", (2, 3, 2)), ("leaky_relu:0.2", (2, 2, 1))])
def test_the_integral_of_the_measured_rate_is_the_log_of_the_loss(rule, name, widths):
    network = initialise("gaussian", widths, name, rule, seed=4, biases=True)
    rng = np.random.default_rng(3)
    problem = Problem(rng.standard_normal((4, 2)), rng.standard_normal((4, widths[-1])))
    trajectory = ft.simulate(network, problem, time=1.0, points=21, accuracy=1e-6)
    found = measured_decay(trajectory)
    assert found.agrees
    assert found.quadrature_error[-1] <= 0.1
    assert np.all(trajectory.loss[: len(found.t)] <= found.upper * np.exp(found.tolerance))
    assert np.all(found.upper >= found.curve)
    # negative control: a loss that falls otherwise than its rate says
    slower = replace(trajectory, loss=trajectory.loss * np.exp(0.5 * trajectory.t))
    assert not measured_decay(slower).agrees


def test_halving_the_interval_lowers_the_quadrature_error():
    network = initialise("gaussian", (2, 3, 1), "linear", "fa", seed=4)
    problem = Problem(np.eye(2), [1.0, -0.5])
    errors = [
        measured_decay(ft.simulate(network, problem, time=2.0, points=points)).quadrature_error[-1]
        for points in (21, 41, 81)
    ]
    # the difference between Simpson's and the trapezoidal rule is of second order
    assert errors[1] < 0.35 * errors[0]
    assert errors[2] < 0.35 * errors[1]


def test_a_fast_start_is_run_again_where_the_recorded_times_miss_it():
    """h = 10 x at x = 1, -1: W_2 h - y falls at rate 100 and the output bias at rate 1; five times see only the bias.

    L = 1/2 (9/4 exp(-200 t) + 1/4 exp(-2 t)).
    """
    network = Network([[[10.0]], [[0.0]]], "linear", [[[0.0]]], [None, [0.0]])
    trajectory = ft.simulate(network, Problem([[1.0], [-1.0]], [2.0, -1.0]), time=2.0, points=5)
    found = measured_decay(trajectory)
    assert found.rate[0] == pytest.approx((200 * 9 + 2) / 10)
    assert found.agrees
    assert found.integral[-1] == pytest.approx(np.log(10) + 4, rel=0.05)


def test_what_has_no_measured_decay():
    network, problem = draw(1, (2, 3, 1))
    assert measured_decay(ft.simulate(network, problem, method="gd", steps=5, points=6)) is None
    assert measured_decay(ft.simulate(network, problem, time=0.5, points=5, weight_decay=0.1)) is None
    assert measured_decay(ft.simulate(network, problem, time=0.5, points=2)) is None
    fitted = Problem(problem.X, forward(network, problem.X).output)
    assert measured_decay(ft.simulate(network, fitted, time=0.5, points=5)) is None


@settings(max_examples=15)
@given(seeds, rules, st.sampled_from(["linear", "leaky_relu:0.2", "relu"]))
def test_random_flows_agree_or_say_that_the_times_are_too_few(seed, rule, name):
    network, problem = draw(seed, (2, 2, 1), name, rule)
    trajectory = ft.simulate(network, problem, time=1.0, points=21, accuracy=1e-6)
    found = measured_decay(trajectory)
    verdict = assess_dissipation_split(trajectory, found)
    assert verdict.verdict == "holds"
    if found is not None:
        assert ("too few" in verdict.detail) is not found.agrees
        assert np.all(found.deviation <= 3 * found.tolerance)


def test_reports_carry_dominance_and_decay():
    network, problem = draw(1, (2, 3, 2, 1))
    report = ft.verify(network, problem, time=0.5, points=6, accuracy=1e-6)
    written = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert [each["layer"] for each in written["dominance"]] == [1, 2]
    first = written["dominance"][0]
    assert len(first["cosine"]) == len(first["feedback_cosine"]) == 6
    assert len(first["neurons"]["dominance"]) == 3
    assert written["measured_decay"]["agrees"] is True
    assert "integral of the measured rate" in report.verdict("dissipation-split").detail
    steps = ft.verify(network, problem, method="gd", steps=3).to_json()
    assert steps["measured_decay"] is None


def test_a_run_that_overflows_has_dominance_without_numbers():
    network = Network([1e25 * np.eye(2)] * 4, "linear", "backprop")
    report = ft.verify(network, Problem(np.eye(2), np.eye(2)), method="gd", steps=1, step_size=1e-300)
    written = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert written["dominance"][0]["gradient"] == [None, None]
