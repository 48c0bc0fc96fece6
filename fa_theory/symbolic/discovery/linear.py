"""Exact linear algebra: ranks over the rationals, kernels modulo a prime and back to the rationals.

Ranks go the safe way round: the rank modulo a prime of a rational matrix is never more than its rank over the
rationals, so it is a proved lower bound, and where an upper bound meets it, it is the rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

from flint import fmpq, fmpq_mat, nmod_mat

# Below 2^31, so that NumPy's int64 holds the product of two residues.
PRIMES = (2147483647, 2147483629, 2147483587, 2147483579, 2147483563, 2147483549)
PRIME = PRIMES[0]


def residue(value: Any, prime: int = PRIME) -> int:
    """Return a rational (int or ``fmpq``) modulo the prime."""
    if isinstance(value, int):
        return value % prime
    return int(value.p) * pow(int(value.q), -1, prime) % prime


def rank_modulo(rows: Sequence[Sequence[Any]], prime: int = PRIME) -> int:
    """Return the rank modulo the prime: a lower bound on the rank over the rationals."""
    if not rows:
        return 0
    flat = [residue(value, prime) for row in rows for value in row]
    return int(nmod_mat(len(rows), len(rows[0]), flat, prime).rank())


def rank(rows: Sequence[Sequence[Any]]) -> int:
    """Return the rank over the rationals."""
    if not rows:
        return 0
    most = min(len(rows), len(rows[0]))
    # a full rank modulo a prime is the rank, and is found much faster
    if rank_modulo(rows) == most:
        return most
    return int(fmpq_mat(len(rows), len(rows[0]), [fmpq(value) for row in rows for value in row]).rank())


def independent_rows(rows: Sequence[Sequence[int]], prime: int = PRIME) -> list[int]:
    """Return the positions of the rows that are, modulo the prime, independent of all rows before them."""
    if not rows:
        return []
    flat = [value % prime for column in zip(*rows, strict=True) for value in column]
    reduced, found = nmod_mat(len(rows[0]), len(rows), flat, prime).rref()
    pivots, column = [], 0
    for row in range(found):
        while int(reduced[row, column]) == 0:
            column += 1
        pivots.append(column)
    return pivots


def independent(rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return the rows that are, modulo a prime, independent of all rows before them."""
    return [rows[k] for k in independent_rows([[residue(value) for value in row] for row in rows])]


def reduced_rows(rows: Sequence[Sequence[int]], prime: int = PRIME) -> list[list[int]]:
    """Return the reduced echelon form modulo the prime, without its zero rows."""
    if not rows:
        return []
    width = len(rows[0])
    matrix, found = nmod_mat(len(rows), width, [value % prime for row in rows for value in row], prime).rref()
    return [[int(matrix[i, k]) for k in range(width)] for i in range(found)]


def left_null_projector(matrix: Any) -> Any:
    """Return the orthogonal projector I - U U^T, U a basis of the range of an ``fmpq_mat``, exactly."""
    n = matrix.nrows()
    pivots = independent_rows([[residue(v) for v in row] for row in matrix.transpose().tolist()])
    identity = fmpq_mat(n, n, [int(i == k) for i in range(n) for k in range(n)])
    if not pivots:
        return identity
    basis = fmpq_mat(n, len(pivots), [matrix[i, k] for i in range(n) for k in pivots])
    return identity - basis * (basis.transpose() * basis).inv() * basis.transpose()


def pseudo_inverse(matrix: Any) -> Any:
    """Return A^+ = (A^T A)^{-1} A^T of an ``fmpq_mat`` of full column rank."""
    return (matrix.transpose() * matrix).inv() * matrix.transpose()


def rational_from_residues(residues: Sequence[int], primes: Sequence[int]) -> Any | None:
    """Return the rational p/q with |p|, q at most sqrt(product of primes / 2) that has these residues, if any."""
    modulus, value = 1, 0
    for remainder, prime in zip(residues, primes, strict=True):
        value += modulus * ((remainder - value) * pow(modulus, -1, prime) % prime)
        modulus *= prime
    limit = isqrt(modulus // 2)
    before, now, count_before, count = modulus, value, 0, 1
    while now > limit:
        quotient = before // now
        before, now = now, before - quotient * now
        count_before, count = count, count_before - quotient * count
    if count == 0 or abs(count) > limit:
        return None
    return fmpq(now, count)
