"""Gradient descent and SGD from the exact start, in balls: the loss of the run that real arithmetic would make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb, arb_mat

from fa_theory.model import AdaptiveFeedback, Backprop, Network, SignFeedback
from fa_theory.rigour.balls import (
    Ball,
    Rational,
    UndecidedError,
    at_rising_precision,
    power,
    rational,
    require_accuracy,
)
from fa_theory.rigour.losses import mean_loss, sample_derivative
from fa_theory.rigour.start import ExactStart, matrix_of

Batches = Sequence[Sequence[int]]


def enclosed_losses(
    start: ExactStart, step_size: float, record_at: Sequence[int], batches: Batches | None = None
) -> tuple[tuple[Ball, ...], tuple[Ball, ...] | None]:
    """Enclose the mean loss, and the excess loss, over all samples after the given numbers of steps (increasing).

    Parameters
    ----------
    start : ExactStart
        The start; any depth, any built-in rule, activation of degree one or more, loss.
    step_size : float
        eta, taken as the rational that it is.
    record_at : sequence of int
        The steps.
    batches : sequence of sequences of int, optional
        The samples of each step's minibatch; without it every step takes all samples.

    Returns
    -------
    tuple
        The loss, and the excess loss for a linear network with squared loss whose outputs stay in the span of the data;
        else None.

    Raises
    ------
    UndecidedError
        If the balls are too wide, or the side of a kink or the sign of a weight is undecided, with 8192 bits.
    """
    recorded = frozenset(record_at)

    has_excess = (
        start.network.activation.is_linear
        and start.problem.loss.name == "squared"
        and (start.network.biases[-1] is None or start.constants_in_span)
    )

    def run() -> tuple[tuple[Ball, ...], tuple[Ball, ...] | None]:
        state = _State.at(start)
        eta = arb(rational(step_size))
        losses, excesses = [], []
        for step in range(record_at[-1] + 1):
            if step in recorded:
                outputs = state.outputs()
                losses.append(mean_loss(start.problem.loss.name, zip(outputs, state.labels, strict=True), len(outputs)))
                if has_excess:
                    excesses.append(mean_loss("squared", zip(outputs, start.best_fit, strict=True), len(outputs)))
                require_accuracy([losses[-1], *excesses[-1:]])
            if step < record_at[-1]:
                state.take_step(eta, None if batches is None else batches[step])
        return tuple(losses), tuple(excesses) if has_excess else None

    return at_rising_precision(f"the loss along {record_at[-1]} steps", run)


@dataclass
class _State:
    """The run so far: balls at the working precision."""

    start: ExactStart
    weights: list[arb_mat]
    biases: list[arb_mat | None]
    matrices: list[arb_mat | None]
    X: arb_mat
    labels: list[list[Rational]]

    @classmethod
    def at(cls, start: ExactStart) -> _State:
        network = start.network
        return cls(
            start,
            [arb_mat(matrix_of(W)) for W in network.weights],
            [None if b is None else arb_mat(matrix_of(b[None, :])) for b in network.biases],
            [_fixed_matrix(network, layer) for layer in range(network.depth - 1)],
            arb_mat(matrix_of(start.X)),
            [[rational(y) for y in row] for row in start.labels.tolist()],
        )

    def outputs(self) -> list[list[Ball]]:
        """Return f at all samples, (N, m)."""
        rows: list[list[Ball]] = self._forward(self.X)[0][-1].tolist()
        return rows

    def _forward(self, X: arb_mat) -> tuple[list[arb_mat], list[arb_mat], list[arb_mat]]:
        """Return z_1, ..., z_L, then h_0, ..., h_{L-1}, then phi'(z_1), ..., phi'(z_{L-1})."""
        activation = self.start.network.activation
        preactivations, inputs, slopes = [], [X], []
        for layer, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = inputs[-1] * W.transpose()
            if b is not None:
                z += _ones(z.nrows()) * b
            preactivations.append(z)
            if layer < len(self.weights) - 1:
                h, slope = _activate(activation, z)
                inputs.append(h)
                slopes.append(slope)
        return preactivations, inputs, slopes

    def take_step(self, eta: Ball, batch: Sequence[int] | None) -> None:
        X, labels = self.X, self.labels
        if batch is not None:
            X = arb_mat([[X[j, k] for k in range(X.ncols())] for j in batch])
            labels = [labels[j] for j in batch]
        preactivations, inputs, slopes = self._forward(X)
        name = self.start.problem.loss.name
        errors = arb_mat(
            [sample_derivative(name, f, y) for f, y in zip(preactivations[-1].tolist(), labels, strict=True)]
        )
        signals = [errors]
        for layer in range(len(slopes) - 1, -1, -1):
            direct = self.start.network.feedback[layer].direct
            back = (errors if direct else signals[0]) * self._feedback(layer).transpose()
            signals.insert(0, _entrywise(back, slopes[layer]))
        share = eta / X.nrows()
        for layer, (signal, h) in enumerate(zip(signals, inputs, strict=True)):
            change = signal.transpose() * h * share
            self.weights[layer] -= change
            if self.biases[layer] is not None:
                self.biases[layer] -= _ones(X.nrows()).transpose() * signal * share
            rule = self.start.network.feedback[layer - 1] if layer else None
            if isinstance(rule, AdaptiveFeedback):
                self.matrices[layer - 1] -= change.transpose() * arb(rational(rule.kappa))

    def _feedback(self, layer: int) -> arb_mat:
        fixed, W = self.matrices[layer], self.weights[layer + 1]
        if fixed is not None:
            return fixed
        if isinstance(self.start.network.feedback[layer], Backprop):
            return W.transpose()
        return arb_mat(W.ncols(), W.nrows(), [_sign(w) for w in W.transpose().entries()])


def _fixed_matrix(network: Network, layer: int) -> arb_mat | None:
    rule = network.feedback[layer]
    if isinstance(rule, Backprop | SignFeedback):
        return None
    return arb_mat(matrix_of(rule.matrix(network.weights[layer + 1])))


def _sign(value: Ball) -> int:
    if value > 0:
        return 1
    if value < 0:
        return -1
    if value.is_zero():
        return 0
    raise UndecidedError("the sign of a weight is not certain")


def _activate(activation: Any, z: arb_mat) -> tuple[arb_mat, arb_mat]:
    """Return phi(z) and phi'(z) entry by entry; at a kink phi' takes its value from the left."""
    entries = z.entries()
    if activation.slope is None:
        degree = activation.degree
        values = [power(each, degree) for each in entries]
        slopes = [degree * power(each, degree - 1) for each in entries]
    else:
        left = arb(rational(activation.slope))
        slopes = [arb(1) if activation.is_linear or _sign(each) > 0 else left for each in entries]
        values = [each * slope for each, slope in zip(entries, slopes, strict=True)]
    return arb_mat(z.nrows(), z.ncols(), values), arb_mat(z.nrows(), z.ncols(), slopes)


def _entrywise(left: arb_mat, right: arb_mat) -> arb_mat:
    products = [a * b for a, b in zip(left.entries(), right.entries(), strict=True)]
    return arb_mat(left.nrows(), left.ncols(), products)


def _ones(n: int) -> arb_mat:
    return arb_mat(n, 1, [1] * n)
