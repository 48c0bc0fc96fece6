"""The flow of two-layer, linear, scalar FA with squared loss, enclosed: polynomials, and a bound on what they miss.

With W_1 = W_1(0) + b u^T the network is the linear map theta(u), a polynomial of degree three, and
du/dt = -S (theta(u) - theta*), S = X^T X / N (statement reduced-flow). Its derivative is
D theta = W_1^T W_1 + (b.v) I, and b.v = 1/2 |W_1|_F^2 + c, c = -C(0), by statement neuron-law: so D theta >= (b.v) I,
which is >= c I, at every u. Write u = S w. A path with a defect is at a distance e from the solution w that obeys, in
the norm |e|_S = sqrt(e^T S e), d|e|_S/dt <= mu |e|_S + |defect|_S, mu = max(-b.v, 0) lambda_max(S): aligned flows
contract. So any polynomial path will do; its defect is bounded from its coefficients, and no a-priori enclosure of the
flow is needed: the least b.v is taken from a tube around the path that the solution is then shown not to leave, or from
c where that fails. Lemma reduced-contraction (proofs/lemmas/reduced_contraction.py) proves it, the tube included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flint import arb, arb_mat, arb_poly, ctx, fmpq, fmpq_mat

from fa_theory.bounds import Assumption
from fa_theory.bounds import assumptions as assume
from fa_theory.rigour.balls import (
    Ball,
    Rational,
    UndecidedError,
    at_rising_precision,
    float_of_sign,
    power,
    require_accuracy,
)
from fa_theory.rigour.start import ExactStart, matrix_of

_MAX_STEPS = 20_000
_TUBE = arb((1, -40))


def has_enclosed_flow(start: ExactStart) -> tuple[Assumption, ...]:
    """Return what the network and the problem must be for `enclosed_losses`, each judged."""
    return assume.linear_two_layers(start.floats, start.problem)


def enclosed_losses(start: ExactStart, times: Sequence[Rational]) -> tuple[tuple[Ball, ...], tuple[Ball, ...]]:
    """Enclose the loss, and the excess loss, of the flow at increasing times >= 0.

    Raises
    ------
    UndecidedError
        If 8192 bits or 20 000 steps are not enough.
    """

    def run() -> tuple[tuple[Ball, ...], tuple[Ball, ...]]:
        system = _System.of(start)
        excess = []
        for value in system.excess_at(times):
            require_accuracy([value])
            excess.append(value)
        return tuple(value + arb(system.floor) for value in excess), tuple(excess)

    return at_rising_precision(f"the loss of the flow up to t = {float_of_sign(times[-1]):.6g}", run)


@dataclass(frozen=True)
class _System:
    """dw/dt = theta* - theta(S w): all constants rational.

    theta(u) = m + A u + 1/2 p |u|^2 + u (beta + p.u + 1/2 |b|^2 |u|^2), in the inputs (x, 1) where there is a bias.
    `moving` says which inputs W_1 has weights for, `constant` the input that an output bias adds u to, or -1.
    """

    S: fmpq_mat
    A: fmpq_mat
    p: list[Rational]
    m: list[Rational]
    beta: Rational
    squared_b: Rational
    goal: list[Rational]
    c: Rational
    floor: Rational
    moving: list[bool]
    constant: int

    @classmethod
    def of(cls, start: ExactStart) -> _System:
        network = start.network
        W, v = matrix_of(network.weights[0]), matrix_of(network.weights[1]).transpose()
        b = matrix_of(network.feedback[0].matrix(network.weights[1]))
        rows, samples = W.tolist(), matrix_of(start.X).tolist()
        hidden, output = network.biases
        moving = [True] * W.ncols()
        if hidden is not None or output is not None:
            samples = [[*row, fmpq(1)] for row in samples]
            added = [fmpq(0)] * W.nrows() if hidden is None else list(hidden)
            rows = [[*row, w] for row, w in zip(rows, added, strict=True)]
            moving.append(hidden is not None)
        W, X, N = fmpq_mat(rows), fmpq_mat(samples), start.n_samples
        m = (W.transpose() * v).entries()
        if output is not None:
            m[-1] += output[0]
        S = X.transpose() * X / N
        Y = matrix_of(start.labels)
        goal = least_solution(S, X.transpose() * Y / N)
        gap = X * fmpq_mat(len(goal), 1, goal) - Y
        return cls(
            S,
            W.transpose() * W,
            (W.transpose() * b).entries(),
            m,
            (b.transpose() * v)[0, 0],
            (b.transpose() * b)[0, 0],
            goal,
            start.s,
            (gap.transpose() * gap)[0, 0] / (2 * N),
            moving,
            -1 if output is None else len(goal) - 1,
        )

    def field(self, w: list[arb_poly], length: int | None = None) -> list[arb_poly]:
        """Return theta* - theta(S w) for polynomials w in time, cut to `length` coefficients where given."""
        zero = arb_poly([])

        def cut(polynomial: arb_poly) -> arb_poly:
            return polynomial if length is None else polynomial.truncate(length)

        everything = [sum((arb(s) * w[j] for j, s in enumerate(row) if s != 0), zero) for row in self.S.tolist()]
        u = [each if moves else zero for each, moves in zip(everything, self.moving, strict=True)]
        square = sum((cut(each * each) for each in u), zero)
        along = sum((arb(p) * each for p, each in zip(self.p, u, strict=True)), zero)
        stretch = arb(self.beta) + along + arb(self.squared_b / 2) * square
        slopes = []
        for i, row in enumerate(self.A.tolist()):
            theta = arb(self.m[i]) + sum((arb(a) * u[j] for j, a in enumerate(row) if a != 0), zero)
            if self.moving[i]:
                theta += arb(self.p[i] / 2) * square + cut(u[i] * stretch)
            if i == self.constant:
                theta += everything[i]
            slopes.append(arb(self.goal[i]) - theta)
        return slopes

    def excess_at(self, times: Sequence[Rational]) -> Iterator[Ball]:
        """Yield the excess loss at increasing times."""
        size = arb(sum((self.S[i, i] for i in range(self.S.nrows())), fmpq(0)))  # >= lambda_max(S)
        order = 8 + ctx.prec // 4
        w, error = [arb(0)] * len(self.goal), arb(0)
        now, waiting = fmpq(0), list(times)
        for _ in range(_MAX_STEPS):
            path = self._taylor(w, order)
            step = min(_step(path, order), times[-1] - now)
            h = arb(step)
            defect = [slope - each.derivative() for slope, each in zip(self.field(path), path, strict=True)]
            missed = size.sqrt() * _largest(defect, h) * h  # |defect|_S <= sqrt(lambda_max) |defect|
            later = ((size * self._repulsion(path, h, _TUBE) * h).exp() * (error + missed)).upper()
            if (
                not size.sqrt() * later < _TUBE
            ):  # the solution may leave the tube, so only what holds at every u will do
                later = ((size * max(-self.c, fmpq(0)) * h).exp() * (error + missed)).upper()
            error = later
            while waiting and waiting[0] <= now + step:
                at = arb(waiting.pop(0) - now)
                yield self._excess([each(at) for each in path], size.sqrt() * error)
            if not waiting:
                return
            ends = [each(h) for each in path]
            w, now = [end.mid() for end in ends], now + step
            error = (error + size.sqrt() * _norm([end.rad() for end in ends])).upper()
        raise UndecidedError(f"{_MAX_STEPS} steps are not enough")

    def _repulsion(self, path: list[arb_poly], h: Ball, reach: Ball) -> Ball:
        """Return an upper bound of max(-b.v, 0) over [0, h] and all u within `reach` of the path."""
        box = [
            each[0] + arb(0, sum((abs(x) * h**k for k, x in enumerate(each.coeffs()) if k), arb(0))) for each in path
        ]
        u = [each + arb(0, reach) for each in (arb_mat(self.S) * arb_mat(len(box), 1, box)).entries()]
        along, square = self._along_and_square(
            [x if moves else arb(0) for x, moves in zip(u, self.moving, strict=True)]
        )
        lowest = (arb(self.beta) + along + arb(self.squared_b / 2) * square).lower()
        return arb(0) if lowest >= 0 else min(-lowest, arb(max(-self.c, fmpq(0))).upper())

    def _along_and_square(self, u: list[Ball]) -> tuple[Ball, Ball]:
        return (
            sum((arb(p) * each for p, each in zip(self.p, u, strict=True)), arb(0)),
            sum((power(each, 2) for each in u), arb(0)),
        )

    def _taylor(self, w: list[Ball], order: int) -> list[arb_poly]:
        """Return Taylor polynomials of the solution from w, made exact: they need not be right, only close."""
        path = [arb_poly([each]) for each in w]
        for length in range(1, order + 1):
            risen = [slope.integral() for slope in self.field(path, length)]
            path = [
                arb_poly([start, *(each[k].mid() for k in range(1, length + 1))])
                for start, each in zip(w, risen, strict=True)
            ]
        return path

    def _excess(self, w: list[Ball], error: Ball) -> Ball:
        """Return 1/2 (theta - theta*)^T S (theta - theta*) with u = S w known up to `error`."""
        reach = arb(0, error.upper())
        field = self.field_at(w, reach)
        product = arb_mat(self.S) * arb_mat(len(field), 1, field)
        return sum((a * b for a, b in zip(field, product.entries(), strict=True)), arb(0)) / 2

    def field_at(self, w: list[Ball], reach: Ball) -> list[Ball]:
        """Return theta* - theta(u) over all u within `reach` of S w."""
        everything = [each + reach for each in (arb_mat(self.S) * arb_mat(len(w), 1, w)).entries()]
        u = [each if moves else arb(0) for each, moves in zip(everything, self.moving, strict=True)]
        along, square = self._along_and_square(u)
        stretch = arb(self.beta) + along + arb(self.squared_b / 2) * square
        linear = (arb_mat(self.A) * arb_mat(len(u), 1, u)).entries()
        slopes = []
        for i, part in enumerate(linear):
            theta = arb(self.m[i]) + part
            if self.moving[i]:
                theta += arb(self.p[i] / 2) * square + u[i] * stretch
            if i == self.constant:
                theta += everything[i]
            slopes.append(arb(self.goal[i]) - theta)
        return slopes


def _norm(values: Sequence[Ball]) -> Ball:
    return sum((power(value, 2) for value in values), arb(0)).sqrt()


def _largest(polynomials: Sequence[arb_poly], h: Ball) -> Ball:
    """Bound the norm of a vector of polynomials over [0, h]."""
    return _norm([sum((abs(c) * h**k for k, c in enumerate(each.coeffs())), arb(0)).upper() for each in polynomials])


def _step(path: Sequence[arb_poly], order: int) -> Rational:
    """Return a step over which the last terms of the derivative are 2^-precision of its first; huge at rest."""
    first = max((_log2(each[1]) for each in path), default=-math.inf)
    reach = [
        (first - ctx.prec - _log2(each[k])) / (k - 1)
        for each in path
        for k in (order - 1, order)
        if _log2(each[k]) > -math.inf
    ]
    if not reach or first == -math.inf:
        return fmpq(2) ** 64
    whole = math.floor(min(reach))
    return fmpq(int(16 * 2 ** (min(reach) - whole)), 16) * fmpq(2) ** whole


def _log2(value: Ball) -> float:
    """Return about log2 of the size of a ball, minus infinity at zero."""
    mantissa, exponent = value.mid().man_exp()
    return math.log2(abs(int(mantissa))) + int(exponent) if mantissa != 0 else -math.inf


def least_solution(S: fmpq_mat, right: fmpq_mat) -> list[Rational]:
    """Return a solution of S x = right, exactly, with zeros off the pivots; S symmetric, right in its range."""
    wide = fmpq_mat([[*row, r] for row, r in zip(S.tolist(), right.entries(), strict=True)])
    reduced, rank = wide.rref()
    solution = [fmpq(0)] * S.nrows()
    for i in range(rank):
        pivot = next(j for j in range(S.ncols()) if reduced[i, j] != 0)
        solution[pivot] = reduced[i, S.ncols()]
    return solution
