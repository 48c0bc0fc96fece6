"""hitting-time against quadrature, integration of its comparison equation, a closed form, and random flows."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from bound_instances import aligned, failing, output, run, seeds, separable
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from fa_theory.bounds import hitting_time
from fa_theory.bounds.hitting_time import Comparison
from fa_theory.model import Network, Problem, max_margin
from fa_theory.verification import assess_bound, assess_hitting_time


def any_start(seed, n_samples=4, width=3, slope=0.4, size=1.0, biases=False, dead=False):
    """A start of any alignment; `dead`: the first neuron gets no feedback."""
    rng = np.random.default_rng([seed, 3])
    W, V = size * rng.uniform(-1, 1, (width, 2)), size * rng.uniform(-1, 1, (1, width))
    B = rng.choice([-1, 1], (width, 1)) * rng.uniform(0.3, 1.5, (width, 1))
    if dead:
        B[0] = 0
    given_biases = [rng.uniform(-1, 1, width), np.zeros(1)] if biases else None
    network = Network([W, V], f"leaky_relu:{slope}", [B], given_biases)
    return network, separable(seed, n_samples, 2, "logistic")


def comparison_by_definition(network, problem):
    """Q(tau) of THEORY, T14, as a plain function, for a network without biases."""
    margin = max_margin(problem.X, problem.Y)
    u, gamma = margin.direction, margin.lower
    (W, V), a, B = network.weights, network.activation.slope, network.feedback[0].B[:, 0]
    R = np.max(np.linalg.norm(problem.X, axis=1))

    def Q(tau):
        total = 0.0
        for w, v, b in zip(W, V[0], B, strict=True):
            if b != 0:
                low = max(np.sign(b) * (u @ w) + abs(b) * a * gamma * tau, 0) ** 2 / 2 - (w @ w / 2 - b * v)
                total += (a**2 * gamma**2 if low > 0 else R**2) * low
        return total

    return Q


@given(seeds, st.integers(1, 4), st.sampled_from([0.3, 1.0, 3.0]), st.booleans())
@example(3, 3, 3.0, False)
@settings(max_examples=25)
def test_hitting_tau_solves_the_comparison_equation(seed, width, size, dead):
    network, problem = any_start(seed, width=width, size=size, dead=dead and width > 1)
    N, Q = problem.n_samples, comparison_by_definition(network, problem)
    start = float(np.mean(np.logaddexp(0, -problem.Y * output(network, problem.X))))
    epsilon = start / 3
    bound = hitting_time(network, problem, epsilon)
    assert bound.applicable, bound.failed
    np.testing.assert_allclose(bound.constants["Q"], Q(0.0), rtol=1e-9, atol=1e-12)
    tau, turn = bound.constants["tau"], bound.constants["turn"]
    if turn > 0:
        assert abs(Q(turn)) <= 1e-9 * (abs(Q(0.0)) + 1)

    def velocity(tau, state):
        q = Q(tau)
        L = state[0]
        return [-q * (-np.expm1(-L))] if q <= 0 else [-q * (-np.expm1(-N * L)) / N]

    # the equation has a kink where Q turns, and is integrated in two pieces
    L = start
    for begin, end in ((0.0, min(turn, tau)), (min(turn, tau), tau)):
        if end > begin:
            L = solve_ivp(velocity, (begin, end), [L], rtol=1e-11, atol=1e-14, max_step=(end - begin) / 50).y[0, -1]
    # relative errors of N L are absolute ones of log expm1(N L), where L has grown large
    np.testing.assert_allclose(L, epsilon, rtol=1e-6 * (1 + N * bound(1e-9 + turn)[0]))
    np.testing.assert_allclose(bound.time, tau * N / (1 - np.exp(-N * epsilon)), rtol=1e-12)


numbers = st.floats(-3, 3)


@given(
    st.lists(st.tuples(numbers, st.floats(0.01, 3), numbers), min_size=1, max_size=4),
    st.floats(0.01, 1),
    st.floats(1, 4),
    st.floats(0, 20),
)
@example([(-1.0, 0.5, 0.5)], 0.25, 2.0, 10.0)  # starts to count at tau = 2, positive from tau = 4
@example([(0.0, 1.0, 0.0)], 0.5, 1.0, 3.0)
def test_the_integral_is_that_of_the_rate(neurons, gain, cost, tau):
    reach, pull, invariant = (np.array(each) for each in zip(*neurons, strict=True))
    comparison = Comparison(reach, pull, invariant, gain, cost, 3, 1.0)
    kinks = [*(-reach / pull), *((np.sqrt(2 * np.maximum(invariant, 0)) - reach) / pull)]
    kinks = sorted({0.0, tau, *(float(k) for k in kinks if 0 < k < tau)})
    pieces = [
        (end - begin) / 6 * np.array([comparison.rate(z) for z in (begin, (begin + end) / 2, end)]) * [1, 4, 1]
        for begin, end in pairwise(kinks)
    ]  # Simpson's rule, exact for quadratics
    expected, scale = np.sum(pieces), np.sum(np.abs(pieces))
    np.testing.assert_allclose(comparison.integral(tau), expected, rtol=1e-9, atol=1e-12 * scale + 1e-300)


@given(st.lists(st.tuples(numbers, st.floats(0.01, 3), numbers), min_size=1, max_size=4), st.floats(0, 50))
def test_the_rate_never_decreases_and_turns_once(neurons, tau):
    comparison = Comparison(*(np.array(each) for each in zip(*neurons, strict=True)), 0.25, 4.0, 3, 1.0)
    assert comparison.rate(tau) <= comparison.rate(tau + 0.5) + 1e-9
    turn = comparison.turn()
    assert comparison.rate(turn) >= -1e-9
    if turn > 0:
        assert comparison.rate(turn * (1 - 1e-6)) <= 1e-9


def test_closed_form_from_zero_weights():
    # x = y = b = 1, a = 1, w = v = 0: C = 0, Q = tau^2 / 2, expm1 Lbar = exp(-tau^3 / 6), starting from L = log 2
    network, problem = Network([[[0.0]], [[0.0]]], "linear", [[[1.0]]]), Problem([[1.0]], [1.0], "logistic")
    bound = hitting_time(network, problem, 0.1)
    tau = (-6 * np.log(np.expm1(0.1))) ** (1 / 3)
    np.testing.assert_allclose(bound.constants["tau"], tau, rtol=1e-12)
    np.testing.assert_allclose(bound.time, tau / (1 - np.exp(-0.1)), rtol=1e-12)
    np.testing.assert_allclose(bound(bound.time), [0.1], rtol=1e-12)  # aligned: once there, it stays
    np.testing.assert_allclose(bound.constants["settled"], bound.time, rtol=1e-12)
    trajectory = run(network, problem, time=1.2 * bound.time, points=61)
    assert assess_hitting_time(bound, trajectory).verdict == "holds"
    default = hitting_time(network, problem)
    np.testing.assert_allclose(default.epsilon, np.log(2) / 2, rtol=1e-15)


def test_a_misaligned_neuron_by_hand():
    # w = -1, v = -1, b = 1, x = y = 1, a = 1: C = 3/2, r = -1; low = (tau - 1)_+^2 / 2 - 3/2 < 0 up to 1 + sqrt 3
    network, problem = Network([[[-1.0]], [[-1.0]]], "linear", [[[1.0]]]), Problem([[1.0]], [1.0], "logistic")
    bound = hitting_time(network, problem, 0.01)
    turn = 1 + np.sqrt(3)
    np.testing.assert_allclose(bound.constants["turn"], turn, rtol=1e-12)
    growth = 1.5 * turn - np.sqrt(3) ** 3 / 6
    np.testing.assert_allclose(bound.constants["growth"], growth, rtol=1e-12)
    np.testing.assert_allclose(bound.constants["gamma"], 1.0, rtol=1e-15)
    start = np.log1p(np.exp(-1.0))  # f = 1
    ceiling = np.log1p(np.expm1(start) * np.exp(growth))
    np.testing.assert_allclose(bound([2 * turn]), [ceiling], rtol=1e-12)
    trajectory = run(network, problem, time=60.0, points=121)
    assert trajectory.loss.max() > 1.5 * trajectory.loss[0]  # it first grows, as it may
    verdict = assess_hitting_time(bound, trajectory)
    assert verdict.verdict == "holds", verdict
    # without the cost R^2 of misalignment nothing would be left of the growth: an aligned bound is refuted
    naive = replace(bound, curve=lambda times: np.full(times.shape, start))
    assert assess_bound(naive, trajectory).verdict == "refuted"


@given(
    seeds,
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([0.2, 0.6, 1.0]),
    st.sampled_from([0.3, 1.0, 2.0]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=25)
def test_never_violated_by_a_random_start(seed, n_samples, width, slope, size, biases, dead):
    network, problem = any_start(seed, n_samples, width, slope, size, biases, dead and width > 1)
    bound = hitting_time(network, problem)
    assert bound.applicable, bound.failed
    trajectory = run(network, problem, time=min(1.05 * bound.time, 15.0), points=41, accuracy=1e-6)
    verdict = assess_hitting_time(bound, trajectory)
    reached = np.any(trajectory.loss + trajectory.error <= bound.epsilon)
    assert verdict.verdict == ("holds" if reached else "undecided"), verdict
    if trajectory.t[-1] > bound.time:
        assert reached


def test_neurons_without_feedback_are_dropped():
    """b_i = 0: w_i stays and v_i b_i = 0; it matters through the loss at the start alone."""
    network, problem = any_start(4, width=2)
    W, V, B = network.weights[0], network.weights[1], network.feedback[0].B
    with_idle = Network(
        [np.vstack([W, [[3.0, -2.0]]]), np.append(V, 0.0)[None, :]], network.activation, [np.vstack([B, [[0.0]]])]
    )
    one, other = hitting_time(network, problem), hitting_time(with_idle, problem)
    np.testing.assert_allclose(other.time, one.time, rtol=1e-12)
    np.testing.assert_allclose(other([1.0, 50.0, 1e4]), one([1.0, 50.0, 1e4]), rtol=1e-12)
    # negative control: counted like the others, C = |w|^2 / 2 = 6.5 would cost R^2 6.5 for ever
    counted = Network(
        with_idle.weights, network.activation, [np.vstack([B, [[1e-6]]])]
    )  # feedback almost zero, and not dropped
    assert hitting_time(counted, problem).time > 5 * one.time
    trajectory = run(with_idle, problem, time=5.0)
    idle = trajectory.states[-1].weights
    np.testing.assert_array_equal(idle[0][-1], [3.0, -2.0])
    assert idle[1][0, -1] != 0


def test_all_feedback_zero_does_not_apply():
    network, problem = any_start(1)
    bound = hitting_time(Network(network.weights, network.activation, [np.zeros((3, 1))]), problem)
    assert failing(bound) == ["some feedback b_i is not zero"]
    assert bound.time is None


def test_feedback_next_to_nothing_is_undecided():
    network, problem = any_start(1)
    weights = [network.weights[0], -abs(network.weights[1])]
    bound = hitting_time(Network(weights, network.activation, [np.full((3, 1), 1e-300)]), problem)
    assert failing(bound) == ["aligned before tau = 1e100"]
    assert bound.undecided


@pytest.mark.parametrize(
    ("change", "loss", "name"),
    [
        ({"activation": "relu"}, "logistic", "leaky ReLU or linear activation"),
        ({"activation": "tanh"}, "logistic", "leaky ReLU or linear activation"),
        ({"feedback": "sign-fa"}, "logistic", "rule is fa"),
        ({}, "exponential", "logistic loss"),
        ({}, "squared", "logistic loss"),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(change, loss, name):
    network, problem = any_start(1)
    made = {"weights": network.weights, "activation": network.activation, "feedback": network.feedback} | change
    assert failing(hitting_time(Network(**made), Problem(problem.X, problem.Y, loss))) == [name]


def test_contradictory_labels_are_not_separable_and_would_break_the_bound():
    network = Network([[[0.1]], [[1.0]]], "linear", [[[1.0]]])
    problem = Problem([[1.0], [1.0]], [1.0, -1.0], "logistic")
    assert failing(hitting_time(network, problem)) == ["separable data"]
    naive = hitting_time(network, Problem([[1.0], [1.0]], [1.0, 1.0], "logistic"))
    trajectory = run(network, problem, time=3 * naive.time)
    assert assess_hitting_time(naive, trajectory).verdict == "refuted"


def test_a_loss_already_reached_takes_no_time():
    network, problem = any_start(2)
    bound = hitting_time(network, problem, 10.0)
    assert (bound.time, bound.constants["tau"]) == (0.0, 0.0)
    trajectory = run(network, problem, time=1.0)
    assert "reached by t = 0" in assess_hitting_time(bound, trajectory).detail


def test_a_run_too_short_to_see_it_is_undecided():
    network, problem = any_start(2)
    bound = hitting_time(network, problem, 1e-4)
    verdict = assess_hitting_time(bound, run(network, problem, time=0.5))
    assert verdict.verdict == "undecided"
    assert "not seen up to t = 0.5" in verdict.detail


def test_a_promise_too_early_is_not_confirmed():
    network, problem = Network([[[0.0]], [[0.0]]], "linear", [[[1.0]]]), Problem([[1.0]], [1.0], "logistic")
    bound = hitting_time(network, problem, 0.1)
    trajectory = run(network, problem, time=20.0, points=101, accuracy=1e-6)
    first = trajectory.t[trajectory.loss <= 0.1][0]
    early = replace(bound, time=0.5 * first)
    assert assess_hitting_time(early, trajectory).verdict == "undecided"
    assert assess_hitting_time(replace(bound, curve=lambda times: bound(9 * times)), trajectory).verdict == "refuted"


@pytest.mark.parametrize("epsilon", [1e-300, 1e-12, 0.4999999999999999])
def test_extreme_levels_give_numbers(epsilon):
    network, problem = Network([[[0.0]], [[0.0]]], "linear", [[[1.0]]]), Problem([[1.0]], [1.0], "logistic")
    bound = hitting_time(network, problem, epsilon)
    assert bound.time is not None
    assert np.all(np.isfinite(list(bound.constants.values())))
    np.testing.assert_allclose(bound.time * -np.expm1(-epsilon), bound.constants["tau"], rtol=1e-12)


def test_large_starts_do_not_overflow():
    network = Network([[[-300.0]], [[-300.0]]], "linear", [[[0.01]]])
    bound = hitting_time(network, Problem([[1.0]], [1.0], "logistic"))
    assert bound.applicable
    assert np.all(np.isfinite(bound([0.0, 1.0, 1e6])))
    assert np.all(np.isfinite(list(bound.constants.values())))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf, np.nan])
def test_bad_levels_are_refused(bad):
    with pytest.raises(ValueError, match="epsilon must be a positive finite number"):
        hitting_time(*any_start(1), bad)


def test_an_aligned_start_has_no_growth():
    network, problem = aligned(3, 2, 3, "leaky_relu:0.5"), separable(3, 4, 2, "logistic")
    bound = hitting_time(network, problem)
    assert bound.constants["growth"] == bound.constants["turn"] == 0.0
    assert np.all(np.diff(bound(np.linspace(0, 200, 30))) <= 0)
