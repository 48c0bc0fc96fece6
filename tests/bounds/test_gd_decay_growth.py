"""gd-decay-growth against its conditions written out, what its proof says about every step, and random runs."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from bound_instances import (
    BREAKS_OF_THE_REDUCED_FLOW,
    TWO_SAMPLES,
    aligned,
    failing,
    largest,
    output,
    regression,
    seeds,
    two_neurons,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

import fa_theory as ft
from fa_theory.bounds import gd_decay, gd_decay_growth
from fa_theory.model import Network, Problem
from fa_theory.verification import assess_bound


def parts(network, problem):
    """a, kappa, lambda_K, E_0, lambda-, lambda+, |b|, m and |w_perp|^2, each from its definition."""
    W, v, b, X = network.weights[0], network.weights[1][0], network.feedback[0].B[:, 0], problem.X
    size = np.linalg.norm(b)
    w = W.T @ b / size
    K = W.T @ W - np.outer(w, w)
    best = np.linalg.lstsq(X, problem.Y[:, 0], rcond=None)[0]
    rows = np.linalg.svd(X)[2][: np.linalg.matrix_rank(X)]
    values = np.linalg.eigvalsh(X.T @ X / len(X))[-len(rows) :]
    loss = np.mean((output(network, X)[:, 0] - X @ best) ** 2) / 2
    still = w - rows.T @ rows @ w
    p = rows @ (W.T @ v - best)
    pull = np.linalg.norm(rows @ (K @ (w - still) + (b @ v) * w) - size * p) + size * np.sqrt(2 * loss / values[0])
    kept = np.linalg.eigvalsh(X @ K @ X.T / len(X))[-1]
    return (
        b @ v - w @ w / 2,
        np.linalg.eigvalsh(rows @ K @ rows.T)[0],
        kept,
        loss,
        values[0],
        values[-1],
        size,
        pull,
        still @ still,
    )


def zeta(network, problem, theta):
    a, kappa, _, _, _, _, _, pull, still = parts(network, problem)
    x = brentq(lambda x: (kappa + theta * a + (x * x + still) / 2) * x - pull, 0, 10 + pull, xtol=1e-13)
    return np.sqrt(x * x + still)


def limit(network, problem, theta, mu):
    """The largest eta that the two conditions allow at (theta, mu), by bisection on the conditions themselves."""
    a, kappa, kept, loss, _, high, b, _, _ = parts(network, problem)
    size = zeta(network, problem, theta)

    def allowed(eta):
        first = eta <= (2 - mu) * (1 - theta) * a * (theta * a + kappa) / (b**2 * loss)
        steep = a + 1.5 * size**2 + eta * b * size * np.sqrt(2 * high * loss)
        return first and eta * (kept + high * steep) <= mu

    return largest(allowed)


@pytest.mark.parametrize("seed", range(6))
def test_the_certified_step_size_is_the_largest_that_the_conditions_allow(seed):
    network, problem = aligned(seed, 2, 3, slack=[0.3, 3.0][seed % 2]), regression(seed, [1, 4][seed % 2], 2)
    bound = gd_decay_growth(network, problem)
    assert bound.applicable, bound.failed
    assert bound.step_size > gd_decay(network, problem).step_size
    theta, mu = bound.constants["theta"], bound.constants["mu"]
    assert bound.step_size <= limit(network, problem, theta, mu) * (1 + 1e-6)
    grid = [(theta, mu) for theta in np.linspace(0.02, 0.98, 13) for mu in np.linspace(0.02, 1.98, 13)]
    assert bound.step_size >= max(limit(network, problem, *each) for each in grid) * (1 - 1e-9)
    smaller = gd_decay_growth(network, problem, 0.3 * bound.step_size)
    assert smaller.step_size == bound.step_size
    assert limit(network, problem, smaller.constants["theta"], smaller.constants["mu"]) >= 0.3 * bound.step_size * (
        1 - 1e-6
    )


@given(
    seeds,
    st.integers(1, 6),
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from([0.1, 2.0, 20.0]),
    st.sampled_from([1.0, 0.5, 0.05]),
    st.booleans(),
)
@settings(max_examples=25)
def test_never_violated_and_the_proof_holds_at_every_step(seed, n_samples, d, width, slack, part, bias):
    network, problem = aligned(seed, d, width, biases=bias, slack=slack), regression(seed, n_samples, d)
    if bias:
        network = Network(network.weights, "linear", network.feedback, [network.biases[0], None])
    largest = gd_decay_growth(network, problem).step_size
    if largest is None:
        return
    eta = part * largest
    bound = gd_decay_growth(network, problem, eta)
    assert bound.applicable, bound.failed
    trajectory = ft.simulate(network, problem, method="gd", steps=40, step_size=eta, points=41)
    assert assess_bound(bound, trajectory).verdict in ("holds", "undecided")
    if bias:
        return
    a, theta, b = bound.constants["a"], bound.constants["theta"], network.feedback[0].B[:, 0]
    most = zeta(network, problem, theta)
    for state in trajectory.states:
        w = state.weights[0].T @ b / np.linalg.norm(b)
        law = b @ state.weights[1][0] - w @ w / 2
        assert theta * a * (1 - 1e-9) <= law <= a * (1 + 1e-9)
        assert np.linalg.norm(w) <= most * (1 + 1e-9)


@given(seeds, st.integers(1, 4), st.integers(1, 3), st.integers(1, 5))
@settings(max_examples=25)
def test_at_a_step_size_of_the_plain_form_it_is_no_worse(seed, n_samples, d, width):
    network, problem = aligned(seed, d, width), regression(seed, n_samples, d)
    plain = gd_decay(network, problem)
    if plain.step_size is None or plain.constants["lambda"] < 1e-3:
        return
    bound = gd_decay_growth(network, problem, plain.step_size)
    assert bound.applicable
    times = plain.step_size * np.array([0, 1, 10, 1000])
    assert np.all(bound(times) <= plain(times) * (1 + 1e-6))


def test_too_fast_a_bound_is_refuted_and_too_long_a_step_is_named():
    network, problem = aligned(1, 2, 3), regression(1, 6, 2)
    bound = gd_decay_growth(network, problem)
    trajectory = ft.simulate(network, problem, method="gd", steps=60, step_size=bound.step_size, points=61)
    assert assess_bound(bound, trajectory).verdict == "holds"
    hasty = replace(bound, curve=lambda t: bound([0.0])[0] * np.exp(8 * np.log(bound(t) / bound([0.0])[0])))
    assert assess_bound(hasty, trajectory).verdict == "refuted"
    long = gd_decay_growth(network, problem, 1.01 * bound.step_size)
    assert failing(long) == ["step size at most the certified one"]
    assert long.step_size == bound.step_size


@pytest.mark.parametrize(("change", "name"), BREAKS_OF_THE_REDUCED_FLOW)
def test_each_assumption_broken_alone_is_the_one_named(change, name):
    bound = gd_decay_growth(two_neurons("linear", change), Problem(TWO_SAMPLES, [1.0, -1.0]))
    assert failing(bound) == ([] if name is None else [name])


@pytest.mark.parametrize("step_size", [0.0, -1.0, float("nan"), float("inf")])
def test_step_sizes_that_are_none_are_refused(step_size):
    with pytest.raises(ValueError, match="step_size must be a positive finite number"):
        gd_decay_growth(two_neurons("linear"), Problem(TWO_SAMPLES, [1.0, -1.0]), step_size)


@pytest.mark.parametrize("calculate", [gd_decay, gd_decay_growth])
@pytest.mark.parametrize("number", [float, Fraction])
def test_a_start_without_excess_has_a_step_size_too(calculate, number):
    one, none = (np.array([[number(value)]]) for value in (1, 0))
    bound = calculate(Network([none, one], "linear", [one]), Problem(one, none))
    # f = w v at w = 0, v = b = 1: steps of more than 2 run away from it
    assert bound.step_size == pytest.approx(2, rel=1e-6)
    assert bound.step_size < 2
    assert bound([0.0, 10.0]).tolist() == [0.0, 0.0]
