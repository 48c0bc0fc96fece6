"""The command ``fa-theory sweep``."""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from fa_theory import __version__
from fa_theory.cli.options import InstanceOptions, completing, completing_several
from fa_theory.cli.output import Format, JsonFile, TableFormat, check_folder, check_writable, say, show
from fa_theory.cli.progress import progress_bar
from fa_theory.ledger import proof_evidence
from fa_theory.sweeps import Sweep
from fa_theory.sweeps import sweep as run_sweep
from fa_theory.sweeps.grid import WHAT
from fa_theory.view import table

_FINE, _REFUTED, _FAILED, _INTERRUPTED = 0, 1, 2, 130
_SHOWN = 3
_SWEEP = "Sweep"


def _with_axes(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes ``grid`` one parameter for each option of an instance, of several values each."""

    def with_options(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in InstanceOptions._fields}
        command(grid={name: value for name, value in given.items() if value is not None}, **arguments)

    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_several(name, hint))
        for name, hint in get_type_hints(InstanceOptions, include_extras=True).items()
    ]
    hints = inspect.get_annotations(command, eval_str=True)
    own = [
        parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(command).parameters.items()
        if name != "grid"
    ]
    # one that can be given by its place comes before those that cannot
    own.sort(key=lambda parameter: parameter.kind)
    first = [each for each in own if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
    with_options.__signature__ = inspect.Signature([*first, *parameters, *own[len(first) :]])  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in [*parameters, *own]}
    return with_options


def _several(name: str, hint: Any) -> Any:
    """Return the annotation of an option of an instance as one that takes a list: the same help, and text."""
    option = get_args(hint)[1]
    flags = ["--seeds", "--seed"] if name == "seed" else [f"--{name.replace('_', '-')}"]
    words = {"seed": "Seeds of the starts and of minibatches (default: one from each instance's options)"}
    flag = " yes, no or yes,no." if name in ("standardize", "biases") else ""
    per_layer = {"weight_decay": "Weight decay: rates, or one for each layer as in 0.1/0.2 (default none)"}
    text = (words | per_layer).get(name, option.help + flag)
    one = completing("yes", "no") if flag else option.autocompletion
    several = None if one is None else completing_several(one)
    return Annotated[
        str | None, typer.Option(*flags, help=text, rich_help_panel=option.rich_help_panel, autocompletion=several)
    ]


@_with_axes
def sweep(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder of the sweep; one that holds it goes on.")],
    *,
    grid: dict[str, str],
    sample: Annotated[
        int | None, typer.Option(help="Draw so many instances from the values and ranges.", rich_help_panel=_SWEEP)
    ] = None,
    sample_seed: Annotated[int, typer.Option(help="Seed of those draws.", rich_help_panel=_SWEEP)] = 0,
    what: Annotated[
        str,
        typer.Option(
            help="verify (judge every statement) or simulate (many times faster)",
            rich_help_panel=_SWEEP,
            autocompletion=completing(*WHAT),
        ),
    ] = "verify",
    curves: Annotated[
        bool, typer.Option("--curves", help="Keep the recorded times and losses.", rich_help_panel=_SWEEP)
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Processes, one thread each (default: one for each processor).", min=1, rich_help_panel=_SWEEP
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="A Dask cluster instead, as in tcp://10.0.0.1:8786.", rich_help_panel=_SWEEP
        ),
    ] = None,
    retry_failures: Annotated[
        bool, typer.Option("--retry-failures", help="Run again what failed before.", rich_help_panel=_SWEEP)
    ] = False,
    form: TableFormat = Format.RICH,
    json_file: JsonFile = None,
) -> None:
    """Run a grid of instances, or samples of one, into one dataset; what is finished is never run again.

    Options of an instance take several values: 4,8 or, for whole numbers, 0:100 (without the end); with --sample also
    ranges, 0.01..1 or 0.01..1:log. Exit status 1: a statement was refuted, 2: refused, or instances failed.

    Example: fa-theory sweep OUT --rule fa,sign-fa --width 4,8 --seeds 0:100 --what simulate
    """
    check_writable(json_file)
    check_folder("OUT", out)
    processors = os.cpu_count() or 1
    if jobs is not None and jobs > processors:
        print(f"note: {jobs} processes of one thread each share {processors} processors", file=sys.stderr)
    try:
        with _progress() as progress:
            found = run_sweep(
                grid,
                out,
                sample=sample,
                sample_seed=sample_seed,
                what=what,
                curves=curves,
                jobs=jobs,
                cluster=cluster,
                retry_failures=retry_failures,
                progress=progress,
            )
    except KeyboardInterrupt:
        print(f"interrupted: what was finished is kept in {out}; the same command goes on from there", file=sys.stderr)
        raise typer.Exit(_INTERRUPTED) from None
    rows = found.summarise()
    sheets = [table.outcome_sheet(found), *([table.verdict_sheet(rows)] if rows else [])]
    show(sheets, _document(found), form, json_file)
    refuted = found.refuted
    for number in refuted[:_SHOWN]:
        say(form, f"refuted by instance {number}: {_command(found, number)}")
    for failure in found.failures[:_SHOWN]:
        print(f"instance {failure.number} failed: {failure.error}", file=sys.stderr)
    if found.failures:
        print(f"{len(found.failures):,} of {len(found):,} failed: {out / 'failures.json'}", file=sys.stderr)
    raise typer.Exit(_REFUTED if refuted else _FAILED if found.failures else _FINE)


def _document(found: Sweep) -> dict[str, Any]:
    return {
        "version": __version__,
        "sweep": {"folder": str(found.folder), "instances": len(found), "outcomes": found.outcomes},
        "results": [vars(row) | {"proof": proof_evidence(row.id)} for row in found.summarise()],
        "refuted": list(found.refuted),
        "failures": [vars(each) for each in found.failures],
    }


def _command(found: Sweep, number: int) -> str:
    """Return the command that runs one instance of a sweep by itself."""
    words = ["fa-theory", "verify"]
    for name, value in found.options(number).items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [flag] if value else []
        else:
            words += [flag, str(value).replace("/", ",") if name == "weight_decay" else str(value)]
    return shlex.join(words)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show how many instances are done and an estimate of the time left."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with progress_bar(*columns) as bar:
        tasks: list[Any] = []

        def advance(done: int, count: int) -> None:
            if not tasks:  # what an earlier run did must not count as this one's speed
                tasks.append(bar.add_task("instances", total=count, completed=done))
            bar.update(tasks[0], completed=done)

        yield advance
