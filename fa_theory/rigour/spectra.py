"""Eigenvalues of symmetric rational matrices, enclosed: a guess, certified by counting signs of pivots."""

from __future__ import annotations

from typing import Any

from flint import acb_mat, arb, arb_mat, ctx, fmpq_mat

from fa_theory.rigour.balls import Ball, UndecidedError

LARGEST = 200
"""Matrices of more rows are refused: they take n^3 / 3 operations on balls, in Python."""


def check_size(matrix: fmpq_mat, what: str) -> None:
    """Raise ValueError if a matrix is too large for `eigenvalue`."""
    if matrix.nrows() > LARGEST:
        raise ValueError(f"{what} must have at most {LARGEST} rows to be enclosed, got {matrix.nrows()}")


def eigenvalue(matrix: fmpq_mat, metric: fmpq_mat, index: int) -> Ball:
    """Enclose the eigenvalue of that index, from the smallest, of the pencil matrix - x metric, metric > 0.

    Half of the working precision is what it is known to.

    Raises
    ------
    UndecidedError
        If the guess cannot be certified at the working precision.
    """
    check_size(matrix, "the matrix")
    guesses = acb_mat(arb_mat(metric.solve(matrix))).eig(algorithm="approx")
    values = [guess.real.mid() for guess in guesses]
    if not all(value.is_finite() for value in values):
        raise UndecidedError("eigenvalues are not found")
    guess = sorted(values, key=_Ordered)[index]
    reach = abs(guess) * arb((1, -ctx.prec // 2))
    low, high = (guess - reach).lower(), (guess + reach).upper()
    below, up_to = eigenvalues_below(matrix, metric, low), eigenvalues_below(matrix, metric, high)
    if not below <= index < up_to:
        raise UndecidedError(f"eigenvalue {index} is not near its guess")
    return low.union(high)


class _Ordered:
    """Exact balls in order; their comparison is certain."""

    def __init__(self, value: Ball) -> None:
        self.value = value

    def __lt__(self, other: _Ordered) -> bool:
        return bool(self.value < other.value)


def eigenvalues_below(matrix: fmpq_mat, metric: fmpq_mat, x: Ball) -> int:
    """Return how many eigenvalues of the pencil are less than x: by Sylvester's law, the negative pivots at x.

    Raises
    ------
    UndecidedError
        If a pivot's sign is not certain.
    """
    return negative_pivots(arb_mat(matrix) - arb_mat(metric) * x)


def negative_pivots(matrix: arb_mat) -> int:
    """Return how many eigenvalues of a symmetric matrix of balls are negative.

    Raises
    ------
    UndecidedError
        If a pivot's sign is not certain.
    """
    rows = [list(row) for row in matrix.tolist()]
    negative = 0
    for k, row in enumerate(rows):
        pivot = row[k]
        if not (pivot > 0 or pivot < 0):
            raise UndecidedError(f"pivot {k} has no certain sign")
        negative += bool(pivot < 0)
        for below in rows[k + 1 :]:
            factor = below[k] / pivot
            for j in range(k + 1, len(rows)):
                below[j] -= factor * row[j]
    return negative


def is_positive_definite(matrix: fmpq_mat) -> bool:
    """Decide exactly whether a symmetric rational matrix is positive definite.

    All roots of its characteristic polynomial are real, so they are positive if and only if its signs alternate.
    """
    coefficients = matrix.charpoly().coeffs()
    n = matrix.nrows()
    return all((coefficient * (-1) ** (n - k)) > 0 for k, coefficient in enumerate(coefficients))


def certainly_positive(matrix: arb_mat) -> bool:
    """Tell whether a symmetric matrix of balls is certainly positive definite."""
    try:
        return negative_pivots(matrix) == 0
    except UndecidedError:
        return False


def identity(n: int, scale: Any = 1) -> fmpq_mat:
    """Return a multiple of the identity matrix."""
    return fmpq_mat(n, n, [scale if i == j else 0 for i in range(n) for j in range(n)])
