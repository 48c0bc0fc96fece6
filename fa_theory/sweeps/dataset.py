"""The dataset of a sweep: one file of columns, the same bytes however often the sweep was interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fa_theory.files import replacing
from fa_theory.statements import STATEMENTS
from fa_theory.sweeps.folder import FAILED, FINISHED, Journal, read_manifest
from fa_theory.sweeps.grid import OPTIONS, Plan
from fa_theory.verification import VERDICTS, Summary

RESULTS, FAILURES = "results.npz", "failures.json"

Column = npt.NDArray[Any]

_ABSENT = {int: -1, float: float("nan"), bool: False, str: ""}
_CURVES = ("t", "loss")
_TYPES = {"outcome": str, "unique": bool, "n_steps": int}


@dataclass(frozen=True)
class Failure:
    """An instance that could not be run: its number, its options and what went wrong.

    Examples
    --------
    >>> from fa_theory.sweeps import Failure
    >>> failure = Failure(3, {"rule": "fa", "width": 4, "seed": 7}, "MemoryError: an array is too large")
    >>> print(f"instance {failure.number}, width {failure.options['width']}: {failure.error}")
    instance 3, width 4: MemoryError: an array is too large
    """

    number: int
    options: dict[str, Any]
    error: str


@dataclass(frozen=True)
class Sweep:
    """The dataset of a sweep.

    Attributes
    ----------
    folder : Path
        Where it lies.
    columns : dict of str to array
        Each of length n, the number of instances, in the order of the grid; see `fa_theory.sweep`.
    failures : tuple of Failure
        The instances that could not be run.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from fa_theory.sweeps import Sweep
    >>> status, outcome = np.array(["finished", "finished"]), np.array(["completed", "diverged"])
    >>> verdicts = np.array([2, 0], np.int8)  # places in fa_theory.verification.VERDICTS
    >>> found = Sweep(Path("out"), {"status": status, "outcome": outcome, "verdict:descent": verdicts}, ())
    >>> found["verdict:descent"].tolist(), found.outcomes, found.refuted
    (['holds', 'refuted'], {'completed': 1, 'diverged': 1}, (1,))
    """

    folder: Path
    columns: dict[str, Column]
    failures: tuple[Failure, ...]

    def __len__(self) -> int:
        """Return the number of instances."""
        return len(self.columns["status"])

    def __getitem__(self, name: str) -> Column:
        """Return a column; verdicts come as words, and "" where an instance failed."""
        column = self.columns[name]
        return np.array([*VERDICTS, ""])[column] if name.startswith("verdict:") else column

    @property
    def outcomes(self) -> dict[str, int]:
        """How many instances ended in which way; ``"failed"`` comes last."""
        ended = self.columns["outcome"][self.columns["status"] == "finished"]
        counts = {str(name): int(count) for name, count in zip(*np.unique(ended, return_counts=True), strict=True)}
        return counts | ({"failed": len(self.failures)} if self.failures else {})

    def options(self, number: int) -> dict[str, Any]:
        """Return the options of an instance, without those that it does not take."""
        found = {name: self.columns[name][number].item() for name in (*OPTIONS, "seed") if name in self.columns}
        return {name: value for name, value in found.items() if value not in (-1, "") and value == value}

    @property
    def refuted(self) -> tuple[int, ...]:
        """The numbers of the instances that refute a statement."""
        judged = [column == VERDICTS.index("refuted") for name, column in self.columns.items() if _judges(name)]
        return tuple(int(number) for number in np.flatnonzero(np.any(judged, axis=0))) if judged else ()

    def summarise(self) -> tuple[Summary, ...]:
        """Return one row for each statement: the gravest verdict, the smallest margin among those with it, counts.

        There is none unless the sweep verifies.
        """
        return tuple(self._summary(name) for name in STATEMENTS if f"verdict:{name}" in self.columns)

    def _summary(self, statement: str) -> Summary:
        codes, margins = self.columns[f"verdict:{statement}"], self.columns[f"margin:{statement}"]
        counts = {verdict: int(np.sum(codes == code)) for code, verdict in enumerate(VERDICTS)}
        gravest = next((verdict for verdict in VERDICTS if counts[verdict]), None)
        if gravest is None:
            return Summary(statement, "undecided", None, None, "every instance failed")
        having = np.flatnonzero((codes == VERDICTS.index(gravest)) & ~np.isnan(margins))
        detail = ", ".join(f"{verdict.replace('_', ' ')} in {n:,}" for verdict, n in counts.items() if n)
        if not len(having):
            return Summary(statement, gravest, None, None, detail)
        place = int(having[np.argmin(margins[having])])
        return Summary(statement, gravest, None, float(margins[place]), f"{detail}; smallest margin: instance {place}")


def _judges(name: str) -> bool:
    return name.startswith("verdict:")


def write_dataset(folder: Path, plan: Plan, entries: tuple[str, ...]) -> Sweep:
    """Gather the journals in one file of results and one of failures, each written whole or not at all.

    Raises
    ------
    OSError
        If a file cannot be written; the journals are kept.
    """
    failures = _failures(folder, plan)
    columns = _option_columns(plan)
    columns["status"] = np.full(plan.count, "finished")
    columns["status"][[each.number for each in failures]] = "failed"
    columns |= _result_columns(Journal(folder / FINISHED), plan.count, entries)
    with _naming_space(folder):
        with replacing(folder / FAILURES) as stream:
            listed = [vars(each) for each in failures]
            stream.write(json.dumps({"failures": listed}, indent=1).encode())
        with replacing(folder / RESULTS) as stream:
            # dates every member 1980, so that equal columns are equal files
            np.savez(stream, **columns)  # type: ignore[arg-type]
    return Sweep(folder, columns, failures)


@contextmanager
def _naming_space(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"{folder} cannot be written: {error.strerror}") from error


def _failures(folder: Path, plan: Plan) -> tuple[Failure, ...]:
    found: dict[int, str] = dict(map(tuple, Journal(folder / FAILED)))
    return tuple(Failure(number, plan.options(number), found[number]) for number in sorted(found))


def _option_columns(plan: Plan) -> dict[str, Column]:
    names = [*plan.axes, *({"seed"} - plan.axes.keys())]
    kinds = {name: _type_of(name) for name in names}
    values: dict[str, list[Any]] = {name: [] for name in names}
    for number in range(plan.count):
        options = plan.options(number)
        for name, kind in kinds.items():
            value = options.get(name, _ABSENT[kind])
            values[name].append("/".join(f"{rate:g}" for rate in value) if isinstance(value, list) else kind(value))
    return {name: np.array(each) for name, each in values.items()}


def _type_of(name: str) -> type:
    if name == "weight_decay":
        return str
    allowed = OPTIONS[name].allowed
    return bool if allowed == "yes or no" else int if "whole" in allowed else float if "number" in allowed else str


def _result_columns(journal: Journal, count: int, entries: tuple[str, ...]) -> dict[str, Column]:
    single = [name for name in entries if name not in _CURVES]
    columns = {name: _empty(name, count) for name in single}
    outcomes = [""] * count
    curves: dict[int, list[list[float]]] = {}
    for number, row in journal:
        outcomes[number] = row[0]
        for name, value in zip(single[1:], row[1:], strict=False):
            columns[name][number] = value
        if len(entries) > len(single):
            curves[number] = row[len(single) :]
    columns["outcome"] = np.array(outcomes)
    for place, name in enumerate(_CURVES if len(entries) > len(single) else ()):
        longest = max((len(pair[place]) for pair in curves.values()), default=0)
        columns[name] = np.full((count, longest), np.nan)
        for number, pair in curves.items():
            columns[name][number, : len(pair[place])] = pair[place]
    return columns


def _empty(name: str, count: int) -> Column:
    if _judges(name):
        return np.full(count, -1, np.int8)
    kind = _TYPES.get(name, float)
    return np.full(count, _ABSENT[kind])


def load(folder: str | Path) -> Sweep:
    """Return the dataset of a sweep that has come to its end.

    Raises
    ------
    ValueError
        If the folder holds no sweep, or one that is not finished.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import fa_theory as ft
    >>> from fa_theory.sweeps import load
    >>> with TemporaryDirectory() as folder:
    ...     options = {"synthetic": "3x2", "method": "gd", "steps": 5, "seed": "0:3"}
    ...     made = ft.sweep(options, folder, what="simulate", jobs=1)
    ...     found = load(folder)
    >>> len(found), bool((found["loss_end"] == made["loss_end"]).all()), found.options(2)
    (3, True, {'synthetic': '3x2', 'method': 'gd', 'seed': 2, 'steps': 5})
    """
    folder = Path(folder)
    count = read_manifest(folder)["instances"]
    if not (folder / RESULTS).exists():
        raise ValueError(f"{folder} holds a sweep that is not finished: run it again, and it goes on where it was")
    with np.load(folder / RESULTS, allow_pickle=False) as file:
        columns = {name: file[name] for name in file.files}
    assert len(columns["status"]) == count
    listed = json.loads((folder / FAILURES).read_text(encoding="utf-8"))["failures"]
    return Sweep(folder, columns, tuple(Failure(**each) for each in listed))
