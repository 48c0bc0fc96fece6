"""law-completeness: exact counts, the brackets by difference quotients, and networks with more laws or fewer."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from law_instances import build, fraction_array, seeds

from fa_theory.laws import count_laws, exact_array, exact_rank
from fa_theory.laws.law_completeness import _law_gradients, _left_kernel, _orbit_directions
from fa_theory.model import DirectFeedback, Network
from fa_theory.verification import assess_law_completeness

THEORY = {(2, 2, 1): 4, (3, 2, 1): 7, (2, 2, 2): 3, (3, 2, 2): 7, (3, 3, 2): 8, (4, 2, 3): 11}


def shaped(n, d, m, seed=1, kind=None):
    return build(seed, (d, n, m), "linear", "fa", False, kind)


def arrays(network):
    return [exact_array(each) for each in (*network.weights, network.matrices()[0])]


@pytest.mark.parametrize("shape", THEORY, ids=str)
def test_the_counts_of_the_theory(shape):
    count = count_laws(shaped(*shape))
    assert count.laws == count.predicted_laws == THEORY[shape]
    assert count.complete
    verdict = assess_law_completeness(shaped(*shape))
    assert (verdict.verdict, verdict.evidence) == ("holds", "exact")
    assert f"= {THEORY[shape]} laws" in verdict.detail


@given(seeds, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_complete_at_every_state_if_b_has_full_column_rank(seed, n, d, m):
    """Halves between -2 and 2, zeros among them: the states include degenerate ones."""
    network = shaped(n, d, m, seed, Fraction)
    assume(exact_rank(network.matrices()[0]) == m)
    count = count_laws(network)
    assert count.complete
    assert count.laws + count.orbit == count.parameters == n * d + m * n


def test_complete_at_weights_of_zero():
    network = Network([np.zeros((3, 2)), np.zeros((2, 3))], "linear", [np.eye(3, 2)])
    assert count_laws(network).complete


@given(seeds, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_laws_are_constant_along_the_orbit_exactly(seed, n, d, m):
    W, V, B = arrays(shaped(n, d, m, seed, Fraction))
    assert not np.any(_orbit_directions(W, V, B) @ _law_gradients(W, V, B))


@given(seeds, st.integers(2, 3), st.integers(1, 3), st.integers(2, 3))
def test_brackets_by_exact_differences(seed, n, d, m):
    """The field X_M is affine in the weights, so X_M(y + v) - X_M(y) is its derivative along v with no error."""
    rng = np.random.default_rng(seed)
    W, V, B = arrays(shaped(n, d, m, seed, Fraction))

    def field(M, W):
        return -B @ M, -M @ W.T

    M, N = (exact_array(fraction_array(rng, (m, d))) for _ in range(2))
    (dW, _), (eW, _) = field(M, W), field(N, W)
    first = [a - b for a, b in zip(field(N, W + dW), field(N, W), strict=True)]
    second = [a - b for a, b in zip(field(M, W + eW), field(M, W), strict=True)]
    bracket = [a - b for a, b in zip(first, second, strict=True)]
    skew = N @ M.T - M @ N.T
    assert not np.any(bracket[0])
    assert np.array_equal(bracket[1], skew @ B.T)
    row = np.concatenate([each.ravel() for each in bracket])
    directions = _orbit_directions(W, V, B)
    assert exact_rank(np.vstack([directions, row])) == exact_rank(directions)


@given(seeds, st.integers(1, 4), st.integers(1, 3))
def test_left_kernel(seed, n, m):
    B = exact_array(fraction_array(np.random.default_rng(seed), (n, m)))
    kernel = _left_kernel(B)
    assert len(kernel) == n - exact_rank(B)
    assert not np.any(kernel @ B)
    assert len(kernel) == 0 or exact_rank(kernel) == len(kernel)


def test_either_law_alone_is_not_complete():
    W, V, B = arrays(shaped(3, 2, 2))
    gradients = _law_gradients(W, V, B)
    matrix_entries = 3 * 4 // 2
    assert exact_rank(gradients[:, :matrix_entries]) < 7
    assert exact_rank(gradients[:, matrix_entries:]) < 7
    # nor do the fields without their brackets fill the orbit
    assert exact_rank(_orbit_directions(W, V, B)[:-1]) == 4


def test_feedback_of_zero_leaves_room_for_other_laws():
    """B = 0: W_1 stays, W_2 moves along -M W_1^T, a space of dimension m d; W_2 (I - W_1 W_1^+) is a law of its own."""
    network = shaped(3, 2, 2)
    count = count_laws(Network(network.weights, "linear", [np.zeros((3, 2))]))
    assert (count.laws, count.orbit, count.parameters) == (6, 4, 12)
    assert not count.complete


def test_a_rank_deficient_b_is_not_applicable():
    network = shaped(3, 2, 2)
    narrow = Network(network.weights, "linear", [np.ones((3, 2))])
    # full column rank is enough, not needed: at weights of full rank nothing is missing here either
    assert count_laws(narrow).complete
    verdict = assess_law_completeness(narrow)
    assert (verdict.verdict, verdict.margin) == ("not_applicable", -1.0)
    assert verdict.detail == "B of full column rank: rank 1 of 2"


def test_fewer_neurons_than_outputs_are_not_applicable():
    assert assess_law_completeness(shaped(1, 2, 2)).detail == "B of full column rank: rank 1 of 2"


def test_a_hidden_bias_is_an_input_and_direct_feedback_of_two_layers_is_fa():
    network = shaped(3, 2, 1)
    biased = Network(network.weights, "linear", [DirectFeedback(network.matrices()[0])], [[0.5, -1.0, 2.0], None])
    verdict = assess_law_completeness(biased)
    assert verdict.verdict == "holds"
    assert "n = 3, d = 3, m = 1" in verdict.detail


@pytest.mark.parametrize(
    ("widths", "name", "rule", "biases", "named"),
    [
        ((2, 3, 1), "relu", "fa", False, "linear activation: relu"),
        ((2, 3, 2, 1), "linear", "fa", False, "two layers: depth 3"),
        ((2, 3, 1), "linear", "sign-fa", False, "rule is fa: sign-fa"),
        ((2, 3, 1), "linear", "backprop", False, "rule is fa: backprop"),
        ((2, 3, 1), "linear", "adafa:0.5", False, "rule is fa: adafa:0.5"),
        ((2, 3, 1), "linear", "fa", True, "no output bias: an output bias is trained"),
        ((20, 5, 1), "linear", "fa", False, "at most 100 weights to count: 105 weights"),
    ],
)
def test_not_applicable_names_what_fails(widths, name, rule, biases, named):
    verdict = assess_law_completeness(build(1, widths, name, rule, biases))
    assert (verdict.verdict, verdict.evidence, verdict.detail) == ("not_applicable", None, named)
    assert verdict.margin < 0


def test_an_orbit_too_small_or_laws_too_few_refute(monkeypatch):
    from fa_theory.verification import completeness

    network = shaped(3, 2, 2)
    wrong = count_laws(network)._replace(orbit=4)
    monkeypatch.setattr(completeness, "count_laws", lambda _: wrong)
    assert assess_law_completeness(network).verdict == "refuted"


def test_count_refuses_other_networks():
    with pytest.raises(ValueError, match="two layers, got 3"):
        count_laws(build(1, (2, 2, 2, 1), "linear", "fa", False))
    with pytest.raises(ValueError, match="no output bias"):
        count_laws(build(1, (2, 2, 1), "linear", "fa", True))
