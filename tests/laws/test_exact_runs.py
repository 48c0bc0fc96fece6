"""bregman-drift along whole runs of gradient descent and SGD over exact rationals: equality, no tolerance."""

from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from flint import fmpq
from law_instances import build, fraction_array, layers_with_law, loop_directions, loop_neuron_law, loop_potential

import fa_theory as ft
from fa_theory.backend import nearest_float
from fa_theory.dynamics import gradient_descent, minibatches, size_in_bits
from fa_theory.laws import exact_array, exact_network
from fa_theory.model import Network, leaky_relu

RULES = ("fa", "sign-fa", "adafa:0.5", "backprop", "dfa")


def exact_problem(seed, widths, kind=Fraction, n_samples=3, loss="squared"):
    rng = np.random.default_rng([seed, 1])
    X, Y = fraction_array(rng, (n_samples, widths[0]), kind), fraction_array(rng, (n_samples, widths[-1]), kind)
    return ft.Problem(X, Y, loss)


def bregman_form(network, after, F, layer, eta):
    """1/2 eta^2 (|F_l[i,:]|^2 + bias part) - D_Psi(v_i', v_i), p = 1, by loops."""
    V, V_new = network.weights[layer + 1].tolist(), after.weights[layer + 1].tolist()
    rule = network.feedback[layer]
    M = rule.matrix(network.weights[layer + 1]).tolist()
    old, new = loop_potential(rule, network.weights[layer + 1]), loop_potential(rule, after.weights[layer + 1])
    forms = []
    for i, row in enumerate(F.weights[layer]):
        size = sum(f * f for f in row) + (0 if network.biases[layer] is None else F.biases[layer][i] ** 2)
        moved = sum(M[i][k] * (V_new[k][i] - V[k][i]) for k in range(len(V)))
        forms.append(eta * eta * size / 2 - (new[i] - old[i] - moved))
    return forms


@pytest.mark.parametrize("kind", [Fraction, fmpq])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("name", "widths", "biases", "steps", "batch_size"),
    [
        ("leaky_relu:0.25", (2, 2, 1), True, 5, None),
        ("relu", (1, 2, 2, 1), False, 3, 2),
        ("linear", (2, 2, 1), False, 5, 1),
    ],
)
def test_every_step_of_a_run_obeys_the_law_with_equality(kind, rule, name, widths, biases, steps, batch_size):
    network, problem, eta = build(7, widths, name, rule, biases, kind), exact_problem(7, widths, kind), kind(1, 4)
    method = "gd" if batch_size is None else "sgd"
    run = ft.simulate(
        network, problem, method=method, steps=steps, step_size=eta, points=steps + 1, batch_size=batch_size, seed=3
    )
    assert run.outcome == "completed"
    everything = [np.arange(problem.n_samples)] * steps
    batches = everything if batch_size is None else islice(minibatches(problem.n_samples, batch_size, 3), steps)
    moved = False
    for k, batch in enumerate(batches):
        now, after = run.network_at(k), run.network_at(k + 1)
        X, Y = problem.X[batch], problem.Y[batch]
        output = X
        for layer, (W, b) in enumerate(zip(now.weights, now.biases, strict=True)):
            output = output @ W.T if b is None else output @ W.T + b
            output = output if layer == now.depth - 1 else now.activation.function(output)
        F = loop_directions(now, X, output - Y)
        for layer in layers_with_law(now):
            laws = [loop_neuron_law(each, layer, 1) for each in (now, after)]
            change = [new - old for old, new in zip(*laws, strict=True)]
            assert change == bregman_form(now, after, F, layer, eta)
            moved = moved or any(change)
    assert moved
    assert all(type(entry) is kind for state in run.states for W in state.weights for entry in W.ravel())


def test_the_law_of_another_step_size_is_not_met():
    network, problem = build(7, (2, 2, 1), "leaky_relu:0.25", "fa", True, Fraction), exact_problem(7, (2, 2, 1))
    run = ft.simulate(network, problem, method="gd", steps=1, step_size=Fraction(1, 4))
    F = loop_directions(
        network,
        problem.X,
        network.activation.function(problem.X @ network.weights[0].T + network.biases[0]) @ network.weights[1].T
        + network.biases[1]
        - problem.Y,
    )
    change = [b - a for a, b in zip(*(loop_neuron_law(run.network_at(k), 0, 1) for k in (0, 1)), strict=True)]
    assert change == bregman_form(network, run.network_at(1), F, 0, Fraction(1, 4))
    assert change != bregman_form(network, run.network_at(1), F, 0, Fraction(1, 4) + Fraction(1, 10**30))


@pytest.mark.parametrize("method", ["gd", "sgd"])
def test_floats_follow_the_exact_run(method):
    network, X, Y = build(2, (2, 3, 1), "leaky_relu:0.25", "adafa:0.5", True), np.eye(2), np.ones((2, 1))
    options = {"method": method, "steps": 6, "points": 7}
    floats = ft.simulate(network, ft.Problem(X, Y), step_size=0.125, **options)
    exact = ft.simulate(
        exact_network(network), ft.Problem(exact_array(X), exact_array(Y)), step_size=Fraction(1, 8), **options
    )
    assert exact.t.dtype == exact.loss.dtype == float
    assert np.array_equal(exact.t, floats.t)
    np.testing.assert_allclose(exact.loss, floats.loss, rtol=1e-13)
    assert np.all(exact.error <= 1e-15 * exact.loss)
    with pytest.raises(ValueError, match="exact rationals to have a size in bits, got ndarray"):
        size_in_bits(floats.states[0])


def test_numbers_grow_as_reported_and_are_limited_by_name():
    """f = v w, x = 1, y = 3, B = 2, eta = 1/2: w = 1, v = 1, then by hand."""
    one = np.array([[Fraction(1)]])
    network = Network([one, one], "linear", [2 * one])
    problem = ft.Problem(one, 3 * one)
    # e = -2: w = 3, v = 2; e = 3: w = 0, v = -5/2; e = -3: w = 3, v = -5/2
    run = ft.simulate(network, problem, method="gd", steps=3, step_size=Fraction(1, 2), points=4)
    assert [[W[0, 0] for W in state.weights] for state in run.states] == [
        [1, 1],
        [3, 2],
        [0, Fraction(-5, 2)],
        [3, Fraction(-5, 2)],
    ]
    assert run.bits == (1, 2, 3, 3)
    assert ft.simulate(network, problem, method="gd", steps=3, step_size=Fraction(1, 2), max_bits=3).completed
    with pytest.raises(ValueError, match="max_bits is 2, and after 2 steps the largest exact number has 3 bits"):
        ft.simulate(network, problem, method="gd", steps=3, step_size=Fraction(1, 2), max_bits=2)


def test_numbers_grow_by_a_factor_with_every_step():
    network, problem = build(1, (2, 3, 1), "leaky_relu:0.25", "fa", False, fmpq), exact_problem(1, (2, 3, 1), fmpq)
    run = ft.simulate(network, problem, method="gd", steps=8, step_size=fmpq(1, 8), points=9)
    assert np.divide(run.bits[-3:], run.bits[-4:-1]) == pytest.approx(1 + np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("kind", [Fraction, fmpq])
def test_an_exact_run_diverges_by_name(kind):
    network, problem = build(1, (2, 3, 1), "linear", "fa", False, kind), exact_problem(1, (2, 3, 1), kind)
    run = ft.simulate(network, problem, method="gd", steps=5, step_size=kind(10**40))
    assert run.outcome == "diverged"
    assert np.all(np.isfinite(run.loss))


def refused(message, network=None, loss="squared", **options):
    network = network or build(1, (2, 3, 1), "leaky_relu:0.25", "fa", False, Fraction)
    with pytest.raises(ValueError, match=message):
        ft.simulate(network, exact_problem(1, (2, 3, 1), loss=loss), **options)


@pytest.mark.parametrize("method", ["flow", "midpoint", "gauss", "projection"])
def test_other_methods_are_refused(method):
    refused(f"method must be gd or sgd where weights and X are exact rationals, got '{method}'", method=method)


def test_what_is_not_rational_is_refused():
    refused("step_size must be an exact rational .*, got float 0.125", method="gd", step_size=0.125)
    refused("step_size must be an exact rational .*, got float 0.01", method="sgd")
    refused("step_size must be an exact rational .*, got bool True", method="gd", step_size=True)
    refused("step_size must be a positive", method="gd", step_size=Fraction(0))
    refused("weight_decay must be 0", method="gd", step_size=1, weight_decay=0.5)
    refused("the logistic loss has no exact", loss="logistic", method="gd", step_size=1)
    given = build(1, (2, 3, 1), "linear", "fa", False, Fraction)
    floating_slope = Network(given.weights, leaky_relu(0.25), given.feedback)
    refused(
        "slope of leaky_relu must be an exact rational .*, got float 0.25", floating_slope, method="gd", step_size=1
    )
    exact = exact_problem(1, (2, 3, 1))
    with pytest.raises(ValueError, match="must be floating-point to be verified"):
        ft.verify(given, exact, method="gd", step_size=1)


def test_floats_take_rational_step_sizes():
    network, problem = build(1, (2, 3, 1), "linear", "fa", False), ft.Problem(np.eye(2), np.ones(2))
    runs = [gradient_descent(network, problem, steps=3, step_size=size) for size in (0.25, Fraction(1, 4), fmpq(1, 4))]
    for run in runs:
        assert run.loss.dtype == run.states[-1].weights[0].dtype == float
        assert np.array_equal(run.loss, runs[0].loss)


def test_nearest_floats():
    for kind in (Fraction, fmpq):
        assert nearest_float(kind(1, 3)) == 1 / 3
        assert nearest_float(kind(10**400)) == -nearest_float(kind(-(10**400))) == float("inf")
    assert nearest_float(np.float32(0.1)) == float(np.float32(0.1))
