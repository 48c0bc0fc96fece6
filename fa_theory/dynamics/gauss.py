"""Gauss collocation, which keeps quadratic invariants to solver tolerance at any step size.

Statement midpoint-exactness (own) says so of one stage, the implicit midpoint rule: the neuron law of FA, backprop and
adaFA, and their matrix law, are quadratic invariants; sign-FA's drifts in a step across a sign change. With more stages
the same holds for the same reason: the weights b and the matrix A satisfy b_i a_ij + b_j a_ji = b_i b_j.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import Array, machine_epsilon, namespace, to_numpy
from fa_theory.dynamics.fixed_steps import Field, Step, Stepped
from fa_theory.dynamics.trajectory import BLOW_UP

_ITERATIONS = 60
_HALVINGS = 12
_MEMORY = 6


class Tableau(NamedTuple):
    """The coefficients of a Gauss method of s stages, of order 2 s: Z_i = y + h sum_j a_ij f(Z_j), y' likewise with b.

    Attributes
    ----------
    matrix : tuple of tuples of float, (s, s)
        a_ij, the integral of the j-th Lagrange polynomial of the nodes from 0 to the i-th node.
    weights : tuple of float, (s,)
        b_j, the integral of the same from 0 to 1.
    """

    matrix: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]


@cache
def gauss_tableau(stages: int) -> Tableau:
    """Return the coefficients of the Gauss method of that many stages (1: the implicit midpoint rule)."""
    nodes, weights = np.polynomial.legendre.leggauss(stages)
    nodes, powers = (nodes + 1) / 2, np.arange(stages)
    integrals: Any = nodes[:, None] ** (powers + 1) / (powers + 1)
    matrix = np.linalg.solve((nodes[:, None] ** powers).T, integrals.T).T
    return Tableau(tuple(map(tuple, matrix.tolist())), tuple((weights / 2).tolist()))


def gauss_step(stages: int) -> Step:
    """Return the step of the Gauss method of that many stages.

    The stages are solved to rounding by fixed-point iteration with Anderson's mixing. Where that does not converge
    (large steps, kinks) the step is cut in halves, up to 2**12 pieces; failing that the step returns None, never an
    unsolved state.
    """
    tableau = gauss_tableau(stages)

    def step(velocity: Field, y: Array, h: float) -> Stepped | None:
        return _step(tableau, velocity, y, h, _HALVINGS)

    return step


def _step(tableau: Tableau, velocity: Field, y: Array, h: float, halvings: int) -> Stepped | None:
    xp, size = namespace(y), y.shape[0]
    enough = 4 * machine_epsilon(y) * (1 + float(xp.max(abs(y))))
    stages = xp.concat([y] * len(tableau.weights))
    mixing, change = _Mixing(), float("inf")
    for _ in range(_ITERATIONS):
        slopes = [velocity(stages[i * size : (i + 1) * size]) for i in range(len(tableau.weights))]
        moved = xp.concat([_moved(y, h, row, slopes) for row in tableau.matrix])
        before, change = change, float(xp.max(abs(moved - stages)))
        if not change <= BLOW_UP:
            break
        if change <= enough and change >= before / 2:
            return Stepped(_moved(y, h, tableau.weights, slopes), (h,))
        stages = mixing.next(stages, moved)
    if halvings == 0:
        return None
    first = _step(tableau, velocity, y, h / 2, halvings - 1)
    second = None if first is None else _step(tableau, velocity, first.state, h / 2, halvings - 1)
    if first is None or second is None:
        return None
    return Stepped(second.state, first.pieces + second.pieces)


class _Mixing:
    """Anderson's mixing for x = g(x): the next x is the combination of the last g(x) with the least residual.

    Large steps of smooth flows take a third of the evaluations of x = g(x) itself, or are solved whole where that
    would have to cut them; small steps take as many.
    """

    def __init__(self) -> None:
        self._last: tuple[Array, Array] | None = None
        self._residuals: list[Array] = []
        self._images: list[Array] = []

    def next(self, x: Array, image: Array) -> Array:
        xp, residual = namespace(x), image - x
        if self._last is not None:
            self._residuals = [*self._residuals[1 - _MEMORY :], residual - self._last[0]]
            self._images = [*self._images[1 - _MEMORY :], image - self._last[1]]
        self._last = residual, image
        if not self._residuals:
            return image
        differences = xp.stack(self._residuals)
        products, aims = to_numpy(differences @ differences.T), to_numpy(differences @ residual)
        shares = np.linalg.lstsq(products, aims, rcond=None)[0].tolist()
        for share, each in zip(shares, self._images, strict=True):
            image = image - share * each
        return image


def _moved(y: Array, h: float, weights: tuple[float, ...], slopes: list[Array]) -> Array:
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1:], strict=True):
        total = total + weight * slope
    return y + h * total
