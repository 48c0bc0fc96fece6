"""Outward rounding, rising precision and certain signs."""

import math
from fractions import Fraction

import pytest
from flint import arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

from fa_theory.rigour import balls


def exact(end):
    return Fraction(end[0]) * Fraction(2) ** end[1]


@given(st.fractions(), st.integers(-500, 500))
def test_outward_endpoints_surround_a_rational(value, shift):
    number = value * Fraction(2) ** shift
    with ctx.workprec(200):
        interval = balls.outward(arb(fmpq(number.numerator, number.denominator)))
    assert exact(interval.lower) <= number <= exact(interval.upper)
    assert exact(interval.upper) - exact(interval.lower) <= abs(number) * Fraction(1, 2**61)
    for mantissa, _ in interval:
        assert abs(mantissa) <= 2**64


@given(st.fractions())
def test_floats_lie_on_the_right_side(value):
    with ctx.workprec(100):
        ball = arb(fmpq(value.numerator, value.denominator))
    low, high = balls.lower_float(ball), balls.upper_float(ball)
    assert Fraction(low) <= value <= Fraction(high)
    assert high <= math.nextafter(math.nextafter(low, math.inf), math.inf)


def test_floats_of_what_no_float_is():
    assert balls.upper_float(arb(1000).exp()) == math.inf
    assert balls.lower_float((-arb(10**6)).exp()) == 0
    assert balls.upper_float((-arb(10**6)).exp()) == 5e-324
    assert balls.float_of_sign(fmpq(1, 10**400)) == 5e-324
    assert balls.float_of_sign(fmpq(-1, 10**400)) == -5e-324
    assert balls.float_of_sign(fmpq(10**400)) == math.inf
    assert balls.float_of_sign(fmpq(0)) == 0


def test_signs_are_certain_or_none():
    assert balls.certain_sign(lambda: arb(2).sqrt() ** 2 - 2) is None
    assert balls.certain_sign(lambda: arb(2).sqrt() * arb(2).sqrt() - 2 + arb((1, -1000))) == 1
    assert balls.certain_sign(lambda: arb(0)) == 0
    assert balls.certain_sign(lambda: -arb(1)) == -1


def test_the_limit_of_precision_is_named():
    with pytest.raises(balls.UndecidedError, match="the difference is not decided with 8192 bits"):
        balls.enclose("the difference", lambda: (arb(2).sqrt() * arb(2).sqrt() - 2,))


def test_powers_of_balls_around_zero_are_balls():
    assert balls.power(arb(0, 1), 2).contains(1)
    assert balls.power(arb(0, 1), 0) == 1
    assert balls.power(arb(3), 3) == 27
