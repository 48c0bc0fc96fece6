"""Which surface of a regime a step by Taylor series meets first: the first root of many polynomials."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import machine_epsilon
from fa_theory.dynamics.pattern import DEFINITE, Pattern
from fa_theory.dynamics.roots import derivative_at, first_root
from fa_theory.dynamics.taylor import Expansion, GatedExpansion

Host = np.ndarray[Any, Any]

_BATCH = 24
_SHRINKS = 8
_TINY = 1e-30
_NOISE = 256


class Hit(NamedTuple):
    """The first surface that a step meets.

    Attributes
    ----------
    time : float
        When, counted from the expansion.
    kind : str
        ``"kink"``, ``"low"`` or ``"high"`` (the ends of a sliding kink's c), or ``"sign"``.
    row, column : int
        Neuron and sample; for the ends of c the kink's place and 0; for a sign the output and the neuron.
    slope : float
        The rate of side * z, of c's distance to its end, or of sign * W_2; negative but where it only touches.
    """

    time: float
    kind: str
    row: int
    column: int
    slope: float


def first_hit(
    x: Expansion, pattern: Pattern | None, signs: Host | None, fresh: set[tuple[int, int]], end: float
) -> tuple[Hit | None, float]:
    """Search a step for the first surface.

    Parameters
    ----------
    x : Expansion
        The series.
    pattern : Pattern or None
        The slopes; None without a kink.
    signs : array, (m, n), or None
        The signs of W_2 under sign-FA.
    fresh : set of (neuron, sample)
        The z that start at zero, to leave it towards their sides.
    end : float
        How far the series is good.

    Returns
    -------
    hit : Hit or None
        The first surface up to the end.
    end : float
        How far the search went.
    """
    hit: Hit | None = None
    if pattern is not None:
        hit, end = _first_kink(pattern.expansion, pattern, fresh, end)
        if pattern.sliding:
            c, low, high = pattern.levels()
            found = _earliest(np.concatenate([c - low, high - c], axis=1), end if hit is None else hit.time)
            if found is not None:
                above, row = divmod(found[0], c.shape[1])
                hit = Hit(found[1], "high" if above else "low", row, 0, found[2])
    if signs is not None:
        values = np.stack([(signs * V).ravel() for V in x.V[: x.order + 1]])
        found = _earliest(values, end if hit is None else hit.time)
        if found is not None:
            row, column = divmod(found[0], x.n)
            hit = Hit(found[1], "sign", row, column, found[2])
    return hit, end


def _first_kink(
    x: GatedExpansion, pattern: Pattern, fresh: set[tuple[int, int]], end: float
) -> tuple[Hit | None, float]:
    top = x.order + 1
    W, sides = x.coefficients[:top], pattern.sides
    # |w_k| of each neuron for k = 2, and of all together for those above, which matter less
    second = x.longest * np.sqrt(np.einsum("id,id->i", W[2], W[2]))[:, None]
    sizes = [x.longest * float(np.dot(row, row)) ** 0.5 for row in x.S[3:top, : x.n * x.d]]
    near = np.zeros(0, dtype=int)
    for _ in range(_SHRINKS):
        # side * z(t) >= side * (z_0 + z_1 t) - sum_k |w_k| |x| t^k, k >= 2: no root where that is >= 0 at the end
        linear = np.multiply(x.dZ, end, out=x.work)
        linear += x.Z
        linear *= sides
        rest = sum(size * end**k for k, size in enumerate(sizes, start=3))
        near = (linear < second * end**2 + rest).ravel().nonzero()[0]
        if len(near) <= _BATCH:
            break
        start = (sides * x.Z).ravel()[near]
        times = end * start / np.maximum(start - linear.ravel()[near], _TINY)
        sooner = float(np.partition(times, _BATCH // 4)[_BATCH // 4])
        end = sooner if 0 < sooner < end / 2 else end / 2
    if not len(near):
        return None, end
    neurons, samples = near // x.N, near % x.N
    side = sides[neurons, samples]
    values = np.einsum("kcd,cd->kc", W[:, neurons], x.X[samples]) * side
    values[0] = x.Z[neurons, samples] * side
    hit: Hit | None = None
    noise = _NOISE * machine_epsilon(x.X)
    columns = values.T.tolist()
    for index in (values[0] / np.maximum(-values[1], _TINY)).argsort().tolist():
        p = columns[index]
        place = int(neurons[index]), int(samples[index])
        deflated = p
        if place in fresh:
            deflated = _deflated(p, [DEFINITE, *[noise] * (top - 2)], W[1:, place[0]], float(x.norms[place[1]]))
            if not deflated:
                continue  # it stays on its kink, as it does where nothing drives the neuron
        time = first_root(deflated, end if hit is None else hit.time)
        if time is not None:
            hit = Hit(time, "kink", *place, derivative_at(p, time))
    return hit, end


def _deflated(p: list[float], shares: list[float], moves: Host, length: float) -> list[float]:
    """Divide a polynomial that is zero at the start by t as often as that leaves it zero there, up to rounding."""
    p[0] = 0.0
    for k, (share, move) in enumerate(zip(shares, moves, strict=True), start=1):
        if abs(p[k]) > share * length * float(np.dot(move, move)) ** 0.5:
            return p[k:]
        p[k] = 0.0
    return []


def _earliest(values: Host, end: float) -> tuple[int, float, float] | None:
    """Return which of the polynomials, (degrees, count), first comes to zero, when and how fast."""
    powers = end ** np.arange(2, len(values))
    near = (values[0] + end * values[1] < powers @ abs(values[2:])).nonzero()[0]
    found: tuple[int, float, float] | None = None
    for index in near.tolist():
        p = values[:, index].tolist()
        time = first_root(p, end if found is None else found[1])
        if time is not None:
            found = index, time, derivative_at(p, time)
    return found
