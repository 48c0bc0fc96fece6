"""Losses and their derivatives in balls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flint import arb

from fa_theory.rigour.balls import Ball, power

Row = Sequence[Any]


def sample_loss(name: str, output: Row, label: Row) -> Ball:
    """Enclose the loss of one sample: outputs and labels are balls or rationals, (m,)."""
    if name == "cross_entropy":
        chosen = next(arb(f) for f, y in zip(output, label, strict=True) if y != 0)
        return sum(((arb(f) - chosen).exp() for f in output), arb(0)).log()
    if name == "squared":
        return sum((power(arb(f) - arb(y), 2) for f, y in zip(output, label, strict=True)), arb(0)) / 2
    opposed = -arb(output[0]) * arb(label[0])
    return opposed.exp() if name == "exponential" else opposed.exp().log1p()


def sample_derivative(name: str, output: Row, label: Row) -> list[Ball]:
    """Enclose the derivative of the loss of one sample with respect to its outputs, (m,)."""
    if name == "squared":
        return [arb(f) - arb(y) for f, y in zip(output, label, strict=True)]
    if name == "cross_entropy":
        # exp(f_k - f_i) cannot overflow a ball, and nothing cancels for the outputs that are not labelled
        return [
            1 / sum(((arb(other) - arb(f)).exp() for other in output), arb(0)) - arb(y)
            for f, y in zip(output, label, strict=True)
        ]
    sign = arb(label[0])
    opposed = (-arb(output[0]) * sign).exp()
    return [-sign * (opposed if name == "exponential" else opposed / (1 + opposed))]


def mean_loss(name: str, rows: Iterable[tuple[Row, Row]], n_samples: int) -> Ball:
    """Enclose the mean loss over (output, label) pairs."""
    return sum((sample_loss(name, output, label) for output, label in rows), arb(0)) / n_samples
