"""exponential-decay-path: exponential-decay-patterns in stages of the loss, with the least movement in each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Bound, Host
from fa_theory.bounds.exponential_decay_growth import falling_curve
from fa_theory.bounds.exponential_decay_patterns import sign_kept_until
from fa_theory.bounds.float_range import within_floats
from fa_theory.model import Network, Problem, spectrum

_STEP = 0.05
_STAGES = 120
_TRIALS = 12
_SHARES = (0.02, 0.1, 0.3, 0.7)


class Stages(NamedTuple):
    """What rates and movements depend on, each rounded to the side that makes them smaller.

    Attributes
    ----------
    c : array, (n,)
        -C_i, from below.
    size : array, (n,)
        |w_i(0)|, from below.
    feedback : array, (n,)
        |b_i|, from above.
    frozen_until : array, (N, n)
        How far w_i may move, in units of |b_i|, with the slope at sample j as at the start; zero if unknown.
    slopes : array, (N, n)
        phi'(z_ij) at the start.
    hidden : array, (N, n)
        phi(z_ij) / sqrt(N) at the start.
    inputs : array, (N, d)
        X / sqrt(N).
    least, most : float
        The extreme eigenvalues of X X^T / N, from below and from above.
    slope : float
        a.
    rounding : float
        By how much eigenvalues may be off, in parts of the trace.
    """

    c: Host
    size: Host
    feedback: Host
    frozen_until: Host
    slopes: Host
    hidden: Host
    inputs: Host
    least: float
    most: float
    slope: float
    rounding: float

    def hidden_form(self, moved: Host) -> tuple[Host, Host, Host]:
        """Return what holds while every |w_i - w_i(0)| <= |b_i| moved_i: q, the hidden layer's part of M, and F."""
        q = self.c + np.maximum(self.size - self.feedback * moved, 0) ** 2 / 2
        still = self.frozen_until > moved
        frozen = np.all(still, axis=0)
        weighted = (self.inputs @ self.inputs.T) * ((self.slopes[:, frozen] * q[frozen]) @ self.slopes[:, frozen].T)
        kept = np.where(still, self.slopes, self.slope)[:, ~frozen] ** 2 @ q[~frozen]
        return q, weighted + self.least * np.diag(kept), frozen

    def forms(self, hidden_part: Host, moved: Host) -> tuple[Host, Host]:
        """Return forms that the loss's fall exceeds, and by how much the eigenvalues of each may be off.

        They are the part of the hidden layer, and that with the part of the outgoing weights, which is at least
        (1 - share) times its start less (1 / share - 1) times the square of its change.
        """
        forms, sizes = [hidden_part], [float(np.trace(hidden_part))]
        start = self.hidden @ self.hidden.T
        change = self.most * float(np.sum((self.feedback * moved) ** 2))
        for share in _SHARES if np.isfinite(change) else ():
            lost = (1 / share - 1) * change
            forms.append(hidden_part + (1 - share) * start - lost * np.eye(len(start)))
            sizes.append(sizes[0] + float(np.trace(start)) + len(start) * lost)
        return np.stack(forms), self.rounding * np.asarray(sizes)

    def resisted(self, q: Host, frozen: Host, values: Host, vectors: Host) -> Host:
        """Return rho, for eigenvalues of M from below and its eigenvectors."""
        resisted = q.copy()
        if values[0] > 0 and np.any(frozen):
            patterns, which = np.unique(self.slopes[:, frozen], axis=1, return_inverse=True)
            turned = self.inputs.T @ (patterns.T[:, :, None] * (vectors / np.sqrt(values)))
            together = (1 - self.rounding) / np.linalg.norm(turned, 2, axis=(1, 2)) ** 2
            resisted[frozen] = np.maximum(q[frozen], together[which.ravel()])
        return np.maximum(resisted, 0)

    def supported(self, moved: Host) -> tuple[float, Host]:
        """Return what holds while every |w_i - w_i(0)| <= |b_i| moved_i.

        Returns
        -------
        rate : float
            The loss decays at least at this rate.
        movement : array, (n,)
            While sqrt(L) falls by x, w_i moves by at most 2 x |b_i| movement_i.
        """
        q, hidden_part, frozen = self.hidden_form(moved)
        forms, off = self.forms(hidden_part, moved)
        spectra, bases = np.linalg.eigh(forms)
        spectra -= off[:, None]
        best = int(np.argmax(spectra[:, 0]))
        values, vectors = spectra[best], bases[best]
        # each neuron by itself gives at least as much as in exponential-decay
        rate = 2 * max(float(values[0]), self.slope**2 * self.least * float(np.sum(q)))
        resisted = self.resisted(q, frozen, values, vectors)
        with np.errstate(divide="ignore"):
            movement = np.minimum(np.sqrt(2 * self.most) / rate, 1 / np.sqrt(resisted * rate))
        return rate, np.asarray(movement * (1 + self.rounding))

    def through(self, moved: Host, fall: float) -> tuple[float, Host]:
        """Return a rate that lasts while sqrt(L) falls by `fall`, and how far the weights have moved at its end."""
        return lasting(self.supported, moved, fall)


def lasting(supported: Callable[[Host], tuple[float, Host]], moved: Host, fall: float) -> tuple[float, Host]:
    """Return a rate that lasts while sqrt(L) falls by `fall`, and how far the weights have moved at its end.

    It needs a movement that supports itself: while no weight has moved farther than that, none moves so far.
    """
    ahead = 2 * fall * supported(moved)[1]
    for _ in range(_TRIALS):
        rate, movement = supported(moved + ahead)
        needed = 2 * fall * movement
        if np.all(needed <= ahead):
            return rate, moved + ahead
        ahead = np.maximum(ahead, needed * 1.02)
    rate, movement = supported(np.full_like(moved, np.inf))
    return rate, moved + 2 * fall * movement


@within_floats
def exponential_decay_path(network: Network, problem: Problem) -> Bound:
    """Bound the squared loss as exponential-decay-patterns does, in stages of the loss and with shorter paths.

    Let every |w_i - w_i(0)| <= |b_i| D_i. Then q_i = -C_i + 1/2 (|w_i(0)| - |b_i| D_i)_+^2 <= v_i b_i; the slope of
    neuron i at sample j is known where |w_i(0).x_j| > |b_i| |x_j| D_i, and with F the neurons all of whose slopes are
    known, theta_ij = a where one is not, H the hidden outputs at the start and any 0 < share < 1, the loss falls at
    least at the speed e^T M e / N,

        M = sum over F of q_i D_i X X^T D_i / N + lambda_min diag_j(sum over the others of q_i theta_ij^2)
            + ((1 - share) H H^T / N - (1 / share - 1) lambda_max sum (b_i D_i)^2)   [or without this line],

    so at least at the rate R = 2 lambda_min(M). While sqrt(L) falls by x, w_i moves by at most 2 x |b_i| times the
    smaller of sqrt(2 lambda_max) / R and 1 / sqrt(rho_i R), where rho_i D_i X X^T D_i / N <= M if i is in F, and
    rho_i >= q_i always. So D at the end of a stage follows from D at its start. With a hidden bias (x, 1) stands in
    place of x; sign-FA: b_i = 1.

    Parameters
    ----------
    network, problem
        Start and data.

    Returns
    -------
    Bound
        On the loss. Stages are 5 % of the loss each, down to exp(-6) of the start; the last one ends at zero.

    Notes
    -----
    Statement exponential-decay-path (own). As -dL/dt >= R L and -dL/dt >= rho_i |g_i|^2, it is also at least
    sqrt(rho_i R L) |g_i|: a weight cannot move fast without the loss falling fast, whatever lambda_max is.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "leaky_relu:0.5", [[[1], [1]]])
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, 1])
    >>> calculators = (ft.bounds.exponential_decay, ft.bounds.exponential_decay_path)
    >>> [round(float(bound([2.0])[0]), 3) for bound in (calculate(network, problem) for calculate in calculators)]
    [0.092, 0.011]
    """
    inputs = network.first_layer_inputs(problem.X)
    data = spectrum(inputs)
    alignment = assume.initial_alignment(network)
    judged = (
        *assume.leaky_two_layers(network, problem, "squared"),
        assume.fixed_or_sign_feedback(network),
        assume.independent_samples(data),
        assume.aligned_start(network, alignment, strict=True),
        assume.judged(
            "all -C_i >= 0",
            float(np.min(alignment.c)),
            float(alignment.rounding[np.argmin(alignment.c)]),
            f"smallest -C_i = {np.min(alignment.c):.6g}",
            strict=False,
        ),
    )
    start = assume.start_loss(network, problem)
    eps = assume.working_epsilon(inputs)
    curve: Callable[[Host], Host] = np.zeros_like
    constants = {"s": alignment.total, "start_loss": start}
    if start > 0 and all(each.holds for each in judged):
        stages = stages_of(network, problem)
        losses = start * np.exp(-_STEP * np.arange(_STAGES))
        roots = np.append(np.sqrt(losses), 0.0)
        moved, rates = np.zeros(network.widths[-2]), []
        for high, low in pairwise(roots.tolist()):
            rate, moved = stages.through(moved, high - low + 256 * eps * high)
            rates.append(rate)
        curve = falling_curve(losses, np.asarray(rates))
        constants |= {"lambda": stages.least, "lambda_max": stages.most, "moved": float(np.max(moved))}
        constants |= {"rate_at_start": rates[0], "rate_at_end": rates[-1]}
    return Bound(
        id="exponential-decay-path",
        quantity="loss",
        assumptions=judged,
        curve=curve,
        rate=None,
        floor=0.0,
        rounding=64 * eps,
        constants=constants,
    )


def stages_of(network: Network, problem: Problem) -> Stages:
    """Return what is known at the start of a two-layer network with one output and a leaky activation."""
    inputs = network.first_layer_inputs(problem.X)
    data = spectrum(inputs)
    alignment = assume.initial_alignment(network)
    least, most = (data.smallest_nonzero if data.rank == data.n_samples else 0.0), data.largest
    eps = assume.working_epsilon(inputs)
    X, W = to_numpy(inputs).astype(float), to_numpy(network.first_layer_weights()).astype(float)
    N, d = X.shape
    slope = float(network.activation.slope or 0.0)
    b = assume.feedback_sizes(network) * (1 + 8 * eps)
    z = X @ W.T
    slopes = np.where(z > 0, 1.0, slope)
    return Stages(
        c=alignment.c - alignment.rounding,
        size=np.linalg.norm(W, axis=1) * (1 - 8 * eps * d),
        feedback=b,
        frozen_until=np.full_like(z, np.inf) if slope == 1 else sign_kept_until(X, W, b, eps),
        slopes=slopes,
        hidden=slopes * z / np.sqrt(N),
        inputs=X / np.sqrt(N),
        least=max(least - assume.eigenvalue_rounding(data, least), 0.0),
        most=most + assume.eigenvalue_rounding(data, most),
        slope=slope,
        rounding=8 * eps * (N + d + W.shape[0]),
    )
