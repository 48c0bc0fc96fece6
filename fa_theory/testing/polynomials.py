"""Polynomials that a rule conserves, from the rank of their rates at random states and data."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations_with_replacement, pairwise
from typing import Any, NamedTuple

import numpy as np

from fa_theory.dynamics.trajectory import flatten, unflatten
from fa_theory.model import Network, Parameters
from fa_theory.testing.user_rule import UserRule

Host = np.ndarray[Any, Any]
Monomial = tuple[int, ...]

_SPARE_ROWS = 20
_FRESH = 16
_SAFETY = 64.0
_CLEAR = 1e3
_DENOMINATORS = 60


class Found(NamedTuple):
    """Conserved polynomials as (expression, degree), the dimension of their space, and the gap of singular values."""

    expressions: tuple[tuple[str, int], ...]
    dimension: int
    gap: float


class Sampled:
    """A rule at random states, with random data and errors.

    Parameters
    ----------
    rule : UserRule
        The rule.
    sizes : tuple of int
        (d, n_1, ..., m).
    feedback : list of arrays
        B_2, ..., B_L.
    biases : bool
        Whether every layer has a bias.
    seed : int
        Draws the samples.
    """

    def __init__(
        self, rule: UserRule, sizes: tuple[int, ...], feedback: list[Host], *, biases: bool, seed: int
    ) -> None:
        self.rule, self.sizes, self.feedback, self.biases = rule, sizes, feedback, biases
        self.rng = np.random.default_rng(seed)

    def state(self) -> Network:
        """Return a network at a random state; its activation is the rule's affair."""
        pairs = list(pairwise(self.sizes))
        weights = [self._draw(m, n) for n, m in pairs]
        return Network(weights, "linear", self.feedback, [self._draw(m) for _, m in pairs] if self.biases else None)

    def updates(self, network: Network) -> Host:
        """Return the updates at a state with a random batch of one to three samples, as one vector."""
        N = int(self.rng.integers(1, 4))
        moved = self.rule.updates(network, self._draw(N, self.sizes[0]), self._draw(N, self.sizes[-1]))
        vector = np.asarray(flatten(moved), dtype=float)
        if not np.isfinite(vector).all():
            raise ArithmeticError(f"{self.rule.name} returned updates that are not finite")
        return vector

    def names(self) -> list[str]:
        """Return what each entry of the vector is called in an expression."""
        names = [
            f"W{k}[{i}, {j}]" for k, (n, m) in enumerate(pairwise(self.sizes), 1) for i in range(m) for j in range(n)
        ]
        return names + [f"b{k}[{i}]" for k, m in enumerate(self.sizes[1:], 1) for i in range(m) if self.biases]

    def keeps(self, quantity: Callable[[list[Host], list[Host] | None], Any]) -> bool:
        """Tell whether a polynomial quantity keeps its value along the updates at fresh states, up to rounding."""
        return all(self._kept(quantity) for _ in range(_FRESH))

    def _kept(self, quantity: Callable[..., Any]) -> bool:
        network = self.state()
        vector = np.asarray(flatten(network.parameters))
        along = self.updates(network)
        length = float(np.linalg.norm(along))
        if length == 0:
            return True
        # third-order differences are exact for polynomials of degree four, and near enough for a yes or no
        h = 1e-2 / length
        values = {k: self._value(quantity, network, vector + k * h * along) for k in (-2, -1, 1, 2)}
        rate = (8 * (values[1] - values[-1]) - (values[2] - values[-2])) / (12 * h * length)
        aside = max(abs(self._along(quantity, network, vector)) for _ in range(4))
        rough = np.sqrt(max(self.rule.epsilon, float(np.finfo(float).eps)))
        return bool(abs(rate) <= max(1e-6, rough) * max(aside, 1e-12))

    def _along(self, quantity: Callable[..., Any], network: Network, vector: Host) -> float:
        random = self.rng.standard_normal(vector.shape)
        h = 1e-2 / float(np.linalg.norm(random))
        ahead, behind = (self._value(quantity, network, vector + sign * h * random) for sign in (1, -1))
        return (ahead - behind) / 2e-2

    @staticmethod
    def _value(quantity: Callable[..., Any], network: Network, vector: Host) -> float:
        parameters: Parameters = unflatten(vector, network.parameters)
        present = [b for b in parameters.biases if b is not None]
        return float(quantity(list(parameters.weights), present or None))

    def _draw(self, *shape: int) -> Host:
        """Draw numbers of either sign and of sizes from 1/2 to 3/2, so that no monomial is lost beside others."""
        return np.asarray(self.rng.uniform(0.5, 1.5, shape) * self.rng.choice([-1.0, 1.0], shape))


def conserved_polynomials(sampled: Sampled, degree: int) -> Found:
    """Return the conserved polynomials up to a degree that are functionally independent.

    Raises
    ------
    ArithmeticError
        If the rank cannot be told, or what was found is not kept at fresh states.
    """
    names = sampled.names()
    # highest degree first: elimination then leaves polynomials of lower degree among the last
    monomials = [each for k in range(degree, 0, -1) for each in combinations_with_replacement(range(len(names)), k)]
    rows = _rates(sampled, monomials, len(monomials) + _SPARE_ROWS)
    null, gap, rounding = _null_space(rows, max(sampled.rule.epsilon, float(np.finfo(float).eps)))
    reduced = _echelon(null, rounding)
    reduced = np.vectorize(lambda value: _readable(value, rounding))(reduced) if reduced.size else reduced
    _check_fresh(sampled, monomials, reduced, rounding)
    kept = _independent(reduced, monomials, sampled)
    expressions = tuple(
        (_expression(row, monomials, names), max(len(monomials[k]) for k in np.flatnonzero(row))) for row in kept
    )
    return Found(expressions, len(reduced), gap)


def _rates(sampled: Sampled, monomials: list[Monomial], count: int) -> Host:
    """Return d/dt of each monomial (columns) at random states and data (rows, of length one)."""
    rows = np.zeros((count, len(monomials)))
    for row in rows:
        network = sampled.state()
        row[:] = _gradients(monomials, np.asarray(flatten(network.parameters)), sampled.updates(network))
        length = float(np.linalg.norm(row))
        if length > 0:
            row /= length
    return rows


def _gradients(monomials: list[Monomial], state: Host, along: Host) -> Host:
    """Return the derivative of each monomial along a direction."""
    values = np.zeros(len(monomials))
    for k in {len(each) for each in monomials}:
        where = [position for position, each in enumerate(monomials) if len(each) == k]
        index = np.array([monomials[position] for position in where])
        for slot in range(k):
            others = np.prod(state[np.delete(index, slot, axis=1)], axis=1)
            values[where] += along[index[:, slot]] * others
    return values


def _null_space(rows: Host, epsilon: float) -> tuple[Host, float, float]:
    """Return an orthonormal basis of the null space as rows, the gap in singular values, and the rounding in it."""
    _, singular, right = np.linalg.svd(rows, full_matrices=False)
    largest = float(singular[0])
    if largest == 0:
        return np.eye(rows.shape[1]), float("inf"), epsilon
    threshold = _SAFETY * max(rows.shape) * epsilon * largest
    rank = int(np.sum(singular > threshold))
    least = float(singular[rank - 1])
    below = max(float(singular[rank]) if rank < len(singular) else 0.0, threshold)
    if least < _CLEAR * threshold:
        raise ArithmeticError(
            f"the rank cannot be told: a singular value of {least / largest:.3g} of the largest is neither zero within "
            f"rounding ({threshold / largest:.2g}) nor clear of it; take a smaller degree, or a library in float64"
        )
    return right[rank:], least / below, threshold / least


def _echelon(basis: Host, rounding: float) -> Host:
    """Return the reduced echelon form of a basis given as rows; entries within rounding of zero are zero."""
    rows, done = basis.copy(), 0
    tolerance = max(1e3 * rounding, 1e-10)
    for column in range(rows.shape[1]):
        if done == len(rows):
            break
        pivot = done + int(np.argmax(abs(rows[done:, column])))
        if abs(rows[pivot, column]) <= tolerance:
            continue
        rows[[done, pivot]] = rows[[pivot, done]]
        rows[done] /= rows[done, column]
        others = np.arange(len(rows)) != done
        rows[others] -= rows[others, column][:, None] * rows[done]
        done += 1
    rows[abs(rows) <= tolerance * np.max(abs(rows), axis=1, keepdims=True, initial=1e-300)] = 0.0
    return rows


def _readable(value: float, rounding: float) -> float:
    near = float(Fraction(value).limit_denominator(_DENOMINATORS))
    return near if abs(near - value) <= max(1e3 * rounding, 1e-10) * max(1.0, abs(value)) else value


def _check_fresh(sampled: Sampled, monomials: list[Monomial], rows: Host, rounding: float) -> None:
    fresh = _rates(sampled, monomials, _FRESH)
    sizes = np.linalg.norm(rows, axis=1) if rows.size else np.zeros(0)
    worst = float(np.max(abs(fresh @ rows.T) / sizes)) if rows.size else 0.0
    if worst > max(1e4 * rounding, 1e-9):
        raise ArithmeticError(f"what was found is not kept at fresh states: a rate of {worst:.3g} of its terms")


def _independent(rows: Host, monomials: list[Monomial], sampled: Sampled) -> list[Host]:
    """Return the polynomials, lowest degree first, whose gradients at a generic state depend on none before them."""
    state = np.asarray(flatten(sampled.state().parameters))
    directions = np.eye(state.size)
    kept: list[Host] = []
    basis = np.zeros((0, state.size))
    for row in sorted(rows, key=lambda each: max(len(monomials[k]) for k in np.flatnonzero(each))):
        used = np.flatnonzero(row)
        terms = [monomials[k] for k in used]
        gradient = np.array([row[used] @ _gradients(terms, state, along) for along in directions])
        rest = gradient - basis.T @ (basis @ gradient)
        rest = rest - basis.T @ (basis @ rest)
        if np.linalg.norm(rest) > 1e-6 * np.linalg.norm(gradient):
            kept.append(row)
            basis = np.vstack([basis, rest / np.linalg.norm(rest)])
    return kept


def _expression(row: Host, monomials: list[Monomial], names: list[str]) -> str:
    text = ""
    for k in np.flatnonzero(row):
        powers = [(v, monomials[k].count(v)) for v in dict.fromkeys(monomials[k])]
        factors = " * ".join(names[v] if power == 1 else f"{names[v]}**{power}" for v, power in powers)
        size = "" if abs(row[k]) == 1 else f"{abs(row[k]):.15g} * "
        sign = (" - " if row[k] < 0 else " + ") if text else ("-" if row[k] < 0 else "")
        text += f"{sign}{size}{factors}"
    return text
