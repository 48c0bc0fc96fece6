"""How many independent directions the flow can take: the rank of the Lie algebra that its fields generate."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from flint import fmpq

from fa_theory.symbolic.discovery.duals import Field, bracket
from fa_theory.symbolic.discovery.linear import independent, rank, residue
from fa_theory.symbolic.discovery.polynomials import Monomial, Polynomial
from fa_theory.symbolic.discovery.systems import Structured, System, joined, split

Say = Callable[[str], None]

_ALL_ROWS = 3000
_DEEPEST = 5


class Closure(NamedTuple):
    """The Lie algebra as a span of polynomial fields.

    Attributes
    ----------
    closed : bool
        Whether all brackets of the span with the generators lie in it; otherwise the search stopped at its limit.
    dimension : int
        The dimension of the span over the rationals.
    rank : int
        Its largest rank at the points.
    """

    closed: bool
    dimension: int
    rank: int


def rank_by_random_brackets(system: Structured, point: Sequence[Any], most: int, rng: random.Random, say: Say) -> int:
    """Return a proved lower bound on the rank at a point: members of the algebra that are independent there.

    Fields, then random brackets of them of growing length, are evaluated exactly at the point, until the rank is
    `most`, or two lengths in a row add nothing.
    """
    blocks = split(system.blocks, point)

    def value(length: int) -> list[int]:
        field: Field = system.random_field(rng)
        for _ in range(length):
            field = bracket(system.random_field(rng), field)
        return [residue(entry) for entry in joined(field(blocks, lambda constant: constant))]

    kept: list[Sequence[int]] = []
    if system.size <= _ALL_ROWS:
        kept = independent([[residue(entry) for entry in row] for row in system.rows(point)])
    idle = 0
    for length in range(_DEEPEST):
        before = len(kept)
        while len(kept) < most:
            say(f"rank {len(kept)} of at most {most} with brackets of {length + 1} fields")
            grown = independent([*kept, *(value(length) for _ in range(most - len(kept) + 4))])
            if len(grown) == len(kept):
                break
            kept = grown
        idle = idle + 1 if length > 0 and len(kept) == before else 0
        if len(kept) == most or idle == 2:
            break
    return len(kept)


def close_under_brackets(system: System, points: Sequence[Sequence[Any]], limit: int, say: Say) -> Closure:
    """Bracket polynomial fields with the generators until nothing new comes, over the rationals.

    Parameters
    ----------
    system : System
        The fields.
    points : sequence of points
        Where the rank is taken.
    limit : int
        The largest number of terms to hold.
    say : callable
        Told what is being done.
    """
    span = _Span()
    generators = [field for field in system.polynomial_fields() if span.add(field)]
    fields, position, terms = list(generators), 0, sum(map(_n_terms, generators))
    while position < len(fields) and terms <= limit:
        say(f"{len(fields)} independent fields, brackets of number {position + 1}")
        for generator in generators:
            both = _polynomial_bracket(generator, fields[position])
            if span.add(both):
                fields.append(both)
                terms += _n_terms(both)
            if terms > limit:
                break
        position += 1
    closed = position == len(fields) and terms <= limit
    ranks = [rank([[each.at(point) for each in field] for field in fields]) for point in points]
    return Closure(closed, len(fields), max(ranks))


def _n_terms(field: Sequence[Polynomial]) -> int:
    return sum(len(each.terms) for each in field)


def _polynomial_bracket(one: Sequence[Polynomial], two: Sequence[Polynomial]) -> list[Polynomial]:
    return [_derivative(b, one) - _derivative(a, two) for a, b in zip(one, two, strict=True)]


def _derivative(function: Polynomial, field: Sequence[Polynomial]) -> Polynomial:
    terms: dict[Monomial, Any] = {}
    for position in {v for monomial in function.terms for v in monomial}:
        if field[position]:
            for monomial, value in (function.derivative(position) * field[position]).terms.items():
                terms[monomial] = terms.get(monomial, 0) + value
    return Polynomial(terms)


class _Span:
    """A growing space of fields: echelon form over the rationals of sparse vectors (component, monomial) -> value."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, Monomial], dict[tuple[int, Monomial], Any]] = {}

    def add(self, field: Sequence[Polynomial]) -> bool:
        """Add a field; return whether it was not in the span."""
        vector = {(k, monomial): fmpq(v) for k, each in enumerate(field) for monomial, v in each.terms.items()}
        while vector:
            pivot = min(vector)
            row = self._rows.get(pivot)
            if row is None:
                scale = vector[pivot]
                self._rows[pivot] = {key: value / scale for key, value in vector.items()}
                return True
            factor = vector[pivot]
            for key, value in row.items():
                left = vector.get(key, 0) - factor * value
                if left == 0:
                    vector.pop(key, None)
                else:
                    vector[key] = left
        return False
