"""The regime of a two-layer network in the layout of its Taylor series, changed in place from event to event."""

from __future__ import annotations

from dataclasses import replace
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


class Group(NamedTuple):
    """Samples whose inputs are parallel: x_j = ratio_j x_first.

    Attributes
    ----------
    samples : array
        The samples.
    orientations : array
        Signs of the ratios.
    ratios : array
        x_j.x_first / |x_first|^2.
    """

    samples: Host
    orientations: Host
    ratios: Host


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
    sliding : dict
        {(neuron, group): Kink}.
    """

    def __init__(self, network: Network, problem: Problem, expansion: GatedExpansion) -> None:
        self.expansion = expansion
        self.slope = float(network.activation.slope)
        self.signs: tuple[Host | None, ...] = ()
        self.decay: tuple[float, ...] = ()
        self.regime: Regime | None = None
        X = expansion.X
        self.groups: list[Group] = []
        self.group_of = [-1] * len(X)
        norms = np.sum(X.astype(float) ** 2, axis=1)
        for kink in kinks_of_inputs(network, forward(network, problem.X)):
            samples = np.asarray(kink.samples)
            if norms[samples[0]] > 0:
                for sample in kink.samples:
                    self.group_of[sample] = len(self.groups)
                ratios = X[samples] @ X[samples[0]] / norms[samples[0]]
                self.groups.append(Group(samples, np.asarray(kink.orientations), ratios))
        self.silent = np.flatnonzero(np.asarray(self.group_of) < 0)
        self.sides = np.ones(expansion.theta.shape, dtype=X.dtype)
        self.sliding: dict[tuple[int, int], Kink] = {}
        self.far: tuple[Host, Host] = (np.zeros(0, dtype=int), np.zeros(0, dtype=int))

    def load(self, regime: Regime) -> bool:
        """Take over a regime; return False, and take nothing, where the slopes of its kinks are not determined."""
        sliding = {}
        for kink in regime.sliding:
            group = self.group_of[kink.samples[0]]
            if group < 0 or set(kink.samples) != set(self.groups[group].samples.tolist()):
                return False
            sliding[kink.neuron, group] = kink
        if any(sign is not None and not np.all(sign) for sign in regime.signs):
            return False
        slides = self._slides(sliding)
        if slides is None and sliding:
            return False
        self.sides[...] = regime.sides[0].T
        self.sliding, self.signs, self.decay = sliding, regime.signs, regime.decay
        for neuron, group in sliding:
            self.sides[neuron, self.groups[group].samples] = 1
        self._follow(slides)
        return True

    def export(self, fractions: Host) -> Regime:
        """Return the regime; `fractions` are those of the sliding kinks."""
        sides = self.sides.T.astype(np.int8)
        return Regime(self.slope, (sides,), self.signs, tuple(self.sliding.values()), fractions, self.decay)

    def levels(self) -> tuple[Host, Host, Host]:
        """Return coefficients of c of the sliding kinks and of its values at fraction 0 and 1, each (degrees, q)."""
        x = self.expansion
        slides = x.slides
        assert slides is not None
        signals = np.stack(x.member_signals[: x.order])
        return x.held[: x.order], signals @ slides.low, signals @ slides.high

    def fractions(self, time: float) -> Host:
        """Return the fractions of the sliding kinks, those of their first samples, at a time after the expansion's."""
        if not self.sliding:
            return np.zeros(0)
        powers = self.expansion.powers(time, self.expansion.order)
        c, low, high = (powers @ each for each in self.levels())
        width = high - low
        found = np.divide(c - low, width, out=np.full(len(width), 0.5), where=width != 0)
        signs = np.asarray([kink_sign(kink, self.groups[group]) for (_, group), kink in self.sliding.items()])
        return np.where(signs > 0, found, 1 - found)

    def slopes(self, fractions: Host) -> Host:
        """Return theta, (N, n)."""
        regime = replace(self.export(fractions), fractions=fractions)
        return regime.slopes(fractions)[0].astype(self.sides.dtype)

    def turn(self, neuron: int, group: int, side: float) -> None:
        """Put a kink's first sample on a side, the others accordingly."""
        samples, orientations, _ = self.groups[group]
        self.sides[neuron, samples] = side * orientations
        self.expansion.theta[neuron, samples] = np.where(self.sides[neuron, samples] > 0, 1.0, self.slope)

    def slides_with(self, neuron: int, group: int) -> Slides | None:
        """Return what the slides would be with one more; None where they are not independent."""
        return self._slides({**self.sliding, (neuron, group): self._kink(neuron, group)})

    def slide(self, neuron: int, group: int, slides: Slides) -> None:
        """Let a kink slide."""
        self.sliding[neuron, group] = self._kink(neuron, group)
        self.sides[neuron, self.groups[group].samples] = 1
        self._follow(slides)

    def free_square(self, neuron: int, group: int) -> float:
        """Return |x|^2 of the part of a kink's input that is orthogonal to the inputs the neuron slides on."""
        X = self.expansion.X
        x = X[self.groups[group].samples[0]]
        others = self._inputs_of(neuron)
        if len(others):
            x = x - np.linalg.lstsq(others.T, x)[0] @ others
        return float(x @ x)

    def _inputs_of(self, neuron: int) -> Host:
        firsts = [self.groups[group].samples[0] for i, group in self.sliding if i == neuron]
        return self.expansion.X[firsts]

    def stays_between(self, neuron: int, group: int, side: float, mu: Host) -> bool:
        """Tell whether all c of a neuron lie between their ends once a kink is on a side, or slides (side 0)."""
        x = self.expansion
        sliding = [g for i, g in self.sliding if i == neuron] + ([group] if side == 0 else [])
        theta = x.theta[neuron].copy()
        samples, orientations, _ = self.groups[group]
        theta[samples] = np.where(side * orientations > 0, 1.0, self.slope) if side else 0.0
        inputs = x.X[[self.groups[g].samples[0] for g in sliding]]
        c = -np.linalg.solve(inputs @ inputs.T, inputs @ ((theta * mu) @ x.X))
        for level, g in zip(c, sliding, strict=True):
            samples, orientations, ratios = self.groups[g]
            low, high = (
                float((ratios * np.where(ends, 1.0, self.slope)) @ mu[samples])
                for ends in (orientations < 0, orientations > 0)
            )
            margin = DEFINITE * (high - low)
            if not (margin > 0 and low + margin < level < high - margin):
                return False
        return True

    def project(self, neuron: int, state: Host) -> None:
        """Take out of a state what rounding has left of z on the kinks that a neuron slides on."""
        x = self.expansion
        inputs = self._inputs_of(neuron)
        w = state[neuron * x.d : (neuron + 1) * x.d]
        w -= np.linalg.solve(inputs @ inputs.T, inputs @ w) @ inputs

    def release(self, neuron: int, group: int, side: float) -> None:
        """End a sliding on a side."""
        del self.sliding[neuron, group]
        self._follow(self._slides(self.sliding))
        self.turn(neuron, group, side)

    def _kink(self, neuron: int, group: int) -> Kink:
        samples, orientations, _ = self.groups[group]
        return Kink(0, neuron, tuple(samples.tolist()), tuple(orientations.tolist()))

    def _follow(self, slides: Slides | None) -> None:
        expansion = self.expansion
        np.copyto(expansion.theta, self.slope)
        expansion.theta[self.sides > 0] = 1.0
        expansion.theta[:, self.silent] = 0
        rows, columns = np.indices((len(self.sides), len(self.silent))).reshape(2, -1)
        columns = self.silent[columns]
        if slides is not None:
            expansion.theta[slides.member_neurons, slides.member_samples] = 0
            rows = np.concatenate([rows, slides.member_neurons])
            columns = np.concatenate([columns, slides.member_samples])
        self.far = rows, columns
        self.sides[:, self.silent] = 1
        expansion.slide_on(slides)

    def keep_far(self) -> None:
        """Put z of sliding kinks and of zero inputs, which are no surfaces, far from zero."""
        self.expansion.Z[self.far] = _FAR

    def _slides(self, sliding: dict[tuple[int, int], Kink]) -> Slides | None:
        if not sliding:
            return None
        X = self.expansion.X
        neurons = np.asarray([neuron for neuron, _ in sliding])
        inputs = X[[self.groups[group].samples[0] for _, group in sliding]]
        inner = np.where(neurons[:, None] == neurons[None, :], inputs @ inputs.T, 0)
        sizes = np.sqrt(np.diag(inner))
        if np.linalg.eigvalsh(inner / np.outer(sizes, sizes))[0] < _DEPENDENT:
            return None
        member_neurons, member_samples, low, high = [], [], [], []
        for index, (neuron, group) in enumerate(sliding):
            samples, orientations, ratios = self.groups[group]
            for sample, orientation, ratio in zip(samples, orientations, ratios, strict=True):
                member_neurons.append(neuron)
                member_samples.append(sample)
                for ends, slope in ((low, orientation < 0), (high, orientation > 0)):
                    row = np.zeros(len(sliding))
                    row[index] = ratio * (1.0 if slope else self.slope)
                    ends.append(row)
        spread = np.zeros((len(self.sides), len(sliding)))
        spread[neurons, np.arange(len(sliding))] = 1
        arrays = (inputs, np.linalg.inv(inner), spread, np.asarray(low), np.asarray(high))
        inputs, inverse, spread, low_ends, high_ends = (each.astype(X.dtype) for each in arrays)
        members = np.asarray(member_neurons), np.asarray(member_samples)
        return Slides(neurons, inputs, inverse, spread, *members, low_ends, high_ends)


def kink_sign(kink: Kink, group: Group) -> int:
    """Return +1 where a kink's first sample lies on the same side as its group's first, else -1."""
    place = int(np.flatnonzero(group.samples == kink.samples[0])[0])
    return int(group.orientations[place])
