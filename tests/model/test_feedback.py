"""Feedback rules: M = grad Psi, Euler's identity, adaFA's memory, a user's own potential, refusals."""

from fractions import Fraction

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fa_theory.model import (
    AdaptiveFeedback,
    Backprop,
    DirectFeedback,
    FeedbackAlignment,
    Network,
    PotentialFeedback,
    SignFeedback,
    feedback_rules,
)
from fa_theory.testing import arrays, entries

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def rules(draw, shape, exact=True):
    m, n = shape
    elements = entries(exact=exact)
    kind = draw(st.sampled_from([Backprop, SignFeedback, FeedbackAlignment, DirectFeedback, AdaptiveFeedback]))
    if kind is AdaptiveFeedback:
        return kind(Fraction(3, 2) if exact else 1.5, draw(arrays((n, m), elements)), draw(arrays((m, n), elements)))
    return kind() if kind in (Backprop, SignFeedback) else kind(draw(arrays((n, m), elements)))


@given(SHAPES, st.data())
def test_the_matrix_is_the_gradient_of_the_potential(shape, data):
    """Potentials are at most quadratic between kinks, so that a central difference of rationals is the derivative."""
    rule = data.draw(rules(shape))
    W = data.draw(arrays(shape, entries(exact=True, nonzero=True)))
    M = rule.matrix(W)
    h = Fraction(1, 100)  # less than any entry, so that no sign changes
    for k in range(shape[0]):
        step = np.array([[h * (row == k)] * shape[1] for row in range(shape[0])], dtype=object)
        slope = (rule.potential(W + step) - rule.potential(W - step)) / (2 * h)
        assert slope.tolist() == M[:, k].tolist()


@given(SHAPES, st.data())
def test_eulers_identity(shape, data):
    rule = data.draw(rules(shape))
    W = data.draw(arrays(shape, entries(exact=True)))
    if rule.degree is None:
        assert isinstance(rule, AdaptiveFeedback)
    else:
        assert np.sum(rule.matrix(W) * W.T, axis=1).tolist() == (rule.degree * rule.potential(W)).tolist()


@given(SHAPES, st.data())
def test_exact_rules_stay_exact(shape, data):
    rule = data.draw(rules(shape))
    W = data.draw(arrays(shape, entries(exact=True)))
    rule.validate("B2", W, shape[0])
    for array in (rule.matrix(W), rule.potential(W)):
        assert array.dtype == object
        assert all(isinstance(each, Fraction | int) for each in array.ravel())


@pytest.mark.parametrize("xp", [np, strict])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kind_in_is_kind_out(xp, dtype):
    W = xp.asarray([[1.0, -2.0, 0.0]], dtype=getattr(xp, dtype))
    B = xp.asarray([[1.0], [0.5], [3.0]], dtype=getattr(xp, dtype))
    kappa = np.float64(0.5)
    rules_ = [Backprop(), SignFeedback(), FeedbackAlignment(B), DirectFeedback(B), AdaptiveFeedback(kappa, B, W)]
    expected = {  # by hand
        "backprop": ([[1], [-2], [0]], [0.5, 2, 0]),
        "sign-fa": ([[1], [-1], [0]], [1, 2, 0]),
        "fa": ([[1], [0.5], [3]], [1, -1, 0]),
        "dfa": ([[1], [0.5], [3]], [1, -1, 0]),
        "adafa:0.5": ([[1], [0.5], [3]], [0.75, -2, 0]),  # D = (0.5, 1.5, 3)
    }
    for rule in rules_:
        rule.validate("B2", W, 1)
        for got, wanted in zip((rule.matrix(W), rule.potential(W)), expected[rule.name], strict=True):
            assert type(got) is type(W)
            assert got.dtype == W.dtype
            assert np.asarray(got).tolist() == wanted


def test_adaptive_feedback_follows_the_weight():
    B, W = np.array([[1.0], [2.0]]), np.array([[3.0, 4.0]])
    rule = AdaptiveFeedback(0.5, B, W)
    assert rule.matrix(W) is not W
    assert rule.matrix(W).tolist() == B.tolist()
    assert rule.matrix(W + np.array([[2.0, -4.0]])).tolist() == [[2.0], [0.0]]
    assert AdaptiveFeedback(0, B, W).degree == 1
    assert AdaptiveFeedback(0, B, W).matrix(W + 7).tolist() == B.tolist()


def test_adaptive_feedback_of_one_from_the_transpose_is_backprop():
    W = np.array([[3.0, 4.0]])
    rule, moved = AdaptiveFeedback(1.0, W.T, W), W + np.array([[0.5, -0.25]])
    assert rule.matrix(moved).tolist() == Backprop().matrix(moved).tolist()
    assert rule.potential(moved).tolist() == Backprop().potential(moved).tolist()


@pytest.mark.parametrize("kappa", [-1, -1e-300, float("nan"), float("inf")])
def test_kappa_out_of_range(kappa):
    with pytest.raises(ValueError, match="kappa must be a finite number >= 0, got"):
        AdaptiveFeedback(kappa, [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="kappa must be a finite number >= 0, got"):
        feedback_rules(f"adafa:{kappa}", [np.ones((1, 1))] * 2, [[[1.0]]])


@pytest.mark.parametrize(
    "make",
    [
        FeedbackAlignment,
        DirectFeedback,
        lambda B: AdaptiveFeedback(1, B, [[1.0]]),
        lambda B: AdaptiveFeedback(1, [[1.0]], B),
    ],
)
@pytest.mark.parametrize("bad", [[[float("nan")]], [[float("inf")]], [1.0], [["x"]], [[1j]]])
def test_matrices_are_checked_at_the_door(make, bad):
    with pytest.raises((ValueError, TypeError), match=r"^(B|B_start|W_start) must"):
        make(bad)


@pytest.mark.parametrize("name", ["fa", "dfa", "adafa:1"])
def test_matrices_that_are_missing_or_bad(name):
    W = [np.ones((2, 2)), np.ones((2, 2)), np.ones((1, 2))]
    with pytest.raises(ValueError, match=rf"rule {name} needs 2 feedback matrices B2, B3, \.\.\., got 1"):
        feedback_rules(name, W, [np.ones((2, 2))])
    with pytest.raises(ValueError, match=r"^B3 must be finite"):
        feedback_rules(name, W, [np.ones((2, 2)), [[np.nan], [1.0]]])
    assert [
        type(rule.matrix(each))
        for rule, each in zip(feedback_rules(name, W, [np.eye(2, dtype=int)] * 2), W[1:], strict=True)
    ]


@pytest.mark.parametrize("name", ["", "FA", "fa:1", "signfa", "adafa", "adafa:", "adafa:x", "sign-fa:2"])
def test_unknown_rules(name):
    with pytest.raises(ValueError, match="rule"):
        feedback_rules(name, [np.ones((1, 1))] * 2, [np.ones((1, 1))])


POWER = PotentialFeedback(lambda W: 3 * W.T * abs(W.T), lambda W: (abs(W) ** 3).sum(axis=0), "cubic", 3)
HUBER = PotentialFeedback(
    lambda W: W.T.clip(-1, 1), lambda W: np.where(abs(W) < 1, W**2 / 2, abs(W) - 0.5).sum(axis=0), "huber"
)
ABSOLUTE = PotentialFeedback(lambda W: np.sign(W).T, lambda W: abs(W).sum(axis=0), "absolute", 1)


@pytest.mark.parametrize("rule", [POWER, HUBER, ABSOLUTE], ids=lambda rule: rule.name)
@pytest.mark.parametrize("scale", [0.0, 1e-8, 1.0, 1e8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_potential_of_the_users_own(rule, scale, dtype):
    W = (scale * np.random.default_rng(1).standard_normal((4, 50))).astype(dtype)
    rule.validate("B2", W, 4)


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        (PotentialFeedback(lambda W: 1.01 * W.T, Backprop().potential), "is not the gradient of energy"),
        (PotentialFeedback(lambda W: W.T, lambda W: (W**2).sum(axis=0)), "is not the gradient of energy"),
        (PotentialFeedback(lambda W: W.T, lambda W: np.full(W.shape[1], (W**2).sum() / 2)), "is not the gradient"),
        (PotentialFeedback(lambda W: W, Backprop().potential), r"gradient\(W\) must have shape \(3, 2\)"),
        (PotentialFeedback(lambda W: W.T, lambda W: W), r"energy\(W\) must have 1 dimension"),
        (PotentialFeedback(lambda W: W.T, lambda W: W[:, 0]), r"energy\(W\) must have shape \(3,\)"),
        (PotentialFeedback(lambda W: W.T * np.nan, Backprop().potential), r"gradient\(W\) must be finite"),
        (PotentialFeedback(lambda W: W.T, lambda W: W[0] * np.inf), r"energy\(W\) must be finite"),
        (
            PotentialFeedback(lambda W: W.T.astype(np.float32), Backprop().potential),
            r"gradient\(W\) must have the dtype",
        ),
        (
            PotentialFeedback(lambda W: W.T, Backprop().potential, degree=1),
            "is not homogeneous of degree 1: at neuron 0",
        ),
    ],
)
def test_a_potential_that_is_none_is_refused(rule, complaint):
    W = np.array([[1.0, 2.0, -1.0], [0.5, 1.0, 3.0]])
    with pytest.raises(ValueError, match=rf"^B2: .*{complaint}"):
        Network([np.ones((3, 1)), W], "linear", [rule])


def test_a_potential_over_rationals():
    W = np.array([[Fraction(1), Fraction(-2)]], dtype=object)
    network = Network(
        [np.array([[1], [2]]).astype(object), W], "linear", [PotentialFeedback(lambda W: W.T, Backprop().potential)]
    )
    assert network.matrices()[0].tolist() == [[1], [-2]]
