"""How fast a quantity changes when a rule moves the weights, and how much of that may be rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fa_theory.dynamics.trajectory import flatten, unflatten
from fa_theory.model import Network, Problem
from fa_theory.testing.user_rule import UserRule, errors_of, finite_updates

Host = np.ndarray[Any, Any]
Quantity = Callable[[Host], Host]

_LEVELS = 8
_SHRINK = 4.0
_FIRST = 0.25
_DRAWS = 4
_SAFETY = 16.0


class Rate(NamedTuple):
    """The rate of change of every entry of a quantity along a rule, and the parts of its tolerance.

    Attributes
    ----------
    rate : array, (K,)
        d/dt of each entry while the weights move along the rule's updates.
    size : array, (K,)
        The size of the terms that a rate adds up.
    terms : int
        How many operations may each have rounded: numbers in the network, and samples.
    epsilon : float
        The relative rounding of one.
    difference : array, (K,)
        The error estimate of the difference quotient that the rate was read from.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.testing import Rate
    >>> rate = Rate(np.array([1e-17, 0.5]), np.array([1.0, 1.0]), 10, 2.0**-52, np.zeros(2))
    >>> (abs(rate.rate) <= rate.tolerance).tolist()
    [True, False]
    """

    rate: Host
    size: Host
    terms: int
    epsilon: float
    difference: Host

    @property
    def tolerance(self) -> Host:
        """16 x terms x epsilon x size, plus the error of the difference quotient."""
        return np.asarray(_SAFETY * self.terms * self.epsilon * self.size + self.difference)


def rate_of_change(
    rule: UserRule,
    network: Network,
    problem: Problem,
    quantity: Callable[[Network], Host],
    hidden: Callable[[Network], Host] | None = None,
) -> Rate:
    """Measure d/dt of a quantity along a rule's updates at one state.

    Parameters
    ----------
    rule : UserRule
        The rule.
    network, problem
        The state, and the data that the updates are for.
    quantity : callable
        Network -> array, (K,).
    hidden : callable, optional
        Network -> array, (K,), of the size of terms that cancel in each entry whatever the weights are.

    Raises
    ------
    FloatingPointError
        If the updates or the quantity are not finite.

    Notes
    -----
    The rate is a central difference, extrapolated: exact for quantities of degree two, and its error estimate is the
    disagreement between steps (Ridders). The size of the terms is measured, as nobody can know it of a function that
    others wrote: all inputs of the rule are moved relatively, and the quantity's rate is taken along directions whose
    entries are as large as the updates and what moves in them, in random proportions.
    """
    parameters = network.parameters
    state = flatten(parameters)

    here = quantity(network)

    def value(at: Host) -> Host:
        try:
            with np.errstate(all="ignore"):
                return quantity(network.with_parameters(unflatten(at, parameters)))
        except Exception:  # noqa: BLE001 - a function of others may raise whatever it likes where it is not defined
            return np.full(here.shape, np.nan)

    def both(at: Host) -> Host:
        shown = value(at)
        if hidden is None:
            return shown[None, :]
        return np.stack([shown, hidden(network.with_parameters(unflatten(at, parameters)))])

    def direction(of: Network, X: Host, e: Host) -> Host:
        updates = rule.updates(of, X, e)
        return np.asarray(flatten(updates), dtype=float)

    X, e = problem.X, errors_of(network, problem)
    flow = np.asarray(flatten(finite_updates(rule, network, problem)), dtype=float)
    epsilon = max(rule.epsilon, float(np.finfo(float).eps))
    rng = np.random.default_rng(0)
    shift = np.sqrt(epsilon)
    moving = abs(flow)
    for _ in range(_DRAWS // 2):
        near, near_X, near_e = (
            (array * (1 + shift * rng.uniform(-1, 1, array.shape))).astype(array.dtype) for array in (state, X, e)
        )
        moved = direction(network.with_parameters(unflatten(near, parameters)), near_X, near_e)
        moving = np.maximum(moving, abs(moved - flow) / shift)
    whole = np.max(abs(both(state)), axis=0)
    size = np.zeros_like(whole)
    for _ in range(_DRAWS):
        # a quantity that happens to be small where it is may still add up large terms
        whole = np.fmax(whole, np.max(abs(both(state * (1 + rng.uniform(-1, 1, state.shape)))), axis=0))
        along = moving * rng.uniform(-1, 1, moving.shape)
        step = _first_step(state, along)
        changes = np.full_like(whole, np.nan)
        for _ in range(_LEVELS):
            ahead, behind = both(state + step * along), both(state - step * along)
            changes = np.max(abs(ahead - behind), axis=0) / (2 * step)
            if np.isfinite(changes).all():
                break
            step /= _SHRINK
        size = np.fmax(size, changes)
    rate, difference = _extrapolated(value, state, flow, 8 * epsilon * whole)
    return Rate(rate, size, state.size + X.shape[0], epsilon, difference)


def _first_step(state: Host, along: Host) -> float:
    length = float(np.linalg.norm(along))
    return _FIRST * (float(np.linalg.norm(state)) or 1.0) / length if length > 0 else 1.0


def _extrapolated(value: Quantity, state: Host, along: Host, rounding: Host) -> tuple[Host, Host]:
    """Return the derivative of each entry along a direction, and its error estimate, from central differences.

    `rounding` is that of the quantity's entries.
    """
    step = _first_step(state, along)
    before: list[Host] = []
    best, error = np.zeros_like(value(state)), np.full_like(value(state), np.inf)
    for level in range(_LEVELS):
        ahead, behind = value(state + step * along), value(state - step * along)
        noise = rounding / step
        row = [(ahead - behind) / (2 * step)]
        for k, old in enumerate(before):
            factor = _SHRINK ** (2 * (k + 1))
            row.append((factor * row[k] - old) / (factor - 1))
            # a second opinion on either side: the coarser step, and the lower order
            apart = np.maximum(abs(row[k + 1] - row[k]), abs(row[k + 1] - old)) + noise
            better = apart < error
            best, error = np.where(better, row[k + 1], best), np.where(better, apart, error)
        before = row
        if level > 0 and np.all(error <= 4 * noise):
            break
        step /= _SHRINK
    if not np.isfinite(error).all():
        raise FloatingPointError("the quantity is not finite near this state")
    return best, error
