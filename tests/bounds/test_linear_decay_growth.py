"""linear-decay-growth: levels against constrained minima, its equation integrated independently, and random flows."""

from dataclasses import replace

import numpy as np
import pytest
from bound_instances import (
    BREAKS_OF_THE_REDUCED_FLOW,
    TWO_SAMPLES,
    aligned,
    failing,
    output,
    regression,
    run,
    seeds,
    two_neurons,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, minimize

from fa_theory.bounds import exponential_decay, linear_decay_growth, multi_output_decay
from fa_theory.bounds.linear_growth import LinearGrowth
from fa_theory.model import Network, Problem, spectrum
from fa_theory.verification import assess_bound


def at(network, u):
    """The weights that FA reaches at u, from T16's formula; w = W^T b / |b| there."""
    W, v, b = network.weights[0], network.weights[1][0], network.feedback[0].B[:, 0]
    moved = Network([W + np.outer(b, u), (v + W @ u + b * (u @ u) / 2)[None]], "linear", [b[:, None]])
    return moved, moved.weights[0].T @ b / np.linalg.norm(b)


def excess(network, problem):
    best = problem.X @ np.linalg.lstsq(problem.X, problem.Y, rcond=None)[0]
    return np.mean((output(network, problem.X) - best) ** 2) / 2


def parts(network):
    """a and K from their definitions."""
    W, v, b = network.weights[0], network.weights[1][0], network.feedback[0].B[:, 0]
    w = W.T @ b / np.linalg.norm(b)
    return b @ v - w @ w / 2, W.T @ W - np.outer(w, w)


def rate(network, problem, z):
    a, K = parts(network)
    X = problem.X
    values = np.linalg.eigvalsh(X @ ((a + z**2 / 2) * np.eye(len(K)) + K) @ X.T / len(X))
    return 2 * values[len(X) - np.linalg.matrix_rank(X)]


def known(network, problem):
    return LinearGrowth.of(network, problem, spectrum(network.first_layer_inputs(problem.X)))


@pytest.mark.parametrize("seed", range(6))
def test_levels_are_the_least_losses_that_small_weights_allow(seed):
    network, problem = aligned(seed, 2, 3, slack=0.1), regression(seed, 5, 2)
    growth = known(network, problem)
    sizes, losses = growth.levels()
    assert losses[0] > losses[-1] > 0
    rng = np.random.default_rng(seed)
    start = at(network, np.zeros(2))[1]
    b = np.linalg.norm(network.feedback[0].B)
    for size in 0.3 * sizes[-1], 0.8 * sizes[-1]:
        level = growth.least_loss(size)
        # every w is reached by u = (w - w(0)) / |b|
        directions = rng.standard_normal((40, 2))
        for w in directions / np.linalg.norm(directions, axis=1)[:, None] * size * rng.uniform(0, 1, (40, 1)):
            assert excess(at(network, (w - start) / b)[0], problem) >= level * (1 - 1e-9)
        found = min(
            minimize(
                lambda angle, z: excess(
                    at(network, (z * np.array([np.cos(*angle), np.sin(*angle)]) - start) / b)[0], problem
                ),
                [angle],
                args=(size,),
            ).fun
            for angle in (0.0, 1.5, 3.0, 4.5)
        )
        np.testing.assert_allclose(level, found, rtol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_curve_solves_its_equation(seed):
    network, problem = aligned(seed, 2, 3, slack=0.1), regression(seed, 5, 2)
    growth, bound = known(network, problem), linear_decay_growth(network, problem)
    assert bound.applicable, bound.failed
    end = bound.constants["size_at_end"]

    def needed(loss):
        if growth.least_loss(0.0) <= loss:
            return 0.0
        return brentq(lambda z: growth.least_loss(z) - loss, 0.0, 1.01 * end)

    times = np.linspace(0, 8 / rate(network, problem, end), 6)
    exact = solve_ivp(
        lambda _, log: [-rate(network, problem, needed(np.exp(log[0])))],
        (0, times[-1]),
        [np.log(excess(network, problem))],
        t_eval=times,
        rtol=1e-7,
        atol=1e-7,
    ).y[0]
    found = np.log(bound(times))
    assert np.all(found >= exact - 1e-5)
    # sizes come in steps of 1 % or so
    assert np.all(found <= exact + 0.05 * (exact[0] - exact) + 1e-9)
    np.testing.assert_allclose(bound.constants["rate_at_start"], rate(network, problem, 0.0), rtol=1e-6)


@given(seeds, st.integers(1, 5), st.integers(1, 3), st.integers(1, 6), st.booleans())
@example(68, 1, 1, 5, True)  # ends where the loss is what the integrator errs by
@settings(max_examples=15)
def test_never_violated_and_never_worse_than_the_plain_forms(seed, n_samples, d, width, bias):
    network = aligned(seed, d, width, biases=bias, slack=[0.06, 0.3, 2.0][seed % 3])
    if bias:
        network = Network(network.weights, "linear", network.feedback, [network.biases[0], None])
    problem = regression(seed, n_samples, d)
    bound, plain = linear_decay_growth(network, problem), exponential_decay(network, problem)
    if not plain.applicable or plain.rate < 1e-3:
        return
    assert bound.applicable, bound.failed
    times = np.array([0.0, 0.5, 2.0, 20.0])
    for other in plain, multi_output_decay(network, problem):
        assert np.all(bound(times) <= other(times) * (1 + 1e-7))
    trajectory = run(network, problem, 1.5)
    assert assess_bound(bound, trajectory).verdict in ("holds", "undecided")
    sizes, losses = known(network, problem).levels()
    b = network.feedback[0].B[:, 0]
    for state, loss in zip(trajectory.states, trajectory.loss - bound.floor, strict=True):
        first = state.weights[0] if not bias else np.column_stack([state.weights[0], state.biases[0]])
        size = np.linalg.norm(first.T @ b) / np.linalg.norm(b)
        needed = sizes[losses > loss * (1 + 1e-5) + 1e-9]
        assert size >= np.max(needed, initial=0.0) * (1 - 1e-5)


def test_by_hand_in_one_variable_and_the_end_comes_too_early_with_its_rate():
    # x = b = 1, w(0) = 0, v = 0.01: a = 0.01, K = 0, q = w (0.01 + w^2 / 2) = y = 2 at the end
    network, problem = Network([[[0.0]], [[0.01]]], "linear", [[[1.0]]]), Problem([[1.0]], [2.0])
    bound = linear_decay_growth(network, problem)
    end = np.max(np.roots([0.5, 0, 0.01, -2]).real)
    np.testing.assert_allclose(bound.constants["size_at_end"], end, rtol=1e-6)
    np.testing.assert_allclose(bound.constants["rate_at_end"], 2 * (0.01 + end**2 / 2), rtol=1e-6)
    growth = known(network, problem)
    np.testing.assert_allclose(growth.least_loss(1.0), (2 - 0.01 - 0.5) ** 2 / 2, rtol=1e-9)
    assert np.log(exponential_decay(network, problem)(60.0) / bound(60.0)) > 15
    trajectory = run(network, problem, 3.0)
    assert assess_bound(bound, trajectory).verdict == "holds"
    hasty = replace(bound, curve=lambda t: 2 * np.exp(-bound.constants["rate_at_end"] * 2 * t))
    assert assess_bound(hasty, trajectory).verdict == "refuted"


@pytest.mark.parametrize(("change", "name"), BREAKS_OF_THE_REDUCED_FLOW)
def test_each_assumption_broken_alone_is_the_one_named(change, name):
    bound = linear_decay_growth(two_neurons("linear", change), Problem(TWO_SAMPLES, [1.0, -1.0]))
    assert failing(bound) == ([] if name is None else [name])


def test_no_excess_loss_gives_zero():
    bound = linear_decay_growth(Network([[[1.0]], [[1.0]]], "linear", [[[2.0]]]), Problem([[1.0]], [1.0]))
    assert bound.applicable
    assert bound([0.0, 1.0]).tolist() == [0.0, 0.0]
