"""The surfaces that bound a regime, and where a step first meets one.

Every surface has a value that is positive inside the regime: side * z for a kink, sign * W for a sign-FA weight, and
fraction and 1 - fraction for a kink that the flow slides on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.dynamics.regimes import Evaluation, Regime, dormant_samples, rounding_of_preactivations
from fa_theory.model import Network

Host = np.ndarray[Any, Any]

_FRACTION_ROUNDING = 1e-12


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
    index : int
        The surface.
    fraction : float
        Which part of the step is estimated to lead there.
    dip : bool
        True when the value is positive at both ends of the step and the interpolant dips below zero between them;
        `fraction` then leads to its lowest point.
    """

    index: int
    fraction: float
    dip: bool


class Place(NamedTuple):
    """What a surface is: ``"kink"`` (row: sample), ``"sign"`` (row: neuron above) or ``"fraction"`` (row: its index)."""

    kind: str
    layer: int
    row: int
    neuron: int


def surfaces(network: Network, regime: Regime, evaluation: Evaluation) -> Surfaces:
    """Evaluate all surfaces of a regime at one state."""
    values, rates, roundings = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]
    if regime.sides:
        assert evaluation.drift is not None
        off = [np.tile(asleep[:, None], side.shape[1]) for asleep, side in zip(dormant_samples(network, regime), regime.sides, strict=True)]
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

    A value that starts at zero or below, where an earlier step left it by its own error, must fall by `slack` times
    the rounding before that counts.
    """
    allowed = np.where(before.value <= before.rounding, slack, 1.0) * after.rounding
    left = (after.value < -allowed) & (after.value < before.value)
    dips = ~left & (before.rate < 0) & (after.rate > 0)
    hits = []
    for index in np.flatnonzero(left):
        hits.append(Hit(int(index), first_root(hermite(before, after, step, index)), dip=False))
    for index in np.flatnonzero(dips):
        cubic = hermite(before, after, step, index)
        lowest = _lowest(cubic)
        if lowest is not None and np.polyval(cubic, lowest) < -allowed[index]:
            hits.append(Hit(int(index), lowest, dip=True))
    return min(hits, key=lambda hit: hit.fraction) if hits else None


def hermite(before: Surfaces, after: Surfaces, step: float, index: int) -> Host:
    """Return the cubic, highest coefficient first, of one value over the unit interval (a line without rates)."""
    low, high = before.value[index], after.value[index]
    rates = step * np.asarray([before.rate[index], after.rate[index]])
    start, end = np.where(np.isnan(rates), high - low, rates)
    return np.asarray([2 * low - 2 * high + start + end, 3 * high - 3 * low - 2 * start - end, start, low])


def first_root(cubic: Host) -> float:
    """Return the first place in (0, 1) where a cubic that ends below zero comes down through zero, else 1/2."""
    scale = np.max(abs(cubic))
    roots = np.roots(np.where(abs(cubic) < 1e-14 * scale, 0.0, cubic))
    real = roots[abs(roots.imag) <= 1e-9 * (1 + abs(roots))].real
    slopes = np.polyval(np.polyder(cubic), real)
    inside = real[(real > 0) & (real < 1) & (slopes <= 0)]
    return float(inside.min()) if inside.size else 0.5


def _lowest(cubic: Host) -> float | None:
    turning = np.roots(np.polyder(cubic))
    real = turning[abs(turning.imag) <= 1e-12].real
    inside = real[(real > 0) & (real < 1)]
    return float(min(inside, key=lambda x: np.polyval(cubic, x))) if inside.size else None
