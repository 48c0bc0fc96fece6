"""The sheets that commands show, one function for each kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from fa_theory.bounds import Bound
from fa_theory.dynamics import OUTCOMES, Trajectory
from fa_theory.falsification import Search
from fa_theory.ledger import proof_evidence
from fa_theory.statements import STATEMENTS
from fa_theory.sweeps import Sweep
from fa_theory.verification import Report
from fa_theory.view.sheet import Sheet

_VERDICTS = {"holds": "green", "refuted": "bold red", "undecided": "yellow", "not applicable": "dim"}
_PROOFS = {"proved": "green", "failed": "bold red"}
_SEARCHES = {"found": "bold red", "none found": "green"}


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


def verdict_sheet(rows: Iterable[_Row]) -> Sheet:
    """One row for each statement: id, verdict, whether it is proved for every size, evidence, margin, detail."""
    cells = tuple(
        (
            row.id,
            row.verdict.replace("_", " "),
            proof_evidence(row.id) or "-",
            row.evidence or "-",
            _number(row.margin),
            row.detail,
        )
        for row in rows
    )
    headers = ("statement", "verdict", "proof", "evidence", "margin", "detail")
    return Sheet(headers, cells, remarks=True, styles=_VERDICTS)


def runs_sheet(reports: Sequence[Report]) -> Sheet:
    """One row for each run: name, size, loss from start to end, error estimate, how it ended."""
    rows = []
    for report in reports:
        run = report.trajectory
        rows.append(
            (
                report.instance.name,
                str(report.instance.problem.n_samples),
                "-".join(map(str, report.instance.network.widths)),
                _number(run.loss[0]) if len(run.loss) else "-",
                _number(run.loss[-1]) if len(run.loss) else "-",
                f"{max(run.error):.1e}" if len(run.error) else "-",
                run.outcome.replace("_", " "),
            )
        )
    headers = ("run", "samples", "widths", "loss at start", "at the end", "error estimate", "outcome")
    return Sheet(headers, tuple(rows))


def outcome_sheet(sweep: Sweep) -> Sheet:
    """One row for each way in which instances of a sweep ended: how many, and the largest errors and drifts."""
    rows = []
    for outcome, count in sweep.outcomes.items():
        chosen = sweep["status"] == "failed" if outcome == "failed" else sweep["outcome"] == outcome
        largest = [max(sweep[name][chosen]) for name in ("error_end", "law_drift")]
        cells = ["-" if np.isnan(each) else f"{each:.1e}" for each in largest]
        rows.append((outcome.replace("_", " "), f"{count:,}", *cells))
    return Sheet(("outcome", "instances", "largest error estimate", "largest relative drift of C_i"), tuple(rows))


def trajectory_sheet(trajectory: Trajectory, rows: int = 11) -> Sheet:
    """Time, loss and error estimate at about `rows` recorded times, and how the run ended."""
    count = len(trajectory.t)
    chosen = sorted({round(i * (count - 1) / (rows - 1)) for i in range(rows)} if count else ())
    cells = tuple(
        (_number(trajectory.t[k]), f"{trajectory.loss[k]:.10g}", f"{trajectory.error[k]:.1e}") for k in chosen
    )
    kinds = [event.kind for event in trajectory.events]
    events = ", ".join(f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds))
    notes = [f"{trajectory.n_steps} steps; {OUTCOMES[trajectory.outcome]}" + (f"; events: {events}" if events else "")]
    if not trajectory.unique:
        notes.append("The flow is not unique: at an event marked unique = false it could have gone on in another way.")
    return Sheet(("t", "loss", "error estimate"), cells, tuple(notes))


def bound_sheet(bounds: Sequence[Bound], end: float, sharpest: Sequence[str] = ()) -> Sheet:
    """One row for each bound: whether it applies, its rate, its value at the start and the end.

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
        rows.append(
            (
                bound.id,
                "yes" if bound.applicable else "undecided" if bound.undecided else "no",
                _number(bound.rate if bound.applicable else None),
                bound.quantity.replace("_", " "),
                _number(first),
                _number(last),
                note or "-",
            )
        )
    headers = ("bound", "applies", "rate", "on", "at t = 0", f"at t = {end:g}", "what fails, or is promised")
    return Sheet(headers, tuple(rows), remarks=True)


def statement_sheet() -> Sheet:
    """One row for each statement: id, title, source, evidence that this version can give."""
    rows = tuple(
        (each.id, each.title, each.source, ", ".join((*each.evidence, *filter(None, [proof_evidence(each.id)]))))
        for each in STATEMENTS.values()
    )
    return Sheet(("statement", "title", "source", "evidence"), rows, wrapped="title")


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


def proof_sheet(checked: Sequence[_CheckedProof]) -> Sheet:
    """One row for each proof, then what is left by hand and which textbook theorems are taken as they are."""
    rows = tuple(
        (
            each.id,
            each.status,
            str(each.steps),
            str(each.controls),
            f"{each.seconds:.1f}",
            each.failure or each.evidence,
        )
        for each in checked
    )
    by_hand = [f"{each.id}: {name}" for each in checked for name in each.by_hand]
    textbook = sorted({name for each in checked for name in each.cites})
    notes = (*_list("left by hand", by_hand), *_list("textbook theorems used", textbook))
    headers = ("proof", "status", "steps", "controls", "seconds", "evidence")
    return Sheet(headers, rows, notes, remarks=True, styles=_PROOFS)


def _list(heading: str, entries: Sequence[str]) -> list[str]:
    return [f"{heading}:" + (" none" if not entries else ""), *(f"  {entry}" for entry in entries)]


def search_sheet(search: Search, droppable: Sequence[str]) -> Sheet:
    """One row for a search for a counterexample: verdict, smallest slack, instances, and on which one."""
    row = (
        search.statement,
        search.dropped or "-",
        "found" if search.refuted else "none found",
        _number(search.slack),
        f"{search.tried} tried, {search.admissible} admissible",
        search.detail,
    )
    notes = [f"slack: {search.unit}; ended by: {search.stopped}, after {search.seconds:.1f} s, seed {search.seed}"]
    if search.doubtful:
        notes.append(f"{search.doubtful} seeming counterexamples vanished at a hundredth of the integrator's error")
    if search.stopped == "time":
        notes.append("a search that time ends is not reproducible; --evaluations alone makes it so")
    if droppable and search.dropped is None:
        notes.append(f"assumptions that can be dropped: {', '.join(map(repr, droppable))}")
    headers = ("statement", "without", "counterexample", "smallest slack", "instances", "detail")
    return Sheet(headers, (row,), tuple(notes), styles=_SEARCHES)
