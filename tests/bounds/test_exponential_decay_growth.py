"""exponential-decay-growth against roots from NumPy, its equation integrated independently, and random flows."""

from dataclasses import replace

import numpy as np
import pytest
from bound_instances import (
    TWO_SAMPLES,
    aligned,
    failing,
    gram,
    output,
    own_alignment,
    regression,
    run,
    seeds,
    two_neurons,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from fa_theory.bounds import exponential_decay, exponential_decay_growth, sharpest_first
from fa_theory.model import Network, Problem
from fa_theory.verification import assess_bound


def omega(network, problem, loss):
    """The least Omega by the real root of THEORY's cubic (E1), for a network without biases and independent samples."""
    c = own_alignment(network)
    b = np.ones(len(c)) if network.rule_name == "sign-fa" else network.feedback[0].B[:, 0]
    N = problem.n_samples
    reach = np.sqrt(N * np.linalg.eigvalsh(gram(network, problem.X))[-1])
    want = np.linalg.norm(problem.Y) - np.sqrt(2 * N * loss)
    if want <= 0:
        return 0.0
    roots = np.roots([reach / (2 * np.min(abs(b))), 0.0, reach * np.linalg.norm(c / b), -want])
    return float(np.max(roots[abs(roots.imag) < 1e-9].real)) ** 2


@given(seeds, st.integers(1, 3), st.integers(1, 3), st.sampled_from([0.5, 1.0]), st.sampled_from(["fa", "sign-fa"]))
@settings(max_examples=15)
def test_curve_solves_its_equation(seed, n_samples, width, slope, rule):
    network = aligned(seed, 3, width, f"leaky_relu:{slope}", rule, slack=0.1)
    problem = regression(seed, n_samples, 3)
    bound = exponential_decay_growth(network, problem)
    lowest = np.linalg.eigvalsh(gram(network, problem.X))[0]
    if lowest < 1e-3:
        return
    assert bound.applicable, bound.failed
    s = own_alignment(network).sum()
    start = np.mean((output(network, problem.X) - problem.Y) ** 2) / 2

    def fall(_, log_losses):
        """The equation itself, and with the rate of a loss larger by one step of 1 %."""
        losses = np.exp(log_losses) * [1.0, np.exp(0.01)]
        return [-2 * slope**2 * lowest * (s + omega(network, problem, loss) / 2) for loss in losses]

    times = np.linspace(0, 5 / (slope**2 * lowest), 5)
    exact, lagging = solve_ivp(fall, (0, times[-1]), [np.log(start)] * 2, t_eval=times, rtol=1e-8, atol=1e-8).y
    found = np.log(bound(times))
    assert np.all(found >= exact - 1e-6)
    assert np.all(found <= lagging + 1e-6)


@given(
    seeds,
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(["fa", "sign-fa"]),
    st.sampled_from(["linear", "leaky_relu:0.4"]),
    st.booleans(),
)
@settings(max_examples=25)
def test_never_violated_and_never_worse_than_the_plain_form(seed, n_samples, width, rule, activation, bias):
    network = aligned(seed, 3, width, activation, rule, bias, slack=0.05)
    if bias:
        network = Network(network.weights, activation, network.feedback, [network.biases[0], None])
    problem = regression(seed, n_samples, 3)
    bound, plain = exponential_decay_growth(network, problem), exponential_decay(network, problem)
    if not plain.applicable or plain.rate < 1e-3:
        return
    assert bound.applicable, bound.failed
    times = np.array([0.0, 0.5, 2.0, 20.0])
    assert np.all(bound(times) <= plain(times) * (1 + 1e-9))
    trajectory = run(network, problem, 1.5, accuracy=1e-6)
    assert assess_bound(bound, trajectory).verdict == "holds"
    if n_samples <= 3 and not bias:  # the weights are as large as promised, all along
        for state, loss in zip(trajectory.states, trajectory.loss, strict=True):
            assert np.sum(state.weights[0] ** 2) >= omega(network, problem, loss) * (1 - 1e-5) - 1e-9


def test_it_ends_much_faster_where_c_is_small():
    network, problem = Network([[[0.0]], [[0.1]]], "linear", [[[0.1]]]), Problem([[1.0]], [2.0])
    bound = exponential_decay_growth(network, problem)
    # by hand: v = 10 (w^2/2 + 0.01), f = v w = 2 at the end: 5 Omega^{3/2} + 0.1 sqrt(Omega) = 2
    z = np.max(np.roots([5, 0, 0.1, -2]).real)
    np.testing.assert_allclose(bound.constants["Omega"], z**2, rtol=1e-9)
    np.testing.assert_allclose(bound.constants["rate_at_end"], 2 * (0.01 + z**2 / 2), rtol=1e-6)
    plain = exponential_decay(network, problem)
    assert np.log(plain(60.0) / bound(60.0)) > 15
    trajectory = run(network, problem, 12.0)
    assert assess_bound(bound, trajectory).verdict == "holds"
    # negative control: the rate of the end from the beginning on
    hasty = replace(bound, curve=lambda t: 2 * np.exp(-bound.constants["rate_at_end"] * t))
    assert assess_bound(hasty, trajectory).verdict == "refuted"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, None),
        ({"activation": "relu"}, "leaky ReLU or linear activation"),
        ({"feedback": "backprop"}, "rule is fa or sign-fa"),
        ({"biases": [None, np.zeros(1)]}, "no output bias"),
        ({"biases": [np.zeros(2), None]}, None),
        ({"feedback": [np.array([[1.0], [1.0]])]}, "aligned start"),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(change, name):
    bound = exponential_decay_growth(two_neurons("leaky_relu:0.5", change), Problem(TWO_SAMPLES, [1.0, -1.0]))
    assert failing(bound) == ([] if name is None else [name])


def test_a_neuron_without_feedback_is_named():
    # its v_i is not tied to its w_i: outputs can be fitted without growth
    network = Network([[[0.0, 0.0], [0.0, 0.5]], [[3.0, -1.0]]], "leaky_relu:0.5", [[[0.0], [-1.0]]])
    assert failing(exponential_decay_growth(network, Problem(TWO_SAMPLES, [1.0, -1.0]))) == ["no feedback b_i is zero"]


def test_no_excess_loss_gives_zero():
    network = Network([[[1.0]], [[1.0]]], "linear", [[[2.0]]])
    bound = exponential_decay_growth(network, Problem([[1.0]], [1.0]))
    assert bound.applicable
    assert bound([0.0, 1.0]).tolist() == [0.0, 0.0]


def test_the_smallest_bound_on_the_excess_is_the_sharpest_even_where_all_vanish_beside_its_floor():
    problem = Problem([[1.0], [1.0]], [0.0, 2e8])  # the least loss is 5e15, and floats there lie 1 apart
    network = Network([[[1e-3]], [[2.0]]], "linear", [[[1.0]]])
    plain, sharper = (calculate(network, problem) for calculate in (exponential_decay, exponential_decay_growth))
    assert sharper([20.0])[0] < plain([20.0])[0] < 1e-9
    assert plain.floor == sharper.floor > 4e15
    for found in ([plain, sharper], [sharper, plain]):
        assert sharpest_first(found, time=20.0) == [sharper, plain]
