"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from rich import box
from rich.console import Console
from rich.table import Table

from fa_theory.bounds import Bound
from fa_theory.dynamics import OUTCOMES, Trajectory
from fa_theory.falsification import Search
from fa_theory.ledger import proof_evidence
from fa_theory.statements import STATEMENTS
from fa_theory.verification import Report


def _table(*headers: str, wrapped: str = "") -> Table:
    """Return a table whose last column wraps, and the one named `wrapped`."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header, no_wrap=header not in (headers[-1], wrapped), overflow="fold")
    return table


_STYLES = {"holds": "green", "refuted": "bold red", "undecided": "yellow", "not_applicable": "dim"}


class _Row(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def evidence(self) -> str | None: ...
    @property
    def margin(self) -> float | None: ...
    @property
    def detail(self) -> str: ...


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


_ROOM_FOR_NOTES = 120
"""Columns of a terminal from which on notes stand in the table; below, they follow it."""


def _print_with_notes(console: Console, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose last column holds notes; where the terminal is too narrow, print them below it."""
    beside = console.width >= _ROOM_FOR_NOTES
    table = _table(*(headers if beside else headers[:-1]))
    for row in rows:
        table.add_row(*(row if beside else row[:-1]))
    console.print(table)
    if not beside:
        for name, *_, note in rows:
            if note != "-":
                console.print(f"{name}: {note}", highlight=False)


def print_verdicts(console: Console, rows: Iterable[_Row]) -> None:
    """Print one row for each statement: id, verdict, whether it is proved for every size, evidence, margin, detail."""
    cells = [
        (
            row.id,
            f"[{_STYLES[row.verdict]}]{row.verdict.replace('_', ' ')}[/]",
            proof_evidence(row.id) or "-",
            row.evidence or "-",
            _number(row.margin),
            row.detail.replace("[", r"\["),
        )
        for row in rows
    ]
    _print_with_notes(console, ("statement", "verdict", "proof", "evidence", "margin", "detail"), cells)


def print_runs(console: Console, reports: Sequence[Report]) -> None:
    """Print one row for each run: name, size, loss from start to end, error estimate, how it ended."""
    table = _table("run", "samples", "widths", "loss at start", "at the end", "error estimate", "outcome")
    for report in reports:
        run = report.trajectory
        table.add_row(
            report.instance.name.replace("[", r"\["),
            str(report.instance.problem.n_samples),
            "-".join(map(str, report.instance.network.widths)),
            _number(run.loss[0]) if len(run.loss) else "-",
            _number(run.loss[-1]) if len(run.loss) else "-",
            f"{max(run.error):.1e}" if len(run.error) else "-",
            run.outcome.replace("_", " "),
        )
    console.print(table)


def print_trajectory(console: Console, trajectory: Trajectory, rows: int = 11) -> None:
    """Print time, loss and error estimate at about `rows` recorded times, and how the run ended."""
    table = _table("t", "loss", "error estimate")
    count = len(trajectory.t)
    for k in sorted({round(i * (count - 1) / (rows - 1)) for i in range(rows)} if count else ()):
        table.add_row(_number(trajectory.t[k]), f"{trajectory.loss[k]:.10g}", f"{trajectory.error[k]:.1e}")
    console.print(table)
    kinds = [event.kind for event in trajectory.events]
    events = ", ".join(f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds))
    console.print(
        f"{trajectory.n_steps} steps; {OUTCOMES[trajectory.outcome]}" + (f"; events: {events}" if events else "")
    )
    if not trajectory.unique:
        console.print("The flow is not unique: at an event marked unique = false it could have gone on in another way.")


def print_bounds(console: Console, bounds: Sequence[Bound], end: float, sharpest: Sequence[str] = ()) -> None:
    """Print one row for each bound: whether it applies, its rate, its value at the start and the end.

    Those whose ids are in `sharpest` are said to be so.
    """
    rows = []
    for bound in bounds:
        first, last = bound([0.0, end]) if bound.applicable else (None, None)
        note = "; ".join(f"{each.name} (margin {each.margin:.3g})" for each in bound.failed)
        if bound.applicable and bound.epsilon is not None:
            note = f"loss {bound.epsilon:.4g} by t = {_number(bound.time)}"
        if bound.applicable and bound.step_size is not None:
            note = f"step size at most {bound.step_size:.4g}"
        if bound.id in sharpest:
            note = f"sharpest on the {bound.quantity.replace('_', ' ')} at t = {end:g}" + (f"; {note}" if note else "")
        cells = (
            bound.id,
            "yes" if bound.applicable else "undecided" if bound.undecided else "no",
            _number(bound.rate if bound.applicable else None),
            bound.quantity.replace("_", " "),
            _number(first),
            _number(last),
            note.replace("[", r"\[") or "-",
        )
        rows.append(cells)
    headers = ("bound", "applies", "rate", "on", "at t = 0", f"at t = {end:g}", "what fails, or is promised")
    _print_with_notes(console, headers, rows)


def print_statements(console: Console) -> None:
    """Print one row for each statement: id, title, source, evidence that this version can give."""
    table = _table("statement", "title", "source", "evidence", wrapped="title")
    for each in STATEMENTS.values():
        evidence = (*each.evidence, *filter(None, [proof_evidence(each.id)]))
        table.add_row(each.id, each.title, each.source, ", ".join(evidence))
    console.print(table)


class _CheckedProof(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def evidence(self) -> str: ...
    @property
    def failure(self) -> str: ...
    @property
    def steps(self) -> int: ...
    @property
    def controls(self) -> int: ...
    @property
    def by_hand(self) -> tuple[str, ...]: ...
    @property
    def cites(self) -> tuple[str, ...]: ...
    @property
    def seconds(self) -> float: ...


def print_proofs(console: Console, checked: Sequence[_CheckedProof]) -> None:
    """Print one row for each proof, then what is left by hand and which textbook theorems are taken as they are."""
    rows = []
    for each in checked:
        style = "green" if each.status == "proved" else "bold red"
        numbers = (str(each.steps), str(each.controls), f"{each.seconds:.1f}")
        evidence = (each.failure or each.evidence).replace("[", r"\[")
        rows.append((each.id, f"[{style}]{each.status}[/]", *numbers, evidence))
    _print_with_notes(console, ("proof", "status", "steps", "controls", "seconds", "evidence"), rows)
    by_hand = [f"{each.id}: {name}" for each in checked for name in each.by_hand]
    _print_list(console, "left by hand", by_hand)
    _print_list(console, "textbook theorems used", sorted({name for each in checked for name in each.cites}))


def _print_list(console: Console, heading: str, entries: Sequence[str]) -> None:
    console.print(f"{heading}:" + (" none" if not entries else ""))
    for entry in entries:
        console.print("  " + entry.replace("[", r"\["), highlight=False)


def print_search(console: Console, search: Search, droppable: Sequence[str]) -> None:
    """Print what a search for a counterexample found: verdict, smallest slack, instances, and on which one."""
    table = _table("statement", "without", "counterexample", "smallest slack", "instances", "detail")
    table.add_row(
        search.statement,
        search.dropped or "-",
        "[bold red]found[/]" if search.refuted else "[green]none found[/]",
        _number(search.slack),
        f"{search.tried} tried, {search.admissible} admissible",
        search.detail.replace("[", r"\["),
    )
    console.print(table)
    console.print(f"slack: {search.unit}; ended by: {search.stopped}, after {search.seconds:.1f} s, seed {search.seed}")
    if search.doubtful:
        console.print(f"{search.doubtful} seeming counterexamples vanished at a hundredth of the integrator's error")
    if search.stopped == "time":
        console.print("a search that time ends is not reproducible; --evaluations alone makes it so")
    if droppable and search.dropped is None:
        console.print(f"assumptions that can be dropped: {', '.join(map(repr, droppable))}")
