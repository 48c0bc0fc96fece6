"""Forward, backward and tangent passes against explicit loops, finite differences and closed forms."""

import numpy as np
import pytest
from flow_oracles import RULES, draw_network, draw_problem, loop_directions
from hypothesis import given
from hypothesis import strategies as st

from fa_theory.dynamics import forward, gradients, inner, loss_of, tangents, update_directions
from fa_theory.model import Parameters, Problem

ACTIVATIONS = ("linear", "relu", "leaky_relu:0.25", "power:2", "power:3", "tanh")
seeds = st.integers(0, 2**32 - 1)
widths = st.lists(st.integers(1, 4), min_size=3, max_size=6)
rules, booleans = st.sampled_from(RULES), st.booleans()


def directions(network, problem):
    passed = forward(network, problem.X)
    return update_directions(network, passed, problem.loss.derivative(passed.output, problem.Y))


def by_loops(network, X, Y, name):
    biases = None if network.biases[0] is None else network.biases
    slope = network.activation.slope
    matrices = [np.asarray(M) for M in network.matrices()]
    direct = any(rule.direct for rule in network.feedback)
    return loop_directions(network.weights, biases, matrices, direct, name, slope, X, Y)


@given(seeds, widths, st.sampled_from(ACTIVATIONS), rules, booleans, st.integers(1, 4))
def test_update_directions_are_the_loops(seed, shape, name, rule, biases, n_samples):
    network = draw_network(seed, shape, name, rule, biases)
    problem = draw_problem(seed, n_samples, shape[0], shape[-1])
    F, f = by_loops(network, problem.X, problem.Y, name)
    found = directions(network, problem)
    for layer in range(network.depth):
        # only the order of summation differs; 1e-11 covers powers of powers
        scale = 1 + np.max(np.abs(np.asarray(F[layer], dtype=float)))
        np.testing.assert_allclose(found.weights[layer], np.asarray(F[layer], dtype=float), rtol=0, atol=1e-11 * scale)
        if biases:
            expected = np.asarray(f[layer], dtype=float)
            np.testing.assert_allclose(found.biases[layer], expected, rtol=0, atol=1e-11 * (1 + np.max(abs(expected))))


@given(seeds, widths, st.sampled_from(ACTIVATIONS[:-1]), rules, booleans, st.integers(1, 3))
def test_exact_rationals_stay_exact(seed, shape, name, rule, biases, n_samples):
    network = draw_network(seed, shape, name, rule, biases, exact=True)
    data = draw_network(seed + 1, (shape[0], n_samples, shape[-1]), exact=True)
    X, Y = data.weights[0], data.weights[1].T
    F, f = by_loops(network, X, Y, name)
    found = directions(network, Problem(X, Y))
    for layer in range(network.depth):
        assert found.weights[layer].tolist() == F[layer]
        if biases:
            assert found.biases[layer].tolist() == f[layer]


@given(seeds, widths, st.sampled_from(ACTIVATIONS), booleans, st.sampled_from(("squared", "logistic", "cross_entropy")))
def test_gradients_are_finite_differences(seed, shape, name, biases, loss):
    shape = [*shape[:-1], {"squared": shape[-1], "logistic": 1, "cross_entropy": 3}[loss]]
    network = draw_network(seed, shape, name, "fa", biases, scale=0.7)
    problem = draw_problem(seed, 3, shape[0], shape[-1], loss)
    rng = np.random.default_rng(seed)
    passed = forward(network, problem.X)
    slope = gradients(network, passed, problem.loss.derivative(passed.output, problem.Y))
    direction = Parameters(
        tuple(rng.standard_normal(W.shape) for W in network.weights),
        tuple(None if b is None else rng.standard_normal(b.shape) for b in network.biases),
    )

    def moved(step):
        return network.with_parameters(
            Parameters(
                tuple(W + step * D for W, D in zip(network.weights, direction.weights, strict=True)),
                tuple(
                    None if b is None else b + step * D for b, D in zip(network.biases, direction.biases, strict=True)
                ),
            )
        )

    step = 1e-5
    if network.activation.has_kink:  # a difference across a kink is no derivative
        sides = [[z > 0 for z in forward(moved(s), problem.X).preactivations[:-1]] for s in (-step, 0.0, step)]
        if any(np.any(a != b) for other in (sides[0], sides[2]) for a, b in zip(other, sides[1], strict=True)):
            return
    difference = float(loss_of(moved(step), problem) - loss_of(moved(-step), problem)) / (2 * step)
    exact = sum(float(inner(slope, direction, layer)) for layer in range(network.depth))
    size = sum(float(inner(slope, slope, layer)) for layer in range(network.depth)) ** 0.5
    # truncation step^2 times third derivatives, rounding eps/step times the loss
    assert difference == pytest.approx(exact, rel=1e-5, abs=1e-5 * (1 + size + float(loss_of(network, problem))))


@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_two_layer_gradient_in_closed_form(seed, n, d):
    network, problem = draw_network(seed, (d, n, 1)), draw_problem(seed, 3, d, 1)
    (W, V), X, y = network.weights, problem.X, problem.Y[:, 0]
    theta = np.where(X @ W.T > 0, 1.0, 0.2)
    e = (theta * (X @ W.T)) @ V[0] - y
    passed = forward(network, X)
    slope = gradients(network, passed, problem.loss.derivative(passed.output, problem.Y))
    np.testing.assert_allclose(slope.weights[0], V.T * ((theta * e[:, None]).T @ X) / 3, atol=1e-13)
    np.testing.assert_allclose(slope.weights[1][0], e @ (theta * (X @ W.T)) / 3, atol=1e-13)


@given(seeds, widths, st.sampled_from(("linear", "relu", "leaky_relu:0.25", "tanh")), rules, booleans)
def test_tangents_and_gradients_agree_on_the_rate_of_the_loss(seed, shape, name, rule, biases):
    """<e, dz_L/dt> / N = -sum_l <G_l, F_l>: forward mode against backward mode."""
    network, problem = draw_network(seed, shape, name, rule, biases), draw_problem(seed, 3, shape[0], shape[-1])
    passed = forward(network, problem.X)
    errors = problem.loss.derivative(passed.output, problem.Y)
    F, G = update_directions(network, passed, errors), gradients(network, passed, errors)
    velocity = Parameters(
        tuple(-each for each in F.weights), tuple(None if each is None else -each for each in F.biases)
    )
    rate = np.sum(errors * tangents(network, passed, velocity)[-1]) / 3
    parts = [float(inner(G, F, layer)) for layer in range(network.depth)]
    sizes = [float(inner(G, G, k) * inner(F, F, k)) ** 0.5 for k in range(network.depth)]
    assert rate == pytest.approx(-sum(parts), abs=1e-11 * sum(sizes))
