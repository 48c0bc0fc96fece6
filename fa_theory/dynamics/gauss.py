"""Gauss collocation, which keeps quadratic invariants to solver tolerance at any step size.

Statement midpoint-exactness (own) says so of one stage, the implicit midpoint rule: the neuron law of FA, backprop and
adaFA, and their matrix law, are quadratic invariants; sign-FA's drifts in a step across a sign change. With more stages
the same holds for the same reason: the weights b and the matrix A satisfy b_i a_ij + b_j a_ji = b_i b_j.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import Array, machine_epsilon, namespace
from fa_theory.dynamics.fixed_steps import Field, Step, Stepped
from fa_theory.dynamics.trajectory import BLOW_UP

_ITERATIONS = 60
_HALVINGS = 12


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

    The stages are solved by fixed-point iteration to rounding. Where that does not converge (large steps, kinks) the
    step is cut in halves, up to 2**12 pieces; failing that the step returns None, never an unsolved state.
    """
    tableau = gauss_tableau(stages)

    def step(velocity: Field, y: Array, h: float) -> Stepped | None:
        return _step(tableau, velocity, y, h, _HALVINGS)

    return step


def _step(tableau: Tableau, velocity: Field, y: Array, h: float, halvings: int) -> Stepped | None:
    xp = namespace(y)
    enough = 4 * machine_epsilon(y) * (1 + float(xp.max(abs(y))))
    stages = [y] * len(tableau.weights)
    slopes = [velocity(y)] * len(stages)
    change = float("inf")
    for _ in range(_ITERATIONS):
        before, change = change, 0.0
        for i, row in enumerate(tableau.matrix):
            moved = _moved(y, h, row, slopes)
            change = max(change, float(xp.max(abs(moved - stages[i]))))
            stages[i] = moved
            slopes[i] = velocity(moved)
        if not change <= BLOW_UP:
            break
        if change <= enough and change >= before / 2:
            return Stepped(_moved(y, h, tableau.weights, slopes), (h,))
    if halvings == 0:
        return None
    first = _step(tableau, velocity, y, h / 2, halvings - 1)
    second = None if first is None else _step(tableau, velocity, first.state, h / 2, halvings - 1)
    if first is None or second is None:
        return None
    return Stepped(second.state, first.pieces + second.pieces)


def _moved(y: Array, h: float, weights: tuple[float, ...], slopes: list[Array]) -> Array:
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1:], strict=True):
        total = total + weight * slope
    return y + h * total
