"""Bounds on runs of users' own rules, against the package's own runs, closed forms, and wrong bounds."""

# ruff: noqa: ARG005 - a rule is called with all that rules are called with, used or not
import numpy as np
import pytest
from hypothesis import given, settings
from own_rules import feedback_alignment, gated, hurried, pasted, small

import fa_theory as ft
from fa_theory.testing import UndecidedError, assert_bound, starts_for
from fa_theory.testing.runs import ACCURACIES, flow_losses, step_losses
from fa_theory.testing.user_rule import UserRule

few = settings(max_examples=4, deadline=None)


def failure(*arguments, **options):
    with pytest.raises(AssertionError) as caught:
        assert_bound(*arguments, **options)
    return caught.value


@few
@given(starts_for("exponential-decay").filter(lambda drawn: drawn[0].activation.is_linear))
def test_exponential_decay(drawn):
    assert_bound(feedback_alignment, "exponential-decay", *drawn, points=5)


@few
@given(starts_for("separable-decay"))
def test_separable_decay(drawn):
    assert_bound(gated(float(drawn[0].activation.slope)), "separable-decay", *drawn, points=5)


@few
@given(starts_for("gd-decay"))
def test_gradient_descent(drawn):
    assert_bound(feedback_alignment, "gd-decay", *drawn)


def one_neuron():
    """Return w = 0, v = b = 1 and x = y = 1, so that f = w v."""
    return ft.Network([[[0.0]], [[1.0]]], "linear", [[[1.0]]]), ft.Problem([[1.0]], [1.0])


def test_a_slow_rule_breaks_the_bound_and_says_where():
    network, problem = small()

    def slow(weights, X, e, feedback):
        return [0.05 * F for F in feedback_alignment(weights, X, e, feedback)]

    assert_bound(feedback_alignment, "exponential-decay", network, problem)
    error = failure(slow, "exponential-decay", network, problem)
    bound = ft.bounds.exponential_decay(network, problem)
    assert "slow breaks exponential-decay: at t = 0.1, loss" in str(error)
    assert f"predicted: loss <= {bound([0.1])[0]:.6g}" in str(error)
    assert "twice the disagreement of runs of" in str(error)
    assert str(pasted(error, slow=slow)) == str(error)


def test_the_loss_is_that_of_the_flow():
    network, problem = small()
    times = np.linspace(0, 1, 6)
    losses = flow_losses(UserRule(feedback_alignment), network, problem, times, lambda losses: False)
    run = ft.simulate(network, problem, time=1.0, points=6)
    assert (abs(losses.loss - run.loss) <= losses.error + run.error).all()
    assert losses.error.max() <= 1e-6 * run.loss[0]


def test_a_bound_as_tight_as_the_loss_itself_is_kept():
    network, problem = small()
    run = ft.simulate(network, problem, time=1.0, points=11)
    above = run.loss + run.error
    assert_bound(feedback_alignment, lambda t: np.interp(t, run.t, above), network, problem)
    error = failure(feedback_alignment, lambda t: np.interp(t, run.t, run.loss) * (1 - 1e-5), network, problem)
    assert "at t = 0, loss" in str(error)


@pytest.mark.parametrize("target", [1.0, -1.0])
def test_an_attracting_kink_costs_accuracy_and_says_so(target):
    network = ft.Network([[[1.0], [-0.5]], [[1.0, 1.0]]], "leaky_relu:0.2", [[[1.0], [0.5]]])
    problem = ft.Problem([[1.0], [-1.0]], [target, 1.5])
    run = ft.simulate(network, problem, time=4.0, points=9)
    losses = flow_losses(UserRule(gated(0.2)), network, problem, run.t, lambda losses: False)
    assert (abs(losses.loss - run.loss) <= losses.error + run.error).all()
    assert losses.error.max() < 0.01 * losses.loss[0]


def test_steps_are_those_of_gradient_descent():
    network, problem = small()
    losses = step_losses(UserRule(feedback_alignment), network, problem, np.arange(0, 21, 5), 0.05)
    run = ft.simulate(network, problem, method="gd", steps=20, step_size=0.05, points=5)
    assert np.allclose(losses.loss, run.loss, rtol=1e-12, atol=0)
    assert_bound(
        feedback_alignment, lambda t: losses.loss[0] * np.ones_like(t), network, problem, steps=20, step_size=0.05
    )
    error = failure(feedback_alignment, lambda t: 0 * t, network, problem, steps=20, step_size=0.05)
    assert "steps=20, step_size=0.05" in str(error)
    assert "rounding in every step" in str(error)


def test_a_run_that_diverges_breaks_every_bound():
    error = failure(feedback_alignment, lambda t: 1e9 + 0 * t, *small(), steps=200, step_size=50.0)
    assert "loss inf > 1e+09" in str(error)


def test_an_excess_loss_is_compared_as_such():
    network = ft.Network([[[0.5]], [[2.0]]], "linear", [[[1.0]]])
    problem = ft.Problem([[1.0], [1.0]], [1.0, -0.5])
    assert_bound(feedback_alignment, "exponential-decay", network, problem)
    error = failure(lambda weights, X, e: [0 * W for W in weights], "exponential-decay", network, problem)
    assert "excess loss" in str(error)
    assert "over the floor 0.28125" in str(error)


def test_a_run_that_cannot_be_followed_is_undecided(monkeypatch):
    monkeypatch.setattr("fa_theory.testing.runs.ACCURACIES", ACCURACIES[:2])

    def explosive(weights, X, e, feedback):
        return [1e3 * (1 + W**2) for W in weights]

    with pytest.raises(UndecidedError, match=r"undecided: at t = 0.5 the loss of explosive is inf, give or take inf"):
        assert_bound(explosive, lambda t: 1.0 + 0 * t, *one_neuron(), points=3)


def test_a_bound_that_is_computed_already():
    network, problem = small()
    assert_bound(feedback_alignment, ft.bounds.exponential_decay(network, problem), network, problem)


def test_assumptions_that_fail_are_named():
    network, problem = small()
    with pytest.raises(ValueError, match="exponential-decay does not apply: squared loss"):
        assert_bound(feedback_alignment, "exponential-decay", network, ft.Problem(problem.X, [1.0, -1.0], "logistic"))
    with pytest.raises(ValueError, match="gd-decay does not apply"):
        assert_bound(feedback_alignment, "gd-decay", network, ft.Problem(problem.X, [1.0, -1.0], "logistic"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bound": "no-bound"}, "bound must be one of descent, exponential-decay"),
        ({"bound": 3}, "bound must be a statement's id, a Bound or a function, got int"),
        ({"points": 1}, "points must be a whole number >= 2, got 1"),
        ({"time": 0.0}, "time must be a positive finite number, got 0"),
        ({"time": 1.0, "steps": 3}, "not both"),
        ({"steps": 3, "step_size": 0.1}, "exponential-decay is about the flow"),
        ({"bound": abs, "steps": 3}, "step_size must be a positive finite number, got None"),
        ({"bound": abs, "steps": 0, "step_size": 0.1}, "steps must be a whole number >= 1, got 0"),
        ({"bound": lambda t: t[:2]}, r"one value for each of 11 times, got shape \(2,\)"),
        ({"bound": lambda t: t * np.nan}, "must not return NaN"),
    ],
)
def test_arguments(change, message):
    network, problem = small()
    arguments = {"bound": "exponential-decay", "network": network, "problem": problem} | change
    with pytest.raises((TypeError, ValueError), match=message):
        assert_bound(hurried, **arguments)
