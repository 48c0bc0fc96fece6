"""separable-decay-two-sided: separable-decay with the growth of the incoming weights, bounded from two sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Bound, Host
from fa_theory.bounds.float_range import within_floats
from fa_theory.bounds.separable_decay import separable_decay
from fa_theory.model import Network, Problem, max_margin

_CELL = 0.01
_DEPTH = 60.0


class _Weights(NamedTuple):
    """Lower bounds on the |w_i| over tau; tau grows at the rate S = (1/N) sum_j |e_j|.

    Attributes
    ----------
    reach, pull : array, (n,)
        r_i = sign(b_i) u.w_i(0) and |b_i| a gamma, from below: |w_i| >= (r_i + |b_i| a gamma tau)_+.
    size, push : array, (n,)
        |w_i(0)| from below and |b_i| R from above: |w_i| >= |w_i(0)| - |b_i| R tau.
    total : float
        s, from below.
    gain : float
        a^2 gamma^2, from below.
    """

    reach: Host
    pull: Host
    size: Host
    push: Host
    total: float
    gain: float

    def rate(self, begin: float, end: float) -> float:
        """Return a lower bound on Q = a^2 gamma^2 (s + 1/2 sum |w_i|^2) over begin <= tau <= end."""
        low = np.maximum(np.maximum(self.reach + self.pull * begin, 0), self.size - self.push * end)
        return self.gain * (self.total + float(np.sum(low**2)) / 2)

    def unit(self) -> float:
        """Return the tau at which the weights have changed noticeably."""
        with np.errstate(divide="ignore", invalid="ignore"):
            times = np.concatenate([self.size / self.push, abs(self.reach) / self.pull, 1 / self.pull])
        times = times[np.isfinite(times) & (times > 0)]
        return float(np.min(times)) if times.size else 1.0


class _Cells(NamedTuple):
    """Q from below, constant over cells of tau.

    Attributes
    ----------
    tau : array, (K + 1,)
        The ends of the cells.
    integral : array, (K + 1,)
        I = int Q.
    ratio : array, (K + 1,)
        J exp(-I), J = int exp(I).
    """

    tau: Host
    integral: Host
    ratio: Host

    @classmethod
    def of(cls, weights: _Weights) -> _Cells:
        tau, integral, ratio = [0.0], [0.0], [0.0]
        unit = weights.unit()
        while integral[-1] < _DEPTH:
            # short enough for the weights to change little, and for exp(I) to do so
            width = min(_CELL * (tau[-1] + unit), _CELL / weights.rate(tau[-1], tau[-1]))
            q = weights.rate(tau[-1], tau[-1] + width)
            tau.append(tau[-1] + width)
            integral.append(integral[-1] + q * width)
            ratio.append(ratio[-1] * float(np.exp(-q * width)) - float(np.expm1(-q * width)) / q)
        return cls(np.asarray(tau), np.asarray(integral), np.asarray(ratio))

    def highest(self, time: float, start: float, count: float, delay: float) -> float:
        """Return the largest over tau of min(start exp(-I), count J exp(-I) / (time - delay tau)_+), from above.

        Where the two cross the first falls and the second has not yet fallen for good: up to that cell the second is
        taken at the worse end of each cell, and in it the first at its beginning.
        """
        left = time - delay * self.tau
        crossed = count * self.ratio * np.exp(self.integral) >= start * left
        last = int(np.argmax(crossed)) if crossed.any() else len(left) - 1
        cell = max(last - 1, 0) if crossed.any() else last
        ends = np.maximum(self.ratio[:cell], self.ratio[1 : cell + 1])
        before = count * ends / left[1 : cell + 1]
        return max(float(np.max(before, initial=0.0)), start * float(np.exp(-self.integral[cell])))


@within_floats
def separable_decay_two_sided(network: Network, problem: Problem) -> Bound:
    """Bound the exponential or logistic loss as separable-decay does, with incoming weights that have to grow.

    With dtau/dt = S = (1/N) sum_j |e_j|, |w_i| >= max((r_i + |b_i| a gamma tau)_+, |w_i(0)| - |b_i| R tau), r_i =
    sign(b_i) u.w_i(0), gives Q(tau) = a^2 gamma^2 (s + 1/2 sum |w_i|^2) from below, I = int Q and J = int exp(I). The
    loss at time T is at most the largest over tau of min(L(0) exp(-I), J exp(-I) / T) (exponential loss); for the
    logistic loss expm1(N L(T)) is at most that of min(expm1(N L(0)) exp(-I), N J exp(-I) / (T - N tau)_+). The smaller
    of this and separable-decay is returned. With a hidden bias (x, 1) stands in place of x.

    Parameters
    ----------
    network, problem
        Start and data, labels +-1.

    Returns
    -------
    Bound
        On the mean loss.

    Notes
    -----
    Statement separable-decay-two-sided (own). tau(T) is not known, so the worst is taken: a loss above the first would
    contradict dL/dtau <= -Q S; and as the loss has fallen to L(T) it was larger before, so that tau cannot have taken
    longer than T to be reached. Q is replaced by a lower bound, constant over cells of tau.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, -1], "exponential")
    >>> calculators = (ft.bounds.separable_decay, ft.bounds.separable_decay_two_sided)
    >>> [round(float(bound([2.0])[0]), 2) for bound in (calculate(network, problem) for calculate in calculators)]
    [0.37, 0.28]
    """
    plain = separable_decay(network, problem)
    alignment = assume.initial_alignment(network)
    b = to_numpy(network.feedback[-1].matrix(network.weights[-1])).astype(float)[:, 0]
    signs = any(each.name == "separable data" and each.holds for each in plain.assumptions)
    judged = (*(each for each in plain.assumptions if not each.name.startswith("rule")), assume.fixed_feedback(network))
    curve: Callable[[Host], Host] = np.zeros_like
    constants = {"start_loss": plain.constants["start_loss"]}
    if signs and all(each.holds for each in judged):
        inputs = network.first_layer_inputs(problem.X)
        margin = max_margin(inputs, problem.Y)
        eps, double = assume.working_epsilon(problem.X), float(np.finfo(float).eps)
        W = to_numpy(network.first_layer_weights()).astype(float)
        length = 8 + W.shape[1]
        certain = max(margin.lower - length * double * margin.scale, 0.0)
        slope = float(network.activation.slope or 0.0)
        weights = _Weights(
            reach=np.sign(b) * (W @ margin.direction) - length * eps * (abs(W) @ abs(margin.direction)),
            pull=abs(b) * slope * certain,
            size=np.linalg.norm(W, axis=1) * (1 - length * eps),
            push=abs(b) * margin.scale * (1 + length * eps),
            total=alignment.total - float(np.sum(alignment.rounding)),
            gain=(slope * certain) ** 2,
        )
        curve = _curve(_Cells.of(weights), plain, problem)
        constants |= {"s": alignment.total, "gamma": margin.lower, "R": margin.scale, "Q": weights.rate(0.0, 0.0)}
    return Bound(
        id="separable-decay-two-sided",
        quantity="loss",
        assumptions=judged,
        curve=curve,
        rate=None,
        floor=0.0,
        rounding=plain.rounding,
        constants=constants,
    )


def _curve(cells: _Cells, plain: Bound, problem: Problem) -> Callable[[Host], Host]:
    N, start = problem.n_samples, plain.constants["start_loss"]

    def exponential(time: float) -> float:
        return cells.highest(time, start, 1.0, 0.0)

    def logistic(time: float) -> float:
        return float(np.log1p(cells.highest(time, float(np.expm1(N * start)), N, N))) / N

    # expm1(N L(0)) is no float for large N L(0), where the plain form is as good
    usable = problem.loss.name == "exponential" or N * start < 600
    at = exponential if problem.loss.name == "exponential" else logistic

    def curve(times: Host) -> Host:
        values = plain.curve(times)
        return np.minimum(values, [at(t) for t in times.tolist()]) if usable else values

    return curve
