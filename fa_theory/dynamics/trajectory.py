"""Trajectories: recorded times, losses with error estimates, states, events and how the run ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from fa_theory.backend import Array, machine_epsilon, namespace, to_numpy
from fa_theory.dynamics.exact import size_in_bits
from fa_theory.model import Network, Parameters, Problem

Host = np.ndarray[Any, Any]

BLOW_UP = 1e30
"""A run with a weight beyond this has diverged; products of a few such weights still are floats."""

OUTCOMES = {
    "completed": "the run reached its end",
    "accuracy_not_reached": "the run reached its end, but the error estimate exceeds the accuracy asked for",
    "diverged": "the weights grew beyond 1e30, or the loss became infinite or undefined",
    "stalled": "the step size fell to the spacing of floating-point times",
    "too_many_steps": "the limit on the number of steps was reached",
    "unresolved_kink": "the slopes at a kink could not be determined",
    "unsolved_step": "the equation of an implicit step, or of a projection, could not be solved",
}


@dataclass(frozen=True)
class Event:
    """Something discrete that happened in a flow.

    Attributes
    ----------
    time : float
        When.
    kind : str
        ``"crossing"``, ``"sliding starts"``, ``"sliding ends"``, ``"sign change"`` or ``"start"``.
    layer, neuron : int
        Hidden layer (counted from 1) and neuron (counted from 0); 0 and -1 at a start.
    samples : tuple of int
        The samples that share the kink; for a sign change the neuron above.
    unique : bool
        False when more than one solution goes on from here; the run then follows one of them.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[-0.1]], [[1.0]]], "leaky_relu:0.5", [[[1.0]]])
    >>> (event,) = ft.simulate(network, ft.Problem([[1.0]], [1.0]), time=1.0, points=3).events
    >>> event.kind, event.layer, event.neuron, event.samples, event.unique
    ('crossing', 1, 0, (0,), True)
    """

    time: float
    kind: str
    layer: int
    neuron: int
    samples: tuple[int, ...]
    unique: bool = True


@dataclass(frozen=True)
class Trajectory:
    """A run of a learning rule.

    Attributes
    ----------
    network : Network
        The network at the start.
    problem : Problem
        The problem.
    method : str
        ``"flow"``, ``"gd"``, ``"sgd"``, ``"midpoint"``, ``"gauss"`` or ``"projection"``.
    options : dict
        The options that the run was made with.
    t : float array, (P,)
        Recorded times; for gd and sgd the time after k steps is k times the step size.
    loss : float array, (P,)
        The mean loss at those times.
    error : float array, (P,)
        An estimate of the error in the loss: of the integrator for a flow, of rounding for discrete steps.
    states : sequence of Parameters
        Weights and biases at those times; exact rationals where the start was. Of a stored run they are read from disk
        when they are asked for.
    shadow : sequence of Parameters
        The same from a run at a looser tolerance; what they differ by estimates the integrator's error in any function
        of the state. For all other methods than flow, the states themselves.
    slopes : tuple
        phi' used at those times for each hidden layer, (N, n_l); it matters where the flow slides along a kink.
        Empty where the activation has no kink.
    events : tuple of Event
        Crossings, slidings and sign changes, in order.
    n_steps : int
        Steps taken.
    outcome : str
        A key of `OUTCOMES`.
    loss_t, losses : float arrays, (Q,)
        For gd and sgd with `loss_every`: the times at which the loss alone was recorded, and the mean losses there.
        Empty otherwise.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.initialise("aligned", (2, 3, 1), seed=0)
    >>> run = ft.simulate(network, ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0]), time=1.0, points=3)
    >>> run.t.tolist(), run.outcome, bool(run.loss[-1] < run.loss[0])
    ([0.0, 0.5, 1.0], 'completed', True)
    >>> law, uncertainty = run.along(lambda now: ft.laws.neuron_law(now)[0])
    >>> law.shape, bool(abs(law - law[0]).max() <= uncertainty.max() + run.rounding)
    ((3, 3), True)
    """

    network: Network
    problem: Problem
    method: str
    options: dict[str, Any]
    t: Host
    loss: Host
    error: Host
    states: Sequence[Parameters]
    shadow: Sequence[Parameters]
    slopes: tuple[tuple[Array, ...], ...]
    events: tuple[Event, ...]
    n_steps: int
    outcome: str
    loss_t: Host = field(default_factory=lambda: np.zeros(0))
    losses: Host = field(default_factory=lambda: np.zeros(0))

    @property
    def completed(self) -> bool:
        """Whether the run reached its end with the accuracy asked for."""
        return self.outcome == "completed"

    @property
    def unique(self) -> bool:
        """Whether the solution is unique as far as the run could see."""
        return all(event.unique for event in self.events)

    @property
    def weight_decay(self) -> tuple[float, ...]:
        """lambda_1, ..., lambda_L; empty where there was no weight decay."""
        return tuple(self.options.get("weight_decay", ()))

    def network_at(self, index: int) -> Network:
        """Return the network at the recorded time of that index."""
        return self.network.with_parameters(self.states[index])

    def slopes_at(self, index: int) -> tuple[Array, ...] | None:
        """Return phi' at the recorded time of that index, or None where the activation itself tells it."""
        return self.slopes[index] if self.slopes else None

    @property
    def bits(self) -> tuple[int, ...]:
        """The largest number of bits in a numerator or denominator of the exact states at each recorded time.

        Raises ValueError if the states are floats.
        """
        return tuple(size_in_bits(state) for state in self.states)

    def along(self, quantity: Callable[[Network], Array]) -> tuple[Host, Host]:
        """Evaluate a function of the network along the run.

        Returns
        -------
        values : array, (P, ...)
            The quantity at each recorded time.
        uncertainty : array, (P, ...)
            An estimate of the integrator's error in it: the difference to the looser run (zero where there is none).
            Rounding, `rounding` times the size of the quantity's terms, comes on top.
        """
        values = np.stack([to_numpy(quantity(self.network.with_parameters(state))) for state in self.states])
        shadow = np.stack([to_numpy(quantity(self.network.with_parameters(state))) for state in self.shadow])
        return values, abs(values - shadow)

    @property
    def rounding(self) -> float:
        """The relative rounding that the run may have gathered: eps times the number of roundings in a row."""
        return machine_epsilon(self.problem.X) * (16 + self.n_steps)


def flatten(parameters: Parameters) -> Array:
    """Concatenate all weights, then all biases, then all shares, to one vector."""
    xp = namespace(parameters.weights[0])
    parts = [*parameters.weights, *(b for b in parameters.biases if b is not None), *parameters.shares]
    return xp.concat([xp.reshape(part, (-1,)) for part in parts])


def unflatten(vector: Array, like: Parameters) -> Parameters:
    """Undo `flatten`, with the shapes of `like`."""
    xp = namespace(vector)
    position = 0

    def take(part: Array) -> Array:
        nonlocal position
        size = prod(part.shape)
        piece = xp.reshape(vector[position : position + size], part.shape)
        position += size
        return piece

    weights = tuple(take(W) for W in like.weights)
    biases = tuple(None if b is None else take(b) for b in like.biases)
    return Parameters(weights, biases, tuple(take(share) for share in like.shares))


def recorded_times(time: float, points: int) -> Sequence[float]:
    """Return `points` equally spaced times from 0 to `time`; the one time 0 when `time` is 0.

    Examples
    --------
    >>> from fa_theory.dynamics import recorded_times
    >>> recorded_times(1.0, 5), recorded_times(0.0, 5)
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0.0])
    """
    if not 0 <= time < float("inf"):
        raise ValueError(f"time must be a finite number >= 0, got {time}")
    if points < 2:
        raise ValueError(f"points must be at least 2, got {points}")
    return [0.0] if time == 0 else [float(t) for t in np.linspace(0.0, time, points)]
