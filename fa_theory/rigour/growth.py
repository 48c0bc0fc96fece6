"""exponential-decay-growth in balls: the weights that each level of the loss needs are witnesses of a cubic."""

from __future__ import annotations

import numpy as np
from flint import arb, fmpq

from fa_theory.bounds import assumptions as assume
from fa_theory.rigour import decisions as decide
from fa_theory.rigour.balls import Ball, per_precision, rational
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.pieces import Pieces
from fa_theory.rigour.start import ExactStart, matrix_of, trace

_STEP = fmpq(1, 100)
_LEVELS = 4000


def exponential_decay_growth(start: ExactStart) -> EnclosedBound:
    """Enclose what statement exponential-decay-growth gives with levels of the loss that are 1 % apart.

    Any z with reach (z^3 / (2 min |b|) + z |C / b|) <= |y| - sqrt(2 N L), reach = sqrt(N lambda_max), is at most
    sqrt(Omega(L)); those that were found in floating point are taken where that is certain, else 0.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, exponential_decay_growth
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = exponential_decay_growth(ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, 1])))
    >>> [round(float(bound.enclosed_constants()[f"rate_at_{place}"]), 3) for place in ("start", "end")]
    [2.033, 2.287]
    """
    network, linear = start.floats, start.floats.activation.is_linear
    judged = [
        *assume.leaky_two_layers(network, start.problem, "squared"),
        assume.fixed_or_sign_feedback(network),
    ]
    if all(each.holds for each in judged):
        judged += [
            decide.all_feedback(start),
            decide.nonzero_data(start) if linear else decide.independent_samples(start),
            decide.no_output_bias(start),
            decide.aligned_start(start, strict=True),
        ]
    if not all(each.holds is True for each in judged):
        return EnclosedBound("exponential-decay-growth", "loss", tuple(judged), dict, arb, fmpq(0))
    growth = _Growth(start)
    pieces = per_precision(growth.pieces)

    def constants() -> dict[str, Ball]:
        found = {"s": arb(start.s), "lambda": start.smallest_nonzero(), "start": arb(start.excess)}
        if start.excess == 0:
            return found
        return found | {"rate_at_start": pieces().rates[0], "rate_at_end": pieces().rates[-1]}

    return EnclosedBound(
        "exponential-decay-growth",
        "excess_loss" if linear and start.floor != 0 else "loss",
        tuple(judged),
        constants,
        lambda t: pieces().at(t) if start.excess != 0 else arb(0),
        start.floor if linear else fmpq(0),
    )


class _Growth:
    """What the weights that a loss needs depend on, over the rationals."""

    def __init__(self, start: ExactStart) -> None:
        self.start = start
        self.squared_labels = trace(start.in_span(matrix_of(start.labels)))
        self.squared_straight = sum(((c / b) ** 2 for c, b in zip(start.c, start.feedback_sizes, strict=True)), fmpq(0))
        self.cubic = 1 / (2 * min(start.feedback_sizes))

    def pieces(self) -> Pieces:
        """Return the levels of the loss, with a certain rate below each."""
        start = self.start
        ratio = (-arb(_STEP)).exp()
        levels = [arb(start.excess)]
        while len(levels) < _LEVELS:
            levels.append(levels[-1] * ratio)
        reach = (start.n_samples * start.largest()).sqrt()
        cubic, straight = arb(self.cubic), arb(self.squared_straight).sqrt()
        labels = arb(self.squared_labels).sqrt()
        wanted = [(labels - (2 * start.n_samples * level).sqrt()) / reach for level in levels]
        sizes = _cubic_roots([float(each.mid()) for each in wanted], float(cubic.mid()), float(straight.mid()))
        each = 2 * arb(start.slope**2) * start.smallest_nonzero()
        rates = []
        for most, size in zip(wanted, sizes, strict=True):
            z = arb(rational(size))
            z = z if cubic * z**3 + straight * z <= most else arb(0)
            rates.append(each * (arb(start.s) + z * z / 2))
        return Pieces(levels, rates, [arb(_STEP)] * len(levels))


def _cubic_roots(wanted: list[float], cubic: float, straight: float) -> list[float]:
    """Return z >= 0 with cubic z^3 + straight z a little less than what is wanted, as near as floats go."""
    goals = np.maximum(np.nan_to_num(wanted, posinf=0.0), 0)
    low, high = np.zeros_like(goals), np.cbrt(goals / cubic)
    for _ in range(60):
        middle = (low + high) / 2
        short = cubic * middle**3 + straight * middle < goals
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    roots: list[float] = np.nan_to_num(low * (1 - 1e-12), posinf=0.0).tolist()
    return roots
