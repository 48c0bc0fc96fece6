"""The command ``fa-theory falsify``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from fa_theory import __version__
from fa_theory.cli.output import JsonFile, check_writable, console_for_tables, write_json
from fa_theory.falsification import EVALUATIONS, droppable
from fa_theory.falsification import falsify as search_for_counterexample
from fa_theory.model import save_state
from fa_theory.view import table


def falsify(
    statement: Annotated[str, typer.Argument(metavar="ID", help="The statement.")],
    *,
    drop: Annotated[
        str | None, typer.Option(help="Drop this assumption; a wrong name lists those that can be dropped.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
    evaluations: Annotated[int, typer.Option(help="The largest number of instances.")] = EVALUATIONS,
    seconds: Annotated[
        float | None, typer.Option(help="A limit on the time; what it ends is not reproducible.")
    ] = None,
    save_state_file: Annotated[
        Path | None,
        typer.Option(
            "--save-state", help="Write the instance with the smallest slack (.npz).", rich_help_panel="Output"
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Search tiny instances for one that breaks a statement; report the smallest slack. Exit status 1 if one does.

    Example: fa-theory falsify exponential-decay --drop "linearly independent samples" --save-state worst.npz
    """
    check_writable(json_file, save_state_file)
    with _progress(statement) as progress:
        found = search_for_counterexample(
            statement, drop=drop, seed=seed, evaluations=evaluations, seconds=seconds, progress=progress
        )
    if save_state_file is not None and found.instance is not None:
        save_state(save_state_file, found.instance.network, found.instance.problem)
    console = console_for_tables()
    table.print_search(console, found, droppable(statement))
    if found.instance is not None:
        console.print(
            f"run it again: {found.command(str(save_state_file or 'FILE.npz'))}", soft_wrap=True, highlight=False
        )
    if json_file is not None:
        write_json(json_file, {"version": __version__, "search": found.to_json()})
    raise typer.Exit(int(found.refuted))


@contextmanager
def _progress(statement: str) -> Iterator[Any]:
    """Show how far the search is, on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(statement.replace("[", r"\["), total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)
