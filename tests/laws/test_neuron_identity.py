"""neuron-identity at a point, for any rule, depth, activation and errors, to machine precision."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_instances import HOMOGENEOUS, RULES, build, layers_with_law, loop_directions, phi_and_slope, seeds, shapes

from fa_theory.laws import neuron_identity
from fa_theory.model import Network, tanh

EPS = np.finfo(float).eps


def draw_data(seed, widths, n_samples=3):
    rng = np.random.default_rng([seed, 1])
    return rng.standard_normal((n_samples, widths[0])), rng.standard_normal((n_samples, widths[-1]))


@given(seeds, shapes(), st.sampled_from(HOMOGENEOUS), st.sampled_from(RULES), st.booleans())
def test_both_sides_agree_with_each_other_and_with_loops(seed, widths, name, rule, biases):
    network = build(seed, widths, name, rule, biases)
    X, errors = draw_data(seed, widths)
    identities = neuron_identity(network, X, errors)
    F = loop_directions(network, X, errors)
    degree = phi_and_slope(name)[2]
    assert len(identities) == len(layers_with_law(network))
    for layer, identity in zip(layers_with_law(network), identities, strict=True):
        W, M = network.weights[layer], network.matrices()[layer]
        left = -np.sum(W * np.asarray(F.weights[layer]), axis=1)
        if biases:
            left -= network.biases[layer] * np.asarray(F.biases[layer])
        right = -degree * np.sum(M * np.asarray(F.weights[layer + 1]).T, axis=1)
        # sums of at most some fifty products, each with a handful of roundings
        allowed = 100 * EPS * identity.size
        assert np.all(abs(identity.left - left) <= allowed)
        assert np.all(abs(identity.right - right) <= allowed)
        assert np.all(abs(identity.left - identity.right) <= allowed)
        assert np.all(identity.size >= abs(identity.left) + abs(identity.right) - allowed)


def test_size_is_the_sum_of_absolute_terms():
    # by hand: x = 2, w = 3, v = -1, B = 5, e = 1/2: F_1 = e B x = 5, F_2 = e w x = 3; both sides are 15
    network = Network([[[3.0]], [[-1.0]]], "linear", [[[5.0]]])
    (identity,) = neuron_identity(network, np.array([[2.0]]), np.array([[0.5]]))
    assert (identity.left[0], identity.right[0], identity.size[0]) == (-15.0, -15.0, 30.0)


def test_holds_with_slopes_given_on_a_kink():
    # w = 0 puts every z on the kink; any theta in [a, 1] will do, and the left side is then zero as h is
    network = Network([[[0.0], [1.0]], [[2.0, -1.0]]], "leaky_relu:0.2", [[[1.0], [3.0]]])
    X, errors = np.array([[1.0], [-2.0]]), np.array([[1.0], [0.7]])
    slopes = (np.array([[0.2, 1.0], [0.6, 0.2]]),)
    (identity,) = neuron_identity(network, X, errors, slopes)
    np.testing.assert_allclose(identity.left, identity.right, rtol=4 * EPS)
    assert identity.left[0] == 0.0
    # by hand for the second neuron: h = (1, -0.4), so -3 (1 * 1 - 0.4 * 0.7) / 2
    np.testing.assert_allclose(identity.right[1], -3 * (1 - 0.28) / 2, rtol=4 * EPS)


def test_tanh_is_refused():
    network = Network([[[1.0]], [[1.0]]], "tanh", [[[1.0]]])
    with pytest.raises(ValueError, match="tanh is not homogeneous"):
        neuron_identity(network, np.array([[1.0]]), np.array([[1.0]]))


@pytest.mark.parametrize("degree", [1, 2])
def test_tanh_violates_the_identity_whatever_degree_is_claimed(degree):
    network = build(3, (3, 4, 2), "linear", "fa", False)
    network = Network(network.weights, replace(tanh, degree=degree), network.feedback)
    X, errors = draw_data(3, (3, 4, 2))
    (identity,) = neuron_identity(network, X, errors)
    assert np.max(abs(identity.left - identity.right) / identity.size) > 1e-3


def test_feedback_that_differs_between_samples_violates_the_identity():
    # negative control: which M stands on the right? Neither one sample's matrix nor their mean restores equality
    network = build(5, (3, 4, 2), "leaky_relu:0.25", "fa", False)
    X, errors = draw_data(5, (3, 4, 2))
    rng = np.random.default_rng(6)
    matrices = [rng.standard_normal((4, 2)) for _ in X]
    F = loop_directions(network, X, errors, matrix_of=lambda j: [matrices[j].tolist()])
    left = -np.sum(network.weights[0] * np.asarray(F.weights[0]), axis=1)
    for M in (*matrices, np.mean(matrices, axis=0)):
        right = -np.sum(M * np.asarray(F.weights[1]).T, axis=1)
        assert np.max(abs(left - right)) > 1e-2 * np.max(abs(left))


def test_dfa_below_the_last_hidden_layer_violates_it_with_gating():
    # the reason why only the last hidden layer is listed under direct feedback
    widths = (3, 4, 4, 2)
    network = build(7, widths, "relu", "dfa", False)
    X, errors = draw_data(7, widths, 6)
    F = loop_directions(network, X, errors)
    left = -np.sum(network.weights[0] * np.asarray(F.weights[0]), axis=1)
    effective = network.feedback[0].B @ np.linalg.pinv(network.feedback[1].B)
    right = -np.sum(effective * np.asarray(F.weights[1]).T, axis=1)
    assert np.max(abs(left - right)) > 1e-2 * np.max(abs(left))


def test_slopes_override_the_signs():
    # between events a flow holds theta fixed: with theta = 1/2 throughout, h = (1/2, -1) and
    # both sides are -3 (1/2 * 1 - 1 * 0.7) / 2 by hand
    network = Network([[[1.0]], [[2.0]]], "leaky_relu:0.2", [[[3.0]]])
    X, errors = np.array([[1.0], [-2.0]]), np.array([[1.0], [0.7]])
    (identity,) = neuron_identity(network, X, errors, (np.full((2, 1), 0.5),))
    np.testing.assert_allclose([identity.left[0], identity.right[0]], 0.3, rtol=4 * EPS)
