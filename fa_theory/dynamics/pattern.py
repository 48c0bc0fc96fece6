"""The regime of a two-layer network in the layout of its Taylor series, changed in place from event to event."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fa_theory.dynamics.kinks import Kink, kinks_of_inputs
from fa_theory.dynamics.passes import forward
from fa_theory.dynamics.regimes import Regime
from fa_theory.dynamics.taylor import GatedExpansion, Slides
from fa_theory.model import Network, Problem

Host = np.ndarray[Any, Any]

DEFINITE = 1e-7
"""Rates and gaps below this share of their terms decide nothing."""

_FAR = 1e30
_DEPENDENT = 1e-8
_PIVOTS = 64
_KEPT = 4096


class Group(NamedTuple):
    """Samples whose inputs are parallel: x_j = ratio_j x_first. One neuron has one kink for all of them.

    Attributes
    ----------
    samples : array
        The samples.
    orientations : array
        Signs of the ratios.
    ratios : array
        x_j.x_first / |x_first|^2.
    low, high : array
        ratio_j theta_ij at fraction 0 and at fraction 1 of the kink.
    """

    samples: Host
    orientations: Host
    ratios: Host
    low: Host
    high: Host


class Span(NamedTuple):
    """The groups that a neuron may slide on at once, with independent inputs.

    Attributes
    ----------
    inputs, inner, inverse : arrays
        x of each group's first sample, (s, d), their inner products and the inverse of these, (s, s).
    samples, low, high : arrays, (p,)
        Those of all the groups, one after the other.
    starts : array, (s,)
        Where each group's samples start.
    """

    inputs: Host
    inner: Host
    inverse: Host
    samples: Host
    low: Host
    high: Host
    starts: Host

    def ends(self, mu: Host) -> tuple[Host, Host]:
        """Return c of each group at fraction 0 and at fraction 1."""
        signals = mu[self.samples]
        low, high = signals * self.low, signals * self.high
        if len(self.starts) < len(signals):
            low, high = np.add.reduceat(low, self.starts), np.add.reduceat(high, self.starts)
        return low, high


class Pattern:
    """Which side of its kink every neuron is on at every sample, and which kinks slide.

    Attributes
    ----------
    sides : float array, (n, N)
        +1 or -1; +1 at the samples of sliding kinks.
    groups : list of Group
        The samples by direction; those with zero input are in none.
    group_of : list of int
        Each sample's group; -1 for a zero input.
    sliding : list of (neuron, group)
        The sliding kinks, in the order of the expansion's `Slides`.
    """

    def __init__(self, network: Network, problem: Problem, expansion: GatedExpansion) -> None:
        self.expansion = expansion
        self.slope = float(network.activation.slope)
        X = expansion.X
        norms = np.sum(X.astype(float) ** 2, axis=1)
        self.groups: list[Group] = []
        self.group_of = [-1] * len(X)
        for kink in kinks_of_inputs(network, forward(network, problem.X)):
            if norms[kink.samples[0]] > 0:
                for sample in kink.samples:
                    self.group_of[sample] = len(self.groups)
                samples, orientations = np.asarray(kink.samples), np.asarray(kink.orientations)
                ratios = X[samples] @ X[samples[0]] / norms[samples[0]]
                low, high = (ratios * np.where(end, 1.0, self.slope) for end in (orientations < 0, orientations > 0))
                self.groups.append(Group(samples, orientations, ratios, low, high))
        self.silent = np.flatnonzero(np.asarray(self.group_of) < 0)
        grid = np.meshgrid(np.arange(expansion.n), self.silent, indexing="ij")
        self._silent_places = grid[0].ravel(), grid[1].ravel()
        self._far = self._silent_places
        self._kinks: dict[tuple[int, int], Kink] = {}
        self._slid_on: dict[int, list[int]] = {}
        self._spans: dict[tuple[int, ...], Span | None] = {}
        self._regime = Regime(self.slope, (), ())
        self.sides = np.ones(expansion.theta.shape, dtype=X.dtype)
        self.sliding: list[tuple[int, int]] = []

    def load(self, regime: Regime) -> bool:
        """Take over a regime; return False where the slopes of its kinks are not determined by independent inputs."""
        sliding: dict[int, list[int]] = {}
        for kink in regime.sliding:
            group = self.group_of[kink.samples[0]]
            if group < 0 or set(kink.samples) != set(self.groups[group].samples.tolist()):
                return False
            sliding.setdefault(kink.neuron, []).append(group)
            self._kinks[kink.neuron, group] = kink
        if any(self._span(groups) is None for groups in sliding.values()):
            return False
        self._regime = regime
        self.sides[...] = regime.sides[0].T
        self.expansion.theta[...] = np.where(self.sides > 0, 1.0, self.slope)
        self.sides[:, self.silent], self.expansion.theta[:, self.silent] = 1, 0
        self.expansion.slide_on(None)
        self.sliding, self._slid_on = [], {}
        for neuron, groups in sliding.items():
            for group in groups:
                samples = self.groups[group].samples
                self.sides[neuron, samples], self.expansion.theta[neuron, samples] = 1, 0
        self._slide(sliding)
        return True

    def export(self, fractions: Host) -> Regime:
        """Return the regime; `fractions` are those of the sliding kinks."""
        sides = self.sides.T.astype(np.int8)
        sides[self.silent] = self._regime.sides[0][self.silent]
        kinks = tuple(self._kinks[place] for place in self.sliding)
        return Regime(self.slope, (sides,), self._regime.signs, kinks, fractions, self._regime.decay)

    def levels(self) -> tuple[Host, Host, Host]:
        """Return coefficients of c of the sliding kinks and of its values at fraction 0 and 1, each (degrees, q)."""
        x = self.expansion
        slides, signals = x.slides, x.member_signals[: x.order]
        assert slides is not None
        low, high = signals * slides.low, signals * slides.high
        if len(slides.starts) < len(slides.low):
            low, high = (np.add.reduceat(each, slides.starts, axis=1) for each in (low, high))
        return x.held[: x.order], low, high

    def fractions(self, time: float) -> Host:
        """Return the fractions of the sliding kinks, those of their first samples, at a time after the expansion's."""
        if not self.sliding:
            return np.zeros(0)
        powers = self.expansion.powers(time, self.expansion.order)
        c, low, high = (powers @ each for each in self.levels())
        width = high - low
        found = np.divide(c - low, width, out=np.full(len(width), 0.5), where=width != 0)
        signs = np.asarray([self._sign(place) for place in self.sliding])
        return np.asarray(np.where(signs > 0, found, 1 - found))

    def _sign(self, place: tuple[int, int]) -> int:
        """Return +1 where a kink's first sample lies on the same side as its group's first, else -1."""
        samples, orientations, *_ = self.groups[place[1]]
        return int(orientations[samples == self._kinks[place].samples[0]][0])

    def slopes(self, fractions: Host) -> Host:
        """Return theta, (N, n)."""
        return np.asarray(self.export(fractions).slopes(fractions)[0], dtype=self.sides.dtype)

    def slid_on(self, neuron: int) -> list[int]:
        """Return the groups that a neuron slides on."""
        return self._slid_on.get(neuron, [])

    def turn(self, neuron: int, group: int, side: int) -> None:
        """Put a kink that does not slide on a side: its first sample there, the others accordingly."""
        samples, orientations, *_ = self.groups[group]
        for sample, orientation in zip(samples.tolist(), orientations.tolist(), strict=True):
            self.sides[neuron, sample] = side * orientation
            self.expansion.theta[neuron, sample] = 1.0 if side * orientation > 0 else self.slope

    def arrange(self, neuron: int, sides: dict[int, int]) -> None:
        """Put kinks of a neuron on sides, or let them slide (side 0)."""
        x = self.expansion
        groups = [group for group in self.slid_on(neuron) if sides.get(group, 0) == 0]
        for group, side in sides.items():
            if side:
                self.turn(neuron, group, side)
            elif group not in groups:
                groups.append(group)
                samples, orientations, *_ = self.groups[group]
                kink = Kink(0, neuron, tuple(samples.tolist()), tuple(orientations.tolist()))
                self._kinks.setdefault((neuron, group), kink)
                self.sides[neuron, samples], x.theta[neuron, samples] = 1, 0
        self._slide({neuron: groups})

    def _slide(self, new: dict[int, list[int]]) -> None:
        """Let these neurons slide on these groups, the others on what they did."""
        x = self.expansion
        x.slide_on(self._slides(new))
        self.sliding = [place for place in self.sliding if place[0] not in new]
        self.sliding += [(neuron, group) for neuron, groups in new.items() for group in groups]
        self._slid_on.update(new)
        self._far = self._silent_places
        if x.slides is not None:
            members = x.slides.member_neurons, x.slides.member_samples
            rows, columns = (np.concatenate(pair) for pair in zip(self._silent_places, members, strict=True))
            self._far = rows, columns

    def _slides(self, new: dict[int, list[int]]) -> Slides | None:
        x, old = self.expansion, self.expansion.slides
        places = [(neuron, self.groups[group]) for neuron, groups in new.items() for group in groups]
        sizes = np.asarray([len(group.samples) for _, group in places], dtype=int)
        neurons = np.asarray([neuron for neuron, _ in places], dtype=int)
        arrays = [neurons, x.X[[int(group.samples[0]) for _, group in places]], np.repeat(neurons, sizes)]
        empty = [np.zeros(0, dtype=int)]
        arrays += [np.concatenate([group[field] for _, group in places] or empty) for field in (0, 3, 4)]
        arrays.append(sizes)
        kept = np.zeros(0, dtype=int)
        if old is not None:
            stays = np.ones(x.n, dtype=bool)
            stays[list(new)] = False
            kept, members = np.flatnonzero(stays[old.neurons]), stays[old.member_neurons]
            before = [old.neurons[kept], old.inputs[kept], old.member_neurons[members], old.member_samples[members]]
            before += [old.low[members], old.high[members], old.sizes[kept]]
            arrays = [np.concatenate(pair) for pair in zip(before, arrays, strict=True)]
        place, q = len(kept), len(arrays[0])
        if q == 0:
            return None
        inverse, spread = np.zeros((q, q), dtype=x.X.dtype), np.zeros((x.n, q), dtype=x.X.dtype)
        if old is not None:
            inverse[:place, :place] = old.inverse[kept[:, None], kept]
        for groups in new.values():
            end = place + len(groups)
            if groups:
                inverse[place:end, place:end] = self._independent(groups).inverse
            place = end
        spread[arrays[0], np.arange(q)] = 1
        starts = np.cumsum(arrays[6]) - arrays[6]
        return Slides(*arrays[:7], inverse, spread, starts)  # type: ignore[call-arg]

    def _span(self, groups: list[int]) -> Span | None:
        """Return the span of groups; None where their inputs are dependent."""
        key = tuple(groups)
        if key not in self._spans:
            if len(self._spans) >= _KEPT:
                self._spans.clear()
            self._spans[key] = self._new_span([self.groups[group] for group in groups])
        return self._spans[key]

    def _independent(self, groups: list[int]) -> Span:
        span = self._span(groups)
        assert span is not None
        return span

    def _new_span(self, found: list[Group]) -> Span | None:
        inputs = self.expansion.X[[int(group.samples[0]) for group in found]]
        inner = inputs @ inputs.T
        sizes = np.sqrt(np.diag(inner))
        if np.linalg.eigvalsh(inner / np.outer(sizes, sizes))[0] < _DEPENDENT:
            return None
        samples, low, high = (np.concatenate([group[place] for group in found]) for place in (0, 3, 4))
        counts = np.asarray([len(group.samples) for group in found])
        return Span(inputs, inner, np.linalg.inv(inner), samples, low, high, np.cumsum(counts) - counts)

    def settle(self, neuron: int, group: int, mu: Host) -> dict[int, int] | None:
        """Find how a neuron goes on that slides and has met one more kink.

        With c_r between L_r and H_r at all these kinks, dz_r/dt = -(q + K c)_r / N must be >= 0 where c = H, <= 0 where
        c = L and 0 between. Where L < H these are the conditions for a minimum of c^T K c / 2 + q^T c on a box, which
        is unique. Where the kink that was met has L > H it cannot hold the neuron, which goes through.

        Returns
        -------
        dict or None
            {group: side}, 0 to slide; None where dependent inputs, repelling kinks or rounding leave it open.
        """
        x = self.expansion
        groups = [*self.slid_on(neuron), group]
        span = self._span(groups)
        if span is None:
            return None
        low, high = span.ends(mu)
        width, size = high - low, abs(low) + abs(high)
        attracts = width > DEFINITE * size
        if not attracts[:-1].all() or abs(width[-1]) <= DEFINITE * size[-1]:
            return None
        forces = x.theta[neuron] * mu
        samples = self.groups[group].samples
        forces[samples] = 0
        K, q = span.inner, span.inputs @ (forces @ x.X)
        far = -int(self.sides[neuron, samples[0]])
        c, sides = low.copy() if far < 0 else high.copy(), np.full(len(groups), far)
        count = len(groups) if attracts[-1] else len(groups) - 1
        state = _box_minimum(K[:count, :count], q[:count] + K[:count, count:] @ c[count:], low[:count], high[:count])
        if state is None:
            return None
        c[:count], sides[:count] = state
        slope = q + K @ c
        clear = np.where(
            sides == 0,
            np.minimum(c - low, high - c) > DEFINITE * width,
            -sides * slope > DEFINITE * (abs(q) + abs(K) @ abs(c)),
        )
        return dict(zip(groups, sides.tolist(), strict=True)) if clear.all() else None

    def project(self, neuron: int, state: Host) -> None:
        """Take out of a state what rounding has left of z on the kinks that a neuron slides on."""
        x, span = self.expansion, self._independent(self.slid_on(neuron))
        w = state[neuron * x.d : (neuron + 1) * x.d]
        w -= span.inverse @ (span.inputs @ w) @ span.inputs

    def keep_far(self) -> None:
        """Put z of sliding kinks and of zero inputs, which are no surfaces, far from zero."""
        self.expansion.Z[self._far] = _FAR


def _box_minimum(K: Host, q: Host, low: Host, high: Host) -> tuple[Host, Host] | None:
    """Minimise c^T K c / 2 + q^T c, low <= c <= high, by least-index pivoting.

    Return c and which end each is at (-1 low, 1 high, 0 between), or None where that takes too many pivots.
    """
    sides = np.zeros(len(q), dtype=int)
    c = np.linalg.solve(K, -q)
    for _ in range(_PIVOTS):
        slope = q + K @ c
        wanted = np.where(c < low, -1, np.where(c > high, 1, 0))
        held = sides != 0
        wanted[held] = np.where(sides * slope <= 0, sides, 0)[held]
        wrong = (wanted != sides).nonzero()[0]
        if not len(wrong):
            return c, sides
        sides[wrong[0]] = wanted[wrong[0]]
        c = np.where(sides < 0, low, high)
        free = (sides == 0).nonzero()[0]
        c[free] = 0
        c[free] = np.linalg.solve(K[free[:, None], free], -(q + K @ c)[free])
    return None
