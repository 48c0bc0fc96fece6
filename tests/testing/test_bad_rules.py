"""Rules, quantities and bounds that are none: each is refused, or fails, with a sentence that says what is wrong."""

# ruff: noqa: ARG005 - a rule is called with all that rules are called with, used or not
import math
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from own_rules import ASSERTIONS, every, feedback_alignment, pasted, rational, small

import fa_theory as ft
from fa_theory.testing import UndecidedError, assert_bound, assert_conserved, assert_drift_identity, find_conserved
from fa_theory.testing.runs import ACCURACIES


@every
@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda F: None, "must return one update for each of 2 weights, got None; if it changes its arrays in place"),
        (lambda F: dict(enumerate(F)), "must return one update for each of 2 weights, got dict"),
        (lambda F: (each for each in F), "must return one update for each of 2 weights, got generator"),
        (lambda F: [None, F[1]], "the update of W1 must be an array of real numbers, got None"),
        (lambda F: [F[0], 0.0], r"the update of W2 must have shape \(1, 2\), got \(\)"),
        (lambda F: [F[0][:1], F[1]], r"the update of W1 must have shape \(2, 2\), got \(1, 2\)"),
        (lambda F: [[[1.0], [1.0, 2.0]], F[1]], "W1 must be an array of real numbers, got list: setting an array"),
        (lambda F: ["up", "down"], "W1 must be an array of real numbers, got str of dtype <U2"),
        (lambda F: [each * 1j for each in F], "W1 must be an array of real numbers, got ndarray of dtype complex128"),
        (lambda F: [each > 0 for each in F], "W1 must be an array of real numbers, got ndarray of dtype bool"),
        (lambda F: [np.full(each.shape, "x", dtype=object) for each in F], "real numbers, got ndarray of dtype object"),
    ],
)
def test_what_is_no_update(assertion, returned, message):
    with pytest.raises((TypeError, ValueError), match=message):
        assertion(lambda weights, X, e, feedback: returned([np.zeros((2, 2)), np.zeros((1, 2))]))


@every
def test_lists_and_whole_numbers_are_updates(assertion):
    assertion(
        lambda weights, X, e, feedback: [np.asarray(F).tolist() for F in feedback_alignment(weights, X, e, feedback)]
    )
    still = lambda weights, X, e: [np.zeros(W.shape, dtype=np.int32) for W in weights]  # noqa: E731
    if assertion is ASSERTIONS["bound"]:
        with pytest.raises(AssertionError, match="breaks exponential-decay"):
            assertion(still)
    else:
        assertion(still)


@pytest.mark.parametrize("kind", [Fraction, fmpq])
def test_rationals_of_either_library_are_taken(kind):
    for instance in (rational(kind), small()):
        assert_drift_identity(feedback_alignment, *instance, step_size=kind(1, 8))

    def hurried(weights, X, e, feedback):
        first, second = feedback_alignment(weights, X, e, feedback)
        return [2 * first, second]

    with pytest.raises(AssertionError, match=r"hurried breaks bregman-drift: one step of 1/8") as caught:
        assert_drift_identity(hurried, *rational(kind), step_size=kind(1, 8))
    assert str(pasted(caught.value, hurried=hurried)) == str(caught.value)


def turning(at, value):
    """Return FA until W_1[0, 0] has moved so far, and from there on updates times a value."""

    def rule(weights, X, e, feedback):
        beyond = abs(weights[0][0, 0] - 0.5) > at
        return [(value if beyond else 1.0) * F for F in feedback_alignment(weights, X, e, feedback)]

    return rule


def test_a_run_that_meets_updates_that_are_not_finite_says_so(monkeypatch):
    monkeypatch.setattr("fa_theory.testing.runs.ACCURACIES", ACCURACIES[:2])
    assert_conserved(turning(0.01, 1.0), "neuron-law", *small())
    lost = "at t = 0.[0-9]+ the updates of rule are not finite"
    with pytest.raises(UndecidedError, match=rf"rule passes at 1 of 3 times, but its run .* to the others: {lost}"):
        assert_conserved(turning(0.01, np.nan), "neuron-law", *small())
    with pytest.raises(UndecidedError, match=rf"the loss of rule is inf.* cannot be followed further: {lost}"):
        assert_bound(turning(0.01, np.nan), "exponential-decay", *small())
    with pytest.raises(AssertionError, match=f"loss inf > .*\n.*\n.*followed further: {lost}"):
        assert_bound(turning(0.01, np.nan), "gd-decay", *small())


def test_weights_that_run_away_are_looked_at_before():
    def explosive(weights, X, e):
        return [50 * W**3 for W in weights]

    looked = []

    def kept(weights):
        looked.append(weights[1][0, 0])
        return 1 / weights[0] ** 2 - 1 / weights[1][0, 0] ** 2

    # 1 / v^2 falls at the rate 100 from 1/4, so that all is over at t = 1/400; at half of that v = 2 sqrt(2)
    assert_conserved(explosive, kept, *small())
    assert any(abs(v - 8**0.5) < 0.05 for v in looked)
    with pytest.raises(AssertionError, match=r"followed further: at t = [0-9.]+ the weights grow without bound"):
        assert_bound(feedback_alignment, lambda t: 1e9 + 0 * t, *small(), steps=200, step_size=50.0)


@pytest.mark.parametrize(
    "quantity",
    [
        lambda weights: math.log(weights[0][0, 0]),
        lambda weights: np.log(weights[0][0, 0]),
        lambda weights: np.linalg.cholesky(weights[0][:1, :1]),
    ],
    ids=["raises", "is not finite", "raises another error"],
)
def test_a_quantity_need_not_be_defined_everywhere(quantity):
    with pytest.raises(AssertionError, match=r"conserve quantity: at t = 0, quantity.* changes at the"):
        assert_conserved(feedback_alignment, quantity, *small())
    assert_conserved(lambda weights, X, e: [0 * W for W in weights], quantity, *small())


def test_a_quantity_that_is_defined_at_the_start_alone():
    start = small()[0].weights[0][0, 0]

    def brittle(weights):
        return 1.0 if weights[0][0, 0] == start else math.nan

    with pytest.raises(AssertionError, match="at t = 0, the quantity is not finite near this state"):
        assert_conserved(feedback_alignment, brittle, *small())


def test_misspelt_words_are_answered():
    with pytest.raises(ValueError, match=r"quantity must be .* got 'neuron_law'; did you mean 'neuron-law'\?"):
        assert_conserved(feedback_alignment, "neuron_law", *small())
    with pytest.raises(ValueError, match=r"bound must be .* 'separable-decy'; did you mean 'separable-decay'\?"):
        assert_bound(feedback_alignment, "separable-decy", *small())


def test_whole_numbers_may_be_floats():
    with pytest.raises(TypeError, match="degree must be a whole number >= 1, got '2'"):
        find_conserved(feedback_alignment, (1, 1, 1), degree="2")
    found = find_conserved(feedback_alignment, (1, 1, 1), degree=2.0, seed=1.0)
    assert (len(found), found.degree) == (1, 2)


@every
@pytest.mark.parametrize("error", [KeyError("layer"), ZeroDivisionError("lost")])
def test_the_rules_own_errors_are_its_own(assertion, error):
    def broken(weights, X, e, feedback):
        raise error

    with pytest.raises(type(error)) as caught:
        assertion(broken)
    assert caught.value is error


@every
def test_a_rule_may_change_what_it_is_given(assertion):
    def greedy(weights, X, e, feedback):
        updates = feedback_alignment(weights, X, e, feedback)
        for array in (*weights, X, e, *feedback):
            array *= 0
        weights.clear()
        return updates

    assertion(greedy)


@pytest.mark.parametrize("name", ["conserved", "bound", "drift"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_updates_that_are_not_finite(name, value):
    def overflows(weights, X, e):
        return [np.full(W.shape, value) for W in weights]

    with pytest.raises(AssertionError, match="overflows returned updates that are not finite") as caught:
        ASSERTIONS[name](overflows)
    assert str(pasted(caught.value, overflows=overflows)) == str(caught.value)


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (
            lambda weights: 1.0,
            r"must depend on the weights, got \[1\.\] at 5 states alike: every rule conserves a const",
        ),
        (lambda weights, feedback: feedback[0], r"must depend on the weights, got \[ 1\. -2\.\]"),
        (lambda weights: None, "what quantity returns must be an array of real numbers, got None"),
        (lambda weights: "W", "what quantity returns must be an array of real numbers, got str"),
        (lambda weights: weights[0] > 0, "real numbers, got ndarray of dtype bool"),
        (lambda weights: weights[0] * 1j, "real numbers, got ndarray of dtype complex128"),
        (lambda weights: [], "quantity must return at least one number, got none"),
        (lambda weights: np.zeros(0), "quantity must return at least one number, got none"),
        (lambda weights: weights[0][weights[0] > 0], r"the same shapes at every state, got \[\(3,\)\] and \[\(1,\)\]"),
        (lambda weights, rate: 1.0, "quantity must take weights and, .* got the parameter 'rate'"),
        (lambda: 1.0, "quantity must take weights and, .* got 0 parameters"),
    ],
)
def test_what_is_no_quantity(quantity, message):
    with pytest.raises((TypeError, ValueError), match=message):
        assert_conserved(feedback_alignment, quantity, *small())


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        (lambda t: None, "bound must return real numbers, got dtype object"),
        (lambda t: "9", "bound must return real numbers, got dtype <U1"),
        (lambda t: 1j * t, "bound must return real numbers, got dtype complex128"),
        (lambda t: t >= 0, "bound must return real numbers, got dtype bool"),
        (lambda t: np.ones((3, 2)), r"one value for each of 11 times, got shape \(3, 2\)"),
        (lambda t: np.where(t > 0.45, np.nan, 9.0), "bound must not return NaN, got it at t = 0.5"),
        (lambda t: np.inf, "bound must be finite at some time, got inf at all: it says nothing"),
        (lambda t, rate: t, "bound must take times, got the parameter 'rate'"),
    ],
)
def test_what_is_no_bound(bound, message):
    with pytest.raises((TypeError, ValueError), match=message):
        assert_bound(feedback_alignment, bound, *small())


def test_a_bound_may_be_one_number_or_whole_numbers_and_change_its_times():
    def careless(t):
        t *= 0
        return np.full(t.shape, 9)

    for bound in (lambda t: 9, lambda t: [9] * len(t), careless):
        assert_bound(feedback_alignment, bound, *small(), points=3)
    with pytest.raises(AssertionError, match=r"breaks the bound: at t = 0, loss 0\.3125 > 0"):
        assert_bound(feedback_alignment, lambda t: 0, *small(), points=3)


def test_a_loss_that_is_zero_from_the_start_is_decided():
    network, problem = ft.Network([[[0.0]], [[1.0]]], "linear", [[[1.0]]]), ft.Problem([[1.0]], [0.0])
    assert_bound(feedback_alignment, "exponential-decay", network, problem)
    assert_bound(feedback_alignment, "gd-decay", network, problem)
    assert_bound(feedback_alignment, "gd-decay-growth", network, problem)

    def leaves(weights, X, e):
        return [np.ones(W.shape) for W in weights]

    with pytest.raises(AssertionError, match=r"leaves breaks exponential-decay: at t = 0\.1"):
        assert_bound(leaves, "exponential-decay", network, problem)


@every
@pytest.mark.parametrize("xp", ["torch", 3])
def test_what_is_no_library(assertion, xp):
    with pytest.raises(TypeError, match=f"xp must be a module with asarray, such as .* got {xp!r}"):
        assertion(feedback_alignment, xp=xp)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("conserved", {"time": "1"}, "time must be a finite number >= 0, got '1'"),
        ("conserved", {"time": True}, "time must be a finite number >= 0, got True"),
        ("conserved", {"points": 2.5}, "points must be a whole number >= 1, got 2.5"),
        ("bound", {"time": "1"}, "time must be a positive finite number, got '1'"),
        ("bound", {"points": None}, "points must be a whole number >= 2, got None"),
        ("bound", {"step_size": "a"}, "step_size must be a positive finite number, got 'a'"),
        ("drift", {"step_size": 1j}, "step_size must be a positive finite number, got 1j"),
        ("drift", {"step_size": np.array([1.0, 2.0])}, r"step_size must be .* got array\(\[1., 2.\]\)"),
        ("drift", {"step_size": np.inf}, "step_size must be a positive finite number, got inf"),
        ("find", {"seed": -1}, "seed must be a whole number >= 0, got -1"),
        ("find", {"seed": "x"}, "seed must be a whole number >= 0, got 'x'"),
        ("find", {"feedback": 3}, "feedback must be the list of B_2, ..., B_L, got int"),
    ],
)
def test_arguments(name, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ASSERTIONS[name](feedback_alignment, **options)


@pytest.mark.parametrize("widths", [3, ("a", 2, 1), (2, 1), (2.5, 1, 1), None])
def test_widths(widths):
    with pytest.raises((TypeError, ValueError), match=r"widths must be .* at least three whole numbers >= 1, got"):
        find_conserved(feedback_alignment, widths)
