"""neuron-law, matrix-law and projection-law as functions of one state, against loops and hand calculations."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_instances import (
    HOMOGENEOUS,
    QUARTIC,
    RULES,
    build,
    exact_kinds,
    layers_with_law,
    loop_neuron_law,
    phi_and_slope,
    seeds,
    shapes,
)

from fa_theory.laws import (
    feedback_range,
    has_matrix_law,
    layers_with_potential,
    matrix_law,
    neuron_law,
    neuron_law_size,
    unreached_neurons,
    unseen_inputs,
)
from fa_theory.model import AdaptiveFeedback, DirectFeedback, FeedbackAlignment, Network

EPS = np.finfo(float).eps


@given(
    seeds,
    shapes(),
    st.sampled_from(HOMOGENEOUS),
    st.sampled_from(RULES),
    st.booleans(),
    st.one_of(st.none(), exact_kinds),
)
def test_neuron_law_is_the_loops(seed, widths, name, rule, biases, kind):
    network = build(seed, widths, name, rule, biases, kind)
    degree = phi_and_slope(name)[2]
    laws, sizes = neuron_law(network), neuron_law_size(network)
    assert list(layers_with_potential(network)) == layers_with_law(network)
    assert len(laws) == len(sizes) == len(layers_with_law(network))
    for layer, law, size in zip(layers_with_law(network), laws, sizes, strict=True):
        expected = loop_neuron_law(network, layer, degree)
        if kind is None:
            assert np.all(abs(law - np.asarray(expected)) <= 50 * EPS * size)
        else:
            assert law.tolist() == expected


def test_neuron_law_by_hand():
    # 1/2 (3^2 + 4^2 + 1) - 2 (0.5 * 2 + (-1) * 3) with p = 2
    network = Network([[[3.0, 4.0]], [[2.0], [3.0]]], "power:2", [[[0.5, -1.0]]], [[1.0], None])
    assert neuron_law(network)[0].tolist() == [13.0 + 4.0]
    assert neuron_law_size(network)[0].tolist() == [13.0 + 2 * (1.0 + 3.0 + 2.0)]


def test_size_sees_terms_that_cancel_in_the_matrix():
    # adaFA with B(0) = 0: M = 0 at the start, yet Psi = kappa/2 v^2 - kappa v^2
    W2 = np.array([[2.0]])
    network = Network([[[0.0]], W2], "linear", [AdaptiveFeedback(4.0, np.array([[0.0]]), W2)])
    assert neuron_law(network)[0].tolist() == [8.0]
    assert neuron_law_size(network)[0].tolist() == [8.0]


def test_neuron_law_is_refused_for_tanh():
    network = Network([[[1.0]], [[1.0]]], "tanh", "backprop")
    for function in (neuron_law, neuron_law_size):
        with pytest.raises(ValueError, match="tanh is not homogeneous"):
            function(network)


def loop_matrix_law(network, layer):
    """The entries of THEORY's matrix-law, one by one."""
    W, V, b = network.weights[layer].tolist(), network.weights[layer + 1].tolist(), network.biases[layer]
    rule, n, above = network.feedback[layer], range(len(W)), range(len(V))
    kind = rule.name.partition(":")[0]
    kappa = {"backprop": 1, "adafa": getattr(rule, "kappa", 0)}.get(kind, 0)
    if kind == "adafa":
        W0 = rule.W_start.tolist()
        D = [[rule.B_start.tolist()[i][k] - rule.kappa * W0[k][i] for k in above] for i in n]
    elif kind == "backprop":
        D = [[0 for _ in above] for _ in n]
    elif kind == "sign-fa":
        D = [[(V[k][i] > 0) - (V[k][i] < 0) for k in above] for i in n]
    else:
        D = rule.B.tolist()
    return [
        [
            sum(x * y for x, y in zip(W[i], W[j], strict=True))
            + (0 if b is None else b[i] * b[j])
            - kappa * sum(V[k][i] * V[k][j] for k in above)
            - sum(D[i][k] * V[k][j] for k in above)
            - sum(V[k][i] * D[j][k] for k in above)
            for j in n
        ]
        for i in n
    ]


@given(seeds, shapes(), st.sampled_from([rule for rule in RULES if rule != "potential"]), st.booleans(), exact_kinds)
def test_matrix_law_is_the_loops_and_half_its_diagonal_the_neuron_law(seed, widths, rule, biases, kind):
    network = build(seed, widths, "linear", rule, biases, kind)
    assert has_matrix_law(network)
    for layer, law, C in zip(layers_with_law(network), matrix_law(network), neuron_law(network), strict=True):
        assert law.tolist() == loop_matrix_law(network, layer)
        assert [law[i, i] / 2 for i in range(len(law))] == C.tolist()


def test_a_users_rule_has_no_known_matrix_law():
    network = Network([[[1.0]], [[1.0]]], "linear", [QUARTIC])
    assert not has_matrix_law(network)
    with pytest.raises(ValueError, match="not known for the rule 'potential'"):
        matrix_law(network)


@given(seeds, st.integers(1, 4), st.integers(1, 5), st.integers(0, 3))
def test_unseen_inputs_are_what_no_sample_sees(seed, n_samples, d, n_copies):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, d))
    X = np.vstack([X, *[X[:1]] * n_copies])
    network = Network([rng.standard_normal((3, d)), np.ones((1, 3))], "linear", [np.ones((3, 1))])
    W = network.weights[0]
    # independent projector, by the pseudo-inverse
    np.testing.assert_allclose(unseen_inputs(network, X), W - W @ np.linalg.pinv(X) @ X, atol=1e-9)


def test_unseen_inputs_of_zero_data_is_everything():
    network = Network([[[1.0, 2.0]], [[1.0]]], "linear", [[[1.0]]])
    assert unseen_inputs(network, np.zeros((3, 2))).tolist() == [[1.0, 2.0]]


@given(seeds, shapes(max_depth=4), st.sampled_from(["fa", "dfa"]), st.booleans())
def test_unreached_neurons_are_those_that_no_error_moves(seed, widths, rule, biases):
    network = build(seed, widths, "linear", rule, biases)
    matrices = [each.B for each in network.feedback]
    product = matrices[0]
    for B in matrices[1:] if rule == "fa" else []:
        product = product @ B
    W = network.weights[0] if not biases else np.column_stack([network.weights[0], network.biases[0]])
    projector = product @ np.linalg.pinv(product, rcond=1e-13)
    np.testing.assert_allclose(unreached_neurons(network), W - projector @ W, atol=1e-9)
    U = feedback_range(network)
    np.testing.assert_allclose(U.T @ U, np.eye(U.shape[1]), atol=1e-12)


def test_range_ends_with_the_first_direct_feedback():
    # delta_1 = B_2 (D_3 e); the layer above the direct feedback plays no part
    rng = np.random.default_rng(0)
    B, D, top = rng.standard_normal((4, 3)), rng.standard_normal((3, 1)), rng.standard_normal((2, 1))
    weights = [rng.standard_normal(shape) for shape in ((4, 5), (3, 4), (2, 3), (1, 2))]
    network = Network(weights, "linear", [FeedbackAlignment(B), DirectFeedback(D), FeedbackAlignment(top)])
    U = feedback_range(network)
    direction = (B @ D)[:, 0] / np.linalg.norm(B @ D)
    assert U.shape == (4, 1)
    np.testing.assert_allclose(abs(U[:, 0] @ direction), 1.0, rtol=1e-12)


def test_feedback_of_rank_zero_reaches_nothing():
    network = Network([[[1.0]], [[1.0]]], "linear", [[[0.0]]])
    assert feedback_range(network).shape == (1, 0)
    assert unreached_neurons(network).tolist() == [[1.0]]


@pytest.mark.parametrize("rule", ["backprop", "sign-fa"])
def test_range_is_refused_where_feedback_moves(rule):
    network = Network([[[1.0]], [[1.0]]], "linear", rule)
    with pytest.raises(ValueError, match=f"must be fixed .* got {rule}"):
        unreached_neurons(network)


def test_exact_laws_take_plain_fractions():
    half = Fraction(1, 2)
    W = [np.array([[half, half]], dtype=object), np.array([[half]], dtype=object)]
    network = Network(W, "linear", "backprop")
    assert neuron_law(network)[0].tolist() == [Fraction(1, 8)]
    assert matrix_law(network)[0].tolist() == [[Fraction(1, 4)]]
