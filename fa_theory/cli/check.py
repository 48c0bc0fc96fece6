"""The command ``fa-theory check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fa_theory.choices import not_readable

REJECTED, UNREADABLE = 1, 2
_ALLOWED = "FILE must be a certificate, as fa-theory verify --certificate FILE writes it"


def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="A certificate of fa-theory verify.")]) -> None:
    """Check a certificate: derive every claim anew from the instance in it, in ball arithmetic.

    Exit status 0: accepted, 1: rejected, with the first reason, 2: the file cannot be read as a certificate.

    Example: fa-theory check certificate.json
    """
    from fa_theory.checker import RejectedError, UnreadableError, check_certificate

    try:
        with file.open("rb") as stream:
            if not stream.read(1):
                raise ValueError(f"{file}: the file is empty; {_ALLOWED}")
    except OSError as error:
        raise not_readable(file, error, _ALLOWED) from None
    try:
        print(f"accepted: {check_certificate(file)}")
    except RejectedError as rejected:
        print(f"fa-theory: {file} is rejected: {rejected}", file=sys.stderr)
        raise typer.Exit(REJECTED) from None
    except UnreadableError as unreadable:
        print(f"fa-theory: {unreadable}; {_ALLOWED}", file=sys.stderr)
        raise typer.Exit(UNREADABLE) from None
