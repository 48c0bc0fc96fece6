"""One integration of the flow of a two-layer network by Taylor series from event to event.

Between events every z_ij is a polynomial in time, right to the tolerance, so a step goes straight to the first root of
all of them. Plain crossings, and slidings that start and end one at a time, are dealt with here; whatever else happens
(several kinks of a neuron at once, sign changes, kinks whose slopes are not determined) goes to `Integration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fa_theory.backend import machine_epsilon
from fa_theory.dynamics.error_series import has_error_series
from fa_theory.dynamics.hits import Hit, first_hit
from fa_theory.dynamics.integrate import Integration, Position, Progress, StopError
from fa_theory.dynamics.pattern import DEFINITE, Pattern
from fa_theory.dynamics.regimes import Regime
from fa_theory.dynamics.surfaces import Place
from fa_theory.dynamics.taylor import Expansion, LayeredExpansion, LinearExpansion, ScalarExpansion
from fa_theory.dynamics.trajectory import BLOW_UP, Event, flatten
from fa_theory.model import (
    AdaptiveFeedback,
    Backprop,
    DirectFeedback,
    FeedbackAlignment,
    Network,
    Problem,
    SignFeedback,
)

Host = np.ndarray[Any, Any]

_RULES = (Backprop, FeedbackAlignment, SignFeedback, AdaptiveFeedback, DirectFeedback)
_HIGHEST = 12
_HIGHEST_LINEAR = 24
_LOWEST = 3
_MEMORY = 2**28
_AHEAD = 2.0
_INERTIA = 0.9
_FALLING = 2.0
_INSTANT = 1e-12
_REPEATS = 4


def has_series(network: Network, problem: Problem) -> bool:
    """Tell whether the flow's equations between events are those of `fa_theory.dynamics.taylor`."""
    arrays = [problem.X, problem.Y, *network.weights]
    if network.depth != 2 or network.activation.slope is None or any(type(each) is not np.ndarray for each in arrays):
        return False
    return type(network.feedback[0]) in _RULES and has_error_series(problem) and _room(network, problem) >= 2 * _LOWEST


def _room(network: Network, problem: Problem) -> int:
    """Return how many degrees fit into memory, by the largest of the expansions and of the error series."""
    d, n, m = network.widths[0] + 1, network.widths[1], network.widths[2]
    N = problem.n_samples
    each = n * d + (n * N if m > 1 and network.activation.has_kink else n * d) + 4 * N * m + 3 * n * m
    whole = 5 * n * N if network.activation.has_kink else 0  # slopes, z, dz/dt, work and sides
    return int((_MEMORY / 8 - whole) / each)


@dataclass
class SeriesIntegration(Integration):
    """An `Integration` that goes by Taylor series where it can.

    `order` is 5 to use all coefficients that a step has computed and 4 to leave out the last one; the difference of
    two runs then is the looser one's error even where events dictate the same steps to both.
    """

    def _through(self, here: Position, times: Sequence[float], progress: Progress | None) -> None:
        self._times, self._index, self._progress = times, 1, progress
        self._target, self._rounding = here.step, 16 * machine_epsilon(self.problem.X)
        self._pattern: Pattern | None = None
        if self.network.activation.has_kink:
            highest = min(_HIGHEST, _room(self.network, self.problem))
            kind = ScalarExpansion if self.network.widths[-1] == 1 else LayeredExpansion
            gated = kind(self.network, self.problem, self.decay, highest)
            self._expansion: Expansion = gated
            self._pattern = Pattern(self.network, self.problem, gated)
        else:
            highest = min(_HIGHEST_LINEAR, 4 - int(np.log(self.tolerance) / 2), _room(self.network, self.problem))
            self._expansion = LinearExpansion(self.network, self.problem, self.decay, highest)
        standstill = 0
        while self._index < len(times):
            if here.time >= times[self._index]:
                self._record(here.point)
                self._index += 1
            elif self._takes(here.regime):
                here, standstill = self._by_series(here, standstill)
            else:
                self._count(here.time, times[-1], progress)
                here, standstill = self._advance(here, times[self._index], standstill)

    def _takes(self, regime: Regime) -> bool:
        """Put the expansion into the regime; return False where it is not one for it."""
        self._signs = regime.signs[0]
        if self._signs is not None:
            if not np.all(self._signs):
                return False
            self._expansion.constant = np.ascontiguousarray(self._signs.T, dtype=self.problem.X.dtype)
        self._regime = regime
        return self._pattern is None or self._pattern.load(regime)

    def _by_series(self, here: Position, standstill: int) -> tuple[Position, int]:
        """Go on to the end, or through an event that needs `Integration`."""
        x, times, time = self._expansion, self._times, here.time
        self._fresh: set[tuple[int, int]] = set()
        self._place_at(x.pack(self._at(here.point.y).parameters), anew=True)
        while True:
            self._count(time, times[-1], self._progress)
            left = times[-1] - time
            hit, limit = first_hit(x, self._pattern, self._signs, self._fresh, min(self._expand(), left))
            used = limit if hit is None else hit.time
            end = times[-1] if used == left else time + used
            if end == time and hit is None:
                raise StopError("stalled")
            self._record_until(time, end)
            if self._index == len(times):
                return here, standstill
            state = x.at(used)
            if not float(np.dot(state, state)) <= BLOW_UP and not float(np.max(np.abs(state))) <= BLOW_UP:
                raise StopError("diverged")
            standstill = standstill + 1 if used <= _INSTANT * limit else 0
            self._check_standstill(standstill)
            self._target = _INERTIA * self._target + (1 - _INERTIA) * _AHEAD * used
            if hit is not None and not self._passes(hit, state, end, standstill):
                return self._hand_over(hit, state, end, standstill, limit), standstill
            time = end
            self._place_at(state)

    def _place_at(self, state: Host, *, anew: bool = False) -> None:
        """Put the expansion at a state; z that start on their kinks become exactly zero."""
        x, pattern = self._expansion, self._pattern
        x.start(state)
        if pattern is None:
            return
        gated = pattern.expansion
        np.matmul(gated.W[0], gated.XT, out=gated.Z)
        size = self._rounding * x.length
        if anew:
            self._fresh = {(int(i), int(j)) for i, j in np.argwhere(abs(gated.Z) <= size * gated.norms)}
        for neuron, sample in list(self._fresh):
            if abs(gated.Z[neuron, sample]) <= size * gated.norms[sample]:
                gated.Z[neuron, sample] = 0
            else:
                self._fresh.discard((neuron, sample))
        pattern.keep_far()

    def _expand(self) -> float:
        """Compute as many coefficients as the expected step needs; return the time for which they suffice."""
        x, tolerance = self._expansion, self.tolerance
        sizes = [1.0]
        target = self._target if self._pattern is not None else float("inf")
        while x.order < x.highest:
            size = x.extend()
            if not np.isfinite(size):
                x.order -= 1
                break
            sizes.append(size)
            if x.order >= _LOWEST and size * target**x.order <= tolerance:
                break
        k = x.order
        if k < 2:
            raise StopError("diverged")
        reach = float("inf")
        # a state that starts at zero is measured by how far it gets
        scale = 1.0 if x.sized else 0.1 * sizes[1] * (sizes[1] / sizes[k]) ** (1 / (k - 1)) if sizes[k] else 1.0
        if sizes[k]:
            reach = (tolerance * scale / sizes[k]) ** (1 / k)
        if sizes[k - 1]:  # the last term may be small by chance
            reach = min(reach, _FALLING * (tolerance * scale) ** (1 / k) / sizes[k - 1] ** (1 / (k - 1)))
        if self.order == 4:
            x.order -= 1
        return reach

    def _record_until(self, time: float, end: float) -> None:
        """Record the states at all times up to `end`."""
        while self._index < len(self._times) and self._times[self._index] <= end:
            after = self._times[self._index] - time
            self.states.append(self._expansion.unpack(self._expansion.at(after)))
            if self._pattern is not None:
                self.slopes.append((self._pattern.slopes(self._pattern.fractions(after)),))
            self._index += 1
            if self._progress is not None:
                self._progress(self._times[self._index - 1] / self._times[-1])

    def _passes(self, hit: Hit, state: Host, time: float, standstill: int) -> bool:
        """Go through a plain event, changing the pattern and the state in place; return False where it is not one."""
        pattern = self._pattern
        if pattern is None or hit.kind == "sign" or standstill >= _REPEATS:
            return False
        if hit.kind == "kink":
            neuron, group = hit.row, pattern.group_of[hit.column]
            sides = self._through_kink(pattern, hit, state, neuron, group)
        else:
            neuron, group = pattern.sliding[hit.row]
            sides = {group: -1 if hit.kind == "low" else 1} if hit.slope < 0 else None
        if sides is None:
            return False
        slid = pattern.slid_on(neuron)
        changes = [(g, side) for g, side in sides.items() if (side == 0) != (g in slid)]
        if changes:
            pattern.arrange(neuron, sides)
            if pattern.slid_on(neuron):
                pattern.project(neuron, state)
        else:
            pattern.turn(neuron, group, sides[group])
            self.events.append(Event(time, "crossing", 1, neuron, (hit.column,)))
        for g, side in changes:
            samples = tuple(pattern.groups[g].samples.tolist())
            self.events.append(Event(time, "sliding ends" if side else "sliding starts", 1, neuron, samples))
        for g in sides:
            self._fresh.update((neuron, sample) for sample in pattern.groups[g].samples.tolist() if sides[g])
        return True

    def _through_kink(self, pattern: Pattern, hit: Hit, state: Host, neuron: int, group: int) -> dict[int, int] | None:
        """Return which sides the neuron's kinks at zero take (0: it slides); None where their rates do not tell."""
        x = pattern.expansion
        samples, _, ratios, low, high = pattern.groups[group]
        w = x.W[1][neuron]
        if not hit.slope < -DEFINITE * float(np.dot(w, w)) ** 0.5 * x.norms[hit.column]:
            return None
        mu = x.signal_of(neuron, state, hit.time)
        if pattern.slid_on(neuron):
            return pattern.settle(neuron, group, mu)
        # dz/dt = ... - c |x|^2 / N on either side, with c = L (slope a) or H (slope 1)
        ratio = abs(ratios[0] if samples[0] == hit.column else ratios[samples == hit.column][0])
        resistance = float((high - low) @ mu[samples]) * float(x.norms[samples[0]]) ** 2 / x.N
        speed = -hit.slope / ratio
        beyond = speed - resistance  # the speed on the far side, away from the kink
        if abs(beyond) <= DEFINITE * (speed + abs(resistance)):
            return None
        before = int(pattern.sides[neuron, samples[0]])
        return {group: -before if beyond > 0 else 0}

    def _hand_over(self, hit: Hit, state: Host, time: float, standstill: int, taken: float) -> Position:
        """Let `Integration` resolve an event."""
        regime = self._regime
        if self._pattern is not None:
            regime = self._pattern.export(self._pattern.fractions(hit.time))
        if hit.kind == "kink":
            met = Place("kink", 0, hit.column, hit.row)
        elif hit.kind == "sign":
            met = Place("sign", 0, hit.row, hit.column)
        else:
            met = Place("fraction", 0, hit.row, regime.sliding[hit.row].neuron)
        y = flatten(self._expansion.unpack(state))
        point = self._point(y, regime)
        horizon = self._horizon(taken, self._times[-1] - time, standstill)
        regime, y, moved = self._switch(point, regime, met, time, horizon, standstill)
        return Position(self._point(y, regime), regime, time + moved, max(self._target, horizon))
