"""All polynomial laws up to a degree: the kernel of P -> <grad P, field>, exactly.

The equations are taken at random points, modulo primes near 2^31. Too few or unlucky points only make the kernel
larger, and so does a prime; so when the laws known already fill it, they are proved to be all. What else is in it is
lifted to the rationals and checked identically before it is called a law.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from math import comb
from typing import Any, NamedTuple

import numpy as np
from flint import nmod_mat

from fa_theory.symbolic.discovery.check import conserved, conserved_for_every_pattern
from fa_theory.symbolic.discovery.lie import Say
from fa_theory.symbolic.discovery.linear import (
    PRIME,
    PRIMES,
    independent,
    rank_modulo,
    rational_from_residues,
    reduced_rows,
    residue,
)
from fa_theory.symbolic.discovery.polynomials import Monomial, Polynomial
from fa_theory.symbolic.discovery.systems import NetworkSystem, System

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
    # 8-byte residues: two matrices with one fifth more rows than columns, and a square one
    return round(8 * 3.4 * count**2 / 1e6)


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
    every_pattern = isinstance(system, NetworkSystem) and system.every_pattern
    check: Any = conserved_for_every_pattern if every_pattern else conserved
    generating, further = list(known), []
    dimension, certain = 0, True
    for total in range(1, degree + 1):
        say(f"polynomial laws of degree {total}: {n_monomials(len(system.variables), total)} monomials")
        monomials = _monomials(len(system.variables), total)
        products = products_up_to(generating, total)
        filled = rank_modulo(_vectors(products, monomials, PRIME))
        equations = _Equations(system, monomials, total, rng)
        dimension, certain = equations.kernel(PRIME).ncols(), True
        if dimension > filled:
            found = _lift(equations, products, monomials)
            found = [each for each, holds in zip(found, check(system, found), strict=True) if holds]
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


def _vectors(polynomials: Sequence[Polynomial], monomials: Sequence[Monomial], prime: int) -> list[list[int]]:
    return [[residue(each.terms.get(monomial, 0), prime) for monomial in monomials] for each in polynomials]


class _Sample(NamedTuple):
    """A point and independent fields there, exact."""

    point: list[int]
    fields: list[Sequence[Any]]


class _Equations:
    """<grad P, field> = 0 at random points, for the coefficients of P."""

    def __init__(self, system: System, monomials: list[Monomial], degree: int, rng: random.Random) -> None:
        self._system, self._rng = system, rng
        n_variables = len(system.variables)
        # a variable more, with value 1 and velocity 0, fills monomials of lower degree up
        filled = [(*m, *[n_variables] * (degree - len(m))) for m in monomials]
        self._factors = np.array(filled, dtype=np.int64).T
        self._first = self._sampled(1.2 * len(monomials) + 20)
        self._second: list[_Sample] = []

    def kernel(self, prime: int) -> Any:
        """Return a basis of the solutions modulo the prime as columns, checked at further points."""
        columns = _null_columns(self._matrix(self._first, prime))
        while True:
            self._second = self._second or self._sampled(3 * columns.ncols() + 20)
            left = _null_columns(self._matrix(self._second, prime) * columns)
            if left.ncols() == columns.ncols():
                return columns
            # the first points were too few: solve at the second ones too, and check again at new ones
            self._first, self._second = [*self._first, *self._second], []
            columns = columns * left

    def _sampled(self, wanted: float) -> list[_Sample]:
        samples, count = [], 0
        while count < wanted:
            point = [self._rng.randrange(-_SIZE, _SIZE) for _ in self._system.variables]
            sample = _Sample(point, independent(list(self._system.rows(point))))
            samples.append(sample)
            count += max(len(sample.fields), 1)
        return samples

    def _matrix(self, samples: Sequence[_Sample], prime: int) -> Any:
        n_rows = sum(len(sample.fields) for sample in samples)
        matrix, i = nmod_mat(n_rows, self._factors.shape[1], prime), 0
        for sample in samples:
            for row in self._rows(sample, prime):
                for k in np.flatnonzero(row).tolist():
                    matrix[i, k] = int(row[k])
                i += 1
        return matrix

    def _rows(self, sample: _Sample, prime: int) -> Iterator[Any]:
        values = np.array([*(x % prime for x in sample.point), 1], dtype=np.int64)[self._factors]
        others = []
        for k in range(len(values)):
            product = np.ones_like(values[0])
            for i in range(len(values)):
                if i != k:
                    product = product * values[i] % prime
            others.append(product)
        for field in sample.fields:
            velocity = np.array([*(residue(x, prime) for x in field), 0], dtype=np.int64)[self._factors]
            total = np.zeros_like(values[0])
            for k, other in enumerate(others):
                total = (total + velocity[k] * other) % prime
            yield total


def _null_columns(matrix: Any) -> Any:
    columns, nullity = matrix.nullspace()
    n = columns.nrows()
    # python-flint returns a square matrix whose first columns are the basis
    entries = [int(columns[i, k]) for i in range(n) for k in range(nullity)]
    return nmod_mat(n, nullity, entries, int(matrix.modulus()))


def _lift(equations: _Equations, products: list[Polynomial], monomials: list[Monomial]) -> list[Polynomial]:
    """Return rational polynomials that, with the products of known laws, span the kernel modulo the primes.

    The complement is the part of the kernel that vanishes at the pivots of the known laws, in reduced echelon form:
    it does not depend on the prime, so its entries are rationals that a few primes determine.
    """
    complements: list[list[list[int]]] = []
    used: list[int] = []
    for prime in PRIMES:
        known = reduced_rows(_vectors(products, monomials, prime), prime)
        complement = _complement(equations.kernel(prime).transpose().tolist(), known, prime)
        complements.append(complement)
        used.append(prime)
        if len({len(each) for each in complements}) > 1:
            break
        lifted = [_rational_polynomial(rows, used, monomials) for rows in zip(*complements, strict=True)]
        if len(used) >= 2 and all(each is not None for each in lifted):
            return [each for each in lifted if each is not None]
    return []


def _complement(kernel: list[list[Any]], known: list[list[int]], prime: int) -> list[list[int]]:
    pivots = [next(k for k, value in enumerate(row) if value) for row in known]
    cleared = []
    for entries in kernel:
        vector = [int(value) for value in entries]
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
