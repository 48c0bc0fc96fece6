"""Assumptions that several statements share, each judged with its margin."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import Array, machine_epsilon, to_numpy
from fa_theory.bounds.bound import Assumption
from fa_theory.dynamics import loss_of
from fa_theory.laws import exact_rank, neuron_law, neuron_law_size
from fa_theory.model import (
    AdaptiveFeedback,
    Backprop,
    DirectFeedback,
    FeedbackAlignment,
    Network,
    Problem,
    SignFeedback,
    Spectrum,
)

Host = np.ndarray[Any, Any]

_LARGEST_EXACT = 20_000
"""Matrices of more entries are not looked at over the rationals."""


def working_epsilon(array: Array) -> float:
    """Return the epsilon of what a bound is computed in: the array's own, or double precision where that is coarser."""
    return max(machine_epsilon(array), float(np.finfo(float).eps))


def _yes_or_no(name: str, holds: bool, detail: str) -> Assumption:
    return Assumption(name, 1.0 if holds else -1.0, holds, detail)


def two_layers(network: Network) -> Assumption:
    """Judge whether there are two layers of weights."""
    depth = network.depth
    return Assumption("two layers", float(2 - depth) or 1.0, depth == 2, f"depth {depth}")


def scalar_output(network: Network) -> Assumption:
    """Judge whether there is one output."""
    m = network.widths[-1]
    return Assumption("scalar output", float(1 - m) or 1.0, m == 1, f"{m} output(s)")


def piecewise_linear(network: Network) -> Assumption:
    """Judge whether the activation is positively homogeneous of degree one: linear, ReLU or leaky ReLU."""
    activation = network.activation
    return _yes_or_no("activation of degree one", activation.slope is not None, activation.name)


def leaky(network: Network) -> Assumption:
    """Judge whether the activation is linear or leaky ReLU of slope a > 0; the margin is a."""
    slope = network.activation.slope
    margin = -1.0 if slope is None else float(slope)
    return Assumption("leaky ReLU or linear activation", margin, margin > 0, network.activation.name)


def linear_activation(network: Network) -> Assumption:
    """Judge whether the activation is linear."""
    return _yes_or_no("linear activation", network.activation.is_linear, network.activation.name)


def loss_is(problem: Problem, *names: str) -> Assumption:
    """Judge whether the loss is one of the named ones."""
    return _yes_or_no(f"{' or '.join(names)} loss", problem.loss.name in names, problem.loss.name)


def aligning_rule(network: Network) -> Assumption:
    """Judge whether v_i M_i >= Psi_i: FA, DFA of two layers (which is FA), sign-FA, adaFA and backprop.

    Backprop is adaFA(1) from B(0) = W(0)^T; its v_i M_i is 2 Psi_i.
    """
    known = (FeedbackAlignment, SignFeedback, AdaptiveFeedback, DirectFeedback, Backprop)
    holds = all(isinstance(rule, known) for rule in network.feedback)
    return _yes_or_no("rule is fa, sign-fa, adafa or backprop", holds, network.rule_name)


def always_descends(network: Network) -> bool:
    """Tell whether v_i M_i >= 0 from any start: |v_i| under sign-FA, v_i^2 under backprop."""
    return all(isinstance(rule, SignFeedback | Backprop) for rule in network.feedback)


def fixed_feedback(network: Network) -> Assumption:
    """Judge whether the feedback is constant: FA, DFA of two layers, or adaFA(0)."""
    holds = all(
        isinstance(rule, FeedbackAlignment | DirectFeedback) or (isinstance(rule, AdaptiveFeedback) and rule.kappa == 0)
        for rule in network.feedback
    )
    return _yes_or_no("rule is fa", holds, network.rule_name)


def leaky_two_layers(network: Network, problem: Problem, *losses: str) -> tuple[Assumption, ...]:
    """Judge the setting of bounds for gated networks: two layers, one output, slope a > 0, one of the losses."""
    return two_layers(network), scalar_output(network), leaky(network), loss_is(problem, *losses)


def linear_two_layers(network: Network, problem: Problem) -> tuple[Assumption, ...]:
    """Judge the setting of the reduced flow: two linear layers, one output, squared loss, constant feedback."""
    return (
        two_layers(network),
        scalar_output(network),
        linear_activation(network),
        loss_is(problem, "squared"),
        fixed_feedback(network),
    )


def full_rank(name: str, matrix: Host, wanted: int, ratio: float, detail: str) -> Assumption:
    """Judge whether a matrix has a rank of `wanted`, given its least singular value in parts of the rank tolerance.

    Where that is within the tolerance, the rank over the rationals decides that the matrix lacks in rank; a full one is
    undecided, because nothing that is computed from such a singular value in floating point can be trusted.
    """
    if ratio > 1 or min(matrix.shape) < wanted:
        return Assumption(name, ratio - 1, ratio > 1, detail)
    exact = _rank_over_rationals(matrix)
    holds = False if exact is not None and exact < wanted else None
    return Assumption(name, ratio - 1, holds, detail if exact is None else f"{detail}; exactly, rank {exact}")


def _rank_over_rationals(matrix: Host) -> int | None:
    """Return the rank of the rational matrix that the floats are; None where that would take long."""
    return exact_rank(matrix) if matrix.size <= _LARGEST_EXACT else None


def independent_samples(spectrum: Spectrum) -> Assumption:
    """Judge whether the samples are linearly independent.

    The margin is the N-th singular value of X over the rank tolerance, less one.
    """
    N = spectrum.n_samples
    detail = f"rank {spectrum.rank} of {N} samples"
    return full_rank("linearly independent samples", spectrum.samples, N, spectrum.smallest_singular_ratio, detail)


def nonzero_data(spectrum: Spectrum) -> Assumption:
    """Judge whether X is not zero; the margin is the smallest eigenvalue that counts as non-zero."""
    rank = spectrum.rank
    return Assumption("data are not all zero", spectrum.smallest_nonzero, rank > 0, f"rank {rank}")


def constants_in_span(network: Network, spectrum: Spectrum) -> Assumption:
    """Judge whether an output bias, if there is one, moves the outputs within the column space of the data.

    The margin is what rounding allows less the distance of the constant unit vector from that space.
    """
    name = "no output bias, or constants in the span of the data"
    if network.biases[-1] is None:
        return Assumption(name, 1.0, True, "no output bias")
    ones = np.full(spectrum.n_samples, spectrum.n_samples**-0.5)
    distance = float(np.linalg.norm(ones - spectrum.column_basis @ (spectrum.column_basis.T @ ones)))
    allowed = 1e3 * spectrum.n_samples * float(np.finfo(spectrum.column_basis.dtype).eps)
    return Assumption(name, allowed - distance, distance <= allowed, f"distance {distance:.3g}")


class Alignment(NamedTuple):
    """Initial alignment c_i = -C_i of the last hidden layer, with the rounding of each.

    Attributes
    ----------
    c : array, (n_{L-1},)
        c_i = -C_i.
    rounding : array, (n_{L-1},)
        The size of rounding errors in each c_i.
    """

    c: Host
    rounding: Host

    @property
    def total(self) -> float:
        """s, the sum of all c_i."""
        return float(np.sum(self.c))

    @property
    def positive(self) -> float:
        """s_+, the sum of the positive c_i."""
        return float(np.sum(np.maximum(self.c, 0)))

    @property
    def negative(self) -> float:
        """s_-, minus the sum of the negative c_i."""
        return float(np.sum(np.maximum(-self.c, 0)))


def initial_alignment(network: Network) -> Alignment:
    """Return c_i = -C_i of the last hidden layer; zeros where the activation has no neuron law."""
    if network.activation.degree is None:
        nothing = np.zeros(network.widths[-2])
        return Alignment(nothing, nothing)
    summands = 8 + sum(network.widths[-3:])
    size = to_numpy(neuron_law_size(network)[-1]).astype(float)
    return Alignment(
        -to_numpy(neuron_law(network)[-1]).astype(float),
        summands * machine_epsilon(network.weights[0]) * size,
    )


def judged(name: str, margin: float, rounding: float, detail: str, *, strict: bool = True) -> Assumption:
    """Judge a margin that must be positive (`strict`) or >= 0, and is known up to rounding."""
    holds: bool | None
    if rounding == 0:
        holds = margin > 0 or (margin == 0 and not strict)
    else:
        holds = None if abs(margin) <= rounding else margin > 0
    return Assumption(name, margin, holds, detail)


def aligned_start(network: Network, alignment: Alignment, *, strict: bool) -> Assumption:
    """Judge an aligned start: all c_i >= 0, with s = sum c_i > 0 where `strict`.

    For linear networks only s counts, since all g_i agree. The margin is s, or the smallest c_i.
    """
    if network.activation.is_linear:
        total, rounding = alignment.total, float(np.sum(alignment.rounding))
        return judged("aligned start: sum of -C_i", total, rounding, f"s = {total:.6g}", strict=strict)
    worst = int(np.argmin(alignment.c - alignment.rounding))
    margin, rounding = float(alignment.c[worst]), float(alignment.rounding[worst])
    detail = f"smallest -C_i = {margin:.6g} at neuron {worst}, s = {alignment.total:.6g}"
    name = "aligned start: all -C_i >= 0" + (", one positive" if strict else "")
    total_rounding = float(np.sum(alignment.rounding))
    if strict and alignment.total <= total_rounding:
        return judged(name, min(margin, alignment.total), total_rounding, detail)
    return judged(name, margin, rounding, detail, strict=False)


def start_loss(network: Network, problem: Problem) -> float:
    """Return L(0), the mean loss at the start."""
    return float(loss_of(network, problem))


def best_linear_loss(problem: Problem, spectrum: Spectrum) -> float:
    """Return L*, the smallest mean squared loss of a linear map of the data."""
    Y = to_numpy(problem.Y).astype(float)
    if spectrum.rank == spectrum.n_samples:
        return 0.0
    basis = spectrum.column_basis
    return float(np.sum((Y - basis @ (basis.T @ Y)) ** 2)) / (2 * len(Y))


def eigenvalue_rounding(spectrum: Spectrum, eigenvalue: float) -> float:
    """Return by how much an eigenvalue of X X^T / N may be off: its singular value by the rank tolerance."""
    singular = float(np.sqrt(eigenvalue * spectrum.n_samples))
    return (2 * singular + spectrum.tolerance) * spectrum.tolerance / spectrum.n_samples


def slowest_mode(network: Network, data: Spectrum) -> tuple[float, float]:
    """Return the least eigenvalue of X X^T / N (linear networks: the least non-zero), and a^2 times it from below."""
    lowest = data.smallest_nonzero if network.activation.is_linear else float(data.eigenvalues[-1])
    slope = float(network.activation.slope or 0.0)
    return lowest, slope**2 * max(lowest - eigenvalue_rounding(data, lowest), 0.0)


def span_or_samples(network: Network, data: Spectrum) -> Assumption:
    """Judge whether the samples are linearly independent; for linear networks data that are not zero are enough."""
    return nonzero_data(data) if network.activation.is_linear else independent_samples(data)


def fixed_or_sign_feedback(network: Network) -> Assumption:
    """Judge whether v_i b_i = 1/2 |w_i|^2 - C_i with |b_i| constant: FA, DFA of two layers, adaFA(0) or sign-FA."""
    holds = all(isinstance(rule, SignFeedback) for rule in network.feedback) or bool(fixed_feedback(network).holds)
    return _yes_or_no("rule is fa or sign-fa", holds, network.rule_name)


def feedback_sizes(network: Network) -> Host:
    """Return |b_i| of the last hidden layer's neurons for one output; 1 under sign-FA, whatever the sign is."""
    if isinstance(network.feedback[-1], SignFeedback):
        return np.ones(network.widths[-2])
    return np.asarray(abs(to_numpy(network.feedback[-1].matrix(network.weights[-1])).astype(float)[:, 0]))


def all_feedback(sizes: Host) -> Assumption:
    """Judge whether no b_i is zero; the margin is the least |b_i|."""
    least = float(np.min(sizes))
    return Assumption("no feedback b_i is zero", least or -1.0, least > 0, f"least |b_i| = {least:.3g}")


def no_output_bias(network: Network) -> Assumption:
    """Judge whether there is no output bias."""
    none = network.biases[-1] is None
    return _yes_or_no("no output bias", none, "none" if none else "an output bias is trained")
