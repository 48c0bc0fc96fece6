"""Sparse polynomials over the rationals, and matrices of them.

A monomial is the sorted tuple of its variables' positions, each as often as its power says: x0^2 x3 is (0, 0, 3).
With many variables and low degrees this is smaller and faster than vectors of exponents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Monomial = tuple[int, ...]
Rational = Any  # an int or a python-flint fmpq: both are exact, and they mix


class Polynomial:
    """A polynomial: monomials and their non-zero coefficients."""

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Monomial, Rational]) -> None:
        self.terms = {monomial: value for monomial, value in terms.items() if value != 0}

    @classmethod
    def constant(cls, value: Rational) -> Polynomial:
        """Return the constant polynomial."""
        return cls({(): value})

    @classmethod
    def variable(cls, position: int) -> Polynomial:
        """Return the variable at that position."""
        return cls({(position,): 1})

    @property
    def degree(self) -> int:
        """The total degree; that of zero is 0."""
        return max(map(len, self.terms), default=0)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.terms == other.terms

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Polynomial({self.terms})"

    def __add__(self, other: Polynomial) -> Polynomial:
        total = dict(self.terms)
        for monomial, value in other.terms.items():
            total[monomial] = total.get(monomial, 0) + value
        return Polynomial(total)

    def __neg__(self) -> Polynomial:
        return self.scaled(-1)

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __mul__(self, other: Polynomial) -> Polynomial:
        product: dict[Monomial, Rational] = {}
        for one, value in self.terms.items():
            for two, factor in other.terms.items():
                monomial = tuple(sorted(one + two))
                product[monomial] = product.get(monomial, 0) + value * factor
        return Polynomial(product)

    def scaled(self, factor: Rational) -> Polynomial:
        """Return the polynomial times a number."""
        return Polynomial({monomial: factor * value for monomial, value in self.terms.items()})

    def derivative(self, position: int) -> Polynomial:
        """Return the partial derivative by the variable at that position."""
        terms = {}
        for monomial, value in self.terms.items():
            if power := monomial.count(position):
                at = monomial.index(position)
                terms[monomial[:at] + monomial[at + 1 :]] = power * value
        return Polynomial(terms)

    def gradient(self) -> dict[int, Polynomial]:
        """Return the partial derivatives that are not zero, by position."""
        return {position: self.derivative(position) for position in {v for monomial in self.terms for v in monomial}}

    def at(self, point: Sequence[Rational]) -> Rational:
        """Return the value at a point."""
        total: Rational = 0
        for monomial, value in self.terms.items():
            for position in monomial:
                value = value * point[position]
            total = total + value
        return total


def along(gradient: Mapping[int, Polynomial], field: Sequence[Polynomial]) -> Polynomial:
    """Return <gradient, field>, the derivative of a function along a vector field."""
    terms: dict[Monomial, Rational] = {}
    for position, slope in gradient.items():
        for monomial, value in (slope * field[position]).terms.items():
            terms[monomial] = terms.get(monomial, 0) + value
    return Polynomial(terms)


class PolynomialMatrix:
    """A matrix of polynomials, with the operators of python-flint's matrices: ``*`` multiplies matrices."""

    __slots__ = ("rows",)

    def __init__(self, rows: Iterable[Iterable[Polynomial]]) -> None:
        self.rows = [list(row) for row in rows]

    @classmethod
    def constant(cls, matrix: Any) -> PolynomialMatrix:
        """Return the constant matrix of a python-flint ``fmpq_mat``."""
        return cls([[Polynomial.constant(simplest(value)) for value in row] for row in matrix.tolist()])

    @classmethod
    def variables(cls, n_rows: int, n_columns: int, first: int) -> PolynomialMatrix:
        """Return a matrix of variables, numbered row by row from `first`."""
        return cls([Polynomial.variable(first + n_columns * i + k) for k in range(n_columns)] for i in range(n_rows))

    def __getitem__(self, position: tuple[int, int]) -> Polynomial:
        return self.rows[position[0]][position[1]]

    def __add__(self, other: PolynomialMatrix) -> PolynomialMatrix:
        return PolynomialMatrix(
            [a + b for a, b in zip(one, two, strict=True)] for one, two in zip(self.rows, other.rows, strict=True)
        )

    def __neg__(self) -> PolynomialMatrix:
        return self * -1

    def __sub__(self, other: PolynomialMatrix) -> PolynomialMatrix:
        return self + -other

    def __mul__(self, other: Any) -> PolynomialMatrix:
        if not isinstance(other, PolynomialMatrix):
            return PolynomialMatrix([entry.scaled(simplest(other)) for entry in row] for row in self.rows)
        columns = list(zip(*other.rows, strict=True))
        return PolynomialMatrix([_inner(row, column) for column in columns] for row in self.rows)

    def transpose(self) -> PolynomialMatrix:
        """Return the transposed matrix."""
        return PolynomialMatrix(zip(*self.rows, strict=True))

    def entries(self) -> list[Polynomial]:
        """Return the entries, row by row."""
        return [entry for row in self.rows for entry in row]


def _inner(row: Iterable[Polynomial], column: Iterable[Polynomial]) -> Polynomial:
    terms: dict[Monomial, Rational] = {}
    for a, b in zip(row, column, strict=True):
        if a and b:
            for monomial, value in (a * b).terms.items():
                terms[monomial] = terms.get(monomial, 0) + value
    return Polynomial(terms)


def simplest(value: Rational) -> Rational:
    """Return a whole rational as an int, which is faster; anything else as it is."""
    return int(value.p) if hasattr(value, "q") and value.q == 1 else value
