"""The command ``fa-theory experiment``."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

from fa_theory.choices import not_among
from fa_theory.cli.options import RULES, completing, completing_several
from fa_theory.cli.output import Format, JsonFile, TableFormat, check_folder, check_writable, say, show
from fa_theory.cli.progress import progress_bar
from fa_theory.data import IMAGES
from fa_theory.files import replacing
from fa_theory.view.sheet import Sheet

if TYPE_CHECKING:
    from fa_theory.experiments import Finding

INTERRUPTED = 130
_NAMES = ("conservation", "alignment", "overfitting")
_DATA, _SIZES = "Data", "Sizes"
_STYLES = {"agrees": "green", "disagrees": "bold red", "undecided": "yellow", "no claim to compare": "dim"}


def experiment(
    name: Annotated[str, typer.Argument(metavar="NAME", help=", ".join(_NAMES), autocompletion=completing(*_NAMES))],
    *,
    data: Annotated[
        str,
        typer.Option(help=f"Images: {', '.join(IMAGES)}.", rich_help_panel=_DATA, autocompletion=completing(*IMAGES)),
    ] = "digits",
    path: Annotated[
        Path | None,
        typer.Option(help="Where mnist, cifar100 or tiny-imagenet lie on your disk.", rich_help_panel=_DATA),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Numbers of classes, as in 10, 2,5,10 or 2-10.", rich_help_panel=_SIZES)
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="How many seeds, from 0.", rich_help_panel=_SIZES)] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            help="Rules, as in backprop,fa,sign-fa,adafa:0.5,dfa.",
            rich_help_panel=_SIZES,
            autocompletion=completing_several(completing(*RULES)),
        ),
    ] = None,
    widths: Annotated[
        str | None, typer.Option(help="Neurons in a hidden layer, as in 32 or 2,8,32.", rich_help_panel=_SIZES)
    ] = None,
    step_sizes: Annotated[str | None, typer.Option(help="Step sizes, as in 0.1,0.05.", rich_help_panel=_SIZES)] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="Steps (conservation: with the largest step size; overfitting: at most).", rich_help_panel=_SIZES
        ),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples in a minibatch.", rich_help_panel=_SIZES)] = None,
    per_class: Annotated[
        int | None,
        typer.Option(help="Images of each class, at most, for training and for testing.", rich_help_panel=_SIZES),
    ] = None,
    samples: Annotated[int | None, typer.Option(help="Training samples (overfitting).", rich_help_panel=_SIZES)] = None,
    noise: Annotated[
        float | None, typer.Option(help="Part of the labels that is flipped (overfitting).", rich_help_panel=_SIZES)
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small sizes for a first look, in seconds.", rich_help_panel=_SIZES)
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for table, figures and finished cells (default: experiment-NAME).", rich_help_panel="Output"
        ),
    ] = None,
    form: TableFormat = Format.RICH,
    json_file: JsonFile = None,
) -> None:
    """Run one of the paper's experiments at this project's scale, and say what was claimed and what was found.

    The folder gets table.csv, experiment.json (seeds, versions, data, table, findings), and figures as SVG and PNG. A
    run that was interrupted goes on where it was when the same command is given again.

    Example: fa-theory experiment alignment --classes 2-5 --seeds 1 --out alignment
    """
    if name not in _NAMES:
        raise not_among("NAME", name, _NAMES)
    if data not in IMAGES:
        raise not_among("--data", data, IMAGES)
    from fa_theory.experiments import EXPERIMENTS, document, load_images, run_experiment, write_outcome
    from fa_theory.plots.experiments import experiment_figures
    from fa_theory.plots.style import picture

    chosen = EXPERIMENTS[name]
    given: dict[str, Any] = {
        "classes": _whole_numbers("--classes", classes),
        "seeds": seeds,
        "rules": tuple(dict.fromkeys(rules.split(","))) if rules is not None else None,
        "widths": _whole_numbers("--widths", widths),
        "step_sizes": _numbers("--step-sizes", step_sizes),
        "steps": steps,
        "batch_size": batch_size,
        "per_class": per_class,
        "samples": samples,
        "noise": noise,
    }
    given = {option: value for option, value in given.items() if value is not None}
    for option, value in given.items():
        if option not in chosen.uses:
            raise ValueError(f"--{option.replace('_', '-')} is not used by the experiment {name}, got {value}")
        if option in chosen.single and len(value) > 1:
            raise ValueError(f"--{option} must be one number for the experiment {name}, got {value}")
    settings = replace(chosen.quick if quick else chosen.settings, **given)
    check_writable(json_file)
    folder = out if out is not None else Path(f"experiment-{name}")
    check_folder("--out", folder)
    _check_same(name, folder)
    try:
        images = load_images(data, path, settings)
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from None
    command = _command(name, data, path, given, quick=quick)
    done = (0, 0)
    try:
        with _progress(name) as advance:

            def progress(finished: int, of: int) -> None:
                nonlocal done
                done = (finished, of)
                advance(finished, of)

            outcome = run_experiment(chosen, settings, images, folder, progress)
        write_outcome(outcome, folder, command)
        for stem, draw in experiment_figures(name, outcome.rows).items():
            for ending, content in zip(("svg", "png"), picture(draw), strict=True):
                with replacing(folder / f"{stem}.{ending}") as stream:
                    stream.write(content)
    except KeyboardInterrupt:
        print(
            f"interrupted: {done[0]} of {done[1]} cells are finished and kept in {folder}; the same command goes on",
            file=sys.stderr,
        )
        raise typer.Exit(INTERRUPTED) from None
    show([_sheet(outcome.findings, form)], document(outcome, command), form, json_file)
    kept = f", {outcome.kept} cells kept from before" if outcome.kept else ""
    if quick:
        say(form, "--quick tries everything at sizes too small to judge by: its verdicts are no findings")
    say(form, f"{chosen.title}, {images.train.name}: table, figures and JSON in {folder}{kept}")


def _sheet(findings: Sequence[Finding], form: Format) -> Sheet:
    """Return claims and verdicts; what was reported and found stands below on a terminal, else in columns."""
    if form is Format.RICH:
        notes = [
            line
            for each in findings
            for line in ("", each.claim, f"  The paper: {each.reported}.", f"  Here: {each.found}.")
        ]
        rows = tuple((each.claim, each.verdict) for each in findings)
        return Sheet(("claim", "verdict"), rows, tuple(notes), wrapped="claim", styles=_STYLES)
    rows_in_full = tuple((each.claim, each.verdict, each.reported, each.found) for each in findings)
    return Sheet(("claim", "verdict", "the paper reports", "found here"), rows_in_full)


def _check_same(name: str, folder: Path) -> None:
    """Raise ValueError if the folder holds the table of another experiment, which this one would replace."""
    file = folder / "experiment.json"
    if not file.exists():
        return
    try:
        held = json.loads(file.read_text(encoding="utf-8"))["experiment"]
    except (ValueError, TypeError, KeyError):
        held = "something else"
    if held != name:
        raise ValueError(
            f"--out {folder} holds {held} already ({file}); for {name} type another folder, as in "
            f"--out {folder.with_name(f'{folder.name}-{name}')}"
        )


def _command(name: str, data: str, path: Path | None, given: dict[str, Any], *, quick: bool) -> str:
    """Return the command that runs the same in any folder; its results go to the folder it is given in."""
    words = ["fa-theory", "experiment", name, "--data", data]
    words += [] if path is None else ["--path", str(path.resolve())]
    for option, value in given.items():
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        words += [f"--{option.replace('_', '-')}", shown]
    return shlex.join([*words, "--quick"] if quick else words)


def _whole_numbers(option: str, given: str | None) -> tuple[int, ...] | None:
    """Return the numbers of "3", "2,5" or "2-10", in order, each once; None where nothing was given."""
    if given is None:
        return None
    numbers: set[int] = set()
    for part in given.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)) or len(part) > 12:
            raise ValueError(f"{option} must be whole numbers as in 10, 2,5 or 2-10, got {given!r}")
        low, high = int(first), int(last or first)
        if not low <= high <= low + 1000:
            raise ValueError(f"{option} must be ranges that rise, of at most 1000 numbers, got {given!r}")
        numbers.update(range(low, high + 1))
    return tuple(sorted(numbers))


def _numbers(option: str, given: str | None) -> tuple[float, ...] | None:
    if given is None:
        return None
    try:
        return tuple(dict.fromkeys(float(part) for part in given.split(",")))
    except ValueError:
        raise ValueError(f"{option} must be numbers as in 0.1,0.05, got {given!r}") from None


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many cells are finished."""
    with progress_bar(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task(name, total=None)
        yield lambda finished, of: bar.update(task, completed=finished, total=of)
