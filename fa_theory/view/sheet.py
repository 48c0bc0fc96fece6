"""Sheets: tables as data, written for the terminal, as Markdown or as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_ROOM_FOR_REMARKS = 120
"""Columns of a terminal from which on remarks stand in the table; below, they follow it."""


@dataclass(frozen=True)
class Sheet:
    """A table of plain text with the sentences that stand below it.

    Attributes
    ----------
    headers : tuple of str
        One for each column.
    rows : tuple of tuples of str
        One cell for each header; without rows only the notes are shown.
    notes : tuple of str
        Sentences below the table; those that begin with two spaces are entries of a list.
    remarks : bool
        Whether the last column holds prose, which follows the table where the terminal is too narrow for it.
    wrapped : str
        A column beside the last whose cells may be broken.
    styles : mapping of str to str
        The colour of cells with that text, on a terminal.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    remarks: bool = False
    wrapped: str = ""
    styles: Mapping[str, str] = field(default_factory=dict)


def print_sheet(console: Console, sheet: Sheet) -> None:
    """Print a sheet on a terminal, as wide as it is."""
    below = sheet.remarks and console.width < _ROOM_FOR_REMARKS
    shown = len(sheet.headers) - below
    breakable = {sheet.headers[shown - 1], sheet.wrapped}
    room = console.width + 1  # nothing follows the last column but the edge
    tight = sum(_widths(sheet, shown, breakable)) > room
    widths = _widths(sheet, shown, set(sheet.headers) if tight else breakable)
    if sum(widths) > room:
        _print_lines(console, sheet)
        return
    # the edge is padding, not the box's: where pad_edge is false, Rich 13 makes room for padding that it leaves out
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for header, width in zip(sheet.headers[: shown - 1], widths, strict=False):
        table.add_column(header, no_wrap=header not in breakable and not tight, width=width - 3 if tight else None)
    table.add_column(sheet.headers[shown - 1], overflow="fold")
    for row in sheet.rows:
        table.add_row(*(_styled(cell, sheet.styles) for cell in row[:shown]))
    if sheet.rows:
        console.print()
        console.print(table)
        console.print()
    if below:
        for first, *_, remark in sheet.rows:
            if remark != "-":
                console.print(f"{first}: {remark}", markup=False, highlight=False)
    for note in sheet.notes:
        console.print(note, markup=False, highlight=False)


def _widths(sheet: Sheet, shown: int, breakable: set[str]) -> list[int]:
    """Return the widths, with what lies between, below which a table of the first columns would cut cells."""
    widths = []
    for header, *cells in zip(sheet.headers[:shown], *(row[:shown] for row in sheet.rows), strict=True):
        pieces = [piece for cell in (header, *cells) for piece in (cell.split() if header in breakable else [cell])]
        widths.append(max(map(cell_len, pieces)) + 3)
    return widths


def _print_lines(console: Console, sheet: Sheet) -> None:
    """Print what a table would have to cut as one paragraph for each row."""
    for first, *cells in sheet.rows:
        entries = zip(sheet.headers[1:], cells, strict=True)
        line = "; ".join(f"{header}: {cell}" for header, cell in entries if cell != "-")
        console.print(f"{first}: {line}", markup=False, highlight=False)
    for note in sheet.notes:
        console.print(note, markup=False, highlight=False)


def _styled(cell: str, styles: Mapping[str, str]) -> str:
    return f"[{styles[cell]}]{escape(cell)}[/]" if cell in styles else escape(cell)


def as_markdown(sheet: Sheet) -> str:
    """Return a sheet as a pipe table of Markdown, its notes as paragraphs and lists."""
    lines = []
    if sheet.rows:
        lines += [_pipes(sheet.headers), "|" + "---|" * len(sheet.headers), *map(_pipes, sheet.rows)]
    listed = False
    for note in sheet.notes:
        entry = note.startswith("  ")
        lines += [] if entry and listed else [""]
        lines.append(("- " if entry else "") + _escaped(note.strip()))
        listed = entry
    return "\n".join(lines).lstrip("\n") + "\n"


def _pipes(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    for mark in "\\|*_<`[]":
        text = text.replace(mark, "\\" + mark)
    return text.replace("\n", " ")


def as_csv(sheet: Sheet) -> str:
    """Return a sheet's headers and rows as comma-separated values (RFC 4180), without its notes."""
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([sheet.headers, *sheet.rows])
    return stream.getvalue()
