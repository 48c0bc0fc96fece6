"""The folder of a sweep: its manifest, its lock, and the journals of what is finished and what has failed."""

from __future__ import annotations

import json
import os
import platform
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from fa_theory.files import replacing

FORMAT = 1
MANIFEST, FINISHED, FAILED = "manifest.json", "finished.jsonl", "failed.jsonl"
_LOCK = ".lock"


class Journal:
    """Records, one a line, each with a checksum; appended to, so that a process killed at any moment tears one at most.

    A line is eight hexadecimal digits (CRC-32 of the rest), a space, and a JSON list whose first entry is the number of
    an instance. A line that is torn or does not fit its checksum is as if it were not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[list[Any]]:
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                content = line[9:].rstrip(b"\n")
                if line[8:9] == b" " and line[:8] == _checksum(content):
                    yield json.loads(content)

    @contextmanager
    def appending(self) -> Iterator[Appender]:
        """Open the journal for more records."""
        with self.path.open("ab", buffering=0) as stream:
            yield Appender(stream, self.path)


class Appender:
    """Appends records to a journal, each whole or not at all."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path = stream, path
        if stream.seek(0, os.SEEK_END):
            with path.open("rb") as written:
                written.seek(-1, os.SEEK_END)
                if written.read() != b"\n":
                    self._write(b"\n")  # ends a torn line, which its checksum then gives away

    def append(self, record: list[Any]) -> None:
        """Write a record.

        Raises
        ------
        OSError
            If it cannot be written, for want of space, say; the file is then as it was.
        """
        content = json.dumps(record).encode()
        self._write(_checksum(content) + b" " + content + b"\n")

    def _write(self, line: bytes) -> None:
        start, rest = self._stream.seek(0, os.SEEK_END), line
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            self._stream.truncate(start)
            raise OSError(error.errno, f"{self._path} cannot be written: {error.strerror}") from error


def _checksum(content: bytes) -> bytes:
    return f"{zlib.crc32(content):08x}".encode()


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Make the folder if need be, and hold its lock.

    The system drops the lock of a process that dies. Where the folder is shared and the system's lock is not, the host
    in the file still keeps two machines apart.

    Raises
    ------
    ValueError
        If another process holds it.
    OSError
        If the folder cannot be made.
    """
    import fcntl

    if not folder.parent.is_dir():
        raise ValueError(f"{folder} cannot be written: {folder.parent} is not a folder")
    folder.mkdir(exist_ok=True)
    with (folder / _LOCK).open("a+", encoding="utf-8") as lock:
        lock.seek(0)
        holder = lock.read().strip()
        host, _, process = holder.rpartition(" ")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"{folder} is being written by another sweep: process {process} on {host}; wait for it, or give "
                "another folder"
            ) from None
        here = socket.gethostname()
        if host not in ("", here):
            raise ValueError(
                f"{folder} is locked by process {process} on {host}, which cannot be looked up from {here}; if it is "
                f"over, remove {folder / _LOCK}"
            )
        lock.truncate(0)
        lock.write(f"{here} {os.getpid()}\n")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def settle_manifest(folder: Path, sweep: dict[str, Any], count: int, entries: tuple[str, ...]) -> None:
    """Write the manifest of a new sweep, or make sure that the folder holds this one.

    Raises
    ------
    ValueError
        If it holds another sweep, or something else.
    """
    path = folder / MANIFEST
    if not path.exists():
        strangers = sorted(
            each.name for each in folder.iterdir() if each.name != _LOCK and not each.name.endswith(".tmp")
        )
        if strangers:
            raise ValueError(f"{folder} holds no sweep but other files, such as {strangers[0]}; give another folder")
        manifest = {
            "format": FORMAT,
            "sweep": sweep,
            "instances": count,
            "columns": list(entries),
            "threads_per_process": 1,
            "environment": _environment(),
        }
        with replacing(path) as stream:
            stream.write(json.dumps(manifest, indent=1).encode())
        return
    there = read_manifest(folder)
    here = json.loads(json.dumps({"sweep": sweep, "environment": _environment()}))
    difference = _difference("", there["sweep"], here["sweep"]) or _difference(
        "environment", there.get("environment"), here["environment"]
    )
    if difference:
        raise ValueError(f"{folder} holds another sweep: {difference}; give another folder, or the same sweep")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest.

    Raises
    ------
    ValueError
        If there is none, or it cannot be read.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found = manifest["format"]
    except FileNotFoundError:
        raise ValueError(f"{folder} holds no sweep: there is no {MANIFEST}") from None
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is not the manifest of a sweep") from None
    if found != FORMAT:
        raise ValueError(f"{path} has format {found!r}; this version of fa_theory reads format {FORMAT}")
    return dict(manifest)


def _difference(name: str, there: Any, here: Any) -> str:
    """Return where two JSON values first differ, in words; nothing if they do not."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in dict.fromkeys([*there, *here]):
            found = _difference(key, there.get(key), here.get(key))
            if found:
                return found
        return ""
    shown = ["none" if each is None else json.dumps(each) for each in (there, here)]
    shown = [each if len(each) <= 60 else each[:56] + " ..." for each in shown]
    return "" if there == here else f"its {name} is {shown[0]}, not {shown[1]}"


def _environment() -> dict[str, str]:
    """Return what results may depend on in their last digits."""
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
    }
