"""The smooth pieces of a flow: on which side of its kink each neuron is at each sample, and which kinks it slides on.

Between events the flow of a piecewise-linear network is smooth: every neuron i has, at every sample j, a fixed slope
theta_ij (1 or a), and sign-FA has a fixed sign pattern. A `Regime` is that choice. On a kink z_ij = 0 that attracts
from both sides the solution (in Filippov's sense) slides: theta_ij takes the value in [a, 1] that keeps
dz_ij/dt = 0. It is written theta = a + (1 - a) * fraction; samples with parallel inputs share a kink and a fraction,
anti-parallel ones with fraction and 1 - fraction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import device

from fa_theory.backend import Array, machine_epsilon, namespace, to_numpy
from fa_theory.dynamics.decay import decayed, opposite
from fa_theory.dynamics.kinks import Kink
from fa_theory.dynamics.passes import ForwardPass, forward, tangents, update_directions
from fa_theory.model import Network, Parameters, Problem, SignFeedback

Host = np.ndarray[Any, Any]

_NEWTON_STEPS = 30
_DIFFERENCE = 2.0**-10
_RANK_TOLERANCE = 1e-8


class UnresolvedKinkError(ArithmeticError):
    """The slopes at a kink could not be determined."""


@dataclass(frozen=True)
class Regime:
    """One smooth piece of a flow.

    Attributes
    ----------
    slope : float
        a, the activation's slope left of the kink.
    sides : tuple of int8 arrays, (N, n_l)
        +1 or -1 for every neuron and sample, for each hidden layer; empty when the activation has no kink.
    signs : tuple of (array or None)
        The sign pattern of W_{l+1} for layers under sign-FA, else None.
    sliding : tuple of Kink
        Kinks that the solution slides on.
    fractions : array, (len(sliding),)
        Where between slope a (0) and slope 1 (1) each sliding kink was when the regime was made.
    decay : tuple of float
        lambda_1, ..., lambda_L of weight decay; empty without it.
    """

    slope: float
    sides: tuple[Host, ...]
    signs: tuple[Host | None, ...]
    sliding: tuple[Kink, ...] = ()
    fractions: Host = field(default_factory=lambda: np.zeros(0))
    decay: tuple[float, ...] = ()
    _placed: dict[Any, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    @cached_property
    def base_slopes(self) -> tuple[Host, ...]:
        """Slopes from the sides alone."""
        return tuple(np.where(side > 0, 1.0, self.slope) for side in self.sides)

    def slopes(self, fractions: Host) -> tuple[Host, ...]:
        """Return theta, (N, n_l) for each hidden layer, with the sliding kinks at the given fractions."""
        if not self.sliding:
            return self.base_slopes
        slopes = []
        for base, (samples, neurons, kinks, oriented) in zip(self.base_slopes, self._sliding_places, strict=True):
            shares = np.where(oriented > 0, fractions[kinks], 1 - fractions[kinks])
            theta = base.copy()
            theta[samples, neurons] = self.slope + (1 - self.slope) * shares
            slopes.append(theta)
        return tuple(slopes)

    def slopes_in(self, like: Array, fractions: Host) -> tuple[Array, ...] | None:
        """Return `slopes` in the namespace and dtype of an array; None when the activation has no kink."""
        if not self.sides:
            return None
        xp = namespace(like)
        if self.sliding:
            return tuple(xp.asarray(theta, dtype=like.dtype, device=device(like)) for theta in self.slopes(fractions))
        return self._place("slopes", self.base_slopes, like)

    def matrices(self, network: Network) -> tuple[Array, ...]:
        """Return the feedback matrices, sign-FA's from the sign pattern."""
        patterns = tuple(sign.T for sign in self.signs if sign is not None)
        placed = iter(self._place("signs", patterns, network.weights[0]))
        return tuple(
            rule.matrix(W) if sign is None else next(placed)
            for rule, W, sign in zip(network.feedback, network.weights[1:], self.signs, strict=True)
        )

    def _place(self, what: str, arrays: tuple[Host, ...], like: Array) -> tuple[Array, ...]:
        """Move arrays to where `like` lives, once in the life of a regime."""
        if what not in self._placed:
            xp = namespace(like)
            self._placed[what] = tuple(xp.asarray(each, dtype=like.dtype, device=device(like)) for each in arrays)
        placed: tuple[Array, ...] = self._placed[what]
        return placed

    @cached_property
    def _sliding_places(self) -> tuple[Host, ...]:
        """For each hidden layer: rows sample, neuron, kink, orientation, a column for each sample that slides."""
        places: list[list[tuple[int, int, int, int]]] = [[] for _ in self.sides]
        for index, kink in enumerate(self.sliding):
            for sample, orientation in zip(kink.samples, kink.orientations, strict=True):
                places[kink.layer].append((sample, kink.neuron, index, orientation))
        return tuple(np.asarray(each, dtype=int).reshape(-1, 4).T for each in places)

    def with_side(self, kink: Kink, side: int) -> Regime:
        """Return the regime with the kink's first sample, and the others accordingly, on the given side."""
        sides = [each.copy() for each in self.sides]
        sides[kink.layer][list(kink.samples), kink.neuron] = side * np.asarray(kink.orientations, dtype=np.int8)
        return replace(self, sides=tuple(sides))

    @cached_property
    def colours(self) -> tuple[Host, ...]:
        """Groups of sliding kinks that do not influence each other.

        In a two-layer network the kinks of different neurons are independent of each other given the state, so one
        evaluation serves one kink of every neuron. In deeper networks every kink stands alone.
        """
        two_layers = len(self.sides) == 1
        seen: Counter[int] = Counter()
        colours: list[list[int]] = []
        for index, kink in enumerate(self.sliding):
            colour = seen[kink.neuron] if two_layers else index
            seen[kink.neuron] += 1
            if colour == len(colours):
                colours.append([])
            colours[colour].append(index)
        return tuple(np.asarray(colour) for colour in colours)

    @cached_property
    def coupled(self) -> Host:
        """Which sliding kinks' dz/dt (rows) depend on which fractions (columns), given the state."""
        neurons = np.asarray([kink.neuron for kink in self.sliding])
        if len(self.sides) == 1:
            return np.asarray(neurons[:, None] == neurons[None, :])
        return np.ones((len(neurons), len(neurons)), dtype=bool)


class Evaluation(NamedTuple):
    """The flow at one state under one regime.

    Attributes
    ----------
    velocity : Parameters
        dW_l/dt and db_l/dt.
    passed : ForwardPass
        The forward pass, with the slopes that were used.
    drift : tuple of arrays or None
        dz_l/dt, (N, n_l), of each layer.
    fractions : array
        The fractions of the sliding kinks.
    inverse : array or None
        Pseudo-inverse of the derivative of the sliding kinks' dz/dt by the fractions, here or at a state nearby.
    """

    velocity: Parameters
    passed: ForwardPass
    drift: tuple[Array, ...] | None
    fractions: Host
    inverse: Host | None = None


def evaluate(network: Network, problem: Problem, regime: Regime, fractions: Host, *, drift: bool) -> Evaluation:
    """Evaluate the flow dW_l/dt = -F_l, less lambda_l W_l under weight decay, with sliding kinks at given fractions."""
    passed = forward(network, problem.X, regime.slopes_in(problem.X, fractions))
    errors = problem.loss.derivative(passed.output, problem.Y)
    directions = update_directions(network, passed, errors, regime.matrices(network))
    velocity = opposite(decayed(directions, network.parameters, regime.decay))
    return Evaluation(velocity, passed, tangents(network, passed, velocity) if drift else None, fractions)


def at_kinks(kinks: Sequence[Kink], values: tuple[Array, ...]) -> Host:
    """Return the entries of one array for each layer, (N, n_l), that belong to each kink's first sample."""
    layers = {kink.layer: to_numpy(values[kink.layer]) for kink in kinks}
    return np.asarray([layers[kink.layer][kink.samples[0], kink.neuron] for kink in kinks], dtype=float)


def fraction_jacobian(function: Callable[[Host], Host], fractions: Host, value: Host, regime: Regime) -> Host:
    """Return the derivative of a function of the fractions by forward differences.

    In two-layer networks dz/dt is affine in the fractions, and unit differences are exact.
    """
    jacobian = np.zeros((len(value), len(fractions)))
    step = 1.0 if len(regime.sides) == 1 else _DIFFERENCE
    for colour in regime.colours:
        shifted = fractions.copy()
        shifted[colour] += step
        change = (function(shifted) - value) / step
        jacobian[:, colour] = np.where(regime.coupled[:, colour], change[:, None], 0.0)
    return jacobian


def evaluate_sliding(
    network: Network, problem: Problem, regime: Regime, guess: Evaluation | None = None, *, drift: bool = False
) -> Evaluation:
    """Evaluate the flow under a regime, with the fractions that keep every sliding kink at dz/dt = 0.

    Newton's method, started from the fractions and with the inverse Jacobian of `guess`, an evaluation of the same
    regime at a state nearby; a new one is made when the old one no longer contracts. Where more kinks slide than their
    inputs have dimensions (a neuron whose weights are held at zero), many fractions give the same flow, and those
    nearest to the guess are taken.

    Raises
    ------
    UnresolvedKinkError
        If the equations have no solution or Newton's method does not converge.
    """
    if not regime.sliding:
        return evaluate(network, problem, regime, regime.fractions, drift=drift)

    def rates(fractions: Host) -> Host:
        return _kink_rates(regime, evaluate(network, problem, regime, fractions, drift=True))

    eps = machine_epsilon(problem.X)
    inverse = None if guess is None else guess.inverse
    now = evaluate(network, problem, regime, regime.fractions if guess is None else guess.fractions, drift=True)
    before = np.inf
    for _ in range(_NEWTON_STEPS):
        residual = _kink_rates(regime, now)
        step = residual if inverse is None else -inverse @ residual
        slow = inverse is None or np.max(abs(step)) > before / 8
        if slow:
            jacobian = fraction_jacobian(rates, now.fractions, residual, regime)
            if not np.all(np.isfinite(jacobian)):
                break
            inverse = np.linalg.pinv(jacobian, rcond=_RANK_TOLERANCE)
            step = -inverse @ residual
            if np.max(abs(jacobian @ step + residual)) > _RANK_TOLERANCE * np.max(abs(jacobian)):
                break
        size = float(np.max(abs(step)))
        if size <= 4 * eps or (slow and max(size, before) <= np.sqrt(eps)):
            return now._replace(inverse=inverse)
        before = size
        now = evaluate(network, problem, regime, now.fractions + step, drift=True)
    raise UnresolvedKinkError("the slopes of the sliding kinks are not determined by dz/dt = 0")


def _kink_rates(regime: Regime, evaluation: Evaluation) -> Host:
    assert evaluation.drift is not None
    return at_kinks(regime.sliding, evaluation.drift)


def starting_regime(network: Network, problem: Problem, decay: tuple[float, ...] = ()) -> tuple[Regime, bool]:
    """Return the regime that the network's state is in, kinks not yet resolved, and whether all signs are determined.

    On a kink the side is the left one. A sign-FA weight that is zero takes the sign of its own velocity, which does
    not depend on it; where that is zero too the sign stays 0 and is not determined.
    """
    if network.activation.has_kink:
        z = forward(network, problem.X).preactivations[:-1]
        sides = tuple(np.where(to_numpy(each) > 0, 1, -1).astype(np.int8) for each in z)
        slope = float(network.activation.slope)
    else:
        sides, slope = (), 1.0
    signs = tuple(
        np.sign(to_numpy(W)) if isinstance(rule, SignFeedback) else None
        for rule, W in zip(network.feedback, network.weights[1:], strict=True)
    )
    regime = Regime(slope, sides, signs, decay=decay)
    determined = True
    for layer in range(network.depth - 2, -1, -1):
        sign = regime.signs[layer]
        if sign is None or np.all(sign):
            continue
        velocity = evaluate(network, problem, regime, regime.fractions, drift=False).velocity.weights[layer + 1]
        filled = np.where(sign == 0, np.sign(to_numpy(velocity)), sign)
        determined = determined and bool(np.all(filled))
        regime = replace(regime, signs=(*regime.signs[:layer], filled, *regime.signs[layer + 1 :]))
    return regime, determined


def dormant_samples(network: Network, regime: Regime) -> tuple[Host, ...]:
    """Tell for each hidden layer, (N,), at which samples all its inputs are held at zero, so that z = 0 as well.

    That is so where every neuron below slides on its kink or (ReLU) is dead; such z are no kinks while it lasts.
    """
    dormant: list[Host] = []
    sliding = [np.zeros(side.shape, dtype=bool) for side in regime.sides]
    for kink in regime.sliding:
        sliding[kink.layer][list(kink.samples), kink.neuron] = True
    for layer, side in enumerate(regime.sides):
        if layer == 0 or network.biases[layer] is not None:
            dormant.append(np.zeros(len(side), dtype=bool))
        else:
            silent = sliding[layer - 1] | ((regime.slope == 0) & (regime.sides[layer - 1] < 0))
            dormant.append(dormant[layer - 1] | silent.all(axis=1))
    return tuple(dormant)
