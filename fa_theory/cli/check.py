"""The command ``fa-theory check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

REJECTED, UNREADABLE = 1, 2


def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="A certificate of fa-theory verify.")]) -> None:
    """Check a certificate: derive every claim anew from the instance in it, in ball arithmetic.

    Exit status 0: accepted, 1: rejected, with the first reason, 2: the file cannot be read as a certificate.

    Example: fa-theory check certificate.json
    """
    from fa_theory.checker import RejectedError, UnreadableError, check_certificate

    try:
        print(f"accepted: {check_certificate(file)}")
    except RejectedError as rejected:
        print(f"fa-theory: {file} is rejected: {rejected}", file=sys.stderr)
        raise typer.Exit(REJECTED) from None
    except UnreadableError as unreadable:
        print(f"fa-theory: {unreadable}", file=sys.stderr)
        raise typer.Exit(UNREADABLE) from None
