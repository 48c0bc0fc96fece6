"""hitting-time: from any start, FA with logistic loss on separable data reaches any loss by an explicit time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Assumption, Bound, Host
from fa_theory.bounds.float_range import within_floats
from fa_theory.bounds.separable_decay import margin_of_labels, separable_data
from fa_theory.laws import neuron_law, neuron_law_size
from fa_theory.model import Network, Problem

_BISECTIONS = 80
_LARGEST_TAU = 1e100


class Comparison(NamedTuple):
    """The comparison function Lbar(tau) of statement hitting-time; tau grows at the rate (1/N) sum_j |e_j| <= 1.

    Attributes
    ----------
    reach : array, (n,)
        r_i = sign(b_i) u.w_i(0), from below.
    pull : array, (n,)
        |b_i| a gamma, from below: how fast sign(b_i) u.w_i grows in tau at least. Positive.
    invariant : array, (n,)
        C_i, from above.
    gain, cost : float
        a^2 gamma^2 from below and R^2 from above.
    n_samples : int
        N.
    start_loss : float
        L(0).
    """

    reach: Host
    pull: Host
    invariant: Host
    gain: float
    cost: float
    n_samples: int
    start_loss: float

    def rate(self, tau: float) -> float:
        """Return Q(tau), which never decreases."""
        low = np.maximum(self.reach + self.pull * tau, 0) ** 2 / 2 - self.invariant
        return float(np.sum(np.where(low > 0, self.gain, self.cost) * low))

    def integral(self, tau: float) -> float:
        """Return the integral of Q from 0 to tau, exactly: every term is quadratic between its two kinks."""
        # from this tau on low_i > 0, where C_i > 0
        positive = (np.sqrt(2 * np.maximum(self.invariant, 0)) - self.reach) / self.pull
        costly = np.where(self.invariant > 0, np.clip(positive, 0, tau), 0.0)
        before = self._integral_of_low(costly)
        return float(np.sum(self.cost * before + self.gain * (self._integral_of_low(np.asarray(tau)) - before)))

    def _integral_of_low(self, tau: Host) -> Host:
        start = np.maximum(self.reach, 0)
        end = np.maximum(self.reach + self.pull * tau, 0)
        lasting = np.where(self.reach >= 0, tau, np.maximum(tau + self.reach / self.pull, 0))
        return np.asarray(lasting * (start**2 + start * end + end**2) / 6 - self.invariant * tau)

    def turn(self) -> float:
        """Return the tau at which Q becomes positive, 0 if it is from the start, infinity if that is beyond 1e100."""
        if self.rate(0.0) >= 0:
            return 0.0
        low, high = 0.0, 1.0
        while self.rate(high) <= 0:
            low, high = high, 2 * high
            if high > _LARGEST_TAU:
                return float("inf")
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.rate(middle) > 0 else (middle, high)
        return high


class Course(NamedTuple):
    """Lbar over tau: it grows until Q turns positive, and falls from there."""

    comparison: Comparison
    turn: float
    at_turn: float

    @property
    def growth(self) -> float:
        """Return K, minus the integral of Q up to the turn."""
        return max(-self.at_turn, 0.0)

    def loss(self, tau: float) -> float:
        """Return Lbar(tau)."""
        known = self.comparison
        start = log_expm1(known.start_loss)
        if tau <= self.turn:
            return float(np.logaddexp(0, start - known.integral(tau)))
        highest = float(np.logaddexp(0, start + self.growth))
        scaled = log_expm1(known.n_samples * highest) - (known.integral(tau) - self.at_turn)
        return float(np.logaddexp(0, scaled)) / known.n_samples

    def tau_of(self, epsilon: float) -> float:
        """Return a tau at which Lbar is at most epsilon: 0, or the first one up to rounding, after the turn."""
        if epsilon >= self.comparison.start_loss:
            return 0.0
        step = 1.0
        while self.turn + step / 2 > self.turn and self.loss(self.turn + step / 2) <= epsilon:
            step /= 2
        while self.loss(self.turn + step) > epsilon:
            step *= 2
        low, high = (self.turn if step <= 1 else self.turn + step / 2), self.turn + step
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.loss(middle) <= epsilon else (middle, high)
        return high

    def time_above(self, tau: float, loss: float) -> float:
        """Return how long it takes at most until tau is reached, if the loss stays above `loss`."""
        n = self.comparison.n_samples
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return float(np.float64(tau) / (-np.expm1(-n * loss) / n)) if tau > 0 else 0.0

    def settled(self, tau: float) -> float:
        """Return a time from which on the loss is at most Lbar(tau), tau >= `turn`.

        Were it higher at a later time, it would never have been below the loss from which a growth of exp(K) in
        expm1 L leads up to Lbar(tau); so tau would have been reached.
        """
        before = float(np.logaddexp(0, log_expm1(self.loss(tau)) - self.growth))
        return self.time_above(tau, before)

    def at_time(self, time: float) -> float:
        """Return a bound on the loss at a time: the best that `settled` gives, else the growth that is possible."""
        if self.settled(self.turn) > time or time == 0:
            return self.loss(min(time, self.turn))
        low, high = self.turn, max(time, self.turn)  # tau <= t
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.settled(middle) <= time else (low, middle)
        return self.loss(low)


def log_expm1(x: float) -> float:
    """Return log(exp(x) - 1), for x >= 0 however large or small."""
    with np.errstate(divide="ignore"):
        return float(x + np.log(-np.expm1(-x)))


def check_epsilon(epsilon: float | None) -> None:
    """Raise ValueError unless epsilon is a positive finite number, or None for the default.

    Examples
    --------
    >>> from fa_theory.bounds import check_epsilon
    >>> check_epsilon(0.1)
    >>> check_epsilon(-1.0)
    Traceback (most recent call last):
        ...
    ValueError: epsilon must be a positive finite number, got -1.0
    """
    if epsilon is not None and not 0 < epsilon < float("inf"):
        raise ValueError(f"epsilon must be a positive finite number, got {epsilon}")


@within_floats
def hitting_time(network: Network, problem: Problem, epsilon: float | None = None) -> Bound:
    """Bound the time at which the logistic loss of a two-layer, scalar, leaky FA network reaches epsilon.

    No alignment is needed at the start: FA aligns, then learns. With u the max-margin direction, gamma its margin,
    R = max |x_j|, r_i = sign(b_i) u.w_i(0) and low_i(tau) = 1/2 (r_i + |b_i| a gamma tau)_+^2 - C_i,

        Q(tau) = sum over b_i != 0 of (a^2 gamma^2 low_i if low_i > 0 else R^2 low_i)

    never decreases. Lbar(0) = L(0); d/dtau log expm1 Lbar = -Q while Q <= 0, then d/dtau log expm1(N Lbar) = -Q. The
    loss reaches epsilon no later than N tau_epsilon / (1 - exp(-N epsilon)), tau_epsilon the first tau with
    Lbar <= epsilon. With a hidden bias (x, 1) stands in place of x.

    Parameters
    ----------
    network, problem
        Start and data, labels +-1.
    epsilon : float, optional
        The loss to reach; half of the loss at the start by default.

    Returns
    -------
    Bound
        `time` is the hitting time of `epsilon`. The curve bounds the loss at every time: with K the integral of -Q
        over Q <= 0, L(t) <= Lbar(tau) for all t >= N tau / (1 - exp(-N eps')), expm1 eps' = exp(-K) expm1 Lbar(tau),
        Q(tau) >= 0. `constants` holds ``settled``, the time from which on the loss stays at most epsilon.

    Raises
    ------
    ValueError
        If `epsilon` is not a positive finite number.

    Notes
    -----
    Statement hitting-time (own). dL/dtau <= -Q S with dtau/dt = S = (1/N) sum_j |e_j|, and
    (1 - exp(-N L)) / N <= S <= 1 - exp(-L).

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[-1, 1]]], "linear", [[[1], [1]]])  # not aligned: C_1 = 3/2
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, -1], "logistic")
    >>> bound = ft.bounds.hitting_time(network, problem, epsilon=0.1)
    >>> run = ft.simulate(network, problem, time=bound.time, points=2)
    >>> bound.applicable, bool(run.loss[-1] <= 0.1 < run.loss[0])
    (True, True)
    """
    check_epsilon(epsilon)
    margin = margin_of_labels(network, problem)
    judged: tuple[Assumption, ...] = (
        *assume.leaky_two_layers(network, problem, "logistic"),
        assume.fixed_feedback(network),
        separable_data(margin),
        _some_feedback(network),
    )
    start = assume.start_loss(network, problem)
    eps = assume.working_epsilon(problem.X)
    if not all(each.holds for each in judged) or margin is None:
        return Bound("hitting-time", "loss", judged, np.zeros_like, None, 0.0, 0.0, {"start_loss": start})
    comparison = comparison_of(network, problem, margin.direction, margin.lower, margin.scale, start)
    turn = comparison.turn()
    if not np.isfinite(turn):
        detail = f"feedback of size at most {np.max(comparison.pull):.3g} (times slope and margin)"
        judged += (Assumption("aligned before tau = 1e100", -1.0, None, detail),)
        return Bound("hitting-time", "loss", judged, np.zeros_like, None, 0.0, 0.0, {"start_loss": start})
    course = Course(comparison, turn, comparison.integral(turn))
    level = start / 2 if epsilon is None else epsilon
    tau = course.tau_of(level)
    constants = {
        "gamma": margin.lower,
        "gamma_upper": margin.upper,
        "R": margin.scale,
        "start_loss": start,
        "Q": comparison.rate(0.0),
        "turn": turn,
        "growth": course.growth,
        "tau": tau,
        "settled": course.settled(max(tau, turn)) if course.loss(max(tau, turn)) <= level else float("inf"),
    }
    time = course.time_above(tau, level)
    return Bound(
        id="hitting-time",
        quantity="loss",
        assumptions=judged,
        curve=lambda times: np.asarray([course.at_time(t) for t in times.tolist()]),
        rate=None,
        floor=0.0,
        rounding=256 * eps * (1 + course.growth + problem.n_samples * start),
        constants={name: value for name, value in constants.items() if np.isfinite(value)},
        epsilon=level,
        time=time if np.isfinite(time) else None,
    )


def _some_feedback(network: Network) -> Assumption:
    B = to_numpy(network.feedback[-1].matrix(network.weights[-1])).astype(float)
    most = float(np.max(abs(B)))
    return Assumption("some feedback b_i is not zero", most or -1.0, most > 0, f"largest |b_i| = {most:.6g}")


def comparison_of(
    network: Network, problem: Problem, direction: Host, gamma: float, radius: float, start: float
) -> Comparison:
    """Return the comparison function for a direction of margin gamma, and inputs no longer than radius."""
    slope = float(network.activation.slope or 0.0)
    b = to_numpy(network.feedback[-1].matrix(network.weights[-1])).astype(float)[:, 0]
    first = to_numpy(network.first_layer_weights()).astype(float)
    # a neuron with b_i = 0 never moves its incoming weights, and v_i b_i = 0
    moving = b != 0
    eps = assume.working_epsilon(problem.X)
    length = 8 + first.shape[1]
    certain = max(gamma - length * float(np.finfo(float).eps) * radius, 0.0)
    reach = np.sign(b) * (first @ direction) - length * eps * (abs(first) @ abs(direction))
    slack = (8 + sum(network.widths[-3:])) * eps * to_numpy(neuron_law_size(network)[-1]).astype(float)
    return Comparison(
        reach=reach[moving],
        pull=abs(b[moving]) * slope * certain,
        invariant=(to_numpy(neuron_law(network)[-1]).astype(float) + slack)[moving],
        gain=(slope * certain) ** 2,
        cost=(radius * (1 + length * eps)) ** 2,
        n_samples=problem.n_samples,
        start_loss=start,
    )
