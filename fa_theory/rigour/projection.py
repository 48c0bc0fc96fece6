"""multi-output-decay-projection in balls: what feedback cannot reach of the first layer is rational."""

from __future__ import annotations

from typing import Any

from flint import arb, fmpq, fmpq_mat

from fa_theory.bounds import assumptions as assume
from fa_theory.laws import matrix_law
from fa_theory.rigour import decisions as decide
from fa_theory.rigour.balls import Ball, Rational, per_precision
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.spectra import check_size, eigenvalue, identity
from fa_theory.rigour.start import ExactStart, matrix_of, trace


class KeptForm:
    """c^T X (factor I + K) X^T c / N over the column space of the data, as a pencil of rational matrices.

    Parameters
    ----------
    start : ExactStart
        Two layers, fixed feedback B of full column rank, data of rank > 0.

    Attributes
    ----------
    kept : matrix
        K = W_1^T (I - B (B^T B)^{-1} B^T) W_1.
    """

    def __init__(self, start: ExactStart) -> None:
        B, W = feedback_of(start), matrix_of(start.network.first_layer_weights())
        reached = B.transpose() * W
        self.kept = W.transpose() * W - reached.transpose() * (B.transpose() * B).solve(reached)
        inner, self.metric = start.span_of_data
        check_size(self.metric, "the rank of the data")
        self.still = inner * self.kept * inner.transpose() / start.n_samples
        self.moving = inner * inner.transpose() / start.n_samples

    def at(self, factor: Rational) -> Any:
        """Return the form for a factor, to be taken with the metric."""
        return self.still + self.moving * factor

    def least(self, factor: Ball) -> Ball:
        """Enclose the least non-zero eigenvalue of X (factor I + K) X^T / N, which increases with the factor."""
        ends = (factor.lower().fmpq(), factor.upper().fmpq())
        low, high = (eigenvalue(self.at(end), self.metric, 0) for end in ends)
        return low.union(high)


def feedback_of(start: ExactStart) -> fmpq_mat:
    """Return B of the last hidden layer, exactly."""
    return matrix_of(start.network.feedback[-1].matrix(start.network.weights[-1]))


def multi_output_decay_projection(start: ExactStart) -> EnclosedBound:
    """Enclose statement multi-output-decay-projection: L - L* <= V(0) / lambda_min(H) exp(-2 mu t).

    K is rational; a0 is a ball, and so mu is taken at both its ends.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, multi_output_decay_projection
    >>> network = ft.Network([[[1], [2], [3]], [[2, 0, 0]]], "linear", [[[1], [0], [0]]])
    >>> bound = multi_output_decay_projection(ExactStart(network, ft.Problem([[1]], [1])))
    >>> round(float(bound.enclosed_constants()["rate"]), 9)  # 2 (a0 + K) with a0 = 3/2 and K = 2^2 + 3^2
    29.0
    """
    network = start.floats
    judged = [
        assume.two_layers(network),
        assume.linear_activation(network),
        assume.loss_is(start.problem, "squared"),
        assume.fixed_feedback(network),
    ]
    nothing = "multi-output-decay-projection", "loss"
    if not all(each.holds for each in judged):
        return EnclosedBound(*nothing, tuple(judged), dict, arb, fmpq(0))
    B = feedback_of(start)
    H = B.transpose() * B
    rank, m = int(H.rank()), H.nrows()
    judged += [
        decide.nonzero_data(start),
        decide.no_output_bias(start),
        decide.yes_or_no("B of full column rank", rank == m, f"rank {rank} of {m}, exactly"),
    ]
    if not all(each.holds for each in judged):
        return EnclosedBound(*nothing, tuple(judged), dict, arb, fmpq(0))
    C = -(B.transpose() * matrix_of(matrix_law(start.network)[-1]) * B)
    form, potential = KeptForm(start), trace(H * start.in_span(start.errors)) / (2 * start.n_samples)
    a0 = per_precision(lambda: eigenvalue(C, H, 0) / 2)
    mu = per_precision(lambda: form.least(a0()))
    judged.append(decide.certainly("decay: mu > 0", mu, "least non-zero eigenvalue of X (a0 I + K) X^T / N"))

    def compute() -> dict[str, Ball]:
        found = {"a0": a0(), "mu": mu(), "lambda_min_H": eigenvalue(H, identity(m), 0), "V": arb(potential)}
        return found | {"rate": 2 * found["mu"], "start": found["V"] / found["lambda_min_H"]}

    constants = per_precision(compute)

    def curve(t: Rational) -> Ball:
        at = constants()
        return at["start"] * (-at["rate"] * arb(t)).exp()

    quantity = "excess_loss" if start.floor != 0 else "loss"
    return EnclosedBound(nothing[0], quantity, tuple(judged), constants, curve, start.floor)
