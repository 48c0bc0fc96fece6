"""separable-decay-two-sided and hitting-time-two-sided in balls, cell by cell as the calculators."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from flint import arb, fmpq

from fa_theory.bounds import assumptions as assume
from fa_theory.rigour.balls import Ball, Rational, float_of_sign, per_precision, rational
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.comparison import Comparison, Course
from fa_theory.rigour.hitting_time import hitting_time
from fa_theory.rigour.projection import feedback_of
from fa_theory.rigour.separable import column, least_height, separable_decay
from fa_theory.rigour.start import ExactStart, matrix_of

_CELL, _DEPTH = 0.01, 60.0
_MOST_TERMS = 200_000
"""Cells times neurons, above which cells are joined: any cells give a valid bound."""
_CELLS = 2000


class _Weights(NamedTuple):
    """Lower bounds on |w_i|^2 over tau, for a direction u of any length.

    Attributes
    ----------
    reach, pull : list of rational
        sign(b_i) u.w_i(0) and |b_i| a min_j y_j u.x_j: |w_i| |u| >= (reach_i + pull_i tau)_+.
    size, push : list of rational
        |w_i(0)|^2 and (|b_i| R)^2: |w_i| >= |w_i(0)| - |b_i| R tau.
    squared_length : rational
        |u|^2.
    gain, total : rational
        a^2 gamma^2 and s.
    """

    reach: list[Rational]
    pull: list[Rational]
    size: list[Rational]
    push: list[Rational]
    squared_length: Rational
    gain: Rational
    total: Rational

    @classmethod
    def of(cls, start: ExactStart, direction: tuple[float, ...]) -> _Weights:
        """Return them for a two-layer, scalar network with fixed feedback."""
        u, least = column(direction), least_height(start, direction)
        W, b = matrix_of(start.network.first_layer_weights()), feedback_of(start).entries()
        square = sum((each**2 for each in u.entries()), fmpq(0))
        radius = max(sum((x**2 for x in row), fmpq(0)) for row in start.samples.tolist())
        along = (W * u).entries()
        return cls(
            reach=[reach * ((bi > 0) - (bi < 0)) for reach, bi in zip(along, b, strict=True)],
            pull=[abs(bi) * start.slope * least for bi in b],
            size=[sum((w**2 for w in row), fmpq(0)) for row in W.tolist()],
            push=[bi**2 * radius for bi in b],
            squared_length=square,
            gain=start.slope**2 * least**2 / square,
            total=start.s,
        )

    def grid(self) -> list[Rational]:
        """Return the ends of cells, chosen in floating point: the weights and exp(I) change little in each."""
        length = math.sqrt(float_of_sign(self.squared_length))
        reach, pull = (np.asarray([float_of_sign(x) for x in each]) / length for each in (self.reach, self.pull))
        size, push = (np.sqrt([float_of_sign(x) for x in each]) for each in (self.size, self.push))
        gain, total = float_of_sign(self.gain), float_of_sign(self.total)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            times = np.concatenate([size / push, abs(reach) / pull, 1 / pull])
            times = times[np.isfinite(times) & (times > 0)]
            unit = float(np.min(times)) if times.size else 1.0
            ends, depth = [0.0], 0.0
            while depth < _DEPTH:
                low = np.maximum(np.maximum(reach + pull * ends[-1], 0), size - push * ends[-1])
                rate = gain * (total + float(np.sum(low**2)) / 2)
                width = min(_CELL * (ends[-1] + unit), _CELL / rate if rate else math.inf)
                if not ends[-1] < ends[-1] + width < math.inf:
                    break  # no float says more: what there is will do
                ends.append(ends[-1] + width)
                depth += rate * width
        joined = 1 + len(ends) * len(reach) // _MOST_TERMS
        return [rational(end) for end in ends[::joined]]

    def rates(self, ends: list[Rational]) -> list[Ball]:
        """Enclose for each cell a^2 gamma^2 (s + 1/2 sum of the squared lower bounds), each where it is least."""
        length = arb(self.squared_length).sqrt()
        neurons = [
            (arb(reach) / length, arb(pull) / length, arb(size).sqrt(), arb(push).sqrt())
            for reach, pull, size, push in zip(self.reach, self.pull, self.size, self.push, strict=True)
        ]
        gain, total, nothing = arb(self.gain), arb(self.total), arb(0)
        found = []
        for begin, end in pairwise([arb(end) for end in ends]):
            squares = nothing
            for reach, pull, size, push in neurons:
                low = (reach + pull * begin).max(size - push * end).max(nothing)
                squares += low * low
            found.append(gain * (total + squares / 2))
        return found


class _Cells:
    """I = int Q and J exp(-I), J = int exp(I), at the ends of cells in which Q is replaced by a lower bound."""

    def __init__(self, weights: _Weights, ends: list[Rational]) -> None:
        self.ends, self.integral, self.ratio = ends, [arb(0)], [arb(0)]
        for k, rate in enumerate(weights.rates(ends)):
            fall = rate * arb(ends[k + 1] - ends[k])
            self.integral.append(self.integral[-1] + fall)
            self.ratio.append(self.ratio[-1] * (-fall).exp() - (-fall).expm1() / rate)
        self.tau = np.asarray([float_of_sign(end) for end in ends])
        with np.errstate(divide="ignore"):
            self.logs = np.log([float(each.mid()) for each in self.ratio]) + [float(i.mid()) for i in self.integral]

    def highest(self, time: Rational, start: Ball, count: int, delay: int) -> Ball:
        """Enclose a bound of the largest over tau of min(start exp(-I), count J exp(-I) / (time - delay tau)_+).

        The first falls; so up to any cell the second is taken at the worse end of each cell, and from it on the first
        at its beginning. Where they cross in floating point is the best cell.
        """
        # times and products are correctly rounded, so that none is positive which is not
        left = float_of_sign(time) - delay * self.tau
        with np.errstate(divide="ignore", invalid="ignore"):
            crossed = ~(left > 0) | (self.logs + math.log(count) >= float(start.log().mid()) + np.log(left))
        cell = max(int(np.argmax(crossed)) - 1, 0) if crossed.any() else len(left) - 1
        highest = start * (-self.integral[cell]).exp()
        for k in range(cell):
            worse = self.ratio[k].max(self.ratio[k + 1])
            highest = highest.max(count * worse / arb(time - delay * self.ends[k + 1]))
        return highest


def separable_decay_two_sided(start: ExactStart) -> EnclosedBound:
    """Enclose what statement separable-decay-two-sided gives with cells chosen in floating point.

    Q is replaced by a lower bound in each cell and everything else is evaluated in balls; the smaller of this and
    separable-decay is the bound.

    Examples
    --------
    >>> from flint import fmpq
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, separable_decay, separable_decay_two_sided
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> start = ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, -1], "exponential"))
    >>> found = (separable_decay(start), separable_decay_two_sided(start))
    >>> [round(float(bound.values((fmpq(2),))[0]), 2) for bound in found]
    [0.37, 0.28]
    """
    plain = separable_decay(start)
    judged = (
        *(each for each in plain.assumptions if not each.name.startswith("rule")),
        assume.fixed_feedback(start.floats),
    )
    bound = replace(plain, id="separable-decay-two-sided", assumptions=judged)
    if not bound.applicable:
        return replace(bound, constants=dict)
    weights, n = _Weights.of(start, plain.witness["direction"]), start.n_samples
    ends = weights.grid()
    cells, loss = per_precision(lambda: _Cells(weights, ends)), per_precision(start.start_loss)

    def exponential(time: Rational) -> Ball:
        return cells().highest(time, loss(), 1, 0)

    def logistic(time: Rational) -> Ball:
        return cells().highest(time, (n * loss()).expm1(), n, n).log1p() / n

    at = exponential if start.problem.loss.name == "exponential" else logistic

    def constants() -> dict[str, Ball]:
        return {"s": arb(weights.total), "gain": arb(weights.gain), "start": loss()}

    return replace(bound, constants=constants, curve=lambda t: plain.curve(t).min(at(t)))


def hitting_time_two_sided(start: ExactStart, epsilon: float | None = None) -> EnclosedBound:
    """Enclose statement hitting-time-two-sided for a loss of `epsilon`, with the cells of the calculator.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, hitting_time, hitting_time_two_sided
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> start = ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, -1], "logistic"))
    >>> bool(hitting_time_two_sided(start, 0.1).enclosed_time() < hitting_time(start, 0.1).enclosed_time())
    True
    """
    plain = hitting_time(start, epsilon)
    bound = replace(plain, id="hitting-time-two-sided")
    if not bound.applicable or plain.time is None:
        return bound
    comparison = Comparison(start, plain.witness["direction"])
    level = rational(plain.witness["epsilon"])

    def time() -> Ball:
        course = Course(comparison, start.start_loss(), start.n_samples)
        tau = course.tau_of(arb(level))
        cells = min(_CELLS, 10 + _MOST_TERMS // len(comparison.neurons))
        latest = course.time_above(tau, arb(level))
        return latest if tau.is_zero() else latest.min(_latest(course, tau, arb(level), cells))

    return replace(bound, time=per_precision(time))


def _latest(course: Course, tau: Ball, epsilon: Ball, cells: int) -> Ball:
    """Enclose how long the loss can stay above epsilon until any tau from the turn to this one, cell by cell."""
    n, left = course.n, (course.n * epsilon).expm1()
    width = (tau - course.turn) / cells
    fallen = [course.comparison.integral(course.turn + width * k) - course.at_turn for k in range(cells + 1)]
    latest, weighted = arb(0), arb(0)
    for k in range(cells):
        # I grows: it is least at the beginning of a cell, where epsilon_1 is, and J grows by less than the width
        second = n * (width * (k + 1) + (weighted + width) / left)
        latest = latest.max(second + _first(course, left, fallen[k], epsilon))
        weighted = weighted * (fallen[k] - fallen[k + 1]).exp() + width
    return latest


def _first(course: Course, left: Ball, fallen: Ball, epsilon: Ball) -> Ball:
    """Enclose how long it takes at most until the turn."""
    if not course.turns:
        return arb(0)
    at_turn = (left * fallen.exp()).log1p() / course.n
    before = (at_turn.expm1() * course.at_turn.exp()).log1p()
    return course.time_above(course.turn, before.max(epsilon))
