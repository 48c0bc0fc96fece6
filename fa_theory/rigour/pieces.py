"""Curves in pieces: below each of some levels a loss is known to decay at a larger rate."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from fa_theory.rigour.balls import Ball, Rational


class Pieces:
    """A loss that starts at the first level, and decays at least at rates[k] once it is at most levels[k].

    Parameters
    ----------
    levels : sequence of balls
        They do not increase, and are positive.
    rates : sequence of balls
        They do not decrease.
    falls : sequence of balls, optional
        log(levels[k] / levels[k + 1]), where it is known better than from the levels.
    """

    def __init__(self, levels: Sequence[Ball], rates: Sequence[Ball], falls: Sequence[Ball] | None = None) -> None:
        self.levels, self.rates, self.reached = levels, rates, [arb(0)]
        for k in range(len(levels) - 1):
            if not rates[k] > 0:
                break
            fall = (levels[k] / levels[k + 1]).log() if falls is None else falls[k]
            self.reached.append(self.reached[-1] + fall / rates[k])

    def at(self, time: Rational) -> Ball:
        """Enclose what is left of the loss at a time: from the last level that has certainly been reached."""
        low, high = 0, len(self.reached)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.reached[middle] <= arb(time) else (low, middle)
        return self.levels[low] * (-self.rates[low] * (arb(time) - self.reached[low])).exp()
