"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a temporary binary file beside `path`; rename it to `path` on success, remove it on any failure.

    A device or a pipe (``/dev/stdout``) is written to directly.

    Raises
    ------
    OSError
        If the folder does not exist or is not writable.
    """
    target = Path(path)
    try:
        with _opened(target) as stream:
            yield stream
    except OSError as error:
        if error.errno is not None:  # else its words are all there is
            error.filename = str(target)  # a full disk names no file, others the temporary one
        raise


@contextmanager
def _opened(target: Path) -> Iterator[IO[bytes]]:
    if target.exists() and not target.is_file():
        with target.open("wb") as stream:
            yield stream
        return
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as stream:
            yield stream
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
