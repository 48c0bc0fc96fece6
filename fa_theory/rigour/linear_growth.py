"""linear-decay-growth in balls: levels of the loss with what they make certain of the weights and the rate."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat, fmpq, fmpq_mat

from fa_theory import bounds
from fa_theory.bounds import Assumption
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.linear_growth import LinearGrowth
from fa_theory.model import spectrum
from fa_theory.rigour import decisions as decide
from fa_theory.rigour.balls import (
    Ball,
    Rational,
    at_rising_precision,
    float_of_sign,
    lower_float,
    per_precision,
    rational,
)
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.pieces import Pieces
from fa_theory.rigour.projection import KeptForm, feedback_of
from fa_theory.rigour.spectra import certainly_positive, identity
from fa_theory.rigour.start import ExactStart, matrix_of

_MOST_PRODUCTS = 500_000
"""Products of balls for the pivots of all levels, above which fewer levels have to do."""
_LESS = 1 - 1e-12


class Level(NamedTuple):
    """What is certain once the excess loss is small.

    Attributes
    ----------
    loss : float
        A loss below which |w| > z.
    least : float
        A number that the least non-zero eigenvalue of X ((factor + z^2 / 2) I + K) X^T / N certainly exceeds.
    """

    loss: float
    least: float


class LinearStart:
    """The reduced flow's view of a two-layer, linear, scalar FA network without output bias, over the rationals.

    Attributes
    ----------
    squared_b : rational
        |b|^2, not zero.
    reached : matrix, (d, 1)
        W_1^T b at the start.
    a, bv : rational
        b.v - 1/2 |w|^2 with w = W_1^T b / |b|, and b.v.
    form : KeptForm
        K, and the form whose eigenvalues are the rates.
    """

    def __init__(self, start: ExactStart) -> None:
        self.start = start
        b, v = feedback_of(start), matrix_of(start.network.weights[1])
        self.squared_b = (b.transpose() * b)[0, 0]
        self.reached = matrix_of(start.network.first_layer_weights()).transpose() * b
        self.bv = (v * b)[0, 0]
        self.a = self.bv - (self.reached.transpose() * self.reached)[0, 0] / (2 * self.squared_b)

    def with_form(self) -> LinearStart:
        """Return itself with `form`, for data that are not zero."""
        self.form = KeptForm(self.start)
        kept = self.form.kept * self.reached + self.reached * self.bv
        self.target = self.start.samples * kept - self.start.errors * self.squared_b
        return self

    def certain_loss(self, size: float, direction: fmpq_mat) -> Ball:
        """Enclose a loss below which |w| > size, by duality with any direction c in the span of the data; 0 if none."""
        z, N = rational(size), self.start.n_samples
        pulled = self.start.samples.transpose() * direction
        pulled = self.form.kept * pulled + pulled * (self.a + z**2 / 2)
        length = (direction.transpose() * direction)[0, 0]
        square = self.squared_b * z**2 * (pulled.transpose() * pulled)[0, 0]
        found = arb((direction.transpose() * self.target)[0, 0]) - arb(square).sqrt()
        return found**2 / arb(2 * N * self.squared_b**2 * length) if found > 0 else arb(0)

    def levels(self, factor: Rational) -> list[Level]:
        """Return certain levels of ever smaller losses, with the calculator's sizes and directions as witnesses."""
        start = self.start
        data = spectrum(start.floats.first_layer_inputs(start.problem.X))
        growth = LinearGrowth.of(start.floats, start.problem, data)
        sizes = growth.levels()[0].tolist()[1:]
        each = 1 + self.form.metric.nrows() ** 3 // 3
        stride = 1 + len(sizes) * each // _MOST_PRODUCTS
        found: list[Level] = []
        for size in sizes[::-1][::stride][::-1]:
            direction = growth.dual(size)[0]
            if direction is None:
                continue
            loss = lower_float(self.certain_loss(size, self._in_span(data.column_basis @ direction)))
            least = growth.least_rate(float_of_sign(factor), size) * _LESS
            lowest = found[-1].loss if found else math.inf
            if 0 < loss < lowest and least > 0 and self._exceeds(factor + rational(size) ** 2 / 2, least):
                found.append(Level(loss, least))
        return found

    @cached_property
    def _basis(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        columns = self.start.from_basis(identity(self.form.metric.nrows())).tolist()
        return np.asarray([[float_of_sign(x) for x in row] for row in columns])

    def _in_span(self, direction: np.ndarray[tuple[int], np.dtype[np.float64]]) -> fmpq_mat:
        """Return a vector in the span of the data near this one, exactly."""
        shares = np.linalg.lstsq(self._basis, direction, rcond=None)[0]
        return self.start.from_basis(fmpq_mat(len(shares), 1, [rational(each) for each in shares.tolist()]))

    def _exceeds(self, factor: Rational, least: float) -> bool:
        return certainly_positive(arb_mat(self.form.at(factor) - self.form.metric * rational(least)))


def judged_linear(start: ExactStart) -> tuple[Assumption, ...]:
    """Return the assumptions of linear-decay-growth, decided exactly; gd-decay-growth shares them."""
    network = start.floats
    judged = [*assume.linear_two_layers(network, start.problem)]
    if all(each.holds for each in judged):
        judged += [decide.nonzero_data(start), decide.no_output_bias(start), decide.some_feedback(start)]
    if all(each.holds for each in judged):
        judged.append(decide.exactly("aligned start: b.v - 1/2 |w|^2 > 0", LinearStart(start).a, "a, exactly"))
    return tuple(judged)


def linear_decay_growth(start: ExactStart) -> EnclosedBound:
    """Enclose what statement linear-decay-growth gives with levels of the loss that are certain.

    K, a and h are rational. The sizes, the directions c and the eigenvalues of the calculator are witnesses: what the
    directions give is evaluated in balls, and that all eigenvalues are larger is decided by pivots.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, linear_decay_growth
    >>> start = ExactStart(ft.Network([[[1]], [[2]]], "linear", [[[1]]]), ft.Problem([[1]], [0]))
    >>> constants = linear_decay_growth(start).enclosed_constants()
    >>> float(constants["a"]), round(float(constants["rate_at_start"]), 9)  # v - w^2 / 2, and 2 a
    (1.5, 3.0)
    """
    judged = judged_linear(start)
    if not all(each.holds is True for each in judged):
        return EnclosedBound("linear-decay-growth", "loss", judged, dict, arb, fmpq(0))
    known, levels = LinearStart(start).with_form(), []
    if start.excess != 0 and bounds.linear_decay_growth(start.floats, start.problem).applicable:
        levels = at_rising_precision("the levels", lambda: known.levels(known.a))

    def compute() -> Pieces:
        slowest = 2 * known.form.least(arb(known.a))
        below = [each for each in levels if rational(each.loss) < start.excess]
        at_start = [each for each in levels if rational(each.loss) >= start.excess]
        first = slowest.max(2 * arb(at_start[-1].least)) if at_start else slowest
        rates = [first, *((2 * arb(each.least)).max(first) for each in below)]
        return Pieces([arb(start.excess), *(arb(each.loss) for each in below)], rates)

    pieces = per_precision(compute)

    def constants() -> dict[str, Ball]:
        found = {"a": arb(known.a), "start": arb(start.excess)}
        if start.excess == 0:
            return found
        return found | {"rate_at_start": pieces().rates[0], "rate_at_end": pieces().rates[-1]}

    return EnclosedBound(
        "linear-decay-growth",
        "excess_loss" if start.floor != 0 else "loss",
        judged,
        constants,
        lambda t: pieces().at(t) if start.excess != 0 else arb(0),
        start.floor,
    )
