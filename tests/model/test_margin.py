"""The maximum margin against brute force in the plane, SciPy's general solver, and margins known by construction."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from fa_theory.model import max_margin
from fa_theory.testing import arrays, entries

LABELS = st.sampled_from([1.0, -1.0])
SCALES = st.sampled_from([1e-200, 1e-8, 1.0, 1e8, 1e200])


def check_certificate(margin, X, y):
    """Both ends of the enclosure, evaluated anew; rounding is relative to the largest sample."""
    signed, rounding = X * y[:, None], 1e-14 * margin.scale
    assert margin.scale == pytest.approx(max(np.hypot.reduce(row) for row in X), rel=1e-14)
    assert np.all(margin.dual >= 0)
    assert np.sum(margin.dual) == pytest.approx(1, abs=1e-14)
    assert np.hypot.reduce(margin.dual @ signed) == pytest.approx(margin.upper, abs=rounding)
    assert margin.lower <= margin.upper + rounding
    if margin.lower > 0:
        assert np.linalg.norm(margin.direction) == pytest.approx(1, abs=1e-14)
        assert np.min(signed @ margin.direction) == pytest.approx(margin.lower, abs=rounding)
    else:
        assert not margin.direction.any()


def best_angle(signed):
    """The max margin in the plane: the optimum is normal to an edge between two points, or points to one point."""
    candidates = [*signed]
    for i, one in enumerate(signed):
        candidates += [
            sign * np.array([one[1] - other[1], other[0] - one[0]]) for other in signed[:i] for sign in (1, -1)
        ]
    lengths = [np.linalg.norm(each) for each in candidates]
    units = [each / length for each, length in zip(candidates, lengths, strict=True) if length > 0]
    return max((np.min(signed @ unit) for unit in units), default=0.0)


@given(st.integers(1, 6).flatmap(lambda n: st.tuples(arrays((n, 2)), arrays((n,), LABELS))), SCALES)
@example((np.array([[1.0, 0.0]]), np.array([-1.0])), 1.0)
@example((np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1.0, -1.0])), 1.0)
@example((np.array([[1.0, 2.0]] * 4), np.ones(4)), 1e-8)
def test_brute_force_in_the_plane(data, scale):
    X, y = data[0] * scale, data[1]
    margin = max_margin(X, y)
    check_certificate(margin, X, y)
    assert margin.lower == pytest.approx(max(best_angle(data[0] * y[:, None]), 0) * scale, abs=1e-13 * margin.scale)
    if margin.lower == 0:
        assert margin.upper <= 1e-12 * margin.scale


@given(st.tuples(st.integers(1, 8), st.integers(1, 5)).flatmap(arrays), st.data())
def test_a_linear_programme_agrees_on_separability(X, data):
    y = data.draw(arrays((len(X),), LABELS))
    margin = max_margin(X, y)
    check_certificate(margin, X, y)
    # y_j x_j.u >= 1 has a solution exactly where the data are separable
    programme = linprog(np.zeros(X.shape[1]), A_ub=-X * y[:, None], b_ub=-np.ones(len(X)), bounds=(None, None))
    assert (margin.relative > 1e-9) == (programme.status == 0)


@pytest.mark.parametrize("seed", range(20))
def test_the_general_solver_finds_the_same_direction(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((12, 4))
    y = np.sign(X @ rng.standard_normal(4))
    margin = max_margin(X, y)
    solved = minimize(
        lambda w: w @ w / 2,
        margin.direction + 0.1 * rng.standard_normal(4),
        jac=lambda w: w,
        constraints={"type": "ineq", "fun": lambda w: y * (X @ w) - 1, "jac": lambda _: X * y[:, None]},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert margin.lower == pytest.approx(1 / np.linalg.norm(solved.x), rel=1e-6)
    np.testing.assert_allclose(margin.direction, solved.x / np.linalg.norm(solved.x), atol=1e-5)


@pytest.mark.parametrize("gamma", [1.0, 1e-3, 1e-6, 1e-7, 1e-8, 1e-9])
@pytest.mark.parametrize("seed", range(5))
def test_barely_separable(gamma, seed):
    """Points at height gamma over a plane whose hull's shadow surrounds the origin: the margin is gamma."""
    rng = np.random.default_rng(seed)
    flat = rng.standard_normal((9, 4))
    flat = np.vstack([flat, -np.mean(flat, axis=0)])
    turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    y = rng.choice([-1.0, 1.0], 10)
    margin = max_margin(np.column_stack([flat, np.full(10, gamma)]) @ turn * y[:, None], y)
    assert margin.lower == pytest.approx(gamma, abs=1e-14)
    assert margin.upper == pytest.approx(gamma, abs=1e-14)


@given(st.integers(1, 4).flatmap(lambda d: st.tuples(arrays((4, d)), arrays((4,), entries(nonzero=True)))))
def test_data_with_zero_in_their_hull_are_not_separable(data):
    X, weights = data
    X = np.vstack([X, -abs(weights) @ X])
    margin = max_margin(X, np.ones(5))
    # rounding in the dual weights; a margin is decided from 1e-9 on
    assert margin.lower <= 1e-12 * margin.scale
    assert margin.upper <= 1e-12 * margin.scale


@given(st.integers(1, 5).flatmap(lambda n: arrays((n, 3))), st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_duplicates_change_nothing(X, copies):
    more = np.vstack([X, X[[index % len(X) for index in copies]]])
    one, other = max_margin(X, np.ones(len(X))), max_margin(more, np.ones(len(more)))
    check_certificate(other, more, np.ones(len(more)))
    assert one.lower == pytest.approx(other.lower, abs=1e-13 * one.scale)


@given(arrays((1, 3)), LABELS)
def test_one_sample(X, label):
    assume(X.any())
    margin = max_margin(X, [label])
    assert margin.lower == pytest.approx(np.linalg.norm(X), rel=1e-14)
    np.testing.assert_allclose(margin.direction, label * X[0] / np.linalg.norm(X), atol=1e-14)


def test_no_data_have_no_margin():
    margin = max_margin(np.zeros((2, 3)), np.ones((2, 1)))
    assert (margin.lower, margin.upper, margin.scale, margin.relative) == (0.0, 0.0, 0.0, 0.0)
    assert np.sum(margin.dual) == 1.0


def test_without_a_first_guess(monkeypatch):
    def no_convergence(*arguments, **options):
        raise RuntimeError("Maximum number of iterations reached.")

    rng = np.random.default_rng(3)
    X = rng.standard_normal((30, 4))
    y = np.sign(X @ rng.standard_normal(4))
    expected = max_margin(X, y)
    monkeypatch.setattr("fa_theory.model.margin.nnls", no_convergence)
    found = max_margin(X, y)
    check_certificate(found, X, y)
    assert found.lower == pytest.approx(expected.lower, rel=1e-12)


@pytest.mark.parametrize("labels", [[0, 1], [1], [1, np.nan], [2, -1], np.ones((2, 2))])
def test_labels_are_signs(labels):
    with pytest.raises(ValueError, match=r"labels must be 2 numbers, each -1 or \+1"):
        max_margin(np.ones((2, 2)), labels)
