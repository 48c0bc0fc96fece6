"""Generalised decay: dL/dt <= -g(L) for a g of the user's own gives L(t) <= Gamma^{-1}(Gamma(L(0)) + t)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import IntegrationWarning, quad

from fa_theory.bounds.bound import Bound, Host

_FINEST_STEP = 1e-14
_LOWEST = 1e-300
_AGREEMENT = 1e-6
_CHECKED = 1e-12


@dataclass(frozen=True)
class DecayTime:
    """Gamma(level) - Gamma(start), the time after which a loss with dL/dt <= -g(L) is at most `level`.

    Attributes
    ----------
    rate : callable
        g.
    start : float
        L(0).
    primitive : callable or None
        Gamma, with Gamma' = -1/g; without it 1/g is integrated numerically.
    """

    rate: Callable[[float], float]
    start: float
    primitive: Callable[[float], float] | None

    def between(self, high: float, low: float) -> tuple[float, float]:
        """Return the time from `high` down to `low`, 0 < low <= high, and an estimate of its error."""
        if self.primitive is not None:
            top, bottom = float(self.primitive(high)), float(self.primitive(low))
            return bottom - top, 4 * float(np.finfo(float).eps) * (abs(top) + abs(bottom))

        # in the logarithm of the loss, so that losses of every size are resolved
        def integrand(log_loss: float) -> float:
            loss = float(np.exp(log_loss))
            if loss < _CHECKED * self.start and self.rate(loss) == 0:  # underflow: the last loss to be reached
                return float("inf")
            return loss / self._positive(loss)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IntegrationWarning)  # its error estimate is used instead
            value, error = quad(integrand, np.log(low), np.log(high), epsabs=0.0, epsrel=1e-11, limit=200)
        return (float(value), float(error)) if np.isfinite(value + error) else (float("inf"), 0.0)

    def _positive(self, loss: float) -> float:
        value = float(self.rate(loss))
        if not 0 < value < float("inf"):
            raise ValueError(f"rate must be positive and finite on (0, {self.start:.6g}], got {value} at {loss:.6g}")
        return value

    def check(self) -> None:
        """Raise ValueError if g is not positive at some losses below the start, or the primitive is not one of -1/g."""
        for loss in self.start * np.geomspace(_CHECKED, 1.0, 49):
            self._positive(float(loss))
        if self.primitive is None:
            return
        numeric = DecayTime(self.rate, self.start, None)
        for high, low in ((self.start, self.start / 2), (self.start / 2, self.start / 1e3)):
            (given, _), (expected, error) = self.between(high, low), numeric.between(high, low)
            if not abs(given - expected) <= _AGREEMENT * expected + error:
                raise ValueError(
                    f"primitive must have the derivative -1/rate: from {low:.6g} to {high:.6g} it falls by "
                    f"{given:.6g}, and 1/rate integrates to {expected:.6g}"
                )

    def loss_at(self, times: Host) -> Host:
        """Return, for every time, a loss that is reached by then: the smallest up to rounding and error estimate."""
        values = np.full(times.shape, self.start)
        loss, elapsed = self.start, 0.0
        for k in np.argsort(times):
            # down by ever larger factors while the time lasts, then by ever smaller ones
            step, growing = 1.0, True
            while step > _FINEST_STEP and loss > _LOWEST:
                lower = loss * float(np.exp(-step))
                more, uncertain = self.between(loss, lower) if lower > _LOWEST / 2 else (float("inf"), 0.0)
                if elapsed + more + uncertain <= times[k]:
                    loss, elapsed = lower, elapsed + more + uncertain
                    step = 2 * step if growing else step / 2
                else:
                    growing, step = False, step / 2
            values[k] = loss
        return values


def generalised_decay(
    rate: Callable[[float], float],
    start: float,
    *,
    primitive: Callable[[float], float] | None = None,
    floor: float = 0.0,
) -> Bound:
    """Bound a loss with dL/dt <= -g(L), g > 0: L(t) <= Gamma^{-1}(Gamma(L(0)) + t), Gamma' = -1/g.

    Parameters
    ----------
    rate : callable
        g, of one loss: positive and finite on (0, start]. It need be neither monotone nor smooth.
    start : float
        L(0), positive and finite (the excess over `floor`).
    primitive : callable, optional
        Gamma. Without it, 1/g is integrated numerically, and the error estimate of the quadrature is added to the time.
    floor : float
        What is subtracted from the loss; then the bound is on the excess loss.

    Returns
    -------
    Bound
        Of id ``"generalised-decay"``. Its premise dL/dt <= -g(L) is not one of its assumptions, as it is the user's:
        `fa_theory.verification.assess_generalised_decay` measures it along a run.

    Raises
    ------
    ValueError
        If `start` is out of range, g is not positive where it is evaluated, or the primitive does not fit g.

    TypeError
        If g is no function.

    Notes
    -----
    The form of statement separable-decay for any g (generalised decay: paper; this form: own). The inversion is by
    bisection, and returns the side on which the bound holds; below 1e-300 it goes no further, though the loss may
    reach zero in finite time when 1/g is integrable there. Quadrature errors are estimates, not enclosures.

    Examples
    --------
    >>> from fa_theory.bounds import generalised_decay
    >>> bound = generalised_decay(lambda loss: loss**2, 1.0, primitive=lambda loss: 1 / loss)
    >>> bound([1.0, 3.0]).round(9).tolist()  # dL/dt <= -L^2 gives 1 / (1 + t)
    [0.5, 0.25]
    """
    if not callable(rate):
        raise TypeError(f"rate must be a function of one loss, got {rate!r}")
    if not 0 < start < float("inf"):
        raise ValueError(f"start must be a positive finite number, got {start}")
    time = DecayTime(rate, float(start), primitive)
    time.check()
    return Bound(
        id="generalised-decay",
        quantity="excess_loss" if floor else "loss",
        assumptions=(),
        curve=time.loss_at,
        rate=None,
        floor=floor,
        rounding=64 * float(np.finfo(float).eps),
        constants={"start_loss": float(start) + floor},
    )
