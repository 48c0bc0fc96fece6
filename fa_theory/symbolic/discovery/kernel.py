"""All polynomial laws up to a degree: the kernel of P -> <grad P, field>, exactly.

The equations are taken at random points, modulo primes near 2^31. Too few or unlucky points only make the kernel
larger, and so does a prime; so when the laws known already fill it, they are proved to be all. What else is in it is
lifted to the rationals and checked identically before it is called a law.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations_with_replacement
from math import comb
from typing import Any, NamedTuple

import numpy as np
from flint import nmod_mat

from fa_theory.symbolic.discovery.lie import Say
from fa_theory.symbolic.discovery.linear import (
    PRIME,
    PRIMES,
    kernel_modulo,
    rank_modulo,
    rational_from_residues,
    reduced_rows,
    residue,
)
from fa_theory.symbolic.discovery.polynomials import Monomial, Polynomial, along
from fa_theory.symbolic.discovery.systems import System

MOST_MONOMIALS = 5000
_SIZE = 10**6


class PolynomialLaws(NamedTuple):
    """The polynomial laws without constant term up to a degree.

    Attributes
    ----------
    dimension : int
        The dimension of their linear space over the rationals.
    further : tuple of Polynomial
        Together with polynomials of the known laws, a basis of it.
    certain : bool
        Whether `dimension` is proved; otherwise it is an upper bound, and something could not be lifted.
    """

    dimension: int
    further: tuple[Polynomial, ...]
    certain: bool


def n_monomials(n_variables: int, degree: int) -> int:
    """Return the number of monomials of degree 1 to `degree`."""
    return comb(n_variables + degree, degree) - 1


def check_size(n_variables: int, degree: int) -> None:
    """Raise ValueError, with an estimate, if the kernel would need too much memory."""
    count = n_monomials(n_variables, degree)
    if count > MOST_MONOMIALS:
        raise ValueError(
            f"degree {degree} in {n_variables} parameters means {count} monomials and about {_megabytes(count)} MB; "
            f"the limit is {MOST_MONOMIALS} monomials ({_megabytes(MOST_MONOMIALS)} MB): lower the degree or the shape"
        )


def _megabytes(count: int) -> int:
    # two matrices of 8-byte residues, one fifth more rows than columns
    return round(2 * 8 * 1.2 * count**2 / 1e6)


def polynomial_laws(
    system: System, degree: int, known: Sequence[Polynomial], rng: random.Random, say: Say
) -> PolynomialLaws:
    """Find all polynomial laws up to a degree.

    Parameters
    ----------
    system : System
        The fields.
    degree : int
        The largest total degree.
    known : sequence of Polynomial
        Laws already known to hold, without constant terms.
    rng : random.Random
        Draws the points.
    say : callable
        Told what is being done.
    """
    generating, further = list(known), []
    dimension, certain = 0, True
    for total in range(1, degree + 1):
        say(f"polynomial laws of degree {total}: {n_monomials(len(system.variables), total)} monomials")
        monomials = _monomials(len(system.variables), total)
        products = [_vector(each, monomials) for each in products_up_to(generating, total)]
        filled = rank_modulo(products)
        equations = _Equations(system, monomials, total, rng)
        equations.extend()
        kernel = equations.kernel(PRIME)
        if len(kernel) > filled:
            equations.extend()  # perhaps there were too few points
            kernel = equations.kernel(PRIME)
        dimension, certain = len(kernel), True
        if dimension > filled:
            found = _lift(equations, products, monomials)
            found = [each for each in found if _holds(system, each)]
            certain = filled + len(found) == dimension
            further += found
            generating += found
    return PolynomialLaws(dimension, tuple(further), certain)


def _monomials(n_variables: int, degree: int) -> list[Monomial]:
    return [m for total in range(1, degree + 1) for m in combinations_with_replacement(range(n_variables), total)]


def products_up_to(laws: Sequence[Polynomial], degree: int) -> list[Polynomial]:
    """Return all products of the laws of total degree at most `degree`."""
    products: list[Polynomial] = []

    def multiply(product: Polynomial | None, left: int, first: int) -> None:
        for k in range(first, len(laws)):
            size = laws[k].degree
            if 0 < size <= left:
                both = laws[k] if product is None else product * laws[k]
                products.append(both)
                multiply(both, left - size, k)

    multiply(None, degree, 0)
    return products


def _vector(polynomial: Polynomial, monomials: Sequence[Monomial]) -> list[int]:
    return [residue(polynomial.terms.get(monomial, 0)) for monomial in monomials]


class _Equations:
    """<grad P, field> = 0 at random points, for the coefficients of P."""

    def __init__(self, system: System, monomials: list[Monomial], degree: int, rng: random.Random) -> None:
        self._system, self._rng = system, rng
        n_variables = len(system.variables)
        # a variable more, with value 1 and velocity 0, fills monomials of lower degree up
        filled = [(*m, *[n_variables] * (degree - len(m))) for m in monomials]
        self._factors = np.array(filled, dtype=np.int64).T
        self._points: list[list[int]] = []
        self._fields: list[list[list[Any]]] = []

    def extend(self) -> None:
        """Take as many points more as give at least one fifth more equations than unknowns."""
        wanted, count = 1.2 * self._factors.shape[1] + 20, 0
        while count < wanted:
            point = [self._rng.randrange(-_SIZE, _SIZE) for _ in self._system.variables]
            fields = [row for row in self._system.rows(point) if any(row)]
            self._points.append(point)
            self._fields.append(fields)
            count += max(len(fields), 1)

    def kernel(self, prime: int) -> list[list[int]]:
        """Return a basis of the solutions modulo the prime."""
        n = self._factors.shape[1]
        matrix = nmod_mat(n, n, prime)
        # rows are added in portions and reduced, so that memory stays that of about two square matrices
        filled, portion = 0, []
        for point, fields in zip(self._points, self._fields, strict=True):
            portion += list(self._rows(point, fields, prime))
            if len(portion) + filled >= 1.2 * n:
                matrix, filled = _reduced(matrix, filled, portion, n, prime)
                portion = []
        matrix, filled = _reduced(matrix, filled, portion, n, prime)
        return kernel_modulo(matrix)

    def _rows(self, point: list[int], fields: list[list[Any]], prime: int) -> Any:
        values = np.array([*(x % prime for x in point), 1], dtype=np.int64)[self._factors]
        others = []
        for k in range(len(values)):
            product = np.ones_like(values[0])
            for i in range(len(values)):
                if i != k:
                    product = product * values[i] % prime
            others.append(product)
        for field in fields:
            velocity = np.array([*(residue(x, prime) for x in field), 0], dtype=np.int64)[self._factors]
            total = np.zeros_like(values[0])
            for k, other in enumerate(others):
                total = (total + velocity[k] * other) % prime
            yield total


def _reduced(matrix: Any, filled: int, portion: list[Any], n: int, prime: int) -> tuple[Any, int]:
    if not portion:
        return matrix, filled
    stacked = nmod_mat(filled + len(portion), n, prime)
    for i in range(filled):
        for k in range(n):
            stacked[i, k] = matrix[i, k]
    for i, row in enumerate(portion):
        for k, value in enumerate(row.tolist()):
            if value:
                stacked[filled + i, k] = value
    reduced, found = stacked.rref()
    return reduced, found


def _lift(equations: _Equations, products: list[list[int]], monomials: list[Monomial]) -> list[Polynomial]:
    """Return rational polynomials that, with the products of known laws, span the kernel modulo the primes.

    The complement is the part of the kernel that vanishes at the pivots of the known laws, in reduced echelon form:
    it does not depend on the prime, so its entries are rationals that a few primes determine.
    """
    complements: list[list[list[int]]] = []
    used: list[int] = []
    for prime in PRIMES:
        complement = _complement(equations.kernel(prime), reduced_rows(products, prime), prime)
        complements.append(complement)
        used.append(prime)
        if len({len(each) for each in complements}) > 1:
            break
        lifted = [_rational_polynomial(rows, used, monomials) for rows in zip(*complements, strict=True)]
        if len(used) >= 2 and all(each is not None for each in lifted):
            return [each for each in lifted if each is not None]
    return []


def _complement(kernel: list[list[int]], known: list[list[int]], prime: int) -> list[list[int]]:
    pivots = [next(k for k, value in enumerate(row) if value) for row in known]
    cleared = []
    for vector in kernel:
        left = np.array(vector, dtype=np.int64)
        for row, pivot in zip(known, pivots, strict=True):
            if vector[pivot]:
                left = (left - vector[pivot] * np.array(row, dtype=np.int64)) % prime
        cleared.append(left.tolist())
    return reduced_rows(cleared, prime)


def _rational_polynomial(
    rows: Sequence[Sequence[int]], primes: Sequence[int], monomials: Sequence[Monomial]
) -> Polynomial | None:
    terms = {}
    for monomial, *residues in zip(monomials, *rows, strict=True):
        if any(residues):
            value = rational_from_residues(residues, primes)
            if value is None:
                return None
            terms[monomial] = value
    return Polynomial(terms)


def _holds(system: System, polynomial: Polynomial) -> bool:
    gradient = polynomial.gradient()
    return not any(along(gradient, field) for field in system.polynomial_fields())
