"""How a flow goes on from kinks that it sits on: which it crosses, which it slides along, and whether that is forced.

For fractions lambda in [0, 1] of the kinks, f(lambda) = dz/dt must satisfy, kink by kink: f >= 0 where lambda = 1,
f <= 0 where lambda = 0, and f = 0 between (sliding). This is a variational inequality on a box, so a solution exists.
Where dz/dt vanishes whatever the fractions (a deep network that starts at zero; a layer whose inputs all sit on kinks)
the kink moves at higher order in time, and z after a short step takes the place of dz/dt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import Array, machine_epsilon, to_numpy
from fa_theory.dynamics.kinks import Kink
from fa_theory.dynamics.regimes import Regime, UnresolvedKinkError, at_kinks, evaluate, fraction_jacobian
from fa_theory.model import Network, Problem

Host = np.ndarray[Any, Any]
Values = Callable[[Host], Host]
Layers = tuple[Array, ...]
Trial = Callable[[Regime, Host, float], tuple[Layers, Layers]]
"""(regime, fractions, h) -> z of each layer after a time h with the fractions held, and its rounding."""

_ROUNDS = 6
_NEWTON_STEPS = 8
_RELAXATIONS = 300
_SEARCHED = 12
_ACCURACY = 1e-10


class Resolution(NamedTuple):
    """How to go on.

    Attributes
    ----------
    regime : Regime
        The regime to go on with.
    unique : bool
        Whether it is the only one that a solution can go on with, as far as a second search from the opposite pattern
        tells; with very many kinks at once (a deep network that starts at zero) none is made.
    kick : bool
        True when the fractions make sense over the trial time only: take that step with the fractions held.
    """

    regime: Regime
    unique: bool
    kick: bool = False


class _Settled(NamedTuple):
    fractions: Host
    tolerance: Host
    stable: bool
    rising: bool


def resolve(
    network: Network,
    problem: Problem,
    regime: Regime,
    kinks: Sequence[Kink],
    fractions: Host,
    trial: Trial,
    horizon: float,
    *,
    ahead: bool = False,
) -> Resolution:
    """Find slopes at the given kinks with which a Filippov solution goes on.

    Parameters
    ----------
    network, problem, regime
        The state, and the regime whose other sides hold.
    kinks : sequence of Kink
        The kinks that the state sits on.
    fractions : array, (len(kinks),)
        Where to start; a kink that repels stays on the nearer side, and the result is not unique.
    trial : callable
        Looks ahead in time.
    horizon : float
        How far.
    ahead : bool
        Judge every kink by z after the horizon instead of dz/dt now.

    Raises
    ------
    UnresolvedKinkError
        If no consistent slopes are found.
    """
    regime = replace(regime, sliding=tuple(kinks), fractions=np.asarray(fractions, dtype=float))

    def rates(fractions: Host) -> Host:
        drift = evaluate(network, problem, regime, fractions, drift=True).drift
        assert drift is not None
        return at_kinks(kinks, drift)

    still, floor = _still(network, problem, regime)
    function: Values = rates
    if ahead or still.any():
        now, rounding_now = (at_kinks(kinks, each) for each in trial(regime, regime.fractions, 0.0))
        rounding_then = at_kinks(kinks, trial(regime, regime.fractions, horizon)[1])
        floor = 2 * (rounding_now + rounding_then)

        def function(fractions: Host) -> Host:
            return at_kinks(kinks, trial(regime, fractions, horizon)[0]) - now

    accuracy = max(_ACCURACY, 1e3 * machine_epsilon(problem.X))
    settled = _settle(function, regime, floor, accuracy)
    unique = settled.stable
    if unique and settled.rising and len(regime.colours) <= _SEARCHED:
        unique = _is_alone(function, regime, floor, settled, accuracy)
    edge = accuracy / 100
    between = (settled.fractions > edge) & (settled.fractions < 1 - edge)
    return Resolution(_with_sides(regime, settled.fractions, between), unique, bool(np.any(between & still)))


def _still(network: Network, problem: Problem, regime: Regime) -> tuple[Host, Host]:
    """Tell which kinks have dz/dt = 0 up to rounding at both ends of their fractions, and what that rounding is."""
    eps = machine_epsilon(problem.X)
    still = np.ones(len(regime.sliding), dtype=bool)
    floor = np.zeros(len(regime.sliding))
    for end in (0.0, 1.0):
        evaluation = evaluate(network, problem, regime, np.full(len(regime.sliding), end), drift=True)
        assert evaluation.drift is not None
        limits: list[Host] = []
        for layer, W in enumerate(network.weights[:-1]):
            fastest = max(_largest(part[layer]) for part in evaluation.velocity[:2])
            h = to_numpy(evaluation.passed.inputs[layer])
            constant = network.biases[layer] is not None
            limit = 32 * eps * fastest * (np.sum(abs(h), axis=1, keepdims=True) + constant)
            limit = np.broadcast_to(limit, (h.shape[0], W.shape[0]))
            if layer > 0:
                below = limits[-1] + 32 * eps * abs(to_numpy(evaluation.drift[layer - 1]))
                limit = limit + (abs(to_numpy(evaluation.passed.slopes[layer - 1])) * below) @ abs(to_numpy(W)).T
            limits.append(limit)
        rounding = at_kinks(regime.sliding, tuple(limits))
        still &= abs(at_kinks(regime.sliding, evaluation.drift)) <= rounding
        floor = np.maximum(floor, rounding)
    return still, floor


def _largest(part: Array | None) -> float:
    return 0.0 if part is None else float(np.max(abs(to_numpy(part))))


def _with_sides(regime: Regime, fractions: Host, between: Host) -> Regime:
    """Turn kinks with fraction 0 or 1 into sides; the rest slide."""
    settled = regime
    for index in np.flatnonzero(~between):
        settled = settled.with_side(regime.sliding[index], 1 if fractions[index] > 0.5 else -1)
    sliding = tuple(regime.sliding[index] for index in np.flatnonzero(between))
    return replace(settled, sliding=sliding, fractions=fractions[between])


def _settle(function: Values, regime: Regime, floor: Host, accuracy: float) -> _Settled:
    """Solve the variational inequality: sweeps over the kinks find the pattern, Newton's method the fractions.

    Sliding should be stable: fractions that move with dz/dt, as they do in a thin smooth layer, return. An unstable
    solution is taken only where no stable one is found.
    """
    fractions, low, high = _sweep(function, regime, floor, regime.fractions)
    tolerance = accuracy * np.maximum(abs(low), abs(high)) + floor
    unstable: Host | None = None
    for attempt in range(_ROUNDS):
        solution, stable = _polish(function, regime, tolerance, fractions)
        if solution is not None and stable:
            rising = bool(np.any(high > low + 10 * tolerance))
            return _Settled(solution, tolerance, stable=True, rising=rising)
        unstable = solution if unstable is None else unstable
        if attempt < _ROUNDS - 2:
            fractions, _, _ = _sweep(function, regime, floor, fractions)
        else:
            fractions = _relax(function, fractions)
    if unstable is None:
        raise UnresolvedKinkError(f"the slopes at {len(regime.sliding)} simultaneous kinks could not be determined")
    return _Settled(unstable, tolerance, stable=False, rising=True)


def _sweep(function: Values, regime: Regime, floor: Host, start: Host) -> tuple[Host, Host, Host]:
    """Settle one kink after the other; return the fractions, and the values at fraction 0 and at 1 that were met."""
    fractions, low, high = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for colour in regime.colours:
        for ends, end in ((low, 0.0), (high, 1.0)):
            moved = fractions.copy()
            moved[colour] = end
            ends[colour] = function(moved)[colour]
        fractions[colour] = _balance(low[colour], high[colour], floor[colour], fractions[colour])
    return fractions, low, high


def _balance(low: Host, high: Host, floor: Host, present: Host) -> Host:
    low, high = (np.where(abs(each) <= floor, 0.0, each) for each in (low, high))
    attracts = (low >= 0) & (high <= 0) & (low > high)
    between = np.divide(low, low - high, out=np.zeros_like(low), where=attracts)
    stay = np.round(present)  # a repelling kink, or one that does not move at all
    rises, falls = (low >= 0) & (high > 0), (low < 0) & (high <= 0)
    return np.select([attracts, rises, falls], [between, 1.0, 0.0], default=stay)


def _violated(value: Host, fractions: Host, tolerance: Host) -> Host:
    below, above = value < -tolerance, value > tolerance
    return np.where(fractions <= 0, above, np.where(fractions >= 1, below, below | above))


def _polish(function: Values, regime: Regime, tolerance: Host, fractions: Host) -> tuple[Host | None, bool]:
    """Newton's method with an active set; return the solution, if one is reached, and whether it is stable."""
    for _ in range(_NEWTON_STEPS):
        value = function(fractions)
        violated = _violated(value, fractions, tolerance)
        free = violated | ((fractions > 0) & (fractions < 1))
        if not free.any():
            return fractions, True
        jacobian = fraction_jacobian(function, fractions, value, regime)[np.ix_(free, free)]
        if not violated.any():
            rates = np.linalg.eigvals(jacobian).real
            return fractions, bool(np.all(rates <= _ACCURACY * np.max(abs(rates))))
        step = np.linalg.lstsq(jacobian, -value[free])[0]
        fractions = fractions.copy()
        fractions[free] = np.clip(fractions[free] + step, 0.0, 1.0)
    return None, False


def _relax(function: Values, fractions: Host) -> Host:
    """Follow the fractions of kinks that are smoothed to a thin layer, where they move with dz/dt."""
    fractions = np.clip(fractions, 0.01, 0.99)
    speed = 0.0
    for _ in range(_RELAXATIONS):
        value = function(fractions)
        speed = max(speed, float(np.max(abs(value))))
        if speed == 0:
            break
        fractions = np.clip(fractions + 0.2 * value / speed, 0.0, 1.0)
    return fractions


def _is_alone(function: Values, regime: Regime, floor: Host, settled: _Settled, accuracy: float) -> bool:
    """Start again from the opposite pattern and tell whether the same motion comes out."""
    try:
        other = _settle(function, replace(regime, fractions=1.0 - np.round(settled.fractions)), floor, accuracy)
    except UnresolvedKinkError:
        return True
    here, there = function(settled.fractions), function(other.fractions)
    gap = float(np.max(abs(here - there)))
    return not other.stable or gap <= 1e4 * accuracy * float(np.max(abs(here)) + np.max(abs(there))) + float(
        np.max(floor)
    )
