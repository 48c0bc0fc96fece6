"""The door through which every array comes in."""

from fractions import Fraction

import array_api_strict as strict
import numpy as np
import pytest
from flint import fmpq, fmpz
from hypothesis import given
from hypothesis import strategies as st

from fa_theory.backend import floating, is_exact, machine_epsilon, namespace, number_like, require_same_kind, to_numpy


def objects(*entries):
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array


@pytest.mark.parametrize("given_", [[1, 2], (1, 2), np.array([1, 2]), np.array([1, 2], dtype=np.uint8), range(1, 3)])
def test_lists_and_integers_become_float64(given_):
    array = floating("X", given_, 1)
    assert array.dtype == np.float64
    assert array.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_kept_as_they_are(dtype):
    array = np.ones((2, 3), dtype=dtype)
    assert floating("X", array, 2) is array


def test_foreign_byte_order_becomes_native():
    array = floating("X", np.array([1.5, 2.5], dtype=">f8"), 1)
    assert array.dtype == np.float64
    assert array.dtype.isnative
    assert array.tolist() == [1.5, 2.5]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_strict_arrays_stay_strict(dtype):
    array = strict.asarray([1.0, 2.0], dtype=getattr(strict, dtype))
    assert floating("X", array, 1) is array
    assert namespace(floating("X", strict.asarray([1, 2]), 1)) is namespace(array)
    assert isinstance(to_numpy(array), np.ndarray)


@pytest.mark.parametrize(
    "bad",
    [
        [True, False],
        [1j, 2],
        ["1", "2"],
        [b"1"],
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.array([1.0], dtype=np.float16),
        np.array([1.0], dtype=np.longdouble),
        np.ma.masked_array([1.0, 2.0], [True, False]),
        [None, 1.0],
        objects(Fraction(1), 0.5),
        objects(Fraction(1), float("nan")),
        objects(Fraction(1), True),
        objects([1], Fraction(1)),
        strict.asarray([True]),
        strict.asarray([1j]),
    ],
    ids=repr,
)
def test_what_is_not_real_is_refused_by_name(bad):
    with pytest.raises(TypeError, match=r"^W1 "):
        floating("W1", bad, 1)


@pytest.mark.parametrize("xp", [np, strict])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_refused_with_its_place(bad, xp):
    with pytest.raises(ValueError, match=rf"^W1 must be finite, got {bad} at index \(1, 0\)"):
        floating("W1", xp.asarray([[1.0], [bad]]), 2)


@pytest.mark.parametrize("bad", [1.0, None, [[1.0]], np.zeros((1, 1, 1)), {}])
def test_wrong_rank_is_refused(bad):
    with pytest.raises(ValueError, match=r"^b1 must have 1 dimension\(s\), got shape"):
        floating("b1", bad, 1)


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match=r"^X must be a rectangular array"):
        floating("X", [[1.0], [1.0, 2.0]], 2)


def test_a_matrix_multiplies_like_an_array():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    assert type(floating("X", matrix, 2)) is np.ndarray


@pytest.mark.parametrize("half", [Fraction(1, 2), fmpq(1, 2)])
@pytest.mark.parametrize("three", [3, np.int64(3), fmpz(3)])
def test_integers_among_rationals_become_rationals(half, three):
    array = floating("X", objects(half, three), 1)
    assert is_exact(array)
    assert [type(entry) for entry in array] == [type(half)] * 2
    assert array[1] / 2 == 3 * array[0]


def test_fractions_beside_fmpq_become_fmpq():
    assert floating("X", objects(fmpq(1, 2), Fraction(1, 3)), 1).tolist() == [fmpq(1, 2), fmpq(1, 3)]


@pytest.mark.parametrize(
    "like",
    [np.zeros(1, np.float32), np.zeros(1), strict.zeros(1), objects(Fraction(0)), objects(fmpq(0))],
    ids=["float32", "float64", "strict", "Fraction", "fmpq"],
)
@pytest.mark.parametrize("numbers", [[1, 2], np.array([1, 2])], ids=["list", "integers"])
def test_integers_take_the_kind_of_their_companion(like, numbers):
    array = floating("Y", numbers, 1, like=like)
    require_same_kind("Y", array, "X", like)
    assert [int(entry) for entry in to_numpy(array)] == [1, 2]


def test_lists_of_floats_take_the_kind_of_their_companion():
    assert floating("Y", [0.5], 1, like=np.zeros(1, np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        (np.zeros(1, np.float32), np.zeros(1), "dtype"),
        (strict.zeros(1), np.zeros(1), "library"),
        (objects(Fraction(1)), objects(fmpq(1)), "type of rational"),
        (objects(Fraction(1)), np.zeros(1), "dtype"),
    ],
)
def test_different_kinds_are_told_apart(one, other, what):
    with pytest.raises(ValueError, match=f"^Y must have the {what} of X, "):
        require_same_kind("Y", one, "X", other)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_value_whatever_the_kind(number):
    assert number_like(number, np.zeros(1)) == number
    exact = number_like(number, objects(fmpq(1)))
    assert isinstance(exact, fmpq)
    assert Fraction(int(exact.p), int(exact.q)) == Fraction(number)


def test_a_numpy_scalar_does_not_widen_float32():
    array = np.ones(2, np.float32)
    assert (number_like(np.float64(0.2), array) * array).dtype == np.float32


def test_machine_epsilon():
    assert machine_epsilon(np.zeros(1)) == 2.0**-52
    assert machine_epsilon(np.zeros(1, np.float32)) == 2.0**-23
    assert machine_epsilon(objects(Fraction(1))) == 0.0
