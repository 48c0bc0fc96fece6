"""Where commands write: tables on the standard output in the format asked for, and JSON files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fa_theory.files import replacing
from fa_theory.view.sheet import Sheet, as_csv, as_markdown, print_sheet

_PIPE_WIDTH = 160

JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Write what the table shows, and more, as JSON.", rich_help_panel="Output")
]


class Format(StrEnum):
    """How tables are printed."""

    RICH = "rich"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"


TableFormat = Annotated[
    Format,
    typer.Option(
        "--format",
        help="How tables are printed: rich (for a terminal), markdown, csv (the last table only), or json (what --json "
        "writes).",
        rich_help_panel="Output",
    ),
]


def show(sheets: Sequence[Sheet], document: dict[str, Any], form: Format, json_file: Path | None) -> None:
    """Write the document to a file; then print sheets, or the document that goes with them, in the format asked for.

    A command calls this last: what reads the output may go away, as head does, and that ends the command. A document
    that cannot be written takes no table away.
    """
    try:
        if json_file is not None:
            write_json(json_file, document)
    finally:
        _print(sheets, document, form)


def _print(sheets: Sequence[Sheet], document: dict[str, Any], form: Format) -> None:
    if form is Format.RICH:
        console = console_for_tables()
        for sheet in sheets:
            print_sheet(console, sheet)
    elif form is Format.MARKDOWN:
        sys.stdout.write("\n".join(map(as_markdown, sheets)))
    elif form is Format.CSV:
        sys.stdout.write(as_csv(sheets[-1]))
    else:
        sys.stdout.write(_json(document) + "\n")


def say(form: Format, sentence: str) -> None:
    """Print a sentence that belongs to no table: to stderr where the standard output is to be read by a program."""
    print(sentence, file=sys.stderr if form in (Format.CSV, Format.JSON) else sys.stdout)


def console_for_tables() -> Console:
    """Return the console for tables; a pipe or a file gets lines of a fixed, generous width."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=_PIPE_WIDTH)


def check_writable(*files: Path | None) -> None:
    """Raise ValueError if one of the files cannot be written, before any work is done."""
    for path in files:
        if path is not None and not path.parent.is_dir():
            raise ValueError(f"{path} cannot be written: {path.parent} is not a folder")
        if path is not None and path.is_dir():
            raise ValueError(f"{path} cannot be written: it is a folder")


def check_folder(name: str, folder: Path) -> None:
    """Raise ValueError if the folder that an option names cannot be made or used, before any work is done."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{name} {folder} must be a folder, but it is a file")
    if not folder.parent.is_dir():
        raise ValueError(f"{name} {folder} cannot be made: {folder.parent} is not a folder")


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON values, whole or not at all; numbers that are not finite are refused."""
    with replacing(path) as stream:
        stream.write(_json(values).encode())


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1, allow_nan=False)
