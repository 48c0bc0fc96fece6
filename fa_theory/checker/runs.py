"""Runs recomputed for the checker: two-layer, linear, scalar FA in as many variables as there are inputs.

du/dt = -S (theta(u) - theta*) with W_1 = W_1(0) + b u^T. As D theta = W_1^T W_1 + (b.v) I and b.v = 1/2 |W_1|^2 - C,
the flow contracts in the norm of S^(-1) up to exp(max(-b.v, 0) tr(S) t) <= exp(max(C, 0) tr(S) t): a polynomial path
with a small defect is close to it (lemma reduced-contraction). Gradient descent has the same variables, and b.v.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import arb, arb_mat, arb_poly, ctx, fmpq, fmpq_mat

from fa_theory.checker.instance import TooWideError, trace

MOST_PIECES = 20_000
_TUBE = arb((1, -40))
Cut = Callable[[Any], Any]


class Run:
    """Two-layer, linear, scalar FA in d variables: W_1 = W_1(0) + b u^T; the last input is 1 where there is a bias."""

    def __init__(self, i: Any) -> None:
        self.X, W, self.extra = i.inputs, i.W1, i.biased and not i.hidden
        if self.extra:  # an input that is always 1, for which W_1 has no weights
            self.X, W = (fmpq_mat([[*row, x] for row in M.tolist()]) for M, x in ((i.inputs, 1), (i.W1, 0)))
        self.i, self.d = i, self.X.ncols()
        self.S, goal = self.X.transpose() * self.X / i.N, i.least_squares(self.X)
        self.goal, self.A, self.p = arb_mat(goal), W.transpose() * W, (W.transpose() * i.B).entries()
        self.beta, self.b2 = (i.v * i.B)[0, 0], trace(i.B.transpose() * i.B)
        self.theta = (W.transpose() * i.v.transpose()).entries()
        gap = self.X * goal - i.Y
        self.floor = trace(gap.transpose() * gap) / (2 * i.N)
        self.theta[-1] += i.W2[0, i.n] if i.biased else 0

    def losses(self, theta: list[arb]) -> dict[str, arb]:
        """Return the loss and the excess loss of the linear map theta."""
        gap = [x - y for x, y in zip(theta, self.goal.entries(), strict=True)]
        excess = sum((x * y for x, y in zip(gap, _times(self.S, gap), strict=True)), arb(0)) / 2
        return {"loss": excess + arb(self.floor), "excess_loss": excess}

    def still(self, u: list[Any]) -> list[Any]:
        """Return u without the part that moves an output bias alone."""
        return [*u[:-1], arb(0)] if self.extra else u

    def stretch(self, u: list[Any], cut: Cut) -> tuple[Any, Any]:
        """Return |u|^2 and b.v at a u that `still` returned."""
        square = sum((cut(x * x) for x in u), arb(0))
        along = sum((arb(p) * x for p, x in zip(self.p, u, strict=True)), arb(self.beta))
        return square, along + arb(self.b2 / 2) * square

    def velocity(self, w: list[Any], cut: Cut = lambda x: x) -> list[Any]:
        """Return dw/dt = theta* - theta(S w), for balls, or for polynomials whose products are cut."""
        return [y - x for x, y in zip(self.map(_times(self.S, w), cut), self.goal.entries(), strict=True)]

    def map(self, everything: list[Any], cut: Cut = lambda x: x) -> list[Any]:
        """Return theta(u)."""
        u = self.still(everything)
        square, growth = self.stretch(u, cut)
        parts = zip(self.theta, _times(self.A, u), self.p, u, strict=True)
        theta = [arb(t) + a + arb(p / 2) * square + cut(x * growth) for t, a, p, x in parts]
        return [*theta[:-1], theta[-1] + everything[-1]] if self.i.biased else theta

    def discrete(self, steps: list[fmpq]) -> list[dict[str, arb]]:
        """Return the losses of gradient descent or SGD after these numbers of steps."""
        eta, batches, found = arb(self.i.step_size), self.i.run["batches"], list[dict[str, arb]]()
        theta, beta, u = [arb(x) for x in self.theta], arb(self.beta), [arb(0)] * self.d
        for step in range(int(steps[-1]) + 1):
            if steps[len(found)] == step:
                found.append(self.losses(theta))
            if batches is None or step == steps[-1]:
                g = _times(self.S, [x - y for x, y in zip(theta, self.goal.entries(), strict=True)])
            else:
                X, Y = (fmpq_mat([list(M.tolist()[j]) for j in batches[step]]) for M in (self.X, self.i.Y))
                g = _times(X.transpose() * X / X.nrows(), theta)
                g = [x - arb(y) for x, y in zip(g, (X.transpose() * Y / X.nrows()).entries(), strict=True)]
            h = self.still(g)
            along = [arb(p) + arb(self.b2) * x for p, x in zip(self.p, u, strict=True)]  # W_1^T b
            bWg = sum((x * y for x, y in zip(along, h, strict=True)), arb(0))
            ug, pg = (sum((x * y for x, y in zip(z, h, strict=True)), arb(0)) for z in (u, map(arb, self.p)))
            WWg = [
                a + arb(p) * ug + x * (pg + arb(self.b2) * ug)
                for a, p, x in zip(_times(self.A, h), self.p, u, strict=True)
            ]
            theta = [t - eta * (a + x * (beta - eta * bWg)) for t, a, x in zip(theta, WWg, h, strict=True)]
            theta[-1] -= eta * g[-1] if self.i.biased else 0
            beta, u = beta - eta * bWg, [x - eta * y for x, y in zip(u, h, strict=True)]
        return found

    def flow(self, times: list[fmpq]) -> list[dict[str, arb]]:
        """Return the losses at these times: u = S w along polynomials, and a bound on their distance in |.|_S."""
        size, worst, order = arb(trace(self.S)), arb(max(-sum(self.i.c, fmpq(0)), fmpq(0))), ctx.prec // 4
        w, now, error, tiny = [arb(0)] * self.d, fmpq(0), arb(0), arb((1, -ctx.prec))
        found: list[dict[str, arb]] = []
        root = size.sqrt()  # |S e| <= sqrt(lambda_max) |e|_S, and |e|_S <= sqrt(lambda_max) |e|
        for _ in range(MOST_PIECES):
            terms = [[x] for x in w]
            for k in range(order):
                rates = self.velocity([arb_poly(each) for each in terms], _cut(k))
                terms = [[*each, (rate[k] / (k + 1)).mid()] for each, rate in zip(terms, rates, strict=True)]
            path, step = [arb_poly(each) for each in terms], times[-1] - now
            first, last = (_largest([each[k] for each in terms]) for k in (1, order))
            while not last * arb(step) ** (order - 1) <= first * tiny:
                step /= 2
            h = arb(step)
            defect = [x.derivative() - y for x, y in zip(path, self.velocity(path), strict=True)]
            missed = error + root * h * self.d * _largest([_reach(x.coeffs(), h) for x in defect])
            box = [x[0] + arb(0, _reach([arb(0), *x[1:]], h)) for x in terms]
            tube = self.still([x + arb(0, _TUBE) for x in _times(self.S, box)])
            far = ((size * h * worst).exp() * missed).upper()
            near = (
                (size * h * (-self.stretch(tube, lambda x: x)[1]).upper().nonnegative_part()).exp() * missed
            ).upper()
            error = near if near < far and near * root < _TUBE else far
            while times[len(found)] <= now + step:
                u = _times(self.S, [x(arb(times[len(found)] - now)) for x in path])
                found.append(self.losses(self.map([x + arb(0, error * root) for x in u])))
                if len(found) == len(times):
                    return found
            ends, now = [x(h) for x in path], now + step
            w, error = [x.mid() for x in ends], (error + root * self.d * _largest([x.rad() for x in ends])).upper()
        raise TooWideError


def _cut(k: int) -> Cut:
    return lambda x: x.truncate(k + 1) if isinstance(x, arb_poly) else x


def _times(matrix: fmpq_mat, x: list[Any]) -> list[Any]:
    return [sum((arb(a) * each for a, each in zip(row, x, strict=True)), arb(0)) for row in matrix.tolist()]


def _largest(values: list[arb]) -> arb:
    return max((abs(x).upper() for x in values), key=lambda x: x.mid().fmpq())


def _reach(terms: list[arb], h: arb) -> arb:
    """Return an upper bound of a polynomial's size over [0, h]."""
    return sum((abs(x) * h**k for k, x in enumerate(terms)), arb(0)).upper()
