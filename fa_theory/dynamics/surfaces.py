"""The surfaces that bound a regime, and where a step first meets one.

Every surface has a value that is positive inside the regime: side * z for a kink, sign * W for a sign-FA weight, and
fraction and 1 - fraction for a kink that the flow slides on.
"""

from __future__ import annotations

from math import isnan, sqrt
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.dynamics.kinks import rounding_of_preactivations
from fa_theory.dynamics.regimes import Evaluation, Regime, dormant_samples
from fa_theory.model import Network

Host = np.ndarray[Any, Any]
Cubic = tuple[float, float, float, float]

_FRACTION_ROUNDING = 1e-12
_ROOT_STEPS = 60


class Surfaces(NamedTuple):
    """All surfaces of a regime at one state, as vectors: kinks layer by layer, then signs, then fractions.

    Attributes
    ----------
    value : array, (S,)
        Positive inside the regime.
    rate : array, (S,)
        d value / dt; NaN for fractions, whose rate is not known.
    rounding : array, (S,)
        The size below which a value is zero up to rounding.
    """

    value: Host
    rate: Host
    rounding: Host


class Hit(NamedTuple):
    """Where a step first leaves the regime.

    Attributes
    ----------
    surface : int
        Its index.
    fraction : float
        Which part of the step is estimated to lead there.
    dip : bool
        True when the value is positive at both ends of the step and the interpolant dips below zero between them;
        `fraction` then leads to its lowest point.
    """

    surface: int
    fraction: float
    dip: bool


class Place(NamedTuple):
    """What a surface is: ``"kink"`` (row: sample), ``"sign"`` (row: neuron above), ``"fraction"`` (row: its place)."""

    kind: str
    layer: int
    row: int
    neuron: int


def surfaces(network: Network, regime: Regime, evaluation: Evaluation) -> Surfaces:
    """Evaluate all surfaces of a regime at one state."""
    values, rates, roundings = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]
    if regime.sides:
        assert evaluation.drift is not None
        off = [
            np.tile(asleep[:, None], side.shape[1])
            for asleep, side in zip(dormant_samples(network, regime), regime.sides, strict=True)
        ]
        for kink in regime.sliding:
            off[kink.layer][list(kink.samples), kink.neuron] = True
        limits = rounding_of_preactivations(network, evaluation.passed)
        for layer, side in enumerate(regime.sides):
            z, dz = to_numpy(evaluation.passed.preactivations[layer]), to_numpy(evaluation.drift[layer])
            values.append(np.where(off[layer], 1.0, side * z).ravel())
            rates.append(np.where(off[layer], 0.0, side * dz).ravel())
            roundings.append(limits[layer].ravel())
    for layer, sign in enumerate(regime.signs):
        if sign is not None:
            W, dW = to_numpy(network.weights[layer + 1]), to_numpy(evaluation.velocity.weights[layer + 1])
            values.append(np.where(sign == 0, -abs(W), sign * W).ravel())
            rates.append((sign * dW).ravel())
            roundings.append(np.full(W.size, 8 * machine_epsilon(W) * float(np.max(abs(W)))))
    fractions = evaluation.fractions
    values.append(np.concatenate([fractions, 1 - fractions]))
    rates.append(np.full(2 * len(fractions), np.nan))
    roundings.append(np.full(2 * len(fractions), _FRACTION_ROUNDING))
    return Surfaces(*(np.concatenate(parts).astype(float) for parts in (values, rates, roundings)))


def place(regime: Regime, index: int) -> Place:
    """Tell what the surface of this index is."""
    shapes = [("kink", layer, side.shape) for layer, side in enumerate(regime.sides)]
    shapes += [("sign", layer, sign.shape) for layer, sign in enumerate(regime.signs) if sign is not None]
    for kind, layer, shape in shapes:
        if index < np.prod(shape):
            row, neuron = np.unravel_index(index, shape)
            return Place(kind, layer, int(row), int(neuron))
        index -= int(np.prod(shape))
    kink = regime.sliding[index % len(regime.sliding)]
    return Place("fraction", kink.layer, index % len(regime.sliding), kink.neuron)


def first_hit(before: Surfaces, after: Surfaces, step: float, slack: float) -> Hit | None:
    """Estimate, by cubic Hermite interpolation of every value, which surface a step meets first.

    A value that starts at zero or below, where an earlier step left it by its own error, must fall further by `slack`
    times the rounding before that counts.
    """
    allowed = np.where(before.value <= before.rounding, slack, 1.0) * after.rounding
    least = np.minimum(before.value, 0.0) - allowed
    left = after.value < least
    # a cubic lies above the least of its four Bernstein coefficients
    inner = np.minimum(before.value + step / 3 * before.rate, after.value - step / 3 * after.rate)
    dips = ~left & (before.rate < 0) & (after.rate > 0) & (inner < least)
    hits = [
        Hit(int(index), first_root(hermite(before, after, step, int(index))), dip=False)
        for index in np.flatnonzero(left)
    ]
    for index in np.flatnonzero(dips):
        cubic = hermite(before, after, step, int(index))
        lowest = _lowest(cubic)
        if lowest is not None and _at(cubic, lowest) < least[index]:
            hits.append(Hit(int(index), lowest, dip=True))
    return min(hits, key=lambda hit: hit.fraction) if hits else None


def hermite(before: Surfaces, after: Surfaces, step: float, index: int) -> Cubic:
    """Return the cubic, highest coefficient first, of one value over the unit interval (a line without rates)."""
    low, high = float(before.value[index]), float(after.value[index])
    start, end = step * float(before.rate[index]), step * float(after.rate[index])
    if isnan(start) or isnan(end):
        start = end = high - low
    return 2 * low - 2 * high + start + end, 3 * high - 3 * low - 2 * start - end, start, low


def _at(cubic: Cubic, x: float) -> float:
    third, second, first, constant = cubic
    return ((third * x + second) * x + first) * x + constant


def first_root(cubic: Cubic) -> float:
    """Return a place in (0, 1) where a cubic that ends below zero comes down through zero (bracketed Newton)."""
    third, second, first, _ = cubic
    low, high, x = 0.0, 1.0, 0.5
    for _ in range(_ROOT_STEPS):
        value, slope = _at(cubic, x), (3 * third * x + 2 * second) * x + first
        low, high = (x, high) if value > 0 else (low, x)
        guess = x - value / slope if slope < 0 else low
        guess = guess if low < guess < high else (low + high) / 2
        if abs(guess - x) <= 1e-15 or guess in (low, high):
            break
        x = guess
    return x


def _lowest(cubic: Cubic) -> float | None:
    """Return where in (0, 1) a cubic that starts downwards and ends upwards is lowest."""
    third, second, first, _ = cubic
    discriminant = second**2 - 3 * third * first
    if discriminant < 0:
        return None
    # the root of the derivative at which it rises, in the form that does not cancel
    root = sqrt(discriminant)
    x = -first / (second + root) if second > 0 else (root - second) / (3 * third) if third else None
    return x if x is not None and 0 < x < 1 else None
