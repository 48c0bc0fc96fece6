"""The command ``fa-theory falsify``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, TimeElapsedColumn

from fa_theory import __version__
from fa_theory.cli.options import completing
from fa_theory.cli.output import Format, JsonFile, TableFormat, check_writable, say, show
from fa_theory.cli.progress import progress_bar
from fa_theory.falsification import EVALUATIONS, droppable
from fa_theory.falsification import falsify as search_for_counterexample
from fa_theory.model import save_state
from fa_theory.statements import STATEMENTS
from fa_theory.view import table


def _typed(assumption: str) -> str:
    """Return the name of an assumption in a form that no shell cuts or quotes."""
    return assumption.replace(" ", "-").replace("'", "")


def _assumptions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return what a shell's completion asks: which assumptions of the statement begin as what was typed."""
    # an option that still waits for its value leaves the arguments unread
    given = [each for each in (ctx.params.get("statement"), *ctx.args) if each in STATEMENTS]
    return completing(*map(_typed, droppable(given[0])))(incomplete) if given else []


def falsify(
    statement: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="The statement; fa-theory theorems lists them.",
            autocompletion=completing(*STATEMENTS),
        ),
    ],
    *,
    drop: Annotated[
        str | None,
        typer.Option(
            help="Drop this assumption, with blanks or hyphens; a wrong name lists those that can be dropped.",
            autocompletion=_assumptions,
        ),
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
    form: TableFormat = Format.RICH,
    json_file: JsonFile = None,
) -> None:
    """Search tiny instances for one that breaks a statement; report the smallest slack. Exit status 1 if one does.

    Example: fa-theory falsify exponential-decay --drop "linearly independent samples" --save-state worst.npz
    """
    check_writable(json_file, save_state_file)
    if drop is not None:
        drop = {_typed(each): each for each in droppable(statement)}.get(drop, drop)
    with _progress(statement) as progress:
        found = search_for_counterexample(
            statement, drop=drop, seed=seed, evaluations=evaluations, seconds=seconds, progress=progress
        )
    document = {"version": __version__, "search": found.to_json()}
    try:
        if save_state_file is not None and found.instance is not None:
            save_state(save_state_file, found.instance.network, found.instance.problem)
    finally:  # a file that cannot be written takes away nothing else
        show([table.search_sheet(found, droppable(statement))], document, form, json_file)
    if found.instance is not None:
        say(form, f"run it again: {found.command(str(save_state_file or 'FILE.npz'))}")
    raise typer.Exit(int(found.refuted))


@contextmanager
def _progress(statement: str) -> Iterator[Any]:
    """Show how far the search is."""
    with progress_bar(BarColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task(statement, total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)
