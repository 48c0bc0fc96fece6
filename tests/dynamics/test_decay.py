"""Weight decay in every method, against closed forms, explicit loops and another integrator."""

from fractions import Fraction

import numpy as np
import pytest
from flow_oracles import draw_network, draw_problem, field, fixed_steps, leaky, pack, unpack
from scipy.integrate import solve_ivp

import fa_theory as ft
from fa_theory.dynamics import decay_rates, decayed, forward, update_directions
from fa_theory.model import AdaptiveFeedback, Network, Parameters, Problem

RATES = [0.3, 0.7]


def without_data(rule="adafa:2"):
    """With X = 0, Y = 0 and no output bias nothing but decay moves the weights."""
    network = draw_network(1, (2, 3, 1), "linear", rule)
    return network, Problem(np.zeros((2, 2)), np.zeros(2))


@pytest.mark.parametrize(
    ("options", "factor"),
    [
        ({"time": 2.0, "accuracy": 1e-10}, lambda rate: np.exp(-2 * rate)),
        ({"method": "gd", "steps": 20, "step_size": 0.1}, lambda rate: (1 - 0.1 * rate) ** 20),
        ({"method": "sgd", "steps": 20, "step_size": 0.1}, lambda rate: (1 - 0.1 * rate) ** 20),
        (
            {"method": "midpoint", "steps": 20, "step_size": 0.1},
            lambda rate: ((1 - 0.05 * rate) / (1 + 0.05 * rate)) ** 20,
        ),
    ],
)
def test_decay_alone_in_closed_form(options, factor):
    network, problem = without_data()
    run = ft.simulate(network, problem, weight_decay=RATES, points=3, **options)
    assert run.weight_decay == tuple(RATES)
    end = run.network_at(-1)
    for layer, rate in enumerate(RATES):
        np.testing.assert_allclose(end.weights[layer], factor(rate) * network.weights[layer], rtol=1e-7)
    # adaFA's B decays at the rate of the weights above it
    np.testing.assert_allclose(end.matrices()[0], factor(RATES[1]) * network.matrices()[0], rtol=1e-7, atol=1e-9)


def test_biases_decay_at_their_layers_rate():
    network = draw_network(2, (2, 3, 1), "linear", "fa", biases=True)
    silent = Network(network.weights, "linear", [np.zeros((3, 1))], network.biases)
    run = ft.simulate(silent, Problem(np.zeros((2, 2)), np.zeros(2)), time=1.0, points=2, weight_decay=[0.5, 0.0])
    np.testing.assert_allclose(run.states[-1].biases[0], np.exp(-0.5) * network.biases[0], rtol=1e-6)


@pytest.mark.parametrize("kappa", [0.0, 1.5])
@pytest.mark.parametrize("name", ["linear", "leaky_relu:0.2"])
def test_flow_with_the_feedback_as_a_state_of_its_own(name, kappa):
    """B is integrated as THEORY defines it, dB/dt = -kappa F^T - lambda B, next to the weights."""
    network, problem = draw_network(3, (2, 2, 1), name, f"adafa:{kappa}"), draw_problem(3, 3, 2, 1)
    start = [*network.weights, network.matrices()[0]]
    thetas = leaky(1.0 if name == "linear" else 0.2)

    def velocity(y):
        W, V, B = unpack(y, start)
        dW, dV = field([W, V], problem.X, problem.Y, [B], thetas)
        return pack([dW - RATES[0] * W, dV - RATES[1] * V, kappa * dV.T - RATES[1] * B])

    run = ft.simulate(network, problem, time=1.0, points=3, accuracy=1e-9, weight_decay=RATES)
    if name == "linear":
        y = solve_ivp(lambda _, y: velocity(y), (0, 1), pack(start), rtol=1e-11, atol=1e-12).y[:, -1]
        tolerance = 1e-8
    else:
        y, tolerance = fixed_steps(velocity, pack(start), 1.0, 4000)[-1], 1e-5  # first order at crossings
    W, V, B = unpack(y, start)
    np.testing.assert_allclose(run.states[-1].weights[0], W, atol=tolerance)
    np.testing.assert_allclose(run.states[-1].weights[1], V, atol=tolerance)
    np.testing.assert_allclose(run.network_at(-1).matrices()[0], B, atol=tolerance)


def test_sign_fa_with_decay_across_sign_changes():
    network = Network([[[2.0], [0.3]], [[0.5, 1.0]]], "linear", "sign-fa")
    problem = Problem([[1.0]], [[-3.0]])

    def velocity(y):
        W, V = unpack(y, network.weights)
        dW, dV = field([W, V], problem.X, problem.Y, [np.sign(V).T], leaky(1.0))
        return pack([dW - RATES[0] * W, dV - RATES[1] * V])

    run = ft.simulate(network, problem, time=1.0, points=3, weight_decay=RATES)
    assert any(event.kind == "sign change" for event in run.events)
    y = fixed_steps(velocity, pack(network.weights), 1.0, 4000)[-1]  # first order at the change
    np.testing.assert_allclose(pack(run.states[-1].weights), y, atol=5e-3)


def test_gradient_descent_by_hand_over_the_rationals():
    """x = 1, y = 0, w = 2, v = 3, B = kappa = 1, eta = 1/2, lambda = (1, 2): e = 6, F_1 = B e = 6, F_2 = e w = 12."""
    one = Fraction(1)
    W, V, B = (np.array([[value]], dtype=object) for value in (2 * one, 3 * one, one))
    network = Network([W, V], "linear", [AdaptiveFeedback(one, B, V)])
    problem = Problem(np.array([[one]], dtype=object), np.array([[0 * one]], dtype=object))
    passed = forward(network, problem.X)
    started = network.parameters._replace(shares=(np.array([one], dtype=object),))
    directions = decayed(update_directions(network, passed, passed.output - problem.Y), started, (1.0, 2.0))
    assert directions.weights[0].tolist() == [[6 + 2]]
    assert directions.weights[1].tolist() == [[12 + 6]]
    assert directions.shares[0].tolist() == [2]
    after = network.with_parameters(
        Parameters((W - 4 * one, V - 9 * one), (None, None), (np.array([1 - one], dtype=object),))
    )
    # B - eta (kappa F_2 + lambda_2 B) = 1 - (12 + 2) / 2
    assert after.matrices()[0].tolist() == [[-6]]
    assert after.feedback[0].D.tolist() == [[0]]


@pytest.mark.parametrize("method", ["flow", "gd", "midpoint"])
@pytest.mark.parametrize("rule", ["fa", "adafa:1"])
def test_no_decay_is_bit_for_bit_what_it_was(method, rule):
    network, problem = draw_network(5, (2, 3, 1), "leaky_relu:0.2", rule), draw_problem(5, 3, 2, 1)
    options = {"time": 0.5} if method == "flow" else {"steps": 5}
    plain = ft.simulate(network, problem, method=method, points=3, **options)
    zero = ft.simulate(network, problem, method=method, points=3, weight_decay=[0.0, 0.0], **options)
    assert plain.options == zero.options
    assert plain.weight_decay == ()
    for one, other in zip(plain.states, zero.states, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))


def test_float32_stays_float32():
    network = draw_network(5, (2, 3, 1), "linear", "adafa:1")
    cast = Network(
        [W.astype(np.float32) for W in network.weights],
        "linear",
        [AdaptiveFeedback(1.0, network.matrices()[0].astype(np.float32), network.weights[1].astype(np.float32))],
    )
    problem = Problem(np.eye(2, dtype=np.float32), np.ones(2, dtype=np.float32))
    for options in ({"time": 0.5, "accuracy": 1e-4}, {"method": "gd", "steps": 3}, {"method": "midpoint", "steps": 3}):
        run = ft.simulate(cast, problem, points=3, weight_decay=0.5, **options)
        assert run.outcome == "completed"
        assert {W.dtype for W in run.states[-1].weights} == {np.dtype(np.float32)}
        assert run.network_at(-1).matrices()[0].dtype == np.float32


@pytest.mark.parametrize(
    ("given", "rates"), [(0.5, (0.5, 0.5)), ([0, 1], (0.0, 1.0)), (np.array([1.0, 2.0]), (1.0, 2.0)), (0, ())]
)
def test_rates(given, rates):
    assert decay_rates(given, 2) == rates


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (-0.1, "weight_decay must be finite and >= 0, got -0.1"),
        ([0.1, float("nan")], "weight_decay must be finite and >= 0, got nan"),
        (float("inf"), "weight_decay must be finite"),
        ([0.1] * 3, "one for each of 2 layers, got 3"),
        ("large", "weight_decay must be a number"),
        (None, "weight_decay must be a number"),
    ],
)
def test_rates_out_of_range_are_named(given, message):
    network, problem = draw_network(1, (2, 2, 1)), draw_problem(1, 2, 2, 1)
    for method in ("flow", "gd", "midpoint"):
        with pytest.raises(ValueError, match=message):
            ft.simulate(network, problem, method=method, weight_decay=given)


@pytest.mark.parametrize("options", [{"time": 0.5}, {"method": "gd", "steps": 4}, {"method": "midpoint", "steps": 4}])
def test_another_array_library_comes_out_as_it_went_in(options):
    import array_api_strict as xs

    plain, problem = draw_network(5, (2, 3, 1), "leaky_relu:0.2", "adafa:1", biases=True), draw_problem(5, 3, 2, 1)
    weights, (B,) = [xs.asarray(W) for W in plain.weights], [xs.asarray(M) for M in plain.matrices()]
    rule = AdaptiveFeedback(1.0, B, weights[1])
    network = Network(weights, "leaky_relu:0.2", [rule], [xs.asarray(b) for b in plain.biases])
    strict = Problem(xs.asarray(problem.X), xs.asarray(problem.Y))
    run, other = (
        ft.simulate(each, data, points=3, weight_decay=RATES, **options)
        for each, data in ((network, strict), (plain, problem))
    )
    assert isinstance(run.states[-1].weights[0], type(weights[0]))
    np.testing.assert_allclose(np.asarray(run.states[-1].weights[0]), other.states[-1].weights[0], rtol=1e-9)
    ends = [np.asarray(each.network_at(-1).matrices()[0]) for each in (run, other)]
    np.testing.assert_allclose(*ends, rtol=1e-9)


@pytest.mark.parametrize("method", [{"method": "gd", "step_size": 0.01}, {"method": "flow", "accuracy": 1e-10}])
@pytest.mark.parametrize("later", [0.3, 0.0])
def test_a_run_that_starts_where_another_ended_goes_on_from_its_feedback(method, later):
    # adaFA's D has decayed by then; two halves are the whole, and without decay what is left of D stays
    rng = np.random.default_rng(0)
    X = rng.standard_normal((9, 3))
    network, problem = ft.initialise("gaussian", (3, 4, 1), "linear", "adafa:0.5", seed=2), Problem(X, X[:, 0])
    length = {"steps": 50, "time": 0.5}
    first = ft.simulate(network, problem, weight_decay=0.3, points=3, **method, **length)
    second = ft.simulate(first.network_at(-1), problem, weight_decay=later, points=3, **method, **length)
    feedback = second.network.matrices()[0]
    np.testing.assert_allclose(feedback, first.network_at(-1).matrices()[0], rtol=1e-12)
    assert abs(feedback - network.matrices()[0]).max() > 0.01
    if later:
        whole = ft.simulate(network, problem, weight_decay=0.3, points=5, **method, steps=100, time=1.0)
        np.testing.assert_allclose(second.loss[-1], whole.loss[-1], rtol=1e-8)
