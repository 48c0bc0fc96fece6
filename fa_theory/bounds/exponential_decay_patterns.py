"""exponential-decay-patterns: weights that move little keep their size and their activation patterns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Bound, Host, bound_on_excess, exponential
from fa_theory.bounds.float_range import within_floats
from fa_theory.model import Network, Problem, spectrum

_CANDIDATES = 65
_REFINEMENTS = 40


class _Start(NamedTuple):
    """What the rate depends on, each rounded to the side that makes it smaller.

    Attributes
    ----------
    c : array, (n,)
        -C_i, from below.
    size : array, (n,)
        |w_i(0)|, from below.
    feedback : array, (n,)
        |b_i|, from above.
    frozen_until : array, (n,)
        How far a neuron may move, in units of |b_i|, with all its activation slopes as at the start; zero if unknown.
    slopes : array, (N, n)
        phi'(z_ij) at the start.
    gram : array, (N, N)
        X X^T / N; empty for a linear activation, which has no use for it.
    rounding : float
        By how much eigenvalues of weighted sums of the Gram matrix may be off, in parts of its trace.
    least : float
        a^2 lambda_min (linear: the smallest non-zero eigenvalue), from below.
    speed : float
        2 sqrt(2 lambda_max E_0), from above: the weights move by |b_i| speed / rate at most.
    linear : bool
        Whether the activation is.
    """

    c: Host
    size: Host
    feedback: Host
    frozen_until: Host
    slopes: Host
    gram: Host
    rounding: float
    least: float
    speed: float
    linear: bool

    def supported(self, rate: float) -> tuple[float, float]:
        """Return the rate that decay at `rate` would guarantee, and the part of neurons with a frozen pattern."""
        moved = self.speed / rate
        q = self.c + np.maximum(self.size - self.feedback * moved, 0) ** 2 / 2
        if self.linear:
            return 2 * self.least * float(np.sum(q)), 1.0
        frozen = self.frozen_until > moved
        weighted = self.gram * ((self.slopes[:, frozen] * q[frozen]) @ self.slopes[:, frozen].T)
        together = float(np.linalg.eigvalsh(weighted)[0]) - self.rounding * float(np.trace(weighted))
        # each frozen neuron by itself would give as much as one that is not
        alone = self.least * float(np.sum(q[frozen]))
        rest = self.least * float(np.sum(q[~frozen]))
        return 2 * (max(together, alone) + rest), float(np.mean(frozen))


@within_floats
def exponential_decay_patterns(network: Network, problem: Problem) -> Bound:
    """Bound the squared loss as exponential-decay does, with what is left of the start's weights and patterns.

    If the loss decays at `rate`, every w_i stays within |b_i| D of its start, D = 2 sqrt(2 lambda_max E_0) / rate, E_0
    the (excess) loss at the start. So q_i = -C_i + 1/2 (|w_i(0)| - |b_i| D)_+^2 <= v_i b_i, and a neuron with
    |w_i(0).x_j| > |b_i| |x_j| D for all j keeps its slopes D_i. Any rate that is at most

        2 (lambda_min(sum over those q_i D_i X X^T D_i / N) + a^2 lambda_min(X X^T / N) sum over the others q_i)

    is valid. Linear networks: 2 lambda sum q_i, lambda the smallest non-zero eigenvalue, any data, only s > 0, for the
    excess loss. sign-FA: b_i = 1. With a hidden bias (x, 1) stands in place of x.

    Parameters
    ----------
    network, problem
        Start and data.

    Returns
    -------
    Bound
        On the loss, or on the excess loss where the best linear map leaves some; `rate` is the largest found.

    Notes
    -----
    Statement exponential-decay-patterns (own). Bootstrap: as long as L <= E_0 exp(-rate t) has held, the weights have
    moved by |b_i| D (1 - exp(-rate t / 2)), strictly less than |b_i| D, and so it holds for a little longer.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = ft.bounds.exponential_decay_patterns(network, ft.Problem([[1, 0], [0, 1]], [1, 1]))
    >>> round(bound.rate, 3)  # that of exponential-decay is 2
    2.325
    """
    inputs = network.first_layer_inputs(problem.X)
    data = spectrum(inputs)
    alignment = assume.initial_alignment(network)
    judged = (
        *assume.leaky_two_layers(network, problem, "squared"),
        assume.fixed_or_sign_feedback(network),
        assume.span_or_samples(network, data),
        assume.constants_in_span(network, data),
        assume.aligned_start(network, alignment, strict=True),
    )
    start, floor = assume.start_loss(network, problem), assume.best_linear_loss(problem, data)
    excess = max(start - floor, 0.0)
    eps = assume.working_epsilon(inputs)
    rate, constants = 0.0, {"s": alignment.total, "start_loss": start}
    if all(each.holds for each in judged):
        lowest, least = assume.slowest_mode(network, data)
        most = data.largest + assume.eigenvalue_rounding(data, data.largest)
        X, W = to_numpy(inputs).astype(float), to_numpy(network.first_layer_weights()).astype(float)
        b = assume.feedback_sizes(network) * (1 + 8 * eps)
        known = _Start(
            c=alignment.c - alignment.rounding,
            size=np.linalg.norm(W, axis=1) * (1 - 8 * eps * X.shape[1]),
            feedback=b,
            frozen_until=np.min(sign_kept_until(X, W, b, eps), axis=0),
            slopes=np.where(X @ W.T > 0, 1.0, float(network.activation.slope or 0.0)),
            gram=np.zeros((0, 0)) if network.activation.is_linear else X @ X.T / problem.n_samples,
            rounding=8 * eps * (X.shape[0] + X.shape[1] + W.shape[0]),
            least=least,
            speed=2 * float(np.sqrt(2 * most * excess)) * (1 + 64 * eps),
            linear=network.activation.is_linear,
        )
        rate = _largest_rate(known)
        constants |= {"lambda": lowest, "lambda_max": data.largest}
        if rate > 0:
            constants |= {"frozen": known.supported(rate)[1], "moved": known.speed / rate}

    return bound_on_excess(
        "exponential-decay-patterns",
        judged,
        exponential(excess, rate),
        rate=rate,
        floor=floor,
        excess=excess,
        rounding=64 * eps,
        constants=constants,
    )


def sign_kept_until(X: Host, W: Host, b: Host, eps: float) -> Host:
    """Return how far w_i may move, in units of |b_i|, with the sign of w_i.x_j as it is, (N, n); zero if unknown."""
    z, d = X @ W.T, X.shape[1]
    uncertain = 8 * eps * (8 + d) * (abs(X) @ abs(W).T)
    reach = np.linalg.norm(X, axis=1)[:, None] * b * (1 + 8 * eps * d)
    with np.errstate(divide="ignore", invalid="ignore"):
        # neither b_i = 0 nor x_j = 0 moves a preactivation
        distances = np.where(reach == 0, np.inf, (abs(z) - uncertain) / reach)
    return np.where(abs(z) > uncertain, distances, 0.0)


def _largest_rate(known: _Start) -> float:
    """Return the largest rate found that supports itself; at least that of exponential-decay, which does."""
    plain = 2 * known.least * float(np.sum(known.c))
    highest = known.supported(float("inf"))[0]
    if not plain > 0 or not highest > plain:
        return max(plain, 0.0)
    candidates = np.geomspace(plain, highest, _CANDIDATES).tolist()
    valid = [rate for rate in candidates if rate <= known.supported(rate)[0]]
    low = max(valid, default=plain)
    high = min((rate for rate in candidates if rate > low), default=low)
    for _ in range(_REFINEMENTS):
        middle = (low + high) / 2
        low, high = (middle, high) if middle <= known.supported(middle)[0] else (low, middle)
    return float(low)
