"""Where commands write: the terminal, and JSON files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fa_theory.files import replacing

_PIPE_WIDTH = 160

JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Write what the table shows, and more, as JSON.", rich_help_panel="Output")
]


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


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON values, whole or not at all; numbers that are not finite are refused."""
    with replacing(path) as stream:
        stream.write(json.dumps(values, indent=1, allow_nan=False).encode())
