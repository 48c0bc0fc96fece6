"""separable-decay against brute-force margins, numerical integration of its comparison equation, and random flows."""

from dataclasses import replace

import numpy as np
import pytest
from bound_instances import RULES, aligned, failing, output, own_alignment, run, seeds, separable, two_neurons
from flint import arb, ctx
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from fa_theory.bounds import separable_decay
from fa_theory.bounds.separable_decay import (
    invert_logistic_primitive,
    logistic_primitive,
    separable_data,
)
from fa_theory.model import Margin, Network, Problem, max_margin
from fa_theory.verification import assess_bound

LOSSES = st.sampled_from(["exponential", "logistic"])


def brute_force_margin(problem):
    """max over unit vectors of min_j y_j u.x_j in the plane: a fine grid of angles, refined around the best."""
    signed = problem.X * problem.Y
    low, high = 0.0, 2 * np.pi
    for _ in range(12):
        angles = np.linspace(low, high, 401)
        margins = np.min(signed @ np.array([np.cos(angles), np.sin(angles)]), axis=0)
        best, step = angles[np.argmax(margins)], angles[1] - angles[0]
        low, high = best - 2 * step, best + 2 * step
    return float(np.max(margins))


def start_loss(network, problem):
    margins = problem.Y * output(network, problem.X)
    values = np.exp(-margins) if problem.loss.name == "exponential" else np.logaddexp(0, -margins)
    return float(np.mean(values))


@given(seeds, st.integers(1, 6), st.integers(1, 3), st.sampled_from(RULES), st.sampled_from([0.3, 1.0]), LOSSES)
def test_curve_solves_the_comparison_equation(seed, n_samples, width, rule, slope, loss):
    network = aligned(seed, 2, width, f"leaky_relu:{slope}", rule)
    problem = separable(seed, n_samples, 2, loss)
    bound = separable_decay(network, problem)
    assert bound.applicable, bound.failed
    gamma, s = brute_force_margin(problem), own_alignment(network).sum()
    rho = slope**2 * gamma**2 * s
    np.testing.assert_allclose(bound.constants["gamma"], gamma, rtol=1e-7)
    np.testing.assert_allclose(bound.constants["rho"], rho, rtol=1e-7)
    n, start = n_samples, start_loss(network, problem)

    def exponential(t, L):
        return -rho * L**2

    def logistic(t, sigma):
        return -(rho / n) * (1 - np.exp(-sigma)) ** 2

    times = np.linspace(0, 5, 6)
    right, scale = (exponential, 1) if loss == "exponential" else (logistic, n)
    expected = solve_ivp(right, (0, 5), [scale * start], t_eval=times, rtol=1e-12, atol=1e-14).y[0] / scale
    np.testing.assert_allclose(bound(times), expected, rtol=2e-7)  # the margin of the grid is good to 1e-7


@given(
    seeds,
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(RULES),
    st.sampled_from(["linear", "leaky_relu:0.3", "leaky_relu:0.8"]),
    LOSSES,
    st.booleans(),
)
def test_never_violated_by_a_random_admissible_instance(seed, n_samples, width, rule, activation, loss, biases):
    network = aligned(seed, 2, width, activation, rule, biases)
    problem = separable(seed, n_samples, 2, loss)
    bound = separable_decay(network, problem)
    assert bound.applicable, bound.failed
    verdict = assess_bound(bound, run(network, problem, time=1.0))
    assert verdict.verdict == "holds", verdict


def test_a_hidden_bias_adds_a_coordinate_to_the_margin():
    # x = 1 and 3 with labels - and +: not separable through the origin; (x, 1) is, by u = (1, -2) / sqrt(5)
    X, Y = [[1.0], [3.0]], [-1.0, 1.0]
    network = Network([[[0.5]], [[1.0]]], "linear", [[[1.0]]])
    assert failing(separable_decay(network, Problem(X, Y, "logistic"))) == ["separable data"]
    network = Network([[[0.5]], [[1.0]]], "linear", [[[1.0]]], [[0.5], None])
    bound = separable_decay(network, Problem(X, Y, "logistic"))
    assert bound.applicable
    # by hand: support vectors (1, 1) and (3, 1) with w.(3, 1) = 1 = -w.(1, 1), so w = (1, -2)
    np.testing.assert_allclose(bound.constants["gamma"], 1 / np.sqrt(5), rtol=1e-12)
    np.testing.assert_allclose(bound.constants["rho"], 0.2 * (1 - 0.25), rtol=1e-12)


def exact_primitive(sigma):
    """The primitive in ball arithmetic of 300 bits."""
    ctx.prec = 300
    q = -(-arb(sigma)).expm1()
    return -1 / q + q.log() + arb(sigma)


@given(st.floats(-12, 5).map(lambda power: float(10.0**power)))
@example(1e-12)
@example(1e5)
@example(1.0)
@example(40.0)
def test_primitive_and_inverse_are_stable(sigma):
    value = logistic_primitive(sigma)
    expected = float(exact_primitive(sigma))
    # conditioning: the primitive is -1/sigma for small sigma; near its zero only an absolute accuracy makes sense
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-13)
    slope = 1 / (1 - np.exp(-sigma)) ** 2 if sigma > 1e-6 else sigma**-2.0
    allowed = 1e-13 * sigma + 8 * np.finfo(float).eps * (abs(value) + 1 + sigma) / slope
    assert abs(invert_logistic_primitive(value, max(2 * sigma, 1.0)) - sigma) <= allowed


@given(st.floats(-6, 3).map(lambda power: float(10.0**power)))
def test_primitive_is_a_primitive(sigma):
    step = 1e-4 * min(sigma, 1.0)
    # central differences with Richardson extrapolation, against 1/q^2 by hand
    wide = (logistic_primitive(sigma + 2 * step) - logistic_primitive(sigma - 2 * step)) / (4 * step)
    narrow = (logistic_primitive(sigma + step) - logistic_primitive(sigma - step)) / (2 * step)
    derivative = (4 * narrow - wide) / 3
    np.testing.assert_allclose(derivative, (1 - np.exp(-sigma)) ** -2.0, rtol=1e-7)


def test_inverse_at_the_ends():
    assert invert_logistic_primitive(logistic_primitive(3.0), 3.0) == 3.0
    assert invert_logistic_primitive(1e9, 3.0) == 3.0
    # below every float that the search visits: a number that is too large, never one that is too small
    tiny = invert_logistic_primitive(-1.7e308, 1.0)
    assert 1 / 1.7e308 < tiny < 1e-299


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_losses_of_zero_stay_zero(loss):
    network = Network([[[100.0]], [[5000.0]]], "linear", [[[2.0]]])
    bound = separable_decay(network, Problem([[1.0]], [1.0], loss))
    assert bound.constants["start_loss"] == 0.0
    assert bound([0.0, 1.0]).tolist() == [0.0, 0.0]


def test_an_infinite_exponential_loss_is_bounded_after_the_start():
    # f = -9e5 for y = 1: the loss is no float, yet L(t) <= 1 / (rho t)
    network = Network([[[-30.0]], [[30000.0]]], "linear", [[[1.0]]])
    bound = separable_decay(network, Problem([[1.0]], [1.0], "exponential"))
    np.testing.assert_allclose(bound([0.0, 2.0]), [np.inf, 1 / (2 * (30000 - 450))], rtol=1e-12)


X, Y = np.array([[1.0, 0.2], [0.0, -1.0], [2.0, 1.0]]), np.array([1.0, -1.0, 1.0])


@pytest.mark.parametrize(
    ("change", "loss", "flip", "names"),
    [
        ({}, "logistic", None, []),
        ({}, "exponential", None, []),
        ({}, "squared", None, ["exponential or logistic loss"]),
        ({"activation": "relu"}, "logistic", None, ["leaky ReLU or linear activation"]),
        ({"activation": "power:2"}, "logistic", None, ["leaky ReLU or linear activation"]),
        ({}, "logistic", [1.0, -1.0, -1.0], ["separable data"]),
        ({"feedback": [np.array([[-0.01], [-1.0]])]}, "logistic", None, ["aligned start"]),
        ({"activation": "linear", "feedback": [np.array([[-0.01], [-1.0]])]}, "logistic", None, []),
        ({"weights": [np.zeros((2, 2)), np.zeros((1, 2))]}, "logistic", None, ["aligned start"]),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(change, loss, flip, names):
    samples = X if flip is None else np.array([[1.0, 0.0], [0.0, -1.0], [1.0, 0.0]])
    problem = Problem(samples, Y if flip is None else flip, loss)
    bound = separable_decay(two_neurons("leaky_relu:0.5", change), problem)
    assert failing(bound) == names
    assert all(each.holds is False and each.margin <= 0 for each in bound.failed)


def test_depth_and_outputs_are_named():
    W = np.array([[0.1]])
    deep = Network([W, W + 1, W + 1], "linear", [W + 0.9, W + 0.9])
    assert failing(separable_decay(deep, Problem([[1.0]], [1.0], "logistic"))) == ["two layers"]
    wide = Network([W, np.array([[1.0], [1.0]])], "linear", [np.array([[1.0, 1.0]])])
    labels = [[1.0, 0.0]]
    assert "scalar output" in failing(separable_decay(wide, Problem([[1.0]], labels, "cross_entropy")))


def test_labels_zero_and_one_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"map 0/1 labels with Y = 2 \* Y - 1"):
        Problem([[1.0], [2.0]], [0.0, 1.0], "logistic")


def test_inseparable_data_come_with_a_certificate():
    # y = (+, -, +) at x = 1, 2, 3 on a line: (1, -2, 3) has both signs
    problem = Problem([[1.0], [2.0], [3.0]], [1.0, -1.0, 1.0], "logistic")
    network = Network([[[0.1]], [[1.0]]], "linear", [[[1.0]]])
    bound = separable_decay(network, problem)
    (failure,) = bound.failed
    assert failure.holds is False
    assert failure.margin < 0
    assert "convex combination" in failure.detail
    # checked by its definition: non-negative weights of sum one that annihilate y_j x_j
    dual = max_margin(problem.X, problem.Y).dual
    assert np.all(dual >= 0)
    np.testing.assert_allclose(dual.sum(), 1.0, rtol=1e-12)
    np.testing.assert_allclose(dual @ (problem.X * problem.Y), 0.0, atol=1e-12)
    verdict = assess_bound(bound, run(network, problem, 1.0))
    assert verdict.verdict == "not_applicable"
    assert "separable data" in verdict.detail


def test_separable_bound_would_be_broken_on_inseparable_data():
    # THEORY, section D: contradictory labels at one point; L >= log 2, but the formula with gamma = 1 goes to zero
    problem = Problem([[1.0], [1.0]], [1.0, -1.0], "logistic")
    network = Network([[[0.1]], [[1.0]]], "linear", [[[1.0]]])
    assert failing(separable_decay(network, problem)) == ["separable data"]
    naive = separable_decay(network, Problem([[1.0], [1.0]], [1.0, 1.0], "logistic"))
    trajectory = run(network, problem, time=20.0)
    assert trajectory.loss[-1] >= np.log(2) * (1 - 1e-9)
    assert assess_bound(naive, trajectory).verdict == "refuted"


@pytest.mark.parametrize(
    ("lower", "upper", "holds"),
    [
        (2e-9, 2.1e-9, True),
        (1e-9, 1.1e-9, True),
        (0.9e-9, 1e-9, None),  # a direction separates, by less than floating point can vouch for
        (0.0, 1e-12, False),  # certified: no margin above 1e-12
        (0.0, 1e-3, None),  # neither a direction nor a certificate
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_margins_below_a_billionth_are_not_decided(lower, upper, holds, scale):
    assumption = separable_data(Margin(np.ones(1), lower * scale, upper * scale, np.ones(1), scale))
    assert assumption.holds is holds
    assert (assumption.margin > 0) is (holds is True)


def test_tiny_margins_of_real_data_are_undecided():
    angle = 1e-10
    X = np.array([[1.0, angle], [-1.0, angle]])
    bound = separable_decay(two_neurons("leaky_relu:0.5"), Problem(X, [1.0, 1.0], "logistic"))
    (failure,) = bound.failed
    assert failure.name == "separable data"
    assert failure.holds is None


def test_a_loss_above_a_tight_bound_by_a_millionth_is_refuted():
    network, problem = aligned(3, 2, 2), separable(3, 3, 2, "exponential")
    bound, trajectory = separable_decay(network, problem), run(network, problem, 1.0)
    tight = replace(trajectory, loss=bound(trajectory.t))
    for loss, verdict in ((1 + 1e-6, "refuted"), (1.0, "undecided"), (1 - 1e-6, "holds")):
        changed = replace(tight, loss=tight.loss * loss, error=np.full(len(tight.t), 1e-12))
        assert assess_bound(bound, changed).verdict == verdict


@pytest.mark.parametrize("copies", [1, 5])
def test_duplicated_samples_and_one_neuron(copies):
    # by hand: one point x = 2, y = 1, w = 0.5, B = v = 1: s = 7/8, gamma = 2
    problem = Problem([[2.0]] * copies, [1.0] * copies, "exponential")
    bound = separable_decay(Network([[[0.5]], [[1.0]]], "leaky_relu:0.5", [[[1.0]]]), problem)
    rho, start = 0.25 * 4 * 7 / 8, np.exp(-1.0)
    np.testing.assert_allclose(bound([3.0]), start / (1 + rho * start * 3.0), rtol=1e-12)
