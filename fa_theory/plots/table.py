"""Tables of runs, checked before anything is drawn of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from fa_theory.choices import likeliest

Row = Mapping[str, Any]


class Kind(NamedTuple):
    """What a column must hold: in words, and a test of one value, which is a number already."""

    words: str
    holds: Callable[[Any], bool]


POSITIVE = Kind("a finite number > 0", lambda value: 0 < value < np.inf)
NOT_NEGATIVE = Kind("a finite number >= 0", lambda value: 0 <= value < np.inf)
FRACTION = Kind("a fraction from 0 to 1", lambda value: 0 <= value <= 1)
# a cosine may exceed 1 by its rounding
COSINE = Kind("a number from -1 to 1", lambda value: abs(value) <= 1 + 1e-9)
AT_MOST_ONE = Kind("a finite number up to 1", lambda value: -np.inf < value <= 1 + 1e-9)
TRUTH = Kind("True or False", lambda value: value in (0, 1))


def table_of(
    rows: Iterable[Row], names: Sequence[str], numbers: Mapping[str, Kind], measures: Mapping[str, Kind]
) -> list[Row]:
    """Return the rows, which must have the columns `names` and `numbers`, and one of them at least each of `measures`.

    A row without a measure may lack it, or have None or NaN in its place.

    Raises
    ------
    TypeError
        If `rows` cannot be iterated over.
    ValueError
        If there are none, or one is no mapping, or a column is missing or holds something else.
    """
    if not isinstance(rows, Iterable):
        raise TypeError(f"rows must be a sequence of mappings of columns to values, got {type(rows).__name__}")
    table = list(rows)
    if not table:
        raise ValueError("rows must hold at least one run, got none")
    for place, row in enumerate(table):
        if not isinstance(row, Mapping):
            raise ValueError(  # noqa: TRY004 - as for any other wrong argument
                f"rows must be mappings of columns to values, got {row!r}; of a pandas table: table.to_dict('records')"
            )
        for column in (*names, *numbers):
            if column not in row:
                raise _lacks(column, f"row {place}", row)
        for column, kind in (*numbers.items(), *measures.items()):
            value, optional = row.get(column), column in measures
            if optional and not known(row, column):
                continue
            if not isinstance(value, Real | np.bool_) or not kind.holds(value):
                words = f"{kind.words}{', None or NaN' if optional else ''}"
                raise ValueError(f"rows must have {words} as {column}, got {value!r} in row {place}")
    columns = dict.fromkeys(column for row in table for column in row)
    for column in measures:
        if column not in columns:
            raise _lacks(column, "rows", columns)
    return table


def known(row: Row, column: str) -> bool:
    """Tell whether there is a value: neither nothing nor NaN, which tables of other makers have instead."""
    value = row.get(column)
    return value is not None and value == value


def _lacks(column: str, where: str, columns: Iterable[str]) -> ValueError:
    words = [str(each) for each in columns]
    got = f"got {where} with {', '.join(words)}{likeliest(column, words)}"
    return ValueError(f"rows must have the column {column}, {got}")
