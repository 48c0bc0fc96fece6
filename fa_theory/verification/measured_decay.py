"""The decay of the loss from its measured rate: L(t) = L(0) exp(-integral of -dL/dt / L), with a quadrature error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import cumulative_simpson

from fa_theory.dynamics import Trajectory, dissipation, flow

Host = np.ndarray[Any, Any]

_RESOLVED = 0.1
"""Losses are used as long as their error estimates are below this share of them."""

_FEWEST = 3
_TARGET = 0.1
_RUN_AGAIN = 10
_FINER = 65
_SAFETY = 4.0
_ACCURACY = 1e-4


@dataclass(frozen=True)
class MeasuredDecay:
    """An a-posteriori certificate of a run's decay, from the rates at its recorded times alone.

    Attributes
    ----------
    t : array, (K,)
        Recorded times, as far as the loss exceeds ten times its error estimate.
    rate : array, (K,)
        (|G_L|^2 + sum_l <G_l, F_l>) / L, the rate at which the logarithm of the loss falls.
    integral : array, (K,)
        Its integral from 0, by Simpson's rule.
    quadrature_error : array, (K,)
        An estimate of the error in the integral.
    curve : array, (K,)
        L(0) exp(-integral).
    deviation, tolerance : array, (K,)
        |log(curve / L)|, and how large the errors of quadrature and of the loss may make it.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import measured_decay
    >>> network = ft.Network([[[1.0]], [[0.0]]], "linear", [[[0.0]]])  # no feedback: L = 1/2 exp(-2 t)
    >>> decay = measured_decay(ft.simulate(network, ft.Problem([[1.0]], [1.0]), time=1.0, points=5))
    >>> decay.rate.round(6).tolist(), decay.integral.round(6).tolist()
    ([2.0, 2.0, 2.0, 2.0, 2.0], [0.0, 0.5, 1.0, 1.5, 2.0])
    """

    t: Host
    rate: Host
    integral: Host
    quadrature_error: Host
    curve: Host
    deviation: Host
    tolerance: Host

    @property
    def agrees(self) -> bool:
        """Whether the integral of the rate gives the loss at all times, within the tolerance."""
        return bool(np.all(self.deviation <= self.tolerance))

    @property
    def upper(self) -> Host:
        """L(0) exp(-(integral - quadrature error)), what the measured rate guarantees up to that estimate."""
        return np.asarray(self.curve * np.exp(self.quadrature_error))


def measured_decay(trajectory: Trajectory) -> MeasuredDecay | None:
    """Integrate the measured rate of decay along a flow.

    Where the recorded times are too few for the rate, the worst intervals are run again with more of them, until the
    quadrature errors add up to at most 0.1 or ten intervals have been run again.

    Returns
    -------
    MeasuredDecay or None
        None for other methods than the flow, with weight decay (which moves the loss as well), and where fewer than
        three recorded times can be used.

    Notes
    -----
    Statement dissipation-split (paper; form: own). The quadrature error of an interval is four times what Simpson's
    rule and the trapezoidal rule differ by at most in the two intervals to its left and right. Where there is an event,
    at which the rate may jump, or where the rate bends as much as it changes, so that the recorded times do not resolve
    it, the change of the rate times the length is added, which bounds the error of any rule for a monotone rate.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import measured_decay
    >>> network, problem = ft.initialise("aligned", (2, 3, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> measured_decay(ft.simulate(network, problem, time=1.0, points=21)).agrees
    True
    >>> measured_decay(ft.simulate(network, problem, method="gd", steps=10)) is None
    True
    """
    if trajectory.method != "flow" or trajectory.weight_decay:
        return None
    usable = trajectory.loss * _RESOLVED > trajectory.error
    count = int(np.argmin(np.append(usable, False)))
    if count < _FEWEST:
        return None
    rates = _rates(trajectory, count)
    t, loss, error = trajectory.t[:count], trajectory.loss[:count], trajectory.error[:count]
    pieces, errors = _intervals(trajectory, t, rates.value)
    for index in np.argsort(-errors)[:_RUN_AGAIN].tolist():
        if np.sum(errors) <= _TARGET:
            break
        pieces[index], errors[index] = _run_again(trajectory, index, pieces[index], errors[index])
    integral, quadrature = (np.concatenate([[0.0], np.cumsum(each)]) for each in (pieces, errors))
    relative = error / loss
    return MeasuredDecay(
        t=t,
        rate=rates.value,
        integral=integral,
        quadrature_error=quadrature,
        curve=loss[0] * np.exp(-integral),
        deviation=abs(np.log(loss / loss[0]) + integral),
        # |log(1 + x)| <= 1.06 |x| for |x| <= 1/10; the rate itself is off as far as its state and its loss are
        tolerance=quadrature
        + 1.06 * (relative + relative[0])
        + np.maximum.accumulate((trajectory.rounding * rates.size + relative * abs(rates.value)) * t),
    )


class _Rates(NamedTuple):
    """(|G_L|^2 + sum_l <G_l, F_l>) / L at recorded times, and the same with all terms made positive."""

    value: Host
    size: Host


def _rates(trajectory: Trajectory, count: int) -> _Rates:
    splits = [dissipation(trajectory.network_at(k), trajectory.problem, trajectory.slopes_at(k)) for k in range(count)]
    loss = trajectory.loss[:count]
    return _Rates(
        np.asarray([-split.predicted_rate for split in splits]) / loss,
        np.asarray([split.size for split in splits]) / loss,
    )


def _run_again(trajectory: Trajectory, index: int, piece: float, error: float) -> tuple[float, float]:
    """Return the integral over one interval and its error from a run of its own, unless what is known is better."""
    length = float(trajectory.t[index + 1] - trajectory.t[index])
    run = flow(
        trajectory.network_at(index),
        trajectory.problem,
        time=length,
        points=_FINER,
        accuracy=max(_ACCURACY, trajectory.options["accuracy"]),
    )
    if run.completed and np.all(run.loss * _RESOLVED > run.error):
        pieces, errors = _intervals(run, run.t, _rates(run, len(run.t)).value)
        if np.sum(errors) < error:
            return float(np.sum(pieces)), float(np.sum(errors))
    return piece, error


def _intervals(trajectory: Trajectory, t: Host, rate: Host) -> tuple[Host, Host]:
    """Return the integral of the rate over each interval between recorded times, and the error in it."""
    return np.diff(cumulative_simpson(rate, x=t, initial=0.0)), _interval_errors(trajectory, t, rate)


def _interval_errors(trajectory: Trajectory, t: Host, rate: Host) -> Host:
    length, change = np.diff(t), abs(np.diff(rate))
    bends = np.pad(abs(np.diff(rate, 2)), 2)
    sharpest = np.max(np.lib.stride_tricks.sliding_window_view(bends, 4), axis=1)
    events = np.searchsorted(t, [event.time for event in trajectory.events if event.time <= t[-1]])
    unresolved = 2 * sharpest > change
    unresolved[np.maximum(events - 1, 0)] = True
    return np.asarray(_SAFETY * length * sharpest / 12) + np.where(unresolved, change * length, 0.0)


def measured_decay_json(found: MeasuredDecay | None) -> dict[str, Any] | None:
    """Return JSON values of a `MeasuredDecay`."""
    if found is None:
        return None
    names = ("t", "rate", "integral", "quadrature_error", "curve", "upper", "deviation", "tolerance")
    return {name: getattr(found, name).tolist() for name in names} | {"agrees": found.agrees}
