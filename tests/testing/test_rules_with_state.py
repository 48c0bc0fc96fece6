"""A rule is a function of its arguments: one that depends on chance or on earlier calls is refused."""

import random
from fractions import Fraction
from functools import partial
from itertools import count

import numpy as np
import pytest
from own_rules import every, feedback_alignment, rational, small

import fa_theory as ft
from fa_theory.testing import assert_conserved, assert_drift_identity
from fa_theory.testing.user_rule import name_of


@every
def test_a_rule_that_uses_chance_is_refused(assertion):
    chance = random.Random(0)

    def noisy(weights, X, e, feedback):
        first, second = feedback_alignment(weights, X, e, feedback)
        return [first * chance.uniform(0.5, 1.5), second]

    with pytest.raises(ValueError, match="noisy must return the same updates whenever it is given the same arrays"):
        assertion(noisy)


@every
def test_a_rule_that_remembers_is_refused(assertion):
    calls = count()

    def momentum(weights, X, e, feedback):
        return [F * (1 + next(calls) // 2) for F in feedback_alignment(weights, X, e, feedback)]

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
        return [
            rate * np.asarray(F) for rate, F in zip(rates, feedback_alignment(weights, X, e, feedback), strict=True)
        ]

    with pytest.raises(ValueError, match="decayed must return the same updates whenever it is given the same arrays"):
        assertion(decayed)


def test_names():
    assert name_of(feedback_alignment, "rule") == "feedback_alignment"
    assert name_of(Adam(), "rule") == "Adam"
    assert name_of(lambda: 0, "rule") == name_of(partial(feedback_alignment), "rule") == "rule"


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
        return [F * (1 + 1e-16 * chance.random()) for F in feedback_alignment(weights, X, e, feedback)]

    assert_conserved(threaded, "neuron-law", network, problem)
