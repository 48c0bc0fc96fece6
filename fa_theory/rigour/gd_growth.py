"""gd-decay-growth in balls: theta, mu and the levels of the loss are witnesses, the conditions are certain or exact."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from flint import arb, arb_mat, ctx, fmpq

from fa_theory import bounds
from fa_theory.bounds import Assumption
from fa_theory.rigour import decisions as decide
from fa_theory.rigour.balls import Ball, Rational, at_rising_precision, per_precision, rational
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.linear_growth import Level, LinearStart, judged_linear
from fa_theory.rigour.spectra import certainly_positive, eigenvalue
from fa_theory.rigour.start import ExactStart
from fa_theory.rigour.zeros import increasing_zero

_PRECISION = 256
_MOST_STEPS = 2**53


class _Stage(NamedTuple):
    """After `first` steps the loss is at most `top`, and `factor` times smaller after each further one."""

    first: int
    top: Ball
    factor: Ball


class _Descent:
    """What the conditions on the step size depend on, over the rationals, kappa certain."""

    def __init__(self, known: LinearStart, kappa: float) -> None:
        self.known, form = known, known.form
        start = self.start = known.start
        with ctx.workprec(_PRECISION):
            lowest = arb_mat(form.still - form.moving * rational(kappa))
            self.kappa = rational(kappa) if kappa > 0 and certainly_positive(lowest) else fmpq(0)
        inner = start.span_of_data[0]
        square = inner * inner.transpose()
        seen = inner.transpose() * square.solve(inner * known.reached)
        still = known.reached - seen
        moved = inner.transpose() * square.solve(start.on_basis(start.errors)) * known.squared_b
        pulled = form.kept * seen + known.reached * known.bv - moved
        # of the last only the part in the row space counts
        self.pull = (pulled.transpose() * inner.transpose() * square.solve(inner * pulled))[0, 0]
        self.still = (still.transpose() * still)[0, 0] / known.squared_b

    def _most_kept(self) -> Ball:
        """Enclose the largest eigenvalue of X K X^T / N."""
        form, zero = self.known.form, self.known.form.still * 0
        return arb(0) if form.still == zero else eigenvalue(form.still, form.metric, form.metric.nrows() - 1)

    def room(self, theta: Rational, mu: Rational, eta: Rational) -> Ball:
        """Enclose mu less the left side of the second condition."""
        low, high, excess = self.start.smallest_nonzero(), self.start.largest(), arb(self.start.excess)
        b = arb(self.known.squared_b).sqrt()
        m = arb(self.pull).sqrt() / b + b * (2 * excess / low).sqrt()
        stiff = arb(self.kappa + theta * self.known.a + self.still / 2)
        # the eigenvalue in m is known to half of the precision only; the root increases with m
        x = _cubic_root(stiff, m.lower()).union(_cubic_root(stiff, m.upper()))
        square = x**2 + arb(self.still)
        linear = self._most_kept() + high * (arb(self.known.a) + 3 * square / 2)
        return arb(mu) - arb(eta) * (linear + arb(eta) * high * b * square.sqrt() * (2 * high * excess).sqrt())


def _cubic_root(stiff: Ball, m: Ball) -> Ball:
    """Enclose the x with (stiff + x^2 / 2) x = m, both positive."""
    above = (m / stiff).min((2 * m).root(3))
    below = m / (stiff + above**2 / 2)
    return increasing_zero(lambda x: (stiff + x * x / 2) * x - m, (below / 2).mid(), (2 * above).mid())


def gd_decay_growth(start: ExactStart, step_size: float) -> EnclosedBound:
    """Enclose what statement gd-decay-growth gives at a step size, with levels of the loss that are certain.

    theta, mu and kappa are those of the calculator. The first condition on the step size is decided over the
    rationals, the second in balls.

    Examples
    --------
    >>> from flint import fmpq
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, gd_decay_growth
    >>> start = ExactStart(ft.Network([[[1]], [[2]]], "linear", [[[1]]]), ft.Problem([[1]], [0]))
    >>> bound = gd_decay_growth(start, step_size=0.1)
    >>> bound.applicable, [float(value) < 1e-6 for value in bound.values((fmpq(0), fmpq(100)))]  # after so many steps
    (True, [False, True])
    """
    judged = list(judged_linear(start))
    empty = EnclosedBound(
        "gd-decay-growth", "loss", (), dict, lambda _: arb(0), start.floor, "gd", {"step_size": step_size}
    )
    if not all(each.holds is True for each in judged):
        return replace(empty, assumptions=tuple(judged))
    found = bounds.gd_decay_growth(start.floats, start.problem, step_size)
    if start.excess == 0 or "theta" not in found.constants:
        if start.excess != 0:
            what = found.failed[0] if found.failed else judged[-1]
            judged.append(Assumption(f"theta and mu are found ({what.name})", -1.0, None, what.detail))
        return replace(empty, assumptions=tuple(judged))
    witness = {"step_size": step_size, **{name: found.constants[name] for name in ("theta", "mu", "kappa")}}
    theta, mu, eta = (rational(witness[name]) for name in ("theta", "mu", "step_size"))
    known = LinearStart(start).with_form()
    descent = _Descent(known, witness["kappa"])
    said = f"eta = {step_size:.6g}, theta = {witness['theta']:.6g}, mu = {witness['mu']:.6g}"
    descends = (2 - mu) * (1 - theta) * known.a * (theta * known.a + descent.kappa)
    judged += [
        decide.yes_or_no("theta in (0, 1) and mu in (0, 2)", bool(0 < theta < 1 and 0 < mu < 2), said),
        decide.exactly(
            "step size: eta |b|^2 E_0 <= (2 - mu) (1 - theta) a (theta a + kappa)",
            descends - eta * known.squared_b * start.excess,
            said,
            strict=False,
        ),
        decide.certainly("step size: eta (...) <= mu", lambda: descent.room(theta, mu, eta), said),
    ]
    if not all(each.holds is True for each in judged):
        return replace(empty, assumptions=tuple(judged))
    levels = at_rising_precision("the levels", lambda: known.levels(theta * known.a))
    stages = per_precision(lambda: _stages(known, levels, theta * known.a, mu, eta))

    def constants() -> dict[str, Ball]:
        factors = {"factor_at_start": stages()[0].factor, "factor_at_end": stages()[-1].factor}
        return {"a": arb(known.a), "start": arb(start.excess), "room": descent.room(theta, mu, eta)} | factors

    def curve(steps: Rational) -> Ball:
        k = int(rational(steps).p)
        stage = next(each for each in reversed(stages()) if each.first <= k)
        return stage.top * stage.factor ** (k - stage.first)

    quantity = "excess_loss" if start.floor != 0 else "loss"
    return EnclosedBound(empty.id, quantity, tuple(judged), constants, curve, start.floor, "gd", witness)


def _stages(known: LinearStart, levels: list[Level], factor: Rational, mu: Rational, eta: Rational) -> list[_Stage]:
    """Return the stages of the descent: a new one as soon as the loss has certainly fallen to a further level."""
    first, top, passed = 0, arb(known.start.excess), 0
    lowest, stages = known.form.least(arb(factor)), []
    while True:
        while passed < len(levels) and top <= arb(levels[passed].loss):
            passed += 1
        least = arb(levels[passed - 1].least).max(lowest) if passed else lowest
        each = ((1 - arb(eta) * least) ** 2).max(arb((1 - mu) ** 2))
        stages.append(_Stage(first, top, each))
        if passed == len(levels) or not 0 < each < 1 or first > _MOST_STEPS:
            return stages
        needed = (top / arb(levels[passed].loss)).log() / -each.log()
        steps = max(int(needed.upper().ceil().fmpq().p), 1)
        first, top = first + steps, top * each**steps
