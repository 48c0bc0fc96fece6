"""Activations: homogeneity, kinks, names, and the kinds of array they take."""

from fractions import Fraction

import array_api_strict as strict
import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from fa_theory.model import Activation, activation, leaky_relu, linear, power, relu, tanh
from fa_theory.testing import activations, arrays, entries

NAMES = ["linear", "relu", "tanh", "leaky_relu:0.2", "power:2", "power:5"]


def by_hand(name, z):
    """phi and phi' written out case by case; the kink takes the left value."""
    match name.partition(":"):
        case ("linear", _, _):
            return z, 1
        case ("relu", _, _):
            return (z, 1) if z > 0 else (0, 0)
        case ("tanh", _, _):
            return np.tanh(z), 1 / np.cosh(z) ** 2
        case ("leaky_relu", _, a):
            return (z, 1) if z > 0 else (float(a) * z, float(a))
        case (_, _, k):
            return np.prod([z] * int(k)), int(k) * np.prod([z] * (int(k) - 1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("xp", [np, strict])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_kinds(name, xp, dtype):
    z = xp.asarray([-3.0, -0.5, -0.0, 0.0, 0.25, 2.0], dtype=getattr(xp, dtype))
    phi = activation(name)
    expected = [by_hand(name, float(each)) for each in z]
    for function, column in ((phi.function, 0), (phi.derivative, 1)):
        out = function(z)
        assert type(out) is type(z)
        assert out.dtype == z.dtype
        values = [each[column] for each in expected]
        np.testing.assert_allclose(np.asarray(out), values, rtol=8 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


@given(activations(exact=True), arrays((7,), entries(exact=True)))
def test_homogeneity_holds_exactly(phi, z):
    assert (phi.derivative(z) * z).tolist() == (phi.degree * phi.function(z)).tolist()
    assert all(isinstance(each, Fraction) for each in phi.derivative(z))


@given(activations(exact=True), st.fractions(min_value=Fraction(1, 9), max_value=9), arrays((7,), entries(exact=True)))
def test_positive_scaling(phi, scale, z):
    assert phi.function(scale * z).tolist() == (scale**phi.degree * phi.function(z)).tolist()


def test_tanh_is_not_homogeneous():
    z = np.array([1.0])
    assert tanh.degree is None
    for degree in range(1, 6):
        assert abs(tanh.derivative(z) * z - degree * tanh.function(z))[0] > 0.3


@pytest.mark.parametrize("slope", [0.2, Fraction(1, 5), fmpq(1, 5), np.float64(0.2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_kind_of_slope_serves_floats(slope, dtype):
    assert leaky_relu(slope).function(np.array([-1, 1], dtype=dtype)).dtype == dtype


def test_a_float_slope_is_the_rational_it_is():
    z = np.array([Fraction(-1)], dtype=object)
    assert leaky_relu(0.2).function(z)[0] == -Fraction(0.2)
    assert leaky_relu(Fraction(1, 5)).function(np.array([fmpq(-1)], dtype=object))[0] == fmpq(-1, 5)


@pytest.mark.parametrize("name", [*NAMES, "leaky_relu:1/5"])
def test_names_find_what_they_name(name):
    assert activation(name).name == name


def test_kinks():
    assert [each.has_kink for each in (linear, relu, leaky_relu(0.3), power(2), tanh)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert leaky_relu(1) is linear
    assert linear.is_linear
    assert not relu.is_linear


@pytest.mark.parametrize("slope", [0, -0.1, 1.1, float("nan"), float("inf")])
def test_slopes_out_of_range(slope):
    with pytest.raises(ValueError, match=r"leaky_relu slope must lie in \(0, 1\]"):
        leaky_relu(slope)


@pytest.mark.parametrize("degree", [1, 0, -2, 2.5, float("nan"), float("inf"), True])
def test_degrees_out_of_range(degree):
    with pytest.raises(ValueError, match="power degree must be an integer >= 2"):
        power(degree)


@pytest.mark.parametrize(
    "name",
    [
        *("", "sigmoid", "linear:1", "ReLU", "power", "power:inf", "power:nan", "power:1.5", "leaky_relu"),
        *("leaky_relu:", "leaky_relu:x", "leaky_relu:1/0", "leaky_relu:1/x", "leaky_relu:nan", "leaky_relu:2"),
    ],
)
def test_unknown_names(name):
    with pytest.raises(ValueError, match=r"activation|slope|degree"):
        activation(name)


def test_a_users_own():
    softsign = Activation("softsign", lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2, None)
    assert not softsign.has_kink


@pytest.mark.parametrize(("name", "typed"), [("leaky_relu", "leaky_relu:0.2"), ("power:", "power:2")])
def test_a_number_left_out_is_shown_by_example(name, typed):
    with pytest.raises(ValueError, match=f"{name!r} needs a number, as in {typed}"):
        activation(name)
    assert activation(typed).name == typed
