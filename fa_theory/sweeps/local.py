"""Processes on this machine: each with one thread, each death noticed and laid at one instance's door."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from queue import Full, Queue
from typing import Any

from fa_theory.sweeps.instances import Finished, Task
from fa_theory.sweeps.worker import READY

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

ONE_THREAD = dict.fromkeys(_THREADS, "1")
"""Read by linear-algebra libraries when NumPy is loaded, so set before a worker starts: processes times threads would
otherwise exceed the processors, and results could differ in their last digits with the number of threads."""

WORKER = (sys.executable, "-m", "fa_theory.sweeps.worker")

_TRIES = 2
_BACKLOG = 256
"""So many results may wait to be recorded; then the processes wait."""
_LARGEST_BATCH = 1000


class Pace:
    """Cuts tasks in batches of about the same time, from the time that finished ones took; safe among threads."""

    def __init__(self, tasks: Iterator[Task], seconds: float) -> None:
        self._tasks, self._seconds = tasks, seconds
        self._spent, self._count = 0.0, 0
        self._lock = threading.Lock()

    def record(self, finished: Finished) -> None:
        """Count the time that an instance took."""
        with self._lock:
            self._spent += finished.seconds
            self._count += 1

    def next_batch(self) -> list[Task]:
        """Return the next tasks; none are left when there is none."""
        with self._lock:
            mean = self._spent / self._count if self._count else self._seconds
            size = int(min(max(self._seconds / max(mean, 1e-6), 1), _LARGEST_BATCH))
            return list(islice(self._tasks, size))


class _Worker:
    """A process that runs batches."""

    def __init__(self, setting: dict[str, Any]) -> None:
        self._setting = setting
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self.process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # a Ctrl-C is for the process that the user started, which ends this one
        )

    def started(self) -> bool:
        """Wait until it is ready; whether it came to that."""
        assert self.process.stdout is not None
        return self.process.stdout.readline() == READY

    def run(self, batch: list[Task]) -> Iterator[Finished]:
        """Yield results as they come; fewer than there are tasks if the process dies."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({**self._setting, "batch": batch}).encode() + b"\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return
        for _ in batch:
            line = self.process.stdout.readline()
            if not line.endswith(b"\n"):
                return
            yield Finished(*json.loads(line))

    def death(self) -> str:
        """Return how the process ended."""
        status = self.process.wait()
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip().rpartition("\n")[2]
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"{how}{f' ({said})' if said else ''}"

    def close(self) -> None:
        """Let it end by itself, which it does when its input ends."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self._log.close()


class _Driver(threading.Thread):
    """Feeds one process at a time, replaces one that died, and passes results on."""

    def __init__(self, pace: Pace, setting: dict[str, Any], results: Queue[Finished | Exception | None]) -> None:
        super().__init__(daemon=True)
        self._pace, self._setting, self._results = pace, setting, results
        self._worker: _Worker | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def run(self) -> None:
        try:
            while not self._stopped and (batch := self._pace.next_batch()):
                self._run_batch(deque(batch))
            if self._worker is not None:
                self._worker.close()
        except Exception as error:  # noqa: BLE001 (raised again in the thread that waits for results)
            self._pass_on(error)
        self._pass_on(None)

    def _pass_on(self, result: Finished | Exception | None) -> None:
        """Wait until there is room, so that what is finished is not far ahead of what is recorded."""
        while not self._stopped:
            with suppress(Full):
                self._results.put(result, timeout=0.2)
                return

    def _run_batch(self, pending: deque[Task]) -> None:
        tries = 0
        while pending and not self._stopped:
            worker = self._ready()
            if worker is None:
                return
            for finished in worker.run(list(pending)):
                pending.popleft()
                tries = 0
                self._pace.record(finished)
                self._pass_on(finished)
            if pending and not self._stopped:
                self._worker = None
                tries += 1
                death = worker.death()
                worker.close()
                if tries == _TRIES:
                    tries = 0
                    error = f"its process {death} {_TRIES} times; out of memory?"
                    self._pass_on(Finished(pending.popleft()[0], None, error, 0.0))

    def _ready(self) -> _Worker | None:
        """Return a process that is ready; None if all is to stop."""
        if self._worker is not None:
            return self._worker
        with self._lock:
            if self._stopped:
                return None
            self._worker = _Worker(self._setting)
        if not self._worker.started() and not self._stopped:
            death = self._worker.death()
            self._worker.close()
            raise OSError(f"a process for the sweep could not start: it {death}")
        return self._worker

    def stop(self) -> None:
        """End at once what is being done."""
        with self._lock:
            self._stopped = True
            if self._worker is not None:
                self._worker.process.kill()
        self.join()


def run_local(tasks: Iterator[Task], *, what: str, curves: bool, jobs: int) -> Iterator[Finished]:
    """Run tasks in `jobs` processes and yield what became of each, as it comes.

    An instance whose process dies is tried once more in a new one; if that dies too, it has failed. The others go on.

    Raises
    ------
    OSError
        If processes cannot be started.
    """
    results: Queue[Finished | Exception | None] = Queue(_BACKLOG)
    pace = Pace(tasks, seconds=0.2)
    drivers = [_Driver(pace, {"what": what, "curves": curves}, results) for _ in range(jobs)]
    try:
        for driver in drivers:
            driver.start()
        running = jobs
        while running:
            result = results.get()
            if result is None:
                running -= 1
            elif isinstance(result, Exception):
                raise result
            else:
                yield result
    finally:
        for driver in drivers:
            driver.stop()
