"""Rules, quantities and bounds that are none: each is refused, or fails, with a sentence that says what is wrong."""

# ruff: noqa: ARG005 - a rule is called with all that rules are called with, used or not
import math
import random
from fractions import Fraction
from functools import partial
from itertools import count

import numpy as np
import pytest
from flint import fmpq
from own_rules import feedback_alignment, pasted, small

import fa_theory as ft
from fa_theory.testing import UndecidedError, assert_bound, assert_conserved, assert_drift_identity, find_conserved
from fa_theory.testing.runs import ACCURACIES
from fa_theory.testing.user_rule import name_of

ASSERTIONS = {
    "conserved": lambda rule, **options: assert_conserved(rule, "neuron-law", *small(), **options),
    "bound": lambda rule, **options: assert_bound(rule, "exponential-decay", *small(), **options),
    "drift": lambda rule, **options: assert_drift_identity(rule, *small(), **options),
    "find": lambda rule, **options: find_conserved(rule, (2, 2, 1), degree=1, **options),
}
every = pytest.mark.parametrize("assertion", ASSERTIONS.values(), ids=ASSERTIONS)


def right(weights, X, e, feedback):
    return feedback_alignment(weights, X, e, feedback)


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
    assertion(lambda weights, X, e, feedback: [np.asarray(F).tolist() for F in right(weights, X, e, feedback)])
    still = lambda weights, X, e: [np.zeros(W.shape, dtype=np.int32) for W in weights]  # noqa: E731
    if assertion is ASSERTIONS["bound"]:
        with pytest.raises(AssertionError, match="breaks exponential-decay"):
            assertion(still)
    else:
        assertion(still)


@every
def test_a_rule_that_uses_chance_is_refused(assertion):
    chance = random.Random(0)

    def noisy(weights, X, e, feedback):
        first, second = right(weights, X, e, feedback)
        return [first * chance.uniform(0.5, 1.5), second]

    with pytest.raises(ValueError, match="noisy must return the same updates whenever it is given the same arrays"):
        assertion(noisy)


@every
def test_a_rule_that_remembers_is_refused(assertion):
    calls = count()

    def momentum(weights, X, e, feedback):
        return [F * (1 + next(calls) // 2) for F in right(weights, X, e, feedback)]

    with pytest.raises(
        ValueError, match=r"got .* and then .* in that of W1; it may not depend on chance or on earlier"
    ):
        assertion(momentum)


class Average:
    """FA along a running mean of its updates, which begins at the first: the same until the state moves."""

    def __init__(self):
        self.mean = None

    def __call__(self, weights, X, e, feedback):
        now = feedback_alignment(weights, X, e, feedback)
        before = now if self.mean is None else self.mean
        self.mean = [(each + F) / 2 for each, F in zip(before, now, strict=True)]
        return self.mean


class Adam:
    def __init__(self):
        self.calls, self.first, self.second = 0, [0.0, 0.0], [0.0, 0.0]

    def __call__(self, weights, X, e, feedback):
        now = feedback_alignment(weights, X, e, feedback)
        self.calls += 1
        self.first = [0.9 * m + 0.1 * F for m, F in zip(self.first, now, strict=True)]
        self.second = [0.99 * q + 0.01 * F**2 for q, F in zip(self.second, now, strict=True)]
        m, q = 1 - 0.9**self.calls, 1 - 0.99**self.calls
        return [a / m / (np.sqrt(b / q) + 1e-8) for a, b in zip(self.first, self.second, strict=True)]


@every
@pytest.mark.parametrize("kind", [Average, Adam])
def test_momentum_is_refused_and_named(assertion, kind):
    words = f"^{kind.__name__} must return the same updates .* momentum and other state are not part of one"
    with pytest.raises(ValueError, match=words):
        assertion(kind())


def test_momentum_over_the_rationals_is_refused():
    with pytest.raises(ValueError, match=r"^Average must return the same updates"):
        assert_drift_identity(Average(), *rational(Fraction))


@every
@pytest.mark.parametrize("wrong", [False, True], ids=["passes else", "fails else"])
def test_a_schedule_that_counts_calls_is_refused_at_the_end(assertion, wrong):
    calls = count()

    def decayed(weights, X, e, feedback):
        rates = (1, 2 if wrong else 1) if next(calls) < 8 else (0.1, 0.1)
        return [rate * np.asarray(F) for rate, F in zip(rates, right(weights, X, e, feedback), strict=True)]

    with pytest.raises(ValueError, match="decayed must return the same updates whenever it is given the same arrays"):
        assertion(decayed)


def test_names():
    assert [name_of(each, "rule") for each in (right, Adam(), lambda: 0, partial(right))] == ["right", "Adam"] + [
        "rule"
    ] * 2


def rational(kind):
    """Return an instance over the rationals."""
    arrays = [[[1, 2]], [[3]], [[1]], [[1, -1], [0, 2]], [[1], [2]]]
    W, V, B, X, Y = (np.array([[kind(v, 2) for v in row] for row in each], dtype=object) for each in arrays)
    return ft.Network([W, V], "linear", [B]), ft.Problem(X, Y)


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
    with pytest.raises(AssertionError, match=r"right does not conserve quantity: at t = 0, quantity.* changes at the"):
        assert_conserved(right, quantity, *small())
    assert_conserved(lambda weights, X, e: [0 * W for W in weights], quantity, *small())


def test_a_quantity_that_is_defined_at_the_start_alone():
    start = small()[0].weights[0][0, 0]

    def brittle(weights):
        return 1.0 if weights[0][0, 0] == start else math.nan

    with pytest.raises(AssertionError, match="at t = 0, the quantity is not finite near this state"):
        assert_conserved(right, brittle, *small())


def test_misspelt_words_are_answered():
    with pytest.raises(ValueError, match=r"quantity must be .* got 'neuron_law'; did you mean 'neuron-law'\?"):
        assert_conserved(right, "neuron_law", *small())
    with pytest.raises(ValueError, match=r"bound must be .* 'separable-decy'; did you mean 'separable-decay'\?"):
        assert_bound(right, "separable-decy", *small())


def test_whole_numbers_may_be_floats():
    with pytest.raises(TypeError, match="degree must be a whole number >= 1, got '2'"):
        find_conserved(right, (1, 1, 1), degree="2")
    found = find_conserved(right, (1, 1, 1), degree=2.0, seed=1.0)
    assert (len(found), found.degree) == (1, 2)


def test_so_are_biases_that_are_random():
    chance = random.Random(0)
    network, problem = small()
    biased = ft.Network(network.weights, "linear", network.feedback, [[0.5, 1.0], [0.25]])

    def noisy(weights, X, e, biases):
        return [0 * W for W in weights], [b * chance.random() for b in biases]

    with pytest.raises(ValueError, match="in that of b1"):
        assert_conserved(noisy, "neuron-law", biased, problem)


def test_a_rule_that_differs_by_rounding_alone_is_taken():
    chance = random.Random(0)
    network, problem = small()

    def threaded(weights, X, e, feedback):
        """Like a library whose sums come in another order each time."""
        return [F * (1 + 1e-16 * chance.random()) for F in right(weights, X, e, feedback)]

    assert_conserved(threaded, "neuron-law", network, problem)


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
        updates = right(weights, X, e, feedback)
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
        assertion(right, xp=xp)


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
        ASSERTIONS[name](right, **options)


@pytest.mark.parametrize("widths", [3, ("a", 2, 1), (2, 1), (2.5, 1, 1), None])
def test_widths(widths):
    with pytest.raises((TypeError, ValueError), match=r"widths must be .* at least three whole numbers >= 1, got"):
        find_conserved(right, widths)
