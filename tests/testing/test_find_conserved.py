"""What users' own rules conserve: both searches against each other, the theory's counts, and wrong rules."""

# ruff: noqa: ARG005 - a rule is called with all that rules are called with, used or not
import numpy as np
import pytest
from own_rules import feedback_alignment, forgetful, hurried, small, with_biases

from fa_theory.symbolic import discover
from fa_theory.testing import ConservedQuantity, assert_conserved, find_conserved


def in_floats(rule):
    """Return a rule that symbols cannot run through."""

    def of_floats(weights, X, e, feedback):
        return rule([np.asarray(W, dtype=float) for W in weights], X, e, feedback)

    return of_floats


def relu(weights, X, e, feedback):
    W, B = weights[0], feedback[0]
    z = X @ W.T
    return [-((e @ B.T) * (z > 0)).T @ X / len(X), -e.T @ np.maximum(z, 0) / len(X)]


@pytest.mark.parametrize(("shape", "count"), [((2, 2, 1), 4), ((3, 2, 1), 7), ((2, 2, 2), 3)])
def test_both_searches_count_what_law_completeness_says(shape, count):
    n, d, m = shape
    exact = find_conserved(feedback_alignment, (d, n, m))
    sampled = find_conserved(in_floats(feedback_alignment), (d, n, m))
    assert (exact.evidence, exact.complete, len(exact)) == ("exact", True, count)
    assert (sampled.evidence, sampled.complete, len(sampled)) == ("float-checked", None, count)
    assert sampled.dimension == exact.dimension
    assert sampled.gap > 1e6


def test_gates_leave_one_law_for_each_neuron():
    found = find_conserved(relu, (2, 2, 1), feedback=[[[1.0], [3.0]]])
    assert found.evidence == "float-checked"
    assert str(found) == "W1[0, 0]**2 + W1[0, 1]**2 - 2 * W2[0, 0]\nW1[1, 0]**2 + W1[1, 1]**2 - 6 * W2[0, 1]"
    assert len(found) == discover("fa", (2, 2, 1), activation="relu", patterns="all").count


def test_a_rule_that_keeps_nothing():
    found = find_conserved(forgetful, (1, 1, 1))
    assert (len(found), found.evidence) == (0, "exact")
    assert str(found) == "nothing of degree at most 2"
    sampled = find_conserved(in_floats(forgetful), (1, 1, 1))
    assert (len(sampled), sampled.dimension, sampled.evidence) == (0, 0, "float-checked")


def test_a_rule_that_moves_nothing_keeps_all():
    still = in_floats(lambda weights, X, e, feedback: [0 * W for W in weights])
    found = find_conserved(still, (1, 1, 1), degree=1)
    assert [str(each) for each in found.quantities] == ["W1[0, 0]", "W2[0, 0]"]


def test_the_hurried_rule_keeps_its_own_law():
    found = find_conserved(hurried, (1, 1, 1), feedback=[[[1.0]]])
    assert [str(each) for each in found.quantities] == ["W1[0, 0]**2 - 4 * W2[0, 0]"]
    network, problem = small()
    wide = find_conserved(hurried, (2, 2, 1), feedback=network.matrices())
    assert len(wide) == 4
    for quantity in wide.quantities:
        assert_conserved(hurried, quantity, network, problem)
    with pytest.raises(AssertionError, match="does not conserve quantity"):
        assert_conserved(feedback_alignment, wide.quantities[-1], network, problem)


@pytest.mark.parametrize("symbols", [True, False])
def test_biases(symbols):
    def blind(weights, X, e, biases, feedback):
        return with_biases([np.asarray(W, dtype=float) for W in weights], X, e, feedback, biases)

    found = find_conserved(with_biases if symbols else blind, (1, 2, 1), feedback=[[[1.0], [2.0]]], biases=True)
    assert found.evidence == ("exact" if symbols else "float-checked")
    assert {each.degree for each in found.quantities} == {1, 2}
    quantity = ConservedQuantity("b1[0] - b2[0]", 1)
    assert quantity([], [np.array([3.0]), np.array([1.0])]) == 2.0
    assert sum("b1[0]" in str(each) for each in found.quantities) >= 1


def test_a_rule_that_mixes_samples_is_not_taken_for_one_that_does_not():
    def pooled(weights, X, e, feedback):
        """FA that drops the first layer's update where there are several samples."""
        first, second = feedback_alignment(weights, X, e, feedback)
        return [first * (X.shape[0] == 1) + (X.shape[0] > 1) * first**2, second]

    assert len(find_conserved(feedback_alignment, (1, 1, 1))) == 1
    found = find_conserved(pooled, (1, 1, 1))
    assert (len(found), found.evidence) == (0, "float-checked")


def test_a_rank_that_noise_hides_is_refused():
    def noisy(weights, X, e, feedback):
        return [np.asarray(F, dtype=float) * (1 + 1e-10 * np.sin(1e6 * X[0, 0])) for F in relu(weights, X, e, feedback)]

    def torn(weights, X, e, feedback):
        first, second = relu(weights, X, e, feedback)
        return [first * (1 + 1e-10 * np.sin(1e3 * X[0, 0])), second]

    assert len(find_conserved(noisy, (1, 1, 1))) == 1  # a speed of its own changes no law
    with pytest.raises(ArithmeticError, match="the rank cannot be told"):
        find_conserved(torn, (1, 1, 1))


def test_updates_that_are_not_finite_are_refused():
    infinite = in_floats(lambda weights, X, e, feedback: [W / 0.0 for W in weights])
    with np.errstate(divide="ignore"), pytest.raises(ArithmeticError, match="not finite"):
        find_conserved(infinite, (1, 1, 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": (1, 1)}, "at least three whole numbers"),
        ({"widths": (1, 0, 1)}, "at least three whole numbers"),
        ({"degree": 0}, "degree must be a whole number >= 1, got 0"),
        ({"widths": (10, 10, 1)}, "more than 1500; take smaller widths"),
        ({"feedback": [[[1.0, 2.0]]]}, "B2 must have shape"),
    ],
)
def test_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        find_conserved(feedback_alignment, **{"widths": (2, 2, 1)} | change)
