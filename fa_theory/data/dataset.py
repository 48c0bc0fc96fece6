"""From a table to the arrays X and Y of a learning problem, with a record of everything that was done."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from fa_theory.choices import likeliest, not_among
from fa_theory.data.table import Column, Table, parse_number

_Floats = npt.NDArray[np.float64]

_SIGN_LOSSES = ("logistic", "exponential")
_LOSSES = ("squared", *_SIGN_LOSSES, "cross_entropy")
_IRIS_TARGETS = {
    "squared": "petal_width",
    "logistic": "species=setosa",
    "exponential": "species=setosa",
    "cross_entropy": "species",
}
_SHOWN_VALUES = 8


@dataclass(frozen=True, eq=False)
class Dataset:
    """The arrays of a learning problem, and how they came from a table.

    Attributes
    ----------
    X : array of shape (N, d), float64
        One sample per row, read-only.
    Y : array of shape (N, m), float64
        Targets: numbers, labels -1 and +1, or one-hot rows; read-only.
    features : tuple of str, length d
        The columns of `X`.
    targets : tuple of str, length m
        The columns of `Y`: the target column, or ``"column=value"`` for labels and one-hot columns.
    transforms : tuple of str
        Every step between the table and the arrays, in order, with the numbers it used.
    name : str
        The name of the table.

    Examples
    --------
    >>> from fa_theory.data import load_iris, make_dataset
    >>> dataset = make_dataset(load_iris(), "petal_width", "squared", standardize=True)
    >>> dataset.X.shape, dataset.Y.shape, bool(abs(dataset.X.mean(axis=0)).max() < 1e-12)
    ((150, 3), (150, 1), True)
    """

    X: _Floats
    Y: _Floats
    features: tuple[str, ...]
    targets: tuple[str, ...]
    transforms: tuple[str, ...]
    name: str


def make_dataset(
    table: Table,
    target: str | None,
    loss: str,
    *,
    standardize: bool = False,
    rows: Sequence[SupportsIndex] | None = None,
) -> Dataset:
    """Split a table into features and targets as a loss needs them.

    Every column other than the target's is a feature and must be numeric. Only for the embedded iris, a text
    column that is not the target is dropped, and `target` may be None.

    Parameters
    ----------
    table : Table
        The data.
    target : str or None
        A column, or ``"column=value"`` for that value (+1) against the rest (-1). None, for the embedded
        iris, stands for petal_width (squared), species=setosa (logistic, exponential), species
        (cross_entropy).
    loss : {"squared", "logistic", "exponential", "cross_entropy"}
        Squared: a numeric target as it is, shape (N, 1), a text target one-hot. Logistic and exponential: two
        values, the smaller (or alphabetically first) mapped to -1, the other to +1. Cross-entropy: one-hot,
        two or more values. One-hot columns are in increasing or alphabetical order.
    standardize : bool
        Subtract its mean from each feature and divide by its standard deviation (that of the rows kept,
        divisor N).
    rows : sequence of int, optional
        The 0-based data rows to keep, in this order; repetitions are allowed. All rows by default.

    Returns
    -------
    Dataset
        The arrays and the record of the steps.

    Raises
    ------
    ValueError
        In one line that says what is allowed, if the loss is unknown, the target is missing, or has not the
        values that the loss needs, a feature is text, no feature is left, a row does not exist, or a feature
        cannot be standardised because it is constant or too large.
    TypeError
        If an entry of `rows` is not an integer.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.data import load_iris, make_dataset
    >>> dataset = make_dataset(load_iris(), "species=setosa", "logistic", rows=range(0, 150, 10))
    >>> dataset.X.shape, dataset.targets, int(dataset.Y.sum())  # 5 flowers of the one kind, 10 of the others
    ((15, 4), ('species=setosa',), -5)
    >>> ft.Problem(dataset.X, dataset.Y, "logistic").n_samples
    15
    """
    if loss not in _LOSSES:
        raise not_among("loss", loss, _LOSSES)
    if target is None and table.embedded:
        target = _IRIS_TARGETS[loss]
    column, positive = _split_target(table, target)
    transforms: list[str] = []
    kept = _kept_rows(table, rows, transforms)
    features = _features(table, column, transforms)
    X = np.stack([table.values[feature][kept].astype(np.float64) for feature in features], axis=1)
    if standardize:
        X = _standardized(table, X, features, transforms)
    Y, targets = _targets(table, column, positive, loss, kept, transforms)
    X.setflags(write=False)
    Y.setflags(write=False)
    return Dataset(X, Y, features, targets, tuple(transforms), table.name)


def _split_target(table: Table, target: str | None) -> tuple[str, str | None]:
    """Return the target's column and, for "column=value", the value as the column writes it."""
    columns = f"the columns are {', '.join(table.columns)}"
    if target is None:
        raise _error(table, f"a target column is needed (--target COLUMN); {columns}")
    if target in table.columns:
        return target, None
    # Column names and values may themselves contain "=", so every split is tried.
    splits = [(target[:i], target[i + 1 :].strip()) for i, mark in enumerate(target) if mark == "="]
    found = [(column.strip(), value) for column, value in splits if column.strip() in table.columns]
    if not found:
        own = "; --data FILE reads a table of your own" if table.embedded else ""
        raise _error(table, f"there is no target column {target!r}; {columns}{own}{likeliest(target, table.columns)}")
    for column, value in found:
        for candidate in np.unique(table.values[column]):
            if _same(candidate, value):
                return column, _text(candidate)
    column, value = found[0]
    end = likeliest(value, map(str, np.unique(table.values[column])))
    raise _error(
        table,
        f"target column {column!r} never has the value {value!r}; it has {_listed(table.values[column])}{end}",
    )


def _same(entry: np.str_ | np.float64, value: str) -> bool:
    if isinstance(entry, str):
        return str(entry) == value
    try:
        return bool(entry == float(value))
    except ValueError:
        return False


def _kept_rows(table: Table, rows: Sequence[SupportsIndex] | None, transforms: list[str]) -> npt.NDArray[np.intp]:
    if rows is None:
        return np.arange(len(table))
    if any(isinstance(row, bool | np.bool_) for row in rows):
        raise _error(table, "rows is a mask of booleans; it must list the indices of the rows to keep")
    kept = [operator.index(row) for row in rows]
    if not kept:
        raise _error(table, "rows is empty; at least one row must be kept")
    for row in kept:
        if not 0 <= row < len(table):
            raise _error(table, f"rows contains {row}; it must lie between 0 and {len(table) - 1}")
    transforms.append(f"kept {len(kept)} of {len(table)} rows: {_ranges(kept)} (0-based)")
    return np.asarray(kept, dtype=np.intp)


def _ranges(rows: list[int]) -> str:
    """Write consecutive runs as first-last."""
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _features(table: Table, target: str, transforms: list[str]) -> tuple[str, ...]:
    features: list[str] = []
    for column in table.columns:
        if column == target:
            continue
        if table.is_numeric(column):
            features.append(column)
        elif table.embedded:
            transforms.append(f"dropped text column {column}")
        else:
            entries = zip(table.lines, table.values[column], strict=True)
            line, entry = next((line, str(e)) for line, e in entries if parse_number(str(e)) is None)
            number = entry.replace(",", ".", 1)
            remedy = "remove the column or encode it as numbers"
            if parse_number(number) is not None:
                remedy = f"write decimals with a point, {number}"
            raise _error(
                table,
                f"feature column {column!r} is text (row {line}: {entry!r}), and features must be numbers: {remedy}",
            )
    if not features:
        raise _error(table, f"no feature column is left beside the target {target!r}")
    return tuple(features)


def _standardized(table: Table, X: _Floats, features: tuple[str, ...], transforms: list[str]) -> _Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        means, scales = X.mean(axis=0), X.std(axis=0)
        standardized: _Floats = (X - means) / np.where(scales > 0, scales, 1.0)
    for i, feature in enumerate(features):
        if X[:, i].min() == X[:, i].max() or scales[i] == 0:
            raise _error(
                table,
                f"feature column {feature!r} cannot be standardised: it is constant ({_text(X[0, i])}), "
                "so its scale is zero; remove the column or do not standardise",
            )
        if not (np.isfinite(scales[i]) and np.isfinite(standardized[:, i]).all()):
            raise _error(table, f"feature column {feature!r} cannot be standardised: its entries are too large")
        transforms.append(
            f"standardised {feature}: subtracted mean {_text(means[i])}, "
            f"divided by standard deviation {_text(scales[i])}"
        )
    return standardized


def _targets(
    table: Table,
    column: str,
    positive: str | None,
    loss: str,
    kept: npt.NDArray[np.intp],
    transforms: list[str],
) -> tuple[_Floats, tuple[str, ...]]:
    entries = table.values[column][kept]
    if positive is not None:
        if loss == "cross_entropy":
            raise _error(table, f"cross_entropy needs a whole column as target: --target {column}")
        return _one_against_rest(table, column, positive, entries, transforms)
    if loss in _SIGN_LOSSES:
        return _signs(table, column, loss, entries, transforms)
    if loss == "squared" and table.is_numeric(column):
        return entries.astype(np.float64)[:, np.newaxis], (column,)
    values = np.unique(entries)
    if loss == "cross_entropy" and len(values) < 2:
        raise _error(
            table,
            f"target column {column!r} is constant ({_text(values[0])}); cross_entropy needs two classes",
        )
    names = tuple(f"{column}={_text(value)}" for value in values)
    transforms.append(f"one-hot {column}: {', '.join(_text(value) for value in values)}")
    return (entries[:, np.newaxis] == values).astype(np.float64), names


def _one_against_rest(
    table: Table, column: str, positive: str, entries: Column, transforms: list[str]
) -> tuple[_Floats, tuple[str, ...]]:
    chosen = np.array([_text(entry) == positive for entry in entries])
    if chosen.all() or not chosen.any():
        have = "all rows" if chosen.all() else "none of the rows kept"
        raise _error(table, f"target {column}={positive} is constant: {have} have this value; two labels are needed")
    transforms.append(f"labels of {column}: {positive} -> +1, any other value -> -1")
    return np.where(chosen, 1.0, -1.0)[:, np.newaxis], (f"{column}={positive}",)


def _signs(
    table: Table, column: str, loss: str, entries: Column, transforms: list[str]
) -> tuple[_Floats, tuple[str, ...]]:
    values = np.unique(entries)
    if len(values) == 1:
        raise _error(table, f"target column {column!r} is constant ({_text(values[0])}); {loss} loss needs two values")
    if len(values) > 2:
        quantity = table.is_numeric(column) and len(values) > _SHOWN_VALUES
        raise _error(
            table,
            f"target column {column!r} has {len(values)} values ({_listed(entries)}); {loss} loss needs two: "
            f"{'for a quantity take --loss squared, or ' * quantity}choose one against the rest by "
            f"--target {column}={_text(values[0])} (or another value)",
        )
    low, high = (_text(value) for value in values)
    transforms.append(f"labels of {column}: {low} -> -1, {high} -> +1")
    return np.where(entries == values[1], 1.0, -1.0)[:, np.newaxis], (f"{column}={high}",)


def _listed(column: Column) -> str:
    values = np.unique(column)
    shown = ", ".join(_text(value) for value in values[:_SHOWN_VALUES])
    return shown if len(values) <= _SHOWN_VALUES else f"{shown}, ..."


def _text(value: object) -> str:
    """Write an entry as a person would: numbers that are whole without a decimal point, others exactly."""
    if isinstance(value, float):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    return str(value)


def _error(table: Table, reason: str) -> ValueError:
    return ValueError(f"{table.name}: {reason}")
