"""One instance of a sweep: from its options to its row."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from fa_theory.dynamics import Trajectory, simulate
from fa_theory.statements import STATEMENTS
from fa_theory.verification import (
    VERDICTS,
    Instance,
    instance_from_data,
    instance_from_state,
    neuron_law_drift,
    run_instance,
)

Task = tuple[int, dict[str, Any]]
"""The number of an instance, and its options."""

_RUN = ("method", "time", "steps", "step_size", "batch_size", "points", "accuracy", "weight_decay")

_MEASURED = ("outcome", "unique", "n_steps", "t_end", "loss_start", "loss_end", "error_end", "law_drift")


class Finished(NamedTuple):
    """What became of an instance: its row, or what went wrong; and the seconds it took."""

    number: int
    row: list[Any] | None
    error: str | None
    seconds: float


def columns(what: str, *, curves: bool) -> tuple[str, ...]:
    """Return the names of the entries of a row."""
    judged = [f"{kind}:{name}" for kind in ("verdict", "margin") for name in STATEMENTS] if what == "verify" else []
    return (*_MEASURED, *judged, *(("t", "loss") if curves else ()))


def make_instance(options: dict[str, Any]) -> Instance:
    """Make the instance that the options describe."""
    run = {name: options[name] for name in _RUN if name in options}
    start = {name: value for name, value in options.items() if name not in _RUN}
    if run.get("method") == "sgd":
        run["seed"] = options["seed"]
    if "state" in start:
        del start["seed"]
        return instance_from_state(run=run, **start)
    return instance_from_data(run=run, **start)


def run_task(task: Task, what: str, *, curves: bool) -> Finished:
    """Run an instance; whatever it raises is its result too, so that it stops no other."""
    number, options = task
    start = time.perf_counter()
    try:
        row, error = _row(make_instance(options), what, curves=curves), None
    except Exception as raised:  # noqa: BLE001
        row, error = None, f"{type(raised).__name__}: {raised}"
    return Finished(number, row, error, time.perf_counter() - start)


def run_batch(batch: list[Task], what: str, *, curves: bool) -> list[Finished]:
    """Run several instances, one after the other."""
    return [run_task(task, what, curves=curves) for task in batch]


def _row(instance: Instance, what: str, *, curves: bool) -> list[Any]:
    judged: list[Any] = []
    if what == "verify":
        report = run_instance(instance)
        trajectory = report.trajectory
        verdicts = [report.verdict(name) for name in STATEMENTS]
        judged = [VERDICTS.index(each.verdict) for each in verdicts]
        judged += [float("nan") if each.margin is None else float(each.margin) for each in verdicts]
    else:
        trajectory = simulate(instance.network, instance.problem, **instance.run)
    ends = [trajectory.t[-1], trajectory.loss[0], trajectory.loss[-1], trajectory.error[-1]]
    return [
        trajectory.outcome,
        trajectory.unique,
        trajectory.n_steps,
        *map(float, ends),
        _law_drift(trajectory),
        *judged,
        *((trajectory.t.tolist(), trajectory.loss.tolist()) if curves else ()),
    ]


def _law_drift(trajectory: Trajectory) -> float:
    """Return the largest change of any C_i, in parts of the terms it adds up; nan where it is not defined."""
    if trajectory.network.activation.degree is None:
        return float("nan")
    with np.errstate(over="ignore", invalid="ignore"):
        drift = neuron_law_drift(trajectory)
        return float(np.max(drift.drift) / drift.size) if drift.size > 0 else float(np.max(drift.drift))
