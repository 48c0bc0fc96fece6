"""The comparison function of hitting-time in balls: its rate is rational, its integral piecewise cubic."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flint import arb, fmpq

from fa_theory.rigour.balls import Ball, Rational, UndecidedError, per_precision
from fa_theory.rigour.separable import column, least_height
from fa_theory.rigour.start import ExactStart, matrix_of
from fa_theory.rigour.zeros import first_positive, increasing_zero


class Neuron(NamedTuple):
    """A neuron with b_i != 0, for a direction u of any length: low_i = 1/2 (reach + pull tau)_+^2 / |u|^2 - C_i.

    Attributes
    ----------
    reach, pull : rational
        sign(b_i) u.w_i(0), and |b_i| a times the least y_j u.x_j.
    invariant : rational
        C_i.
    """

    reach: Rational
    pull: Rational
    invariant: Rational


class Comparison:
    """Q(tau) and its integral for one direction u, over the rationals.

    Parameters
    ----------
    start : ExactStart
        Start and data; two layers, one output, fixed feedback.
    direction : tuple of float
        u, which separates the data; not all b_i are zero.
    """

    def __init__(self, start: ExactStart, direction: tuple[float, ...]) -> None:
        u, least = column(direction), least_height(start, direction)
        network = start.network
        b = matrix_of(network.feedback[-1].matrix(network.weights[-1])).entries()
        along = (matrix_of(network.first_layer_weights()) * u).entries()
        self.squared_length = sum((each**2 for each in u.entries()), fmpq(0))
        self.neurons = tuple(
            Neuron(reach if feedback > 0 else -reach, abs(feedback) * start.slope * least, -c)
            for reach, feedback, c in zip(along, b, start.c, strict=True)
            if feedback != 0
        )
        self.gain = start.slope**2 * least**2 / self.squared_length
        samples = start.samples.tolist()
        self.cost = max(sum((x**2 for x in row), fmpq(0)) for row in samples)
        self._neurons_in_balls = per_precision(self._in_balls)

    def rate(self, tau: Rational) -> Rational:
        """Return Q(tau), exactly."""
        total = fmpq(0)
        for reach, pull, invariant in self.neurons:
            low = max(reach + pull * tau, fmpq(0)) ** 2 / (2 * self.squared_length) - invariant
            total += (self.gain if low > 0 else self.cost) * low
        return total

    def _in_balls(self) -> tuple[tuple[Ball, Ball, Ball, Ball | None], ...]:
        """Return reach, pull and C_i, and until which tau a neuron counts with the cost; None where it never does."""
        found: list[tuple[Ball, Ball, Ball, Ball | None]] = []
        for reach, pull, invariant in self.neurons:
            known = arb(reach), arb(pull), arb(invariant)
            if invariant <= 0 or (reach > 0 and reach**2 >= 2 * invariant * self.squared_length):
                found.append((*known, None))
            else:
                kink = (arb(2 * invariant * self.squared_length).sqrt() - known[0]) / known[1]
                found.append((*known, kink.max(arb(0))))
        return tuple(found)

    def integral(self, tau: Ball) -> Ball:
        """Enclose the integral of Q from 0 to tau >= 0."""
        six, gain, more = 6 * arb(self.squared_length), arb(self.gain), arb(self.cost - self.gain)

        def of_low(reach: Ball, pull: Ball, invariant: Ball, until: Ball) -> Ball:
            end = (reach + pull * until).max(arb(0))
            area = until * (reach * (reach + end) + end * end) if reach >= 0 else end**3 / pull
            return area / six - invariant * until

        total = arb(0)
        for reach, pull, invariant, kink in self._neurons_in_balls():
            total += gain * of_low(reach, pull, invariant, tau)
            if kink is not None:
                total += more * of_low(reach, pull, invariant, tau.min(kink))
        return total

    def turn(self) -> Ball:
        """Enclose the tau at which Q becomes positive; exactly 0 if it is from the start."""
        if self.rate(fmpq(0)) >= 0:
            return arb(0)
        high = fmpq(1)
        while self.rate(high) <= 0:
            high *= 2
        while self.rate(high / 2) > 0:
            high /= 2
        return first_positive(self.rate, high / 2, high)


class Course:
    """Lbar over tau in balls at the working precision: it grows until Q turns positive, and falls from there."""

    def __init__(self, comparison: Comparison, start_loss: Ball, n_samples: int) -> None:
        self.comparison, self.n, self.start = comparison, n_samples, start_loss
        self.turn = comparison.turn()
        self.at_turn = comparison.integral(self.turn) if self.turns else arb(0)
        self.highest = (start_loss.expm1() * (-self.at_turn).exp()).log1p()
        self.scaled = (n_samples * self.highest).expm1()

    @property
    def turns(self) -> bool:
        """Whether Q is negative at the start."""
        return not self.turn.is_zero()

    def before(self, tau: Ball) -> Ball:
        """Enclose Lbar(tau) for tau <= turn."""
        return (self.start.expm1() * (-self.comparison.integral(tau)).exp()).log1p()

    def loss(self, tau: Ball) -> Ball:
        """Enclose Lbar(tau) for tau >= turn."""
        return (self.scaled * (self.at_turn - self.comparison.integral(tau)).exp()).log1p() / self.n

    def time_above(self, tau: Ball, loss: Ball) -> Ball:
        """Enclose N tau / (1 - exp(-N loss))."""
        return -self.n * tau / (-self.n * loss).expm1()

    def settled(self, tau: Ball) -> Ball:
        """Enclose the time from which on the loss is at most Lbar(tau), tau >= turn."""
        loss = self.loss(tau)
        return self.time_above(tau, (loss.expm1() * self.at_turn.exp()).log1p() if self.turns else loss)

    def tau_of(self, epsilon: Ball) -> Ball:
        """Enclose the first tau with Lbar <= epsilon.

        Raises
        ------
        UndecidedError
            If epsilon is not told from the loss at the start, or the precision is too low.
        """
        if epsilon >= self.start:
            return arb(0)
        if not epsilon < self.start:
            raise UndecidedError("epsilon is not told from the loss at the start")
        fall = (self.scaled / (self.n * epsilon).expm1()).log()
        return self._after_turn(lambda tau: self.comparison.integral(tau) - self.at_turn - fall)

    def at(self, time: Rational) -> Ball:
        """Enclose the bound on the loss at a time: what `settled` gives, else the growth that is possible."""
        if time == 0:
            return self.start
        if self.turns:
            known = self.settled(self.turn)
            if known > arb(time):
                # tau grows at a rate of at most one
                return self.before(self.turn.min(arb(time)))
            if not known < arb(time):
                raise UndecidedError("the time is not told from that at which the loss settles")
        return self.loss(self._after_turn(lambda tau: (self.settled(tau) / arb(time)).log()))

    def _after_turn(self, function: Callable[[Ball], Ball]) -> Ball:
        """Enclose the zero, after the turn, of a function that increases from a negative value there without limit."""
        after, step = self.turn.upper(), arb(1)
        while function(after + step) < 0:
            step *= 2
        while not function(after + step) < 0:
            step /= 2
            if step < arb((1, -(2**14))):
                raise UndecidedError("the zero is not told from the turn")
        high = after + 2 * step
        if not function(high) > 0:
            high += 2 * step
        return increasing_zero(function, (after + step).mid(), high.mid())
