"""One integration of the flow at one tolerance: Dormand and Prince's RK5(4), steps cut at events.

The field of one regime is smooth across its own surfaces, so a step may overshoot a surface without losing order; it
is then cut where the surface is met, by whole Runge-Kutta steps of the right length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from scipy.integrate import RK45

from fa_theory.backend import Array, machine_epsilon, namespace
from fa_theory.dynamics.kinks import Kink, kink_through, rounding_of_preactivations, touching_kinks
from fa_theory.dynamics.passes import forward
from fa_theory.dynamics.regimes import (
    Evaluation,
    Host,
    Regime,
    UnresolvedKinkError,
    dormant_samples,
    evaluate,
    evaluate_sliding,
    starting_regime,
)
from fa_theory.dynamics.resolve import Layers, resolve
from fa_theory.dynamics.surfaces import Place, Surfaces, first_hit, first_root, hermite, place, surfaces
from fa_theory.dynamics.trajectory import BLOW_UP, Event, flatten, unflatten
from fa_theory.model import Network, Parameters, Problem

Progress = Callable[[float], None]

_MAX_STEPS = 50_000
_TELLING = 100
_STANDSTILL = 40
_INSTANT = 1e-12
_HORIZON = 1e-2
_SLACK = 1e-4
_LEAST_SLACK = 16.0
_ROOT_STEPS = 80
_DIPS = 8


class Point(NamedTuple):
    """A state with everything that the next step needs of it."""

    y: Array
    evaluation: Evaluation
    velocity: Array


class Position(NamedTuple):
    """Where an integration has got to, and the step to try next."""

    point: Point
    regime: Regime
    time: float
    step: float


class StopError(Exception):
    """Ends an integration with an outcome."""


@dataclass
class Integration:
    """The flow from one start at one tolerance, in progress and afterwards.

    Attributes
    ----------
    tolerance : float
        Relative tolerance of a step, in the root mean square over the weights.
    order : int
        5, or 4 to go on with the pair's embedded solution of order four.
    decay : tuple of float
        lambda_1, ..., lambda_L of weight decay; empty without it.
    states, slopes : list
        Parameters and phi' at the recorded times reached.
    events : list of Event
        Events in order.
    outcome : str
        A key of `fa_theory.dynamics.OUTCOMES`.
    """

    network: Network
    problem: Problem
    tolerance: float
    order: int
    decay: tuple[float, ...] = ()
    states: list[Parameters] = field(default_factory=list)
    slopes: list[tuple[Array, ...]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    n_steps: int = 0
    outcome: str = "completed"

    def run(self, times: Sequence[float], progress: Progress | None = None) -> Integration:
        """Integrate through all the times; stop early with an outcome where that is not possible."""
        try:
            self._through(self._start(times), times, progress)
        except UnresolvedKinkError:
            self.outcome = "unresolved_kink"
            if not self.states:
                self._record_unresolved_start()
        except StopError as stop:
            self.outcome = str(stop)
        return self

    def _at(self, y: Array) -> Network:
        return self.network.with_parameters(unflatten(y, self.network.parameters))

    def _point(self, y: Array, regime: Regime, guess: Evaluation | None = None) -> Point:
        evaluation = evaluate_sliding(self._at(y), self.problem, regime, guess, drift=bool(regime.sides))
        return Point(y, evaluation, flatten(evaluation.velocity))

    def _surfaces(self, point: Point, regime: Regime) -> Surfaces:
        return surfaces(self._at(point.y), regime, point.evaluation)

    def _record(self, point: Point) -> None:
        self.states.append(unflatten(point.y, self.network.parameters))
        if self.network.activation.has_kink:
            self.slopes.append(point.evaluation.passed.slopes)

    def _start(self, times: Sequence[float]) -> Position:
        regime, unique = starting_regime(self.network, self.problem, self.decay)
        start = flatten(self.network.parameters)
        kinks = touching_kinks(self.network, forward(self.network, self.problem.X)) if regime.sides else []
        y, time = start, 0.0
        if kinks:
            velocity = flatten(evaluate(self.network, self.problem, regime, regime.fractions, drift=False).velocity)
            horizon = _HORIZON * min(self._first_step(y, velocity), times[-1] - times[0] or 1.0)
            regime, y, time, settled = self._resolve(y, regime, kinks, np.zeros(len(kinks)), horizon, ahead=False)
            unique = unique and settled
        if not unique:
            self.events.append(Event(0.0, "start", 0, -1, (), unique=False))
        point = self._point(y, regime)
        if y is start:
            self._record(point)
        else:
            evaluation = evaluate(self.network, self.problem, regime, regime.fractions, drift=False)
            self._record(Point(start, evaluation, point.velocity))
        return Position(point, regime, time, self._first_step(y, point.velocity))

    def _record_unresolved_start(self) -> None:
        regime, _ = starting_regime(self.network, self.problem, self.decay)
        evaluation = evaluate(self.network, self.problem, regime, regime.fractions, drift=False)
        self._record(Point(flatten(self.network.parameters), evaluation, flatten(evaluation.velocity)))

    def _resolve(
        self, y: Array, regime: Regime, kinks: Sequence[Kink], fractions: Host, horizon: float, *, ahead: bool
    ) -> tuple[Regime, Array, float, bool]:
        """Resolve kinks; return the regime, the state and the time that it took, and whether that is the only way."""

        def trial(regime: Regime, fractions: Host, h: float) -> tuple[Layers, Layers]:
            network = self._at(self._held(y, regime, fractions, h))
            passed = forward(network, self.problem.X, regime.slopes_in(self.problem.X, fractions))
            return passed.preactivations[:-1], rounding_of_preactivations(network, passed)

        found = resolve(self._at(y), self.problem, regime, kinks, fractions, trial, horizon, ahead=ahead)
        if not found.kick:
            return found.regime, y, 0.0, found.unique
        return found.regime, self._held(y, found.regime, found.regime.fractions, horizon), horizon, found.unique

    def _held(self, y: Array, regime: Regime, fractions: Host, h: float) -> Array:
        """Take one step with the fractions held."""
        stages: list[Array] = []
        for row in RK45.A[: 6 if h else 0]:
            moved = self._at(y + h * _combine(row, stages) if stages else y)
            stages.append(flatten(evaluate(moved, self.problem, regime, fractions, drift=False).velocity))
        return y + h * _combine(RK45.B, stages) if stages else y

    def _scale(self, size: Array) -> Array:
        xp = namespace(size)
        return self.tolerance * (size + 0.1 * xp.sqrt(xp.mean(size**2)) + 1e-3)

    def _first_step(self, y: Array, velocity: Array) -> float:
        xp = namespace(y)
        rate = float(xp.max(abs(velocity) / self._scale(abs(y)))) * self.tolerance
        return float(0.01 / rate) if 0 < rate < float("inf") else 1.0

    def _through(self, here: Position, times: Sequence[float], progress: Progress | None) -> None:
        """Go on from the start through all the times, and record the states there."""
        standstill = 0
        for end in times[1:]:
            while here.time < end:
                self._count(here.time, times[-1], progress)
                here, standstill = self._advance(here, end, standstill)
            self._record(here.point)
            if progress is not None:
                progress(max(end / times[-1], self.n_steps / _MAX_STEPS))

    def _count(self, time: float, last: float, progress: Progress | None) -> None:
        self.n_steps += 1
        if self.n_steps > _MAX_STEPS:
            raise StopError("too_many_steps")
        if progress is not None and self.n_steps % _TELLING == 0:
            progress(max(time / last, self.n_steps / _MAX_STEPS))

    def _advance(self, here: Position, end: float, standstill: int) -> tuple[Position, int]:
        """Try one step, up to `end` at most; return the position and how many events met it without time passing."""
        point, regime, time, step = here
        taken = min(step, end - time)
        target, error = self._step(point, regime, taken)
        if not error <= 1:
            step = taken * (max(0.1, 0.9 * error**-0.2) if error > 1 else 0.1)
            if time + step == time:
                raise StopError("stalled" if error > 1 else "unresolved_kink")
            return Position(point, regime, time, step), standstill
        if float(namespace(target.y).max(abs(target.y))) > BLOW_UP:
            raise StopError("diverged")
        grown = taken * min(5.0, 0.9 * max(error, 1e-10) ** -0.2)
        index, point, used = self._cut(point, target, regime, taken)
        step = max(grown, step) if taken < step else grown
        time = end if used == end - time else time + used
        standstill = standstill + 1 if used <= _INSTANT * taken else 0
        self._check_standstill(standstill)
        if index is not None:
            horizon = self._horizon(taken, end - time, standstill)
            regime, y, moved = self._switch(point, regime, place(regime, index), time, horizon, standstill)
            time = time + moved
            point = self._point(y, regime)
        return Position(point, regime, time, step), standstill

    def _check_standstill(self, standstill: int) -> None:
        if standstill > _STANDSTILL:
            raise UnresolvedKinkError("events follow each other without time passing")

    def _horizon(self, taken: float, left: float, standstill: int) -> float:
        """Return how far to look ahead from an event."""
        return min(_HORIZON * 2.0**standstill * taken, taken, left or taken)

    def _step(self, point: Point, regime: Regime, h: float) -> tuple[Point, float]:
        """Take one step of RK5(4); return the new point and its error over the tolerance.

        The error is infinite where a number overflows, and NaN where the slopes of sliding kinks are not determined.
        """
        try:
            return self._try_step(point, regime, h)
        except UnresolvedKinkError:
            return point, float("nan")

    def _try_step(self, point: Point, regime: Regime, h: float) -> tuple[Point, float]:
        y, stages, guess = point.y, [point.velocity], point.evaluation
        for row in RK45.A[1:]:
            moved = self._at(y + h * _combine(row, stages))
            guess = evaluate_sliding(moved, self.problem, regime, guess)
            stages.append(flatten(guess.velocity))
        new = y + h * _combine(RK45.B, stages)
        xp = namespace(new)
        if not bool(xp.all(xp.isfinite(new))):
            return point, float("inf")
        target = self._point(new, regime, guess)
        defect = h * _combine(RK45.E, [*stages, target.velocity])
        error = float(xp.sqrt(xp.mean((defect / self._scale(xp.maximum(abs(y), abs(new)))) ** 2)))
        if not np.isfinite(error):
            return point, float("inf")
        if self.order == 4:
            target = self._point(new + defect, regime, target.evaluation)
        return target, error

    def _cut(self, point: Point, target: Point, regime: Regime, h: float) -> tuple[int | None, Point, float]:
        """Cut a step where it first leaves the regime; return the surface met, the point reached and the time used."""
        if not regime.sides and all(sign is None for sign in regime.signs):
            return None, target, h
        before = self._surfaces(point, regime)
        met: int | None = None
        dips = 0
        slack = max(_LEAST_SLACK, _SLACK * self.tolerance / machine_epsilon(point.y))
        while (hit := first_hit(before, self._surfaces(target, regime), h, slack)) is not None:
            if hit.surface == met:
                break
            if hit.dip:
                if dips == _DIPS:
                    break
                dips += 1
                met, h = None, hit.fraction * h
                target, _ = self._step(point, regime, h)
                continue
            met = hit.surface
            if before.value[met] <= before.rounding[met] and not before.rate[met] > 0:
                return met, point, 0.0
            target, h = self._meet(point, before, target, regime, met, h)
        return met, target, h

    def _meet(
        self, point: Point, before: Surfaces, target: Point, regime: Regime, index: int, h: float
    ) -> tuple[Point, float]:
        """Find the time at which a surface is met, by interpolation between whole steps of different lengths."""
        low, below = 0.0, before
        high, above = h, self._surfaces(target, regime)
        for attempt in range(_ROOT_STEPS):
            share = first_root(hermite(below, above, high - low, index)) if attempt % 4 < 3 else 0.5
            guess = low + (high - low) * share
            if not low < guess < high:
                break
            reached, _ = self._step(point, regime, guess)
            here = self._surfaces(reached, regime)
            if abs(here.value[index]) <= here.rounding[index]:
                return reached, guess
            if here.value[index] > 0:
                low, below = guess, here
            else:
                high, above, target = guess, here, reached
        return target, high

    def _switch(
        self, point: Point, regime: Regime, met: Place, time: float, horizon: float, standstill: int
    ) -> tuple[Regime, Array, float]:
        """Return the regime, the state and the time used after an event, and put the event on record.

        Where events follow each other without time passing, all kinks nearby are resolved together by looking ahead.
        """
        network, passed = self._at(point.y), point.evaluation.passed
        kinks, fractions = list(regime.sliding), list(point.evaluation.fractions)
        settled: set[tuple[int, int, int]] = set()
        before = regime
        if met.kind == "sign":
            regime = _flip_sign(regime, met, point.evaluation)
        elif met.kind == "fraction" and not standstill:
            leaving = kinks.pop(met.row)
            regime = regime.with_side(leaving, 1 if fractions.pop(met.row) > 0.5 else -1)
            settled.update(leaving.members())
        for kink in kinks:
            settled.update(kink.members())
        asleep = dormant_samples(network, before)
        fresh = touching_kinks(network, passed, 2.0**standstill, asleep) if regime.sides else []
        if met.kind == "kink":
            fresh.insert(0, kink_through(network, passed, met.layer, met.neuron, met.row))
        for kink in fresh:
            if (rest := kink.without(settled)) is not None:
                settled.update(rest.members())
                kinks.append(rest)
                fractions.append(0.5 + 0.5 * float(regime.sides[rest.layer][rest.samples[0], rest.neuron]))
        unique, y, used = True, point.y, 0.0
        regime = replace(regime, sliding=(), fractions=np.zeros(0))
        if kinks:
            guess = np.clip(np.asarray(fractions), 0.0, 1.0)
            regime, y, used, unique = self._resolve(y, regime, kinks, guess, horizon, ahead=standstill > 0)
        woken = [
            Kink(layer, neuron, (int(sample),), (1,))
            for layer, (was, still) in enumerate(zip(asleep, dormant_samples(network, regime), strict=True))
            for sample in np.flatnonzero(was & ~still)
            for neuron in range(regime.sides[layer].shape[1])
        ]
        if woken:
            kinks = list(dict.fromkeys([*kinks, *regime.sliding, *woken]))
            guess = np.full(len(kinks), 0.5)
            regime, y, more, _ = self._resolve(y, regime, kinks, guess, horizon, ahead=True)
            used += more
        self._report(before, regime, met, time, unique)
        return regime, y, used

    def _report(self, before: Regime, after: Regime, met: Place, time: float, unique: bool) -> None:
        started = [("sliding starts", kink) for kink in after.sliding if kink not in before.sliding]
        ended = [("sliding ends", kink) for kink in before.sliding if kink not in after.sliding]
        for kind, kink in started + ended:
            self.events.append(Event(time, kind, kink.layer + 1, kink.neuron, kink.samples, unique))
        if met.kind == "sign":
            self.events.append(Event(time, "sign change", met.layer + 1, met.neuron, (met.row,), unique))
        elif not (started or ended):
            self.events.append(Event(time, "crossing", met.layer + 1, met.neuron, (met.row,), unique))


def _combine(weights: Host, stages: Sequence[Array]) -> Array:
    total = float(weights[0]) * stages[0]
    for weight, stage in zip(weights[1:], stages[1:], strict=False):
        if weight:
            total = total + float(weight) * stage
    return total


def _flip_sign(regime: Regime, met: Place, evaluation: Evaluation) -> Regime:
    sign = regime.signs[met.layer]
    assert sign is not None
    rate = float(evaluation.velocity.weights[met.layer + 1][met.row, met.neuron])
    flipped = sign.copy()
    flipped[met.row, met.neuron] = np.sign(rate) if rate else -sign[met.row, met.neuron]
    return replace(regime, signs=(*regime.signs[: met.layer], flipped, *regime.signs[met.layer + 1 :]))
