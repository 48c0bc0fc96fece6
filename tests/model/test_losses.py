"""Losses: values and derivatives against 500-digit decimals, labels, and the kinds of array they take."""

import decimal
from decimal import Decimal
from fractions import Fraction

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fa_theory.model import LOSSES, Problem, cross_entropy, exponential, logistic, loss, squared
from fa_theory.testing import arrays, entries, problems

MARGINS = [-1000.0, -709.0, -88.0, -37.5, -1.0, -1e-9, 0.0, 1e-9, 1.0, 37.5, 50.0, 88.0, 300.0, 700.0, 1000.0]


@pytest.fixture(autouse=True)
def _digits():
    with decimal.localcontext(prec=500):
        yield


def reference(name, f, y):
    """Loss and derivative of one sample with decimals; f and y are lists of floats."""
    f, y = [Decimal(each) for each in f], [Decimal(each) for each in y]
    if name == "squared":
        return sum((a - b) ** 2 for a, b in zip(f, y, strict=True)) / 2, [a - b for a, b in zip(f, y, strict=True)]
    if name == "cross_entropy":
        total = sum(each.exp() for each in f)
        value = sum(b * (total.ln() - a) for a, b in zip(f, y, strict=True))
        return value, [a.exp() / total - b for a, b in zip(f, y, strict=True)]
    growth = (-y[0] * f[0]).exp()
    if name == "exponential":
        return growth, [-y[0] * growth]
    return (1 + growth).ln(), [-y[0] * growth / (1 + growth)]


def assert_close(got, wanted, dtype, ulps=8):
    """Relative closeness; below the normal range to one subnormal, above it infinity of the right sign."""
    info = np.finfo(dtype)
    for a, b in zip(np.ravel(got).tolist(), wanted, strict=True):
        if abs(b) > Decimal(float(info.max)):
            assert a == (float("inf") if b > 0 else float("-inf"))
        else:
            assert abs(Decimal(a) - b) <= ulps * Decimal(float(info.eps)) * abs(b) + Decimal(float(info.tiny)), (a, b)


@pytest.mark.parametrize("name", ["squared", "logistic", "exponential"])
@pytest.mark.parametrize("label", [1.0, -1.0])
@pytest.mark.parametrize("xp", [np, strict])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_margin(name, label, xp, dtype):
    f = xp.asarray([[label * m] for m in MARGINS], dtype=getattr(xp, dtype))
    y = xp.full_like(f, label)
    value, e = LOSSES[name].value(f, y), LOSSES[name].derivative(f, y)
    for out in (value, e):
        assert type(out) is type(f)
        assert out.dtype == f.dtype
    flat = np.asarray(f).ravel().tolist()
    expected = [reference(name, [each], [label]) for each in flat]
    assert_close(np.asarray(value), [value for value, _ in expected], dtype)
    assert_close(np.asarray(e), [slopes[0] for _, slopes in expected], dtype)


@pytest.mark.parametrize("xp", [np, strict])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m", MARGINS)
@pytest.mark.parametrize("others", [[0.0], [0.0, 0.0], [0.0, -1000.0, 2.0]])
@pytest.mark.parametrize("label", [0, 1])
def test_cross_entropy(m, others, label, xp, dtype):
    outputs = [m, *others]
    f = xp.asarray([outputs], dtype=getattr(xp, dtype))
    y = xp.asarray([[float(k == label) for k in range(len(outputs))]], dtype=getattr(xp, dtype))
    value, e = reference("cross_entropy", [float(each) for each in f[0, :]], [float(each) for each in y[0, :]])
    assert type(cross_entropy.value(f, y)) is type(f)
    assert_close(np.asarray(cross_entropy.value(f, y)), [value], dtype)
    assert_close(np.asarray(cross_entropy.derivative(f, y)), e, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_exponentials(dtype):
    edge = np.log(np.finfo(dtype).max)
    f = np.array([[-edge * 0.999], [-np.nextafter(edge, dtype(np.inf))], [-edge * dtype(1.001)]], dtype=dtype)
    values = exponential.value(f, np.ones_like(f))
    assert np.isfinite(values[0])
    assert values[2] == np.inf


@given(st.floats(-30, 30), st.sampled_from([-1.0, 1.0]))
def test_two_class_softmax_is_logistic(f, y):
    pair = cross_entropy.value(np.array([[f, 0.0]]), np.array([[y > 0, y < 0]], dtype=float))
    np.testing.assert_allclose(pair, logistic.value(np.array([[f]]), np.array([[y]])), rtol=1e-14)


@given(problems(), st.data())
def test_derivatives_are_central_differences(problem, data):
    f = data.draw(arrays(problem.Y.shape))
    h = 1e-5
    for k in range(f.shape[1]):
        shift = np.zeros(f.shape[1])
        shift[k] = h
        ahead, behind = (problem.loss.value(f + sign * shift, problem.Y) for sign in (1, -1))
        slope = problem.loss.derivative(f, problem.Y)[:, k]
        np.testing.assert_allclose((ahead - behind) / (2 * h), slope, rtol=1e-8, atol=1e-8)


@given(arrays((3, 2), entries(exact=True)), arrays((3, 2), entries(exact=True)))
def test_squared_loss_is_exact(f, y):
    assert squared.value(f, y).tolist() == [
        sum((a - b) ** 2 for a, b in zip(*rows, strict=True)) / 2 for rows in zip(f, y, strict=True)
    ]
    mean = squared.mean(f, y)
    assert isinstance(mean, Fraction)
    assert mean == sum(squared.value(f, y), Fraction()) / 3


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("xp", [np, strict])
def test_mean_is_a_scalar_of_the_same_kind(name, xp):
    f, y = xp.asarray([[0.5, 0.0], [2.0, 1.0]]), xp.asarray([[1.0, 0.0], [1.0, 0.0]])
    if name in ("logistic", "exponential"):
        f, y = f[:, :1], y[:, :1]
    mean = loss(name).mean(f, y)
    assert mean.shape == ()
    assert float(mean) == pytest.approx(float(np.mean(np.asarray(loss(name).value(f, y)))), rel=1e-15)


@given(problems(), st.data())
def test_rounding_covers_the_effect_of_rounded_outputs(problem, data):
    f = data.draw(arrays(problem.Y.shape))
    moved = f + 8 * 2.0**-52 * (1 + np.max(abs(f))) * data.draw(arrays(f.shape, st.sampled_from([-1.0, 1.0])))
    change = abs(problem.loss.mean(moved, problem.Y) - problem.loss.mean(f, problem.Y))
    assert change <= problem.loss.rounding(f, problem.Y)


@pytest.mark.parametrize("name", ["logistic", "exponential"])
def test_binary_labels(name):
    X = np.ones((3, 1))
    with pytest.raises(ValueError, match=rf"Y must hold -1 and \+1 for the {name} loss, got 0.0; .*Y = 2 \* Y - 1"):
        Problem(X, [0, 1, 1], name)
    with pytest.raises(ValueError, match=r"-1 and \+1 .*, got 2.0$"):
        Problem(X, [1, 2, -1], name)
    with pytest.raises(ValueError, match="one column"):
        Problem(X, np.ones((3, 2)), name)
    assert Problem(X, [1, -1, 1], name).Y.shape == (3, 1)


@pytest.mark.parametrize("rows", [[[1, 1]], [[0, 0]], [[0.5, 0.5]], [[-1, 2]], [[2, -1]]])
def test_labels_that_are_not_one_hot(rows):
    with pytest.raises(ValueError, match="Y must be one-hot for the cross_entropy loss, got row 0"):
        Problem(np.ones((1, 1)), rows, "cross_entropy")


def test_one_hot_needs_two_columns():
    with pytest.raises(ValueError, match="at least two columns"):
        Problem(np.ones((1, 1)), [1.0], "cross_entropy")


def test_unknown_loss():
    with pytest.raises(
        ValueError, match="loss must be one of squared, logistic, exponential, cross_entropy, got 'hinge'"
    ):
        loss("hinge")


@pytest.mark.parametrize("name", ["squared", "logistic", "exponential"])
@pytest.mark.parametrize("xp", [np, strict])
def test_infinite_outputs_are_silent(name, xp):
    """A run that overflows meets them before it ends; warnings are errors here."""
    y = xp.asarray([[1.0], [1.0]])
    f = xp.asarray([[float("inf")], [-float("inf")]])
    right = float("inf") if name == "squared" else 0.0
    assert np.asarray(loss(name).value(f, y)).tolist() == [right, float("inf")]
    slopes = {"squared": float("-inf"), "logistic": -1.0, "exponential": float("-inf")}
    assert float(loss(name).derivative(f, y)[1, 0]) == slopes[name]
