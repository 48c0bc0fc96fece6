"""Zeros of increasing functions: searched for without rigour, then certified by the signs on both sides."""

from __future__ import annotations

from collections.abc import Callable

from flint import arb, ctx

from fa_theory.rigour.balls import Ball, Rational, UndecidedError


def increasing_zero(function: Callable[[Ball], Ball], low: Ball, high: Ball) -> Ball:
    """Enclose the zero of an increasing function between exact numbers 0 < low < high, on both sides of it.

    Three quarters of the working precision is what it is known to.

    Raises
    ------
    UndecidedError
        If the signs beside the zero that was found are not certain.
    """
    width = arb((1, -(3 * ctx.prec // 4)))
    middle = _search(function, low, high, width / 8)
    below, above = (middle * (1 - width)).mid(), (middle * (1 + width)).mid()
    below, above = max(below, low), min(above, high)
    if not (function(below) < 0 < function(above)):
        raise UndecidedError(f"the zero near {middle.str(10)} is not certain")
    return below.union(above)


def _search(function: Callable[[Ball], Ball], low: Ball, high: Ball, width: Ball) -> Ball:
    """Return about where the function is zero: false position, with one side's value halved while it stays."""
    at_low, at_high = function(low).mid(), function(high).mid()
    if not (at_low < 0 < at_high):
        raise UndecidedError("the signs at the ends are not certain")
    last, previous, turn = 0, low, 0
    while True:
        place = ((low * at_high - high * at_low) / (at_high - at_low)).mid()
        if turn % 4 == 3 or not (low < place < high):
            # between the ends in logarithms first, as they may be many powers of two apart
            place = ((low * high).sqrt() if high > 2 * low else (low + high) / 2).mid()
        value = function(place).mid()
        if abs(place - previous) < width * place or value == 0:
            return place
        previous, turn = place, turn + 1
        if value < 0:
            low, at_low, at_high = place, value, at_high / 2 if last < 0 else at_high
            last = -1
        else:
            high, at_high, at_low = place, value, at_low / 2 if last > 0 else at_low
            last = 1


def first_positive(function: Callable[[Rational], Rational], low: Rational, high: Rational) -> Ball:
    """Enclose the last zero in (low, high) of a function that never decreases, exact over the rationals.

    function(low) <= 0 < function(high), low >= 0. The enclosure is as fine as the working precision.
    """
    width = type(low)(1, 2**ctx.prec)
    while high - low > high * width:
        middle = (low + high) / 2
        low, high = (low, middle) if function(middle) > 0 else (middle, high)
    return arb(low).union(arb(high))
