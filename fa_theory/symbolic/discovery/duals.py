"""Derivatives and Lie brackets of vector fields at a point, exactly, by dual numbers.

A field is a function (blocks, lift) -> blocks: the parameters and the velocities as lists of matrices. It may only
add and multiply (``*``) matrices and transpose them, and take constants through ``lift``; so the same few lines give
its values over the rationals, its derivatives, and its polynomials.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Blocks = list[Any]
Lift = Callable[[Any], Any]
Field = Callable[[Blocks, Lift], Blocks]


class Dual:
    """A matrix value + eps slope with eps^2 = 0; slope None is zero. Both parts may themselves be dual."""

    __slots__ = ("slope", "value")

    def __init__(self, value: Any, slope: Any) -> None:
        self.value, self.slope = value, slope

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, _sum(self.slope, other.slope))

    def __neg__(self) -> Dual:
        return Dual(-self.value, None if self.slope is None else -self.slope)

    def __sub__(self, other: Dual) -> Dual:
        return self + -other

    def __mul__(self, other: Any) -> Dual:
        if not isinstance(other, Dual):
            return Dual(self.value * other, None if self.slope is None else self.slope * other)
        left = None if other.slope is None else self.value * other.slope
        right = None if self.slope is None else self.slope * other.value
        return Dual(self.value * other.value, _sum(left, right))

    def transpose(self) -> Dual:
        """Return the transposed matrix."""
        return Dual(self.value.transpose(), None if self.slope is None else self.slope.transpose())


def _sum(one: Any, two: Any) -> Any:
    if one is None:
        return two
    return one if two is None else one + two


def derivative(field: Field, blocks: Blocks, direction: Blocks, lift: Lift) -> Blocks:
    """Return the derivative of the field at the blocks in a direction."""
    moved = field(
        [Dual(block, velocity) for block, velocity in zip(blocks, direction, strict=True)],
        lambda constant: Dual(lift(constant), None),
    )
    return [part.value * 0 if part.slope is None else part.slope for part in moved]


def bracket(first: Field, second: Field) -> Field:
    """Return the Lie bracket [first, second] = D(second) first - D(first) second, again a field."""

    def of_both(blocks: Blocks, lift: Lift) -> Blocks:
        ahead = derivative(second, blocks, first(blocks, lift), lift)
        behind = derivative(first, blocks, second(blocks, lift), lift)
        return [a - b for a, b in zip(ahead, behind, strict=True)]

    return of_both
