"""Balls: precision raised until something is certain, and endpoints rounded outwards.

A ball (python-flint ``arb``) contains the exact value of what it was computed from; a comparison of balls is true only
if it is true of all their points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from flint import arb, ctx, fmpq

Ball = Any
Rational = Any
T = TypeVar("T")

ACCURACY = 80
"""Bits to which enclosures are known; endpoints are written with 64."""
PRECISIONS = (128, 256, 512, 1024, 2048, 4096, 8192)
"""Working precisions, in bits, tried in this order."""
_ENDPOINT_BITS = 64


class UndecidedError(ArithmeticError):
    """Something cannot be decided at the present precision.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import UndecidedError
    >>> try:
    ...     raise UndecidedError("the rate is not decided with 8192 bits, the limit")
    ... except ArithmeticError as error:
    ...     print(error)
    the rate is not decided with 8192 bits, the limit
    """


class Interval(NamedTuple):
    """Endpoints m * 2^e, as pairs (m, e) of integers with m of at most 64 bits."""

    lower: tuple[int, int]
    upper: tuple[int, int]


def at_rising_precision(what: str, compute: Callable[[], T], precisions: Sequence[int] = PRECISIONS) -> T:
    """Return ``compute()`` at the first precision at which it does not raise `UndecidedError`.

    Raises
    ------
    UndecidedError
        If none suffices; the message says what was tried, and the limit.
    """
    reason = ""
    for precision in precisions:
        with ctx.workprec(precision):
            try:
                return compute()
            except UndecidedError as undecided:
                reason = str(undecided)
    raise UndecidedError(f"{what} is not decided with {precisions[-1]} bits, the limit ({reason})")


def require_accuracy(values: Sequence[Ball], negligible: Ball | int = 0) -> None:
    """Raise `UndecidedError` unless every ball is known to `ACCURACY` bits, or has a radius of at most `negligible`."""
    for value in values:
        if not value.is_finite():
            raise UndecidedError("a ball without bound")
        if value.rel_accuracy_bits() < ACCURACY and not value.rad() <= negligible:
            raise UndecidedError(f"a ball of {value.rel_accuracy_bits()} bits")


def enclose(what: str, compute: Callable[[], Sequence[Ball]]) -> tuple[Ball, ...]:
    """Return the balls that ``compute()`` gives at the first precision at which all are accurate."""

    def accurate() -> tuple[Ball, ...]:
        values = tuple(compute())
        require_accuracy(values)
        return values

    return at_rising_precision(what, accurate)


def certain_sign(compute: Callable[[], Ball], precisions: Sequence[int] = PRECISIONS[:5]) -> int | None:
    """Return the sign of a number from balls around it at rising precision; None if it stays within rounding of 0."""

    def sign() -> int:
        value = compute()
        if value > 0:
            return 1
        if value < 0:
            return -1
        if value.is_zero():
            return 0
        raise UndecidedError("a ball around zero")

    try:
        return at_rising_precision("the sign", sign, precisions)
    except UndecidedError:
        return None


def per_precision(compute: Callable[[], T]) -> Callable[[], T]:
    """Return the same function, which keeps what it found at each precision."""
    found: dict[int, T] = {}

    def remembered() -> T:
        if ctx.prec not in found:
            found[ctx.prec] = compute()
        return found[ctx.prec]

    return remembered


def outward(value: Ball) -> Interval:
    """Return endpoints of 64 bits with the ball between them; for a ball that is zero, zeros.

    They stay clear of the ball by 2^-80 of its size, so that a finer ball of the same number fits between them even
    where that number has 64 bits itself.

    Examples
    --------
    >>> from flint import arb
    >>> from fa_theory.rigour import outward
    >>> third = arb(1) / 3
    >>> ends = outward(third)
    >>> bool(arb(ends.lower) < third < arb(ends.upper)), max(m.bit_length() for m, _ in ends)
    (True, 64)
    """
    if value.is_zero():
        return Interval((0, 0), (0, 0))
    with ctx.workprec(max(ctx.prec, 2 * ACCURACY)):
        room = abs(value).upper() * arb((1, -ACCURACY))
        lower = _floor(*(value - room).lower().man_exp())
        m, e = _floor(*(-(value + room).upper()).man_exp())
    return Interval(lower, (-m, e))


def _floor(mantissa: Any, exponent: Any) -> tuple[int, int]:
    m, e = int(mantissa), int(exponent)
    excess = m.bit_length() - _ENDPOINT_BITS
    return (m >> excess, e + excess) if excess > 0 else (m, e)


def power(value: Ball, exponent: int) -> Ball:
    """Return value^exponent, exponent >= 1; flint's own power of a ball around zero is not a number."""
    return math.prod([value] * exponent, start=arb(1))


def upper_float(value: Ball) -> float:
    """Return a float that is certainly not below the ball; infinity where there is none.

    Examples
    --------
    >>> from flint import arb
    >>> from fa_theory.rigour import upper_float
    >>> upper_float(arb(1) / 3) > 1 / 3, upper_float(arb(0.5))  # the float 1 / 3 is less than a third
    (True, 0.5)
    """
    return _float_beyond(value.upper(), 1)


def lower_float(value: Ball) -> float:
    """Return a float that is certainly not above the ball."""
    return _float_beyond(value.lower(), -1)


def _float_beyond(endpoint: Ball, side: int) -> float:
    guess = float(endpoint)  # close, not certainly on the right side
    while (arb(guess) < endpoint) if side > 0 else (arb(guess) > endpoint):
        guess = math.nextafter(guess, side * math.inf)
    return guess


def float_of_sign(number: Rational) -> float:
    """Return the float next to a rational, never zero for a number that is not."""
    p, q = int(number.p), int(number.q)
    try:
        nearest = p / q
    except OverflowError:
        nearest = math.inf if p > 0 else -math.inf
    return nearest or math.copysign(5e-324, p) if p else 0.0


def rational(number: Any) -> Rational:
    """Return the rational (``fmpq``) that an int, a float or a fraction is."""
    return number if isinstance(number, fmpq) else fmpq(*number.as_integer_ratio())
