"""One step of users' own rules: equality over the rationals, rounding in floats, and rules that break it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from own_rules import feedback_alignment, gated, hurried, pasted, small, with_biases

import fa_theory as ft
from fa_theory.testing import assert_drift_identity, instances

few = settings(max_examples=8, deadline=None)


def failure(*arguments, **options):
    with pytest.raises(AssertionError) as caught:
        assert_drift_identity(*arguments, **options)
    return caught.value


@few
@given(instances(activation="linear", biases=False, exact=True).filter(lambda drawn: drawn[0].rule_name != "dfa"))
def test_exactly(drawn):
    assert_drift_identity(feedback_alignment, *drawn, step_size=Fraction(1, 3))


@few
@given(instances(activation="linear", biases=False).filter(lambda drawn: drawn[0].rule_name != "dfa"))
def test_in_floats(drawn):
    assert_drift_identity(feedback_alignment, *drawn, step_size=10.0)


@few
@given(instances(activation="linear", depth=2, biases=True))
def test_with_biases(drawn):
    assert_drift_identity(with_biases, *drawn)


def test_gates():
    assert_drift_identity(gated(0.5), *small(activation="leaky_relu:0.5"))
    failure(gated(0.2), *small(activation="power:2"))  # degree two asks for twice the outgoing part


def test_a_wrong_rule_is_told_both_sides():
    network, problem = small()
    error = failure(hurried, network, problem, step_size=0.5)
    e = problem.X @ network.weights[0].T @ network.weights[1].T - problem.Y
    B = network.matrices()[0]
    first, second = -2 * (e @ B.T).T @ problem.X / 2, -e.T @ problem.X @ network.weights[0].T / 2
    W = network.weights[0]
    observed = np.sum((W + 0.5 * first) ** 2 - W**2, axis=1) / 2 - 0.5 * B[:, 0] * second[0]
    predicted = 0.125 * np.sum(first**2, axis=1)
    assert f"one step of 0.5 changes C of neuron 1 in hidden layer 1 (row 0 of W1) by {observed[0]:.6g}\n" in str(error)
    assert f"predicted: {predicted[0]:.6g}, off by {observed[0] - predicted[0]:.6g}\n" in str(error)
    assert "x rounding 2.2e-16 x terms of size" in str(error)
    assert str(pasted(error, hurried=hurried)) == str(error)


def test_exact_failures_are_exact_code():
    half = Fraction(1, 2)
    W, V, B = [[half]], [[Fraction(2)]], [[Fraction(1, 3)]]
    network = ft.Network([np.array(W, dtype=object), np.array(V, dtype=object)], "linear", [np.array(B, dtype=object)])
    problem = ft.Problem(np.array([[half]], dtype=object), np.array([[2 * half]], dtype=object))
    assert_drift_identity(feedback_alignment, network, problem, step_size=half)
    error = failure(hurried, network, problem, step_size=0.5)
    assert "tolerance: 0 = exact" in str(error)
    assert "Fraction(1, 3)" in str(error)
    assert str(pasted(error, hurried=hurried)) == str(error)


@pytest.mark.parametrize(("size", "passes"), [(1e-15, True), (1e-10, False)])
def test_the_tolerance_is_that_of_rounding(size, passes):
    def nearly(weights, X, e, feedback):
        first, second = feedback_alignment(weights, X, e, feedback)
        return [first * (1 + size), second]

    network, problem = small()
    if passes:
        assert_drift_identity(nearly, network, problem)
    else:
        failure(nearly, network, problem)


def test_large_terms_that_cancel_are_no_failure():
    network, _ = small()
    rng = np.random.default_rng(1)
    X = 1e4 + rng.standard_normal((50, 2))
    Y = X @ network.weights[0].T @ network.weights[1].T + 1e-8 * rng.standard_normal((50, 1))
    assert_drift_identity(feedback_alignment, network, ft.Problem(X, Y))
    failure(hurried, network, ft.Problem(X, Y + 1.0))


def test_arguments():
    with pytest.raises(ValueError, match="step_size must be a positive finite number, got 0"):
        assert_drift_identity(feedback_alignment, *small(), step_size=0)
    with pytest.raises(ValueError, match="not homogeneous"):
        assert_drift_identity(feedback_alignment, *small(activation="tanh"))
