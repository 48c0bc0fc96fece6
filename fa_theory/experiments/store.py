"""Finished cells on disk: kept whole or not at all, and believed only if they are what was asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fa_theory import __version__
from fa_theory.experiments.settings import Row
from fa_theory.files import replacing


def cell_request(experiment: str, cell: Mapping[str, Any], fingerprints: tuple[str, ...]) -> dict[str, Any]:
    """Return all that a cell's rows depend on: experiment, options and seed, data, and this package's version."""
    return {"experiment": experiment, "version": __version__, "data": list(fingerprints), "cell": dict(cell)}


def cell_file(folder: Path, request: Mapping[str, Any]) -> Path:
    """Return where a cell is kept; cells that differ in anything have different files."""
    return folder / f"{_digest(request)[:32]}.json"


def read_cell(folder: Path, request: Mapping[str, Any]) -> list[Row] | None:
    """Return the rows of a finished cell; None where there is no file, or it is not whole or of another request."""
    try:
        record = json.loads(cell_file(folder, request).read_bytes())
        whole = record["request"] == request and record["digest"] == _digest(record["rows"])
        return list(record["rows"]) if whole else None
    # ValueError covers both text that is no JSON and bytes that are no text
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_cell(folder: Path, request: Mapping[str, Any], rows: list[Row]) -> None:
    """Keep the rows of a finished cell, by way of a temporary file, so that a file is never half a cell."""
    record = {"request": request, "rows": rows, "digest": _digest(rows)}
    with replacing(cell_file(folder, request)) as stream:
        stream.write(json.dumps(record, allow_nan=False).encode())


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()
