"""What strategies draw shrinks to what can be read: few numbers, whole ones or halves, and code of some lines."""

# ruff: noqa: ARG005 - a condition that everything meets
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample

from fa_theory.dynamics import forward
from fa_theory.model import AdaptiveFeedback
from fa_theory.statements import STATEMENTS
from fa_theory.testing import (
    aligned_instances,
    entries,
    feedback,
    instances,
    networks,
    problems,
    starts_for,
    state_files,
)
from fa_theory.testing.instance_code import instance_code
from fa_theory.testing.user_rule import UserRule

pytestmark = pytest.mark.no_cover  # shrinking is slow when traced; what draws is traced where it is used

# not the phase that explains: it would make find return a variation of what it found
quick = settings(
    max_examples=100, derandomize=True, database=None, deadline=None, phases=[Phase.generate, Phase.shrink]
)


def smallest(strategy, condition):
    return find(strategy, condition, settings=quick)


def numbers_of(network, problem):
    shown = [*network.weights, *(b for b in network.biases if b is not None), *network.matrices(), problem.X, problem.Y]
    return np.concatenate([np.ravel(array) for array in shown])


def require_readable(network, problem, most=10):
    """Assert that an instance has few numbers, halves of small integers at most, and short code."""
    numbers = numbers_of(network, problem)
    assert len(numbers) <= most, numbers
    assert all(each == round(2 * each) / 2 for each in numbers), numbers
    assert max(abs(numbers)) <= 2, numbers
    code = instance_code(UserRule(lambda weights, X, e: None), network, problem, "call()")
    assert len(code.splitlines()) <= 13
    assert max(map(len, code.splitlines())) <= 120


@pytest.mark.parametrize("statement", STATEMENTS)
def test_starts_of_every_statement(statement):
    network, problem = smallest(starts_for(statement), lambda drawn: max(drawn[0].widths[1:-1]) >= 2)
    assert (network.widths, problem.n_samples) == ((1, 2, 1), 1)
    require_readable(network, problem)


@pytest.mark.parametrize("loss", ["squared", "logistic", "exponential"])
def test_a_loss_that_is_large(loss):
    def large(drawn):
        network, problem = drawn
        return problem.loss.mean(forward(network, problem.X).output, problem.Y) > 1

    network, problem = smallest(aligned_instances(loss=loss), large)
    assert (network.widths, problem.n_samples) == ((1, 1, 1), 1)
    require_readable(network, problem)


@pytest.mark.parametrize("strategy", [instances(), aligned_instances()])
def test_adaptive_feedback(strategy):
    network, problem = smallest(strategy, lambda drawn: isinstance(drawn[0].feedback[0], AdaptiveFeedback))
    assert (network.widths, problem.n_samples) == ((1, 1, 1), 1)
    require_readable(network, problem)


def test_several_outputs_of_aligned_starts():
    network, problem = smallest(starts_for("multi-output-decay"), lambda drawn: drawn[0].widths[-1] == 2)
    assert network.widths == (1, 2, 2)
    require_readable(network, problem, most=13)
    assert network.weights[1].tolist() == network.matrices()[0].tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("exact", [False, True])
def test_networks_of_one_more_layer(exact):
    network = smallest(networks(exact=exact), lambda drawn: drawn.depth == 3 and drawn.weights[1].any())
    assert network.widths == (1, 1, 1, 1)
    assert [float(W[0, 0]) for W in network.weights] == [0.0, 1.0, 0.0]
    assert (network.rule_name, network.activation.is_linear, network.biases[0]) == ("fa", True, None)


def test_networks_with_biases():
    network = smallest(networks(), lambda drawn: drawn.biases[0] is not None and drawn.biases[0].any())
    assert network.widths[:2] == (1, 1)
    assert network.depth <= 3
    assert sorted(np.concatenate(network.biases)) == [*[0.0] * (network.depth - 1), 1.0]


@pytest.mark.parametrize("loss", ["squared", "logistic", "exponential", "cross_entropy"])
def test_problems_with_two_samples_and_an_input_of_some_size(loss):
    problem = smallest(problems(loss=loss), lambda drawn: drawn.n_samples == 2 and drawn.X.max() > 1)
    assert problem.X.tolist() in ([[0.0], [2.0]], [[2.0], [0.0]])
    assert set(problem.Y.ravel()) <= {0.0, 1.0}


@pytest.mark.parametrize("rule", ["fa", "adafa:2", "dfa"])
def test_feedback(rule):
    weights = [np.ones((2, 1)), np.ones((2, 2)), np.ones((1, 2))]
    drawn = smallest(feedback(weights, rule=rule), lambda rules: rules[0].matrix(weights[1]).min() < 0)
    first = drawn[0].matrix(weights[1])
    assert sorted(first.ravel()) == [-1.0, *[0.0] * (first.size - 1)]
    assert not drawn[1].matrix(weights[2]).any()


def test_state_files():
    file = smallest(state_files(), lambda file: max(file.network.widths) >= 2)
    assert (file.network.depth, file.problem.n_samples) == (2, 1)
    assert sorted(file.network.widths) == [1, 1, 2]
    assert not numbers_of(file.network, file.problem).any()
    broken = smallest(state_files(valid=False), lambda file: "NaN" in file.broken)
    assert (broken.network.widths, broken.broken) == ((1, 1, 1), "W1 holds NaN")


@pytest.mark.parametrize("exact", [False, True])
def test_numbers_are_whole_before_they_are_parts(exact):
    assert smallest(entries(exact=exact), lambda number: number > 0) == 1
    assert smallest(entries(exact=exact), lambda number: number < 0) == -1
    assert smallest(entries(exact=exact, nonzero=True), lambda number: True) == 1
    assert smallest(entries(exact=exact, nonzero=True), lambda number: number < 0) == -1
    assert Fraction(smallest(entries(exact=exact), lambda number: number > 1)).denominator <= 5


def test_all_numbers_are_drawn():
    for k in range(-8, 9):
        assert smallest(entries(1), lambda number: number == k / 8) == k / 8  # noqa: B023 - called at once
    with pytest.raises(NoSuchExample):
        smallest(entries(nonzero=True), lambda number: number == 0 or abs(number) > 2)


@pytest.mark.parametrize("bound", [0, 1.5, 1001])
def test_the_size_of_numbers_is_checked(bound):
    with pytest.raises(ValueError, match=f"bound must be a whole number from 1 to 1000, got {bound}"):
        entries(bound)
