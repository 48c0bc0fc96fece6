"""separable-decay-path: what an aligned start keeps separates the samples by more than their inputs do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from fa_theory.backend import to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Assumption, Bound, Host
from fa_theory.bounds.exponential_decay_growth import falling_curve
from fa_theory.bounds.exponential_decay_path import Stages, lasting, stages_of
from fa_theory.bounds.float_range import within_floats
from fa_theory.bounds.separable_decay_two_sided import separable_decay_two_sided
from fa_theory.model import Network, Problem, max_margin

_STEP = 0.05
_STAGES = 120
_MANY = 32  # samples, above which the cap on a single sample is left out: each takes a problem of its own


class _Drive(NamedTuple):
    """What a form says of the signal: h^2 = sigma^T M sigma / N has gamma sum_j sigma_j <= h and cap sigma_j <= h.

    Attributes
    ----------
    gamma, cap : float
        Both from below, cap >= gamma.
    n_samples : int
        N.
    """

    gamma: float
    cap: float
    n_samples: int

    def root_of_speed(self, loss: float, name: str) -> float:
        """Return psi(L), from below: the loss L falls at least at the speed psi(L)^2."""
        if name == "exponential":
            return self.gamma * self.n_samples * loss
        return float(-self.cap * np.expm1(-self.n_samples * loss * self.gamma / self.cap)) if self.cap > 0 else 0.0

    @classmethod
    def of(cls, points: Host, off: float) -> _Drive:
        """Return it for the form points points^T, of which `off` at most may be missing in every direction."""
        found = max_margin(points, np.ones(len(points)))
        squared = found.lower**2 - off
        if squared <= 0:
            return cls(0.0, 0.0, len(points))
        least = found.lower
        if 1 < len(points) <= _MANY:
            least = max(least, min(_distance(points, j, found.direction, found.lower) for j in range(len(points))))
        down = (1 - 64 * len(points) * float(np.finfo(float).eps)) / np.sqrt(len(points))
        # |sigma|^2 <= (sum sigma)^2 <= h^2 / gamma^2
        return cls(float(np.sqrt(squared)) * down, least / float(np.sqrt(1 + off / squared)) * down, len(points))


def _distance(points: Host, j: int, direction: Host, margin: float) -> float:
    """Return how far -points[j] is from the cone of the others, from below: |sigma^T points| >= that times sigma_j."""
    others = np.delete(points, j, axis=0)
    try:
        weights = nnls(-others.T, points[j], maxiter=30 * len(points) + 100)[0]
    except RuntimeError:  # did not converge
        return margin
    normal = points[j] + weights @ others
    # rounding may leave some of the others on the wrong side of the normal
    short = max(0.0, -float(np.min(others @ normal))) / margin
    normal = normal + short * direction
    return float(points[j] @ normal) / float(np.linalg.norm(normal))


class _Path(NamedTuple):
    """The stages of exponential-decay-path for labels +-1 and another loss."""

    stages: Stages
    labels: Host
    loss: str

    def drive(self, moved: Host) -> tuple[_Drive, Host]:
        """Return what drives the loss while every |w_i - w_i(0)| <= |b_i| moved_i, and rho."""
        q, hidden_part, frozen = self.stages.hidden_form(moved)
        forms, off = self.stages.forms(hidden_part, moved)
        values, vectors = np.linalg.eigh(forms)
        missing = np.maximum(-values[:, 0], 0) + off

        def points(which: int) -> Host:
            turned = vectors[which] * np.sqrt(np.maximum(values[which], 0))
            return np.asarray(self.labels[:, None] * turned)

        # the form that gives most to what the first gives least to
        least = max_margin(points(0), np.ones(len(self.labels))).dual * self.labels
        best = int(np.argmax(np.einsum("j,fjk,k->f", least, forms, least) - missing))
        drive = _Drive.of(points(best), float(missing[best]))
        return drive, self.stages.resisted(q, frozen, values[best] - off[best], vectors[best])

    def supported(self, high: float, low: float, moved: Host) -> tuple[float, Host]:
        """Return the rate and the movement as `Stages.supported` does, while the loss falls from high to low."""
        drive, resisted = self.drive(moved)
        rate = drive.root_of_speed(low, self.loss) * drive.root_of_speed(high, self.loss) / high
        with np.errstate(divide="ignore"):
            return rate, np.asarray((1 + self.stages.rounding) / np.sqrt(resisted * rate))

    def curve(self, start: float, slack: float) -> tuple[Callable[[Host], Host], list[float]]:
        """Return the curve, and the rates of its stages; it stays where nothing is left of the start."""
        losses = start * np.exp(-_STEP * np.arange(_STAGES + 1))
        moved, rates = np.zeros(len(self.stages.c)), []
        for high, low in pairwise(losses.tolist()):
            fall = np.sqrt(high) - np.sqrt(low) + slack * np.sqrt(high)
            rate, moved = lasting(partial(self.supported, high, low), moved, fall)
            rates.append(rate)
            if rate == 0:
                break
        else:
            rates.append(0.0)
        return falling_curve(losses[: len(rates)], np.asarray(rates)), rates


@within_floats
def separable_decay_path(network: Network, problem: Problem) -> Bound:
    """Bound the exponential or logistic loss with what is left of the start, in stages of the loss.

    Let sigma_j = |e_j|. As in exponential-decay-path, while every |w_i - w_i(0)| <= |b_i| D_i the loss falls at least
    at the speed h^2 = e^T M e / N, M from the start and the D_i; gamma is the least h of all sigma >= 0 with
    sum_j sigma_j = 1, and gamma' >= gamma the least with some sigma_j = 1. So h >= psi(L),

        psi(L) = gamma N L   (exponential loss),    psi(L) = gamma' (1 - exp(-N L gamma / gamma'))   (logistic loss),

    and while the loss falls from L_+ to L_- it decays at least at the rate R = psi(L_-) psi(L_+) / L_+. While sqrt(L)
    falls by x, w_i moves by at most 2 x |b_i| / sqrt(rho_i R), rho_i as in exponential-decay-path: so D at the end of
    a stage follows from D at its start. Where separable-decay-two-sided applies the smaller one is returned. With a
    hidden bias (x, 1) stands in place of x; sign-FA: b_i = 1.

    Parameters
    ----------
    network, problem
        Start and data, labels +-1. The inputs need not be separable: what the start makes of them must be.

    Returns
    -------
    Bound
        On the mean loss. Stages are 5 % of the loss each, down to exp(-6) of the start; from there on, and from where
        no margin is left, this bound does not fall.

    Notes
    -----
    Statement separable-decay-path (own). The input's margin, a^2 gamma^2 s in separable-decay, is that of the worst
    gates; gamma here is a margin with the gates of the start, and of the outgoing weights' share too.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1], [-1]], [[2, 2]]], "leaky_relu:0.5", [[[1], [1]]])
    >>> problem = ft.Problem([[1], [-1]], [1, 1], "exponential")  # no u has u.x > 0 for both samples
    >>> bound = ft.bounds.separable_decay_path(network, problem)
    >>> ft.bounds.separable_decay(network, problem).applicable, bound.applicable, bool(bound([1])[0] < bound([0])[0])
    (False, True, True)
    """
    alignment = assume.initial_alignment(network)
    labels = to_numpy(problem.Y).astype(float)
    worst = int(np.argmin(alignment.c))
    judged = [
        assume.two_layers(network),
        assume.scalar_output(network),
        assume.leaky(network),
        assume.loss_is(problem, "exponential", "logistic"),
        assume.fixed_or_sign_feedback(network),
        assume.aligned_start(network, alignment, strict=True),
        assume.judged(
            "all -C_i >= 0",
            float(alignment.c[worst]),
            float(alignment.rounding[worst]),
            f"smallest -C_i = {alignment.c[worst]:.6g}",
            strict=False,
        ),
    ]
    start = assume.start_loss(network, problem)
    eps = assume.working_epsilon(problem.X)
    curve: Callable[[Host], Host] = np.zeros_like
    constants = {"s": alignment.total, "start_loss": start}
    if all(each.holds for each in judged):
        path = _Path(stages_of(network, problem), labels[:, 0], problem.loss.name)
        judged.append(_separating(path))
        if judged[-1].holds and start > 0:
            curve, rates = path.curve(start, 256 * eps)
            constants |= {"gamma": float(judged[-1].margin), "rate_at_start": float(rates[0])}
    plain = separable_decay_two_sided(network, problem)
    both = curve if not plain.applicable else lambda times: np.minimum(curve(times), plain.curve(times))
    return Bound(
        id="separable-decay-path",
        quantity="loss",
        assumptions=tuple(judged),
        curve=both,
        rate=None,
        floor=0.0,
        rounding=max(64 * eps, plain.rounding),
        constants=constants,
    )


def _separating(path: _Path) -> Assumption:
    gamma = path.drive(np.zeros(len(path.stages.c)))[0].gamma
    name = "the start separates the samples"
    return Assumption(name, gamma, True if gamma > 0 else None, f"gamma = {gamma:.6g} in what drives the loss")
