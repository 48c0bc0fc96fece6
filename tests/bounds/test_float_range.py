"""Numbers at the ends of the range of floats, and ranks within rounding: said to be undecided, never guessed."""

import numpy as np
import pytest

import fa_theory as ft
from fa_theory.bounds import all_bounds, exponential_decay, multi_output_decay, multi_output_decay_projection
from fa_theory.verification.identities import assess_neuron_identity


@pytest.mark.parametrize("activation", ["linear", "leaky_relu:0.2"])
@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e145])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_extreme_data_give_no_warning_and_no_number_that_is_none(activation, scale, loss):
    problem = ft.Problem(scale * np.array([[1.0, 0.5], [-0.25, 1.0]]), [1.0, -1.0], loss)
    network = ft.initialise("aligned", (2, 3, 1), activation, seed=1)
    for bound in all_bounds(network, problem):
        assert not any(np.isnan(each.margin) for each in bound.assumptions)
        if bound.applicable:
            assert np.all(bound([0.0, 1.0]) >= 0)  # fails for NaN


def test_what_overflows_is_undecided():
    problem = ft.Problem([[1e150, 1e-150], [-1e150, 1e-150]], [1.0, -1.0])
    network = ft.initialise("aligned", (2, 3, 1), seed=1)
    bound = next(each for each in all_bounds(network, problem) if each.id == "gd-decay")
    assert bound.undecided
    assert bound.method == "gd"
    assert bound.failed[0].name == "numbers within the range of floats"


def test_ordinary_numbers_are_within_the_range():
    problem = ft.Problem([[1.0, 0.5], [-0.25, 1.0]], [1.0, -1.0])
    network = ft.initialise("aligned", (2, 3, 1), seed=1)
    names = {each.name for bound in all_bounds(network, problem) for each in bound.assumptions}
    assert "numbers within the range of floats" not in names


@pytest.mark.parametrize(
    ("last", "holds"), [(3.0 + 4e-16, None), (3.0, False), (3.0 + 1e-12, True)], ids=["rounding", "equal", "apart"]
)
def test_dependence_of_samples_is_not_guessed(last, holds):
    problem = ft.Problem([[1.0, 2.0, 3.0], [1.0, 2.0, last]], [1.0, -1.0])
    bound = exponential_decay(ft.initialise("aligned", (3, 3, 1), "leaky_relu:0.2", seed=1), problem)
    judged = {each.name: each.holds for each in bound.assumptions}
    assert judged["linearly independent samples"] is holds


@pytest.mark.parametrize(("small", "holds"), [(2.3e-16, None), (0.0, False), (1e-9, True)])
@pytest.mark.parametrize("calculate", [multi_output_decay, multi_output_decay_projection])
def test_the_rank_of_feedback_is_not_guessed(small, holds, calculate):
    B = np.array([[1.0, 1.0], [0.0, small], [0.0, 0.0]])
    network = ft.Network([np.eye(3) / 10, np.array([[3.0, 0, 0], [0, 3.0, 0]])], "linear", [B])
    problem = ft.Problem(np.eye(3), np.ones((3, 2)))
    bound = calculate(network, problem)
    judged = {each.name: each.holds for each in bound.assumptions}
    assert judged["B of full column rank"] is holds
    assert bound.undecided is (holds is None) or holds is True


def test_the_alignment_matrix_of_a_wide_layer_is_not_formed():
    network = ft.initialise("aligned", (2, 100_000, 1), seed=1)
    problem = ft.Problem([[1.0, 0.5], [-0.25, 1.0]], [1.0, -1.0])
    assert multi_output_decay(network, problem).applicable  # C would take 80 GB


def test_a_hundred_thousand_samples_are_no_square_matrix():
    X = np.random.default_rng(0).standard_normal((100_000, 2))
    bounds = all_bounds(ft.initialise("aligned", (2, 3, 1), seed=1), ft.Problem(X, X @ [1.0, -2.0]))
    patterns = next(each for each in bounds if each.id == "exponential-decay-patterns")  # X X^T would take 80 GB
    assert patterns.applicable
    assert 0 < patterns.rate < np.inf


def test_an_identity_of_subnormal_numbers_is_not_refuted():
    # found by the counterexample search: after this step the loss is 3e-313, and its derivative has few digits
    X = [[0.89873999, 0.07170204], [0.64819516, 0.89323367], [0.66772939, -0.21698]]
    W, V = np.array([[0.96297422, -0.89785447], [1.26854329, 1.26003858]]), np.array([[0.35655149, 0.93802298]])
    biases = [np.array([-1.35396859, 0.9365588]), np.array([1.6064585])]
    rule = ft.model.AdaptiveFeedback(0.5, np.array([[1.59648472], [-1.89161831]]), V)
    network = ft.Network([W, V], "leaky_relu:0.5", [rule], biases)
    problem = ft.Problem(X, [-1.0, -1.0, -1.0], "exponential")
    run = ft.simulate(network, problem, method="gd", steps=1, step_size=0.27849564281856004)
    assert 0 < run.loss[-1] < np.finfo(float).smallest_normal
    assert assess_neuron_identity(run).verdict == "holds"


@pytest.mark.parametrize(
    ("X", "W", "words"),
    [([[1e300, 2.0]], [[1e-300, 0.0]], "X must have entries whose"), ([[1.0, 0.0]], [[1e160, 0.0]], "outputs")],
)
def test_data_and_outputs_whose_squares_overflow_are_refused(X, W, words):
    network = ft.Network([W, [[1e140]] if words == "outputs" else [[1.0]]], "linear", [[[1.0]]])
    with pytest.raises(ValueError, match=words):
        ft.simulate(network, ft.Problem(X, [1.0], "logistic"), time=1.0)


def test_a_matrix_that_is_too_wide_to_compare_is_not_compared():
    network = ft.initialise("aligned", (1, 1001, 1), seed=1)
    run = ft.simulate(network, ft.Problem([[1.0]], [1.0]), time=1e-3, points=2)
    verdict = ft.verification.assess_matrix_law(run)
    assert verdict.verdict == "not_applicable"
    assert "1001 neurons" in verdict.detail
