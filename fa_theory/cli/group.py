"""What holds for every command alike: how an interruption and a refused option are told."""

from __future__ import annotations

import re
import sys
from typing import Any

import typer
from typer.core import TyperGroup

INTERRUPTED = 130

# click's UsageError: newer typer vendors click and exports only the subclass
UsageError: Any = typer.BadParameter.__base__


class Commands(TyperGroup):
    """The commands; what ends one of them early is told here, as newer typer leaves an interruption without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command.

        Raises
        ------
        typer.Exit
            With status 130 if it was interrupted, after one line on stderr.
        ValueError
            If a value is refused; an option is named as it is typed.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            tell_interruption()
            raise typer.Exit(INTERRUPTED) from None
        except UsageError as error:
            if error.ctx is None:  # what reads the options does not know for which command
                command = self.commands[ctx.invoked_subcommand]
                error.ctx = typer.Context(command, parent=ctx, info_name=ctx.invoked_subcommand)
            raise
        except (ValueError, TypeError) as error:
            params = self.commands[ctx.invoked_subcommand].params
            raise ValueError(_as_typed(str(error), {flag for each in params for flag in each.opts})) from error


def tell_interruption(kept: str = "no file is left half written") -> None:
    """Say on stderr that a command was interrupted, and what of it is kept."""
    print(f"interrupted: the work was not finished; {kept}", file=sys.stderr)


def _as_typed(message: str, flags: set[str]) -> str:
    """Return what Python's functions say of an argument with the option that it was given by."""
    name = re.match(r"(\w+) must ", message)
    flag = "--" + name[1].replace("_", "-") if name else ""
    return flag + message[len(flag) - 2 :] if flag in flags else message
