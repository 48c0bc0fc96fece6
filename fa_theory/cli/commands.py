"""The commands of ``fa-theory``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TimeElapsedColumn

from fa_theory import __version__
from fa_theory.bounds import all_bounds, sharpest, sharpest_first
from fa_theory.cli.check import check
from fa_theory.cli.discover import discover_command
from fa_theory.cli.experiment import experiment
from fa_theory.cli.falsify import falsify
from fa_theory.cli.group import INTERRUPTED, Commands, UsageError, tell_interruption
from fa_theory.cli.options import InstanceOptions, completing, make_instance, with_instance_options
from fa_theory.cli.output import Format, JsonFile, TableFormat, check_folder, check_writable, say, show
from fa_theory.cli.progress import progress_bar
from fa_theory.cli.prove import prove
from fa_theory.cli.refusal import system_refusal, usage_refusal
from fa_theory.cli.sweep import sweep
from fa_theory.dynamics import check_fit, decay_rates, recorded_steps, recorded_times, simulate
from fa_theory.ledger import proof_evidence
from fa_theory.model import BACKENDS, backend_namespace, save_state
from fa_theory.statements import STATEMENTS
from fa_theory.verification import (
    Instance,
    Report,
    bound_json,
    describe,
    run_suite,
    standard_suite,
    summarise,
    trajectory_json,
    without_decay,
)
from fa_theory.view import table

FINE, REFUTED, REFUSED, UNREAD = 0, 1, 2, 141

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Verify the theory of feedback alignment: conservation laws and convergence bounds, against simulation.",
    epilog="Exit status 0: fine, 1: something was refuted, rejected or not proved, 2: the input was refused (one line "
    "says why), 130: interrupted, 141: nobody read the output.",
)

Epsilon = Annotated[
    float | None, typer.Option(help="The loss to reach, for hitting-time (default half of the loss at the start)")
]
Rigorous = Annotated[
    bool, typer.Option("--rigorous", help="Enclose bounds, and losses where it can be done, in ball arithmetic.")
]
SaveState = Annotated[
    Path | None,
    typer.Option("--save-state", help="Write the start state that was used (.npz).", rich_help_panel="Output"),
]


@app.command()
@with_instance_options
def verify(
    *,
    options: InstanceOptions,
    epsilon: Epsilon = None,
    rigorous: Rigorous = False,
    jobs: Annotated[
        int | None, typer.Option(help="Processes that run the suite (default: one for each processor).", min=1)
    ] = None,
    form: TableFormat = Format.RICH,
    json_file: JsonFile = None,
    save_state_file: SaveState = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            help="Write what was enclosed, for fa-theory check to derive anew (implies --rigorous, one instance).",
            rich_help_panel="Output",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write a page with pictures (PNG, SVG, index.html) to this folder.", rich_help_panel="Output"
        ),
    ] = None,
) -> None:
    """Run an instance and judge every statement; without options, the standard suite over iris.

    Example: fa-theory verify --rule fa --activation leaky_relu:0.2 --loss logistic --time 20 --report report
    """
    check_writable(json_file, save_state_file, certificate)
    if report is not None:
        from fa_theory.view.page import check_writable as check_folder_writable

        check_folder_writable(report)
    single = bool(options.given.keys() - {"seed"}) or certificate is not None
    instances = (make_instance(options),) if single else standard_suite(options.seed or 0)
    if save_state_file is not None:
        if not single:
            raise ValueError("--save-state needs one instance; give its options (the suite has several)")
        save_state(save_state_file, instances[0].network, instances[0].problem)
    jobs = jobs or os.cpu_count() or 1
    reports, interrupted = _run(instances, epsilon, rigorous=rigorous or certificate is not None, jobs=jobs)
    failed: list[str] = []
    unfinished: list[str] = []
    if reports:
        document = reports[0].to_json() if single else _suite_json(reports, interrupted)
        sheets = [table.verdict_sheet(reports[0].verdicts if single else summarise(reports))]
        sentences = [f"run: {reports[0].trajectory.outcome.replace('_', ' ')}"] if single else []
        written, failed, unfinished = _write(_files(reports, certificate, report))
        for reason in failed:
            print(f"fa-theory: {reason}", file=sys.stderr)
        show(sheets if single else [table.runs_sheet(reports), *sheets], document, form, json_file)
        for sentence in sentences + written:
            say(form, sentence)
    if interrupted or unfinished:
        kept = f"{len(reports)} of {len(instances)} runs were finished and are kept"
        left = f"; not finished: {', '.join(unfinished)}" if unfinished else ""
        print(f"interrupted: {kept}{left}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)
    refuted = any(each.refuted for each in reports)
    raise typer.Exit(REFUSED if failed else REFUTED if refuted else FINE)


@app.command(name="simulate")
@with_instance_options
def simulate_command(
    *,
    options: InstanceOptions,
    store: Annotated[
        Path | None,
        typer.Option(
            help="Write recorded points of gd or sgd to this folder as the run goes; a stopped run goes on from there.",
            rich_help_panel="Output",
        ),
    ] = None,
    form: TableFormat = Format.RICH,
    json_file: JsonFile = None,
    save_state_file: SaveState = None,
    backend: Annotated[
        str | None,
        typer.Option(
            help=f"Where to compute: {' or '.join(BACKENDS)} (default numpy)", autocompletion=completing(*BACKENDS)
        ),
    ] = None,
) -> None:
    """Run an instance and write its trajectory.

    Example: fa-theory simulate --rule sign-fa --time 5 --points 51 --json run.json
    """
    check_writable(json_file, save_state_file)
    if store is not None:
        check_folder("--store", store)
    instance = make_instance(options)
    if backend is not None:
        backend_namespace(backend)  # refused before anything is written
    if save_state_file is not None:
        save_state(save_state_file, instance.network, instance.problem)
    run = instance.run if store is None else instance.run | {"store": store}
    try:
        with _progress((instance,)) as advance:
            trajectory = simulate(
                instance.network,
                instance.problem,
                progress=lambda part: advance(instance, part),
                backend=backend,
                **run,
            )
    except KeyboardInterrupt:
        if store is None:
            raise
        tell_interruption(f"points recorded so far are kept in {store}, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    document = {"instance": describe(instance), "trajectory": trajectory_json(trajectory)}
    show([table.trajectory_sheet(trajectory)], document, form, json_file)


@app.command()
@with_instance_options
def bound(
    *,
    options: InstanceOptions,
    epsilon: Epsilon = None,
    rigorous: Rigorous = False,
    form: TableFormat = Format.RICH,
    json_file: JsonFile = None,
) -> None:
    """Compute the bounds from the start and the data alone; nothing is simulated.

    Example: fa-theory bound --data measurements.csv --target yield --standardize --time 50
    """
    check_writable(json_file)
    instance = make_instance(options)
    check_fit(instance.network, instance.problem)
    run, step_size = instance.run, None
    points = int(run.get("points", 101))
    if run.get("method") == "gd":
        step_size = float(run.get("step_size", 0.01))
        times = [step * step_size for step in recorded_steps(int(run.get("steps", 1000)), points)]
    else:
        times = list(recorded_times(float(run.get("time", 10.0)), points))
    computed = all_bounds(instance.network, instance.problem, step_size=step_size, epsilon=epsilon)
    if rigorous:
        from fa_theory.verification.enclosed import enclosed_bounds

        computed = enclosed_bounds(instance.network, instance.problem, computed, step_size, epsilon)
    decay = decay_rates(run.get("weight_decay", 0.0), instance.network.depth)
    method = "flow" if step_size is None else "gd"
    bounds = sharpest_first((without_decay(each, decay) for each in computed), times[-1], method)
    best = sharpest(bounds, times[-1], method)
    rows = [bound_json(each, times) for each in bounds]
    document = {"instance": describe(instance), "bounds": rows, "sharpest": list(best)}
    show([table.bound_sheet(bounds, times[-1], best)], document, form, json_file)


@app.command()
def theorems(*, form: TableFormat = Format.RICH, json_file: JsonFile = None) -> None:
    """List the statements: id, title, source (paper or own), evidence available.

    Example: fa-theory theorems --json theorems.json
    """
    check_writable(json_file)
    rows = [asdict(each) | {"proof": proof_evidence(each.id)} for each in STATEMENTS.values()]
    show([table.statement_sheet()], {"theorems": rows}, form, json_file)


app.command()(prove)
app.command()(falsify)
app.command()(experiment)
app.command()(check)
app.command()(sweep)
app.command(name="discover")(discover_command)


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    """Verify the theory of feedback alignment: conservation laws and convergence bounds, against simulation."""
    if version:
        print(__version__)
        raise typer.Exit(FINE)


def _run(
    instances: tuple[Instance, ...], epsilon: float | None, *, rigorous: bool, jobs: int
) -> tuple[list[Report], bool]:
    reports: list[Report] = []
    try:
        with _progress(instances) as advance:
            reports.extend(run_suite(instances, advance, epsilon=epsilon, rigorous=rigorous, jobs=jobs))
    except KeyboardInterrupt:
        return reports, True
    return reports, False


@contextmanager
def _progress(instances: tuple[Instance, ...]) -> Iterator[Any]:
    """Show which instance runs and how far it is."""
    with progress_bar(SpinnerColumn(), BarColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task("starting", total=1.0)
        position = {id(each): k for k, each in enumerate(instances, start=1)}

        def advance(instance: Instance, fraction: float) -> None:
            name = f"{position[id(instance)]}/{len(instances)} {instance.name}"
            bar.update(task, description=name if fraction < 1 else f"{name}: judging", completed=fraction)

        yield advance


def _files(reports: list[Report], certificate: Path | None, folder: Path | None) -> dict[str, Callable[[], object]]:
    """Return what writes a certificate of the first run and a page about all, and returns where it is."""
    files: dict[str, Callable[[], object]] = {}
    if certificate is not None:
        files["certificate"] = partial(_write_certificate, certificate, reports[0])
    if folder is not None:
        files["report"] = partial(_write_report, folder, reports)
    return files


def _write(files: dict[str, Callable[[], object]]) -> tuple[list[str], list[str], list[str]]:
    """Write each; return where those are that were written, why others were not, and what an interruption left out."""
    written: list[str] = []
    failed: list[str] = []
    unfinished: list[str] = []
    for name, write in files.items():
        try:
            if unfinished:
                unfinished.append(name)
            else:
                written.append(f"{name}: {write()}")
        except KeyboardInterrupt:
            unfinished.append(name)
        except OSError as error:  # a file that cannot be written takes away nothing else
            failed.append(system_refusal(error))
    return written, failed, unfinished


def _write_certificate(file: Path, report: Report) -> Path:
    from fa_theory.verification.certificate import write_certificate

    write_certificate(file, report)
    return file


def _write_report(folder: Path, reports: list[Report]) -> Path:
    from fa_theory.view.page import write_report

    command = shlex.join(["fa-theory", *sys.argv[1:]])
    with progress_bar(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task("drawing the report", total=len(reports))
        return write_report(folder, reports, command=command, progress=lambda done: bar.update(task, completed=done))


def _suite_json(reports: list[Report], interrupted: bool) -> dict[str, Any]:
    """Return the summary over the suite, with each run whole under ``runs``; the trajectory is the first run's."""
    runs = [each.to_json() for each in reports]
    return {
        "instance": {
            "name": "standard suite over iris",
            "runs": [run["instance"]["name"] for run in runs],
            "interrupted": interrupted,
            "version": __version__,
        },
        "trajectory": {"run": runs[0]["instance"]["name"], **runs[0]["trajectory"]},
        "bounds": [{"run": run["instance"]["name"], **each} for run in runs for each in run["bounds"]],
        "results": [vars(row) | {"proof": proof_evidence(row.id)} for row in summarise(reports)],
        "runs": runs,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit status 0 fine, 1 something refuted, 2 input refused, 130 interrupted, 141 unread.

    Examples
    --------
    >>> from fa_theory.cli import main
    >>> try:  # doctest: +NORMALIZE_WHITESPACE
    ...     main(["discover", "--rule", "fa", "--shape", "1,1,1", "--format", "csv"])
    ... except SystemExit as end:
    ...     print("status", end.code)
    law,"formula in Python, indices from 0"
    neuron-law (neuron 1),"0.5 * (W1[0] @ W1[0]) - B2[0] @ W2[:, 0]"
    status 0
    """
    try:
        status = app(args=arguments, prog_name="fa-theory", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        tell_interruption()
        status = INTERRUPTED
    except SystemExit as stop:
        # what reads the output went away, as head does; left alone, that would look like a refutation
        status = UNREAD if isinstance(stop.__context__, BrokenPipeError) else stop.code
    except UsageError as error:
        if error.format_message():  # empty where only the help was asked for
            print(f"fa-theory: {usage_refusal(error)}", file=sys.stderr)
        status = REFUSED
    except OSError as error:
        print(f"fa-theory: {system_refusal(error)}", file=sys.stderr)
        status = REFUSED
    except (ValueError, TypeError, ArithmeticError, MemoryError) as error:
        print(f"fa-theory: {error}", file=sys.stderr)
        status = REFUSED
    sys.exit(status if isinstance(status, int) else FINE)
