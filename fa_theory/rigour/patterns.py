"""exponential-decay-patterns in balls: the rate is a witness, and that it supports itself is certain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from flint import arb, arb_mat, fmpq

from fa_theory import bounds
from fa_theory.bounds import assumptions as assume
from fa_theory.rigour import decisions as decide
from fa_theory.rigour.balls import Ball, Rational, at_rising_precision, rational
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.spectra import certainly_positive
from fa_theory.rigour.start import ExactStart, matrix_of

_SHARES = (0.0, 2.0**-40, 2.0**-30, 2.0**-20, 2.0**-10)


def exponential_decay_patterns(start: ExactStart) -> EnclosedBound:
    """Enclose statement exponential-decay-patterns: L - L* <= (L(0) - L*) exp(-rate t) for a rate that supports itself.

    The calculator's rate, or the first of a few slightly smaller ones that passes, is the witness; the neurons whose
    patterns certainly last and the matrix inequality are decided in balls. Without one the rate is that of
    exponential-decay, which always supports itself.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, exponential_decay_patterns
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = exponential_decay_patterns(ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, 1])))
    >>> bound.applicable, round(bound.witness["rate"], 3)  # a rate that certainly supports itself
    (True, 2.325)
    """
    network, linear = start.floats, start.floats.activation.is_linear
    judged = [
        *assume.leaky_two_layers(network, start.problem, "squared"),
        assume.fixed_or_sign_feedback(network),
    ]
    if all(each.holds for each in judged):
        judged += [
            decide.nonzero_data(start) if linear else decide.independent_samples(start),
            decide.constants_in_span(start),
            decide.aligned_start(start, strict=True),
        ]
    if not all(each.holds is True for each in judged):
        return EnclosedBound("exponential-decay-patterns", "loss", tuple(judged), dict, arb, fmpq(0))
    known = bounds.exponential_decay_patterns(network, start.problem)
    witness = supported_rate(start, known.rate or 0.0)

    def rate() -> Ball:
        return plain_rate(start) if witness is None else arb(rational(witness))

    def constants() -> dict[str, Ball]:
        found = {"s": arb(start.s), "lambda": start.smallest_nonzero(), "lambda_max": start.largest()}
        return found | {"start": arb(start.excess), "rate": rate()}

    return EnclosedBound(
        "exponential-decay-patterns",
        "excess_loss" if linear and start.floor != 0 else "loss",
        tuple(judged),
        constants,
        lambda t: arb(start.excess) * (-rate() * arb(t)).exp(),
        start.floor if linear else fmpq(0),
        witness={} if witness is None else {"rate": witness},
    )


def plain_rate(start: ExactStart) -> Ball:
    """Enclose 2 a^2 s lambda, the rate of exponential-decay for a start with c_i >= 0, or s > 0 in linear networks."""
    return 2 * arb(start.slope**2 * start.s) * start.smallest_nonzero()


def supported_rate(start: ExactStart, proposed: float) -> float | None:
    """Return the proposed rate or a slightly smaller one that certainly supports itself; None if that gains nothing.

    Raises
    ------
    UndecidedError
        If the eigenvalues of the data are not enclosed with the limit of precision.
    """
    known = _Start(start)

    def first() -> float | None:
        for share in _SHARES:
            rate = proposed * (1 - share)
            if arb(rational(rate)) > plain_rate(start) and known.supports(rational(rate)):
                return rate
        return None

    return at_rising_precision("the rate", first)


class _Start:
    """What the support of a rate depends on, over the rationals."""

    def __init__(self, start: ExactStart) -> None:
        self.start = start
        network = start.network
        W = matrix_of(network.first_layer_weights())
        self.feedback = start.feedback_sizes
        self.squared_sizes = [sum((w**2 for w in row), fmpq(0)) for row in W.tolist()]
        self.preactivations = [list(row) for row in (W * start.samples.transpose()).tolist()]
        self.squared_lengths = [sum((x**2 for x in row), fmpq(0)) for row in start.samples.tolist()]

    @cached_property
    def slopes(self) -> list[list[Rational]]:
        """phi'(z_ij) at the start, for each neuron."""
        return [[fmpq(1) if z > 0 else self.start.slope for z in row] for row in self.preactivations]

    def supports(self, rate: Rational) -> bool:
        """Tell whether decay at this rate > 0 certainly guarantees at least as much."""
        start = self.start
        moved = (8 * start.largest() * arb(start.excess)).sqrt() / arb(rate)
        q = [
            arb(c) + (arb(square).sqrt() - arb(b) * moved).max(arb(0)) ** 2 / 2
            for c, square, b in zip(start.c, self.squared_sizes, self.feedback, strict=True)
        ]
        half, each = arb(rate) / 2, arb(start.slope**2) * start.smallest_nonzero()
        if each * sum(q, arb(0)) >= half:
            return True
        if start.network.activation.is_linear:
            return False
        frozen = [i for i in range(len(q)) if self._lasts(i, moved)]
        rest = sum((q[i] for i in range(len(q)) if i not in set(frozen)), arb(0))
        return bool(frozen) and certainly_positive(self._together(frozen, q, half - each * rest))

    def _lasts(self, i: int, moved: Ball) -> bool:
        reach = arb(self.feedback[i] ** 2) * moved**2
        return all(
            z != 0 and arb(z**2) > reach * arb(square)
            for z, square in zip(self.preactivations[i], self.squared_lengths, strict=True)
        )

    def _together(self, frozen: Sequence[int], q: Sequence[Ball], less: Ball) -> arb_mat:
        """Return sum over the frozen neurons of q_i D_i X X^T D_i / N, less a multiple of the identity."""
        N = self.start.n_samples
        patterns = arb_mat([[arb(slope) for slope in self.slopes[i]] for i in frozen])
        weighted = arb_mat([[q[i] * arb(slope) for slope in self.slopes[i]] for i in frozen])
        shares = patterns.transpose() * weighted
        gram = self.start.samples * self.start.samples.transpose() / N
        return arb_mat([[gram[j, k] * shares[j, k] - (less if j == k else 0) for k in range(N)] for j in range(N)])
