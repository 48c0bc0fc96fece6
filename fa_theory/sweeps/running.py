"""Run a sweep: what is finished is kept, what is not is run, and all goes in one dataset."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from fa_theory.choices import not_readable
from fa_theory.sweeps.dataset import Sweep, write_dataset
from fa_theory.sweeps.folder import FAILED, FINISHED, Journal, claimed, settle_manifest
from fa_theory.sweeps.grid import Plan, make_plan
from fa_theory.sweeps.instances import Finished, columns, make_instance
from fa_theory.sweeps.local import run_local

_FILES = ("data", "state")
_TRIED = 16


class InterruptedSweepError(OSError):
    """A sweep could not go on; what was finished is kept in its folder, and the same call goes on from there.

    Examples
    --------
    >>> from fa_theory.sweeps import InterruptedSweepError
    >>> try:
    ...     raise InterruptedSweepError("the cluster was lost")
    ... except OSError as reason:
    ...     print(reason)
    the cluster was lost
    """


def sweep(
    grid: Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    sample: int | None = None,
    sample_seed: int = 0,
    what: str = "verify",
    curves: bool = False,
    jobs: int | None = None,
    cluster: str | None = None,
    retry_failures: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Run all instances of a grid, or samples of one, and gather what they give in one dataset.

    Parameters
    ----------
    grid : mapping of str to values
        Options of an instance as on the command line (``rule``, ``width``, ``seed``, ``method``, ``time``, ...; with
        underscores), each with one value, a sequence of values or a text such as ``"4,8"``, ``"0:100"`` (whole numbers,
        end excluded) or ``"0.01..1:log"`` (a `fa_theory.sweeps.Range`, for samples). The instances are all
        combinations; the last option varies fastest, and the seed after all others. Options that a method does not
        take are left out for it.
    out : path
        The folder of the sweep: made if need be. If it holds the same sweep already, finished instances are not run
        again. It holds ``manifest.json``, the journals ``finished.jsonl`` and ``failed.jsonl``, and at the end
        ``results.npz`` and ``failures.json``.
    sample : int, optional
        Draw so many instances instead, every option by itself: uniformly from its values or its `Range`.
    sample_seed : int
        Seed of those draws.
    what : {"verify", "simulate"}
        Judge every statement on every instance, or simulate only, which is many times faster.
    curves : bool
        Whether the recorded times and losses are kept too.
    jobs : int, optional
        Processes on this machine, each with one thread; by default one for each processor.
    cluster : str, optional
        Address of the scheduler of a Dask cluster, such as ``"tcp://10.0.0.1:8786"``, which runs the instances instead.
        Its workers need the same version of fa_theory, and the files that ``data`` and ``state`` name.
    retry_failures : bool
        Whether instances that failed before are run again.
    progress : callable, optional
        Called with the numbers of instances that are done, and of all.

    Returns
    -------
    Sweep
        ``columns`` has, for each instance in the order of the grid: every option that was given and ``seed``;
        ``status`` (``"finished"`` or ``"failed"``); ``outcome`` (a key of `fa_theory.dynamics.OUTCOMES`), ``unique``,
        ``n_steps``, ``t_end``, ``loss_start``, ``loss_end``, ``error_end`` (the error estimate of the loss at the end),
        ``law_drift`` (the largest change of any C_i of statement neuron-law, in parts of the terms it adds up); if
        verified, for each statement ``verdict:ID`` (its place in `fa_theory.verification.VERDICTS`, -1 if failed) and
        ``margin:ID``; with `curves`, ``t`` and ``loss`` of shape (n, points). Where there is no value: nan, -1 or "".

    Raises
    ------
    ValueError
        If the grid or another argument is refused, `out` holds something else, or another process is writing there.
    OSError
        If files cannot be written or read, processes not started, or the cluster not reached or lost. What was
        finished is kept.

    Notes
    -----
    Seeds that the grid gives are used as they are. Else each instance's seed is derived from its own options (and, if
    sampled, its number): it depends neither on the order nor on the place where instances are run. An instance that
    raises an error, or whose process dies twice, is listed as a failure and stops no other.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import fa_theory as ft
    >>> with TemporaryDirectory() as folder:
    ...     options = {"synthetic": "3x2", "rule": "fa,backprop", "width": [2, 4], "method": "gd", "steps": 5}
    ...     found = ft.sweep(options, folder, what="simulate", jobs=1)
    >>> found.outcomes, [(str(rule), int(width)) for rule, width in zip(found["rule"], found["width"])]
    ({'completed': 4}, [('fa', 2), ('fa', 4), ('backprop', 2), ('backprop', 4)])
    """
    plan = make_plan(grid, sample=sample, sample_seed=sample_seed, what=what, curves=curves)
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    if jobs is not None and cluster is not None:
        raise ValueError("jobs are processes on this machine and do not go with cluster, whose workers are its own")
    identity = plan.to_json() | {"files": _digests(plan), "version": version("fa_theory")}
    _try_some(plan)
    folder = Path(out)
    entries = columns(what, curves=curves)
    with claimed(folder):
        settle_manifest(folder, identity, plan.count, entries)
        if retry_failures:
            (folder / FAILED).unlink(missing_ok=True)
        done = np.zeros(plan.count, bool)
        for journal in (FINISHED, FAILED):
            for record in Journal(folder / journal):
                done[record[0]] = True
        left = plan.count - int(done.sum())
        tasks = ((number, _absolute(plan.options(number))) for number in map(int, np.flatnonzero(~done)))
        setting: dict[str, Any] = {"what": what, "curves": curves}
        if left:
            if cluster is not None:
                from fa_theory.sweeps.cluster import run_on_cluster

                results = run_on_cluster(tasks, address=cluster, **setting)
            else:
                results = run_local(tasks, jobs=min(jobs or os.cpu_count() or 1, left), **setting)
            _record(folder, results, plan.count - left, plan.count, progress)
        return write_dataset(folder, plan, entries)


def _record(
    folder: Path, results: Iterator[Finished], done: int, count: int, progress: Callable[[int, int], None] | None
) -> None:
    try:
        with Journal(folder / FINISHED).appending() as finished, Journal(folder / FAILED).appending() as failed:
            for result in results:
                if result.error is None:
                    finished.append([result.number, result.row])
                else:
                    failed.append([result.number, result.error])
                done += 1
                if progress is not None:
                    progress(done, count)
    except OSError as error:
        kept = (
            f"{done:,} of {count:,} instances are done and kept in {folder}; the same sweep, run again, goes on there"
        )
        raise InterruptedSweepError(f"{error.strerror or error}; {kept}") from error
    finally:
        results.close()  # type: ignore[attr-defined]


def _digests(plan: Plan) -> dict[str, str]:
    """Return the checksum of every file that instances read, so that a sweep does not go on with other data."""
    paths = [str(path) for name in _FILES for path in plan.axes.get(name, ())]
    return {path: hashlib.sha256(_content(path)).hexdigest() for path in paths}


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise not_readable(path, error, "data and state must name files, CSV and .npz") from None


def _absolute(options: dict[str, Any]) -> dict[str, Any]:
    return {name: os.path.abspath(value) if name in _FILES else value for name, value in options.items()}


def _try_some(plan: Plan) -> None:
    """Make some instances, and refuse the sweep if none can be made: a file, a target or a name is wrong for all."""
    first: Exception | None = None
    for number in sorted({round(place) for place in np.linspace(0, plan.count - 1, _TRIED)}):
        try:
            make_instance(plan.options(number))
        except (ValueError, TypeError, ArithmeticError, MemoryError) as error:
            first = first or error
        else:
            return
    raise ValueError(f"none of the instances that were tried can be made: {first}")
