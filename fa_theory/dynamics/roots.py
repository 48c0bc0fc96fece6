"""Where a polynomial first comes down through zero."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

_STEPS = 200
_RESOLVED = 4e-16


def first_root(coefficients: Sequence[float], end: float) -> float | None:
    """Return the first time in [0, end] at which a polynomial, constant term first, is zero or less; None if never.

    From the left, each step goes to the root of a parabola that lies below the polynomial up to `end`, so no root is
    passed over, however close two of them are; at a simple root the convergence is quadratic.
    """
    if coefficients[0] <= 0:
        return 0.0
    bend, power = 0.0, 1.0
    for k in range(2, len(coefficients)):  # |p''| <= bend
        bend += k * (k - 1) * abs(coefficients[k]) * power
        power *= end
    descending = coefficients[::-1]
    x = 0.0
    for _ in range(_STEPS):
        value = slope = 0.0
        for each in descending:
            slope = slope * x + value
            value = value * x + each
        if value <= 0:
            break
        root = sqrt(slope * slope + 2 * bend * value)
        if slope < 0:
            step = 2 * value / (root - slope)
        elif bend > 0:
            step = (root + slope) / bend
        else:
            return None
        if step <= _RESOLVED * x:
            break
        x += step
        if x > end:
            return None
    return x


def derivative_at(coefficients: Sequence[float], x: float) -> float:
    """Return p'(x)."""
    slope = 0.0
    for k in range(len(coefficients) - 1, 0, -1):
        slope = slope * x + k * coefficients[k]
    return slope
