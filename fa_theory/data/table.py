"""Tables of named columns, read strictly: a file is understood as a whole, or its fault is named."""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from os import PathLike, fspath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fa_theory.choices import not_readable

if TYPE_CHECKING:
    from _csv import Reader

Column: TypeAlias = npt.NDArray[np.float64] | npt.NDArray[np.str_]

_DELIMITERS = (",", ";", "\t")
_MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of equal length, each all numbers or all text.

    Attributes
    ----------
    name : str
        Where the table comes from: the path of the file, or ``"iris"``.
    columns : tuple of str
        The names, in the order of the file.
    values : mapping of str to array, each of shape (N,)
        Read-only columns: float64 if every entry of the column is a finite number, else strings.
    lines : tuple of int
        The 1-based line of the file on which each row starts.
    embedded : bool
        Whether this is the data set shipped with the package, which has default targets.

    Examples
    --------
    >>> from fa_theory.data import load_iris
    >>> table = load_iris()
    >>> len(table), table.is_numeric("petal_width"), table.is_numeric("species")
    (150, True, False)
    """

    name: str
    columns: tuple[str, ...]
    values: Mapping[str, Column]
    lines: tuple[int, ...]
    embedded: bool = False

    def __len__(self) -> int:
        """Return the number of rows N."""
        return len(self.lines)

    def is_numeric(self, column: str) -> bool:
        """Return whether every entry of `column` is a number."""
        return bool(self.values[column].dtype.kind == "f")


def load_iris() -> Table:
    """Return Fisher's iris: 150 flowers, four lengths in centimetres and the species.

    Returns
    -------
    Table
        Columns sepal_length, sepal_width, petal_length, petal_width, species (setosa, versicolor, virginica;
        50 rows of each, in this order).

    Examples
    --------
    >>> from fa_theory.data import load_iris
    >>> iris = load_iris()
    >>> iris.columns
    ('sepal_length', 'sepal_width', 'petal_length', 'petal_width', 'species')
    >>> round(float(iris.values["petal_width"].mean()), 2)  # centimetres
    1.2
    """
    content = files("fa_theory.data").joinpath("iris.csv").read_bytes()
    return _parse(content, "iris", embedded=True)


def read_csv(path: str | PathLike[str]) -> Table:
    r"""Read a CSV file whose first row names the columns.

    The text is UTF-8 (with or without byte order mark), with any line ends; the delimiter is the one of
    comma, semicolon and tab that splits the header into most columns. Cells may be quoted; surrounding spaces
    are dropped, and so are blank lines at the end.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Table
        Its columns; `Table.name` is `path` as given.

    Raises
    ------
    OSError
        If the file is missing, is a folder or cannot be read.
    ValueError
        In one line that names file, row and column, if the file is not UTF-8 text, is empty, has no data
        rows, has no header, has column names that are empty or appear twice, has rows longer or shorter than
        the header, or has entries that are missing or infinite.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from fa_theory.data import read_csv
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "measured.csv")
    ...     _ = file.write_text("height,species\n1.5,oak\n2,elm\n")
    ...     table = read_csv(file)
    >>> table.values["height"].tolist(), table.values["species"].tolist()
    ([1.5, 2.0], ['oak', 'elm'])
    """
    name = fspath(path)
    try:
        with open(name, "rb") as file:
            content = file.read()
    except OSError as error:
        raise not_readable(name, error, "the data must be a CSV file whose first row names the columns") from None
    return _parse(content, name, embedded=False)


def _parse(content: bytes, name: str, *, embedded: bool) -> Table:
    text = _decode(content, name)
    records = list(_records(text, _delimiter(text), name))
    while records and not any(records[-1][1]) and len(records[-1][1]) <= 1:
        records.pop()
    if not records:
        raise _error(name, "the file is empty; its first row must name the columns")
    (header_line, header), *body = records
    _check_header(header, header_line, name)
    if not body:
        raise _error(name, f"row {header_line} names the columns, but no data rows follow")
    for line, cells in body:
        if len(cells) != len(header):
            short = len(cells) < len(header)
            why = f"column {header[len(cells)]!r} is absent" if short else "the last ones have no column name"
            raise _error(name, f"row {line} has {len(cells)} cells, the header {len(header)}: {why}")
        for column, cell in zip(header, cells, strict=True):
            _check_cell(cell, f"row {line}, column {column!r}", name)
    entries = zip(*(cells for _, cells in body), strict=True)
    values = {column: _column(cells) for column, cells in zip(header, entries, strict=True)}
    lines = tuple(line for line, _ in body)
    return Table(name, tuple(header), MappingProxyType(values), lines, embedded)


def _decode(content: bytes, name: str) -> str:
    nul = content.find(b"\0")
    if nul >= 0:
        row = content.count(b"\n", 0, nul) + 1
        raise _error(name, f"row {row} contains a NUL byte: this is not UTF-8 text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise _error(
            name, f"row {row} contains byte 0x{byte:02x}: this is not UTF-8 text; save the file as UTF-8"
        ) from None


def _delimiter(text: str) -> str:
    def columns(mark: str, *, strict: bool) -> int:
        try:
            return len(next(_reader(text, mark, strict=strict), []))
        except csv.Error:
            return 0

    best = max(_DELIMITERS, key=lambda mark: columns(mark, strict=True))
    if columns(best, strict=True) > 1:
        return best
    # A fault in the header must be reported for the delimiter it was meant for.
    return max(_DELIMITERS, key=lambda mark: columns(mark, strict=False))


def _reader(text: str, delimiter: str, *, strict: bool = True) -> "Reader":
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=strict)


def _records(text: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    reader = _reader(text, delimiter)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _error(name, f"row {line} is not valid CSV: {error}") from None
        yield line, [cell.strip() for cell in cells]


def _check_header(header: list[str], line: int, name: str) -> None:
    if not header:
        raise _error(name, f"row {line} is blank; it must name the columns")
    first: dict[str, int] = {}
    for position, column in enumerate(header, start=1):
        if not column:
            raise _error(name, f"row {line}, column {position}: the column has no name")
        if column in first:
            raise _error(
                name,
                f"row {line}: column name {column!r} appears twice (columns {first[column]} and {position})",
            )
        first[column] = position
    if all(parse_number(column) is not None for column in header):
        names = ",".join([f"x{k}" for k in range(1, min(len(header), 3))] + ["..."] * (len(header) > 3) + ["y"])
        raise _error(
            name,
            f"row {line} must name the columns, but holds only numbers, the first {header[0]!r}; "
            f"write a first row such as {names}",
        )


def _check_cell(cell: str, place: str, name: str) -> None:
    number = parse_number(cell)
    if cell.lower() in _MISSING or (number is not None and math.isnan(number)):
        raise _error(name, f"{place}: the value is missing ({cell!r}); remove the row or fill it in")
    if number is not None and math.isinf(number):
        raise _error(name, f"{place}: {cell!r} is infinite or too large; entries must be finite")


def parse_number(cell: str) -> float | None:
    """Return the number that a cell holds, infinite and NaN included, or None if it holds text."""
    # float() also takes "1_000" and non-ASCII digits, which in a data file are more likely labels.
    if "_" in cell or not cell.isascii():
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _column(cells: tuple[str, ...]) -> Column:
    numbers = [parse_number(cell) for cell in cells]
    column: npt.NDArray[Any] = np.array(cells if None in numbers else numbers)
    column.setflags(write=False)
    return column


def _error(name: str, reason: str) -> ValueError:
    return ValueError(f"{name}: {reason}")
