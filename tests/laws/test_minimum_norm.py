"""minimum-norm against pseudo-inverses and null spaces from elsewhere, on runs that converge and runs that do not."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space

import fa_theory as ft
from fa_theory.laws import end_to_end, minimum_norm, predicted_limit
from fa_theory.model import feedback_rules
from fa_theory.verification import assess_minimum_norm


def network_of(seed, widths, rule="fa", bias=False, inside=None):
    """Weights that make the flow fast; `inside`: the rows of W_1 are projected on this row space."""
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((n, m)) / np.sqrt(m) for m, n in pairwise(widths)]
    if inside is not None:
        weights[0] = weights[0] @ np.linalg.pinv(inside) @ inside
    if rule == "dfa":
        feedback = [
            np.linalg.multi_dot([np.eye(widths[-1]), *weights[:layer:-1]]).T for layer in range(len(weights) - 1)
        ]
    else:
        feedback = [W.T for W in weights[1:]]
    biases = [rng.standard_normal(widths[1]), *[None] * (len(weights) - 1)] if bias else None
    return ft.Network(weights, "linear", feedback_rules(rule, weights, feedback), biases)


def few_samples(seed, N=3, d=5, m=1):
    rng = np.random.default_rng([seed, 1])
    X = np.linalg.qr(rng.standard_normal((d, N)))[0].T * rng.uniform(1, 2, (N, 1))
    return ft.Problem(X, rng.standard_normal((N, m)))


def descend(network, problem, steps=1500, eta=0.3):
    return ft.simulate(network, problem, method="gd", steps=steps, step_size=eta, points=41)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.booleans())
def test_the_map_is_that_of_numpys_least_squares(seed, N, d, m, repeated):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((N, d)), rng.standard_normal((N, m))
    if repeated:
        X[-1] = X[0]
    np.testing.assert_allclose(minimum_norm(X, Y), np.linalg.lstsq(X, Y, rcond=1e-12)[0].T, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("rule", ["fa", "dfa", "backprop", "sign-fa", "adafa:0.5"])
@pytest.mark.parametrize("widths", [(5, 8, 1), (5, 6, 6, 2)])
@pytest.mark.parametrize("bias", [False, True])
def test_converged_runs_end_where_predicted(rule, widths, bias):
    problem = few_samples(1, m=widths[-1])
    network = network_of(2, widths, rule, bias)
    trajectory = descend(network, problem, steps=4000, eta=0.1)
    assert trajectory.loss[-1] < 1e-12 * trajectory.loss[0]
    end = trajectory.network_at(-1)
    reached = end_to_end(end)
    columns = np.column_stack([problem.X, np.ones(3)]) if bias else problem.X
    # independently: what the map does on the data, and off them, by a basis of the null space
    np.testing.assert_allclose(reached @ columns.T, problem.Y.T, atol=1e-6)
    off = null_space(columns)
    expected = np.linalg.multi_dot([*end.weights[:0:-1], network.first_layer_weights() @ off])
    np.testing.assert_allclose(reached @ off, expected, atol=1e-10)
    assert np.linalg.norm(expected) > 1e-2
    best = (np.linalg.pinv(columns) @ problem.Y).T
    np.testing.assert_allclose(predicted_limit(network, end, problem), best + expected @ off.T, atol=1e-9)
    verdict = assess_minimum_norm(trajectory)
    assert verdict.verdict == "holds", verdict


@given(st.integers(0, 10**6), st.integers(1, 3))
@settings(max_examples=10)
def test_rows_in_the_row_space_give_the_minimum_norm_interpolant(seed, m):
    problem = few_samples(seed, m=m)
    network = network_of(seed, (5, 8, m), inside=problem.X)
    trajectory = descend(network, problem)
    if trajectory.loss[-1] > 1e-14 * trajectory.loss[0]:
        return  # not every random start learns within the steps
    best = np.linalg.lstsq(problem.X, problem.Y, rcond=None)[0].T
    np.testing.assert_allclose(end_to_end(trajectory.network_at(-1)), best, atol=1e-5)
    verdict = assess_minimum_norm(trajectory)
    assert verdict.verdict == "holds", verdict


def test_inconsistent_labels_end_at_the_least_squares_map():
    rng = np.random.default_rng(3)
    problem = ft.Problem(rng.standard_normal((12, 3)), rng.standard_normal(12))
    trajectory = descend(network_of(4, (3, 6, 1)), problem, steps=3000)
    assert trajectory.loss[-1] > 0.1
    best = np.linalg.lstsq(problem.X, problem.Y, rcond=None)[0].T
    np.testing.assert_allclose(end_to_end(trajectory.network_at(-1)), best, atol=1e-6)
    assert assess_minimum_norm(trajectory).verdict == "holds"


def test_a_flow_is_judged_too():
    problem = few_samples(5)
    trajectory = ft.simulate(network_of(6, (5, 8, 1)), problem, time=60.0, points=41)
    assert assess_minimum_norm(trajectory).verdict == "holds"


def test_a_run_that_has_not_converged_does_not_apply_and_says_how_far_it_is():
    problem = few_samples(5)
    trajectory = descend(network_of(6, (5, 8, 1)), problem, steps=5)
    verdict = assess_minimum_norm(trajectory)
    assert verdict.verdict == "not_applicable"
    assert verdict.detail.startswith("the excess loss has vanished")
    left = 1e-6 - trajectory.loss[-1] / trajectory.loss[0]  # samples are independent: L* = 0
    np.testing.assert_allclose(verdict.margin, left, rtol=1e-9)


def test_weights_that_still_move_have_not_settled():
    problem = few_samples(5)
    trajectory = descend(network_of(6, (5, 8, 1)), problem)
    moving = tuple(
        state._replace(weights=(state.weights[0] + 0.1 * k, state.weights[1]))
        for k, state in enumerate(trajectory.states[:-1])
    )
    verdict = assess_minimum_norm(replace(trajectory, states=(*moving, trajectory.states[-1])))
    assert verdict.verdict == "not_applicable"
    assert verdict.detail.startswith("the weights have settled")


def test_a_start_off_the_row_space_changes_the_limit_by_what_the_formula_says():
    """Negative control: the same end state against a start that differs where the data cannot see."""
    problem = few_samples(5)
    network = network_of(6, (5, 8, 1))
    trajectory = descend(network, problem)
    off = null_space(problem.X)[:, 0]
    shifted = ft.Network([network.weights[0] + 0.01 * off, network.weights[1]], "linear", network.feedback)
    wrong = replace(trajectory, network=shifted, states=(shifted.parameters, *trajectory.states[1:]))
    assert assess_minimum_norm(wrong).verdict == "refuted"
    right = descend(shifted, problem)
    moved = (end_to_end(right.network_at(-1)) - end_to_end(trajectory.network_at(-1))) @ off
    upper = right.states[-1].weights[1], trajectory.states[-1].weights[1]
    predicted = upper[0] @ (shifted.weights[0] @ off) - upper[1] @ (network.weights[0] @ off)
    np.testing.assert_allclose(moved, predicted, atol=1e-10)
    assert abs(predicted[0]) > 1e-4
    assert assess_minimum_norm(right).verdict == "holds"


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_networks_that_are_not_linear_do_not_end_there(activation):
    """From rows in the row space, loss zero; on other inputs the network is not the minimum-norm map."""
    rng = np.random.default_rng(8)
    problem = ft.Problem(rng.standard_normal((3, 5)), 0.5 * rng.standard_normal((3, 1)))
    start = network_of(9, (5, 30, 1), inside=problem.X)
    network = ft.Network(start.weights, activation, start.feedback)
    trajectory = descend(network, problem, steps=4000, eta=0.1)
    assert trajectory.loss[-1] < 1e-8
    new = rng.standard_normal((50, 5))
    from fa_theory.dynamics import forward

    f = forward(trajectory.network_at(-1), new).output
    linear = new @ minimum_norm(problem.X, problem.Y).T
    assert np.max(abs(f - linear)) > 0.1
    verdict = assess_minimum_norm(trajectory)
    assert verdict.verdict == "not_applicable"
    assert "linear activation" in verdict.detail
    with pytest.raises(ValueError, match="activation must be linear"):
        predicted_limit(network, network, problem)


def test_what_it_is_not_about_is_refused():
    problem = few_samples(5)
    network = network_of(6, (5, 8, 1))
    biased = ft.Network(network.weights, "linear", network.feedback, [None, np.zeros(1)])
    with pytest.raises(ValueError, match="no bias above the first layer"):
        predicted_limit(biased, biased, problem)
    signs = ft.Problem(problem.X, np.sign(problem.Y), "logistic")
    with pytest.raises(ValueError, match="loss must be squared"):
        predicted_limit(network, network, signs)
    assert "no bias above" in assess_minimum_norm(descend(biased, problem, steps=3)).detail
    assert "squared loss" in assess_minimum_norm(descend(network, signs, steps=3)).detail


def test_data_of_zeros_leave_the_map_as_it_is():
    network = network_of(6, (2, 3, 1))
    problem = ft.Problem(np.zeros((2, 2)), [1.0, 2.0])
    trajectory = descend(network, problem, steps=10)
    np.testing.assert_array_equal(minimum_norm(problem.X, problem.Y), np.zeros((1, 2)))
    verdict = assess_minimum_norm(trajectory)
    assert verdict.verdict == "holds", verdict
