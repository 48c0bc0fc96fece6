"""A Dask cluster, by its address: the same instances and the same results, on other machines."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any

from fa_theory.sweeps.instances import Finished, Task, run_batch
from fa_theory.sweeps.local import Pace

PATIENCE = 10.0
"""Seconds for which a cluster may be without scheduler or workers before it is given up."""

_CONNECT = "10s"

_BATCH = 3.0
"""Seconds of work in a batch: a scheduler hands out about a thousand a second, to thousands of workers."""

_AHEAD = 2
"""Batches on their way for each thread of a worker, so that none waits for the next."""


def run_on_cluster(tasks: Iterator[Task], *, address: str, what: str, curves: bool) -> Iterator[Finished]:
    """Run tasks on the workers of a Dask cluster and yield what became of each, as it comes.

    Dask runs again what a dead worker had begun. Instances that killed several workers together are sent again one by
    one; one that does so alone has failed.

    Raises
    ------
    ValueError
        If Dask is not installed, the cluster has no workers, or they have another version of fa_theory.
    OSError
        If the cluster cannot be reached, or has no scheduler or no worker for longer than `PATIENCE`.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ValueError("a cluster needs Dask: pip install 'fa_theory[distributed]'")
    with _silent_logs(), _connected(address) as client:
        _check_workers(client, address)
        yield from _Conversation(client, address, {"what": what, "curves": curves}).results(tasks)


class _Conversation:
    def __init__(self, client: Any, address: str, setting: dict[str, Any]) -> None:
        self._client, self._address, self._setting = client, address, setting
        self._sent: dict[Any, list[Task]] = {}
        self._last_worker = time.monotonic()

    def results(self, tasks: Iterator[Task]) -> Iterator[Finished]:
        pace = Pace(tasks, seconds=_BATCH)
        threads = sum(self._client.nthreads().values())
        while True:
            while len(self._sent) < _AHEAD * threads and (batch := pace.next_batch()):
                self._send(batch)
            if not self._sent:
                return
            for future in self._some_done():
                for finished in self._settle(future):
                    pace.record(finished)
                    yield finished

    def _send(self, batch: list[Task]) -> None:
        self._sent[self._client.submit(run_batch, batch, pure=False, **self._setting)] = batch

    def _some_done(self) -> list[Any]:
        """Return futures that are done, after waiting a second at most; make sure that the cluster is still there."""
        try:
            with self._client.as_current():
                done = list(_dask().wait(list(self._sent), timeout=1, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            done = []
        except CancelledError as error:  # what was sent is forgotten: the scheduler has gone, or someone cleared it
            raise OSError(f"the cluster at {self._address} is lost") from error
        if done or self._has_workers():
            self._last_worker = time.monotonic()
        elif time.monotonic() - self._last_worker > PATIENCE:
            raise OSError(f"the cluster at {self._address} is lost: no scheduler, or no worker, for {PATIENCE:g} s")
        return done

    def _has_workers(self) -> bool:
        if self._client.status != "running":  # it tries to connect again, and asking anything would wait for that
            return False
        try:
            return bool(self._client.sync(self._client.scheduler.ncores, callback_timeout=PATIENCE))
        except (OSError, TimeoutError):
            return False

    def _settle(self, future: Any) -> list[Finished]:
        """Return what a future brought; if it killed workers, send its instances again one by one."""
        batch = self._sent.pop(future)
        try:
            return list(future.result())
        except _dask().KilledWorker:
            if len(batch) == 1:
                return [Finished(batch[0][0], None, "it killed its workers; out of memory?", 0.0)]
            for task in batch:
                self._send([task])
            return []
        except ImportError as error:
            raise ValueError(f"the workers of the cluster at {self._address} cannot import all: {error}") from error
        except (CancelledError, OSError) as error:
            raise OSError(f"the cluster at {self._address} is lost") from error


def _dask() -> Any:
    """Return Dask's module, of which not all is typed."""
    return importlib.import_module("distributed")


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        client = _dask().Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise OSError(f"the cluster at {address} cannot be reached: {error}") from error
    try:
        yield client
    finally:
        with suppress(Exception):  # what a lost cluster says at parting tells nothing new
            client.close(timeout=2)


def _check_workers(client: Any, address: str) -> None:
    try:
        found = client.run(_version)
    except ImportError as error:
        raise ValueError(f"the workers of the cluster at {address} cannot import fa_theory: {error}") from error
    if not found:
        raise ValueError(f"the cluster at {address} has no worker")
    here = version("fa_theory")
    for worker, there in found.items():
        if there != here:
            raise ValueError(f"worker {worker} has fa_theory {there}, and this is {here}: results could differ")


def _version() -> str:
    return version("fa_theory")


@contextmanager
def _silent_logs() -> Iterator[None]:
    """Keep what Dask logs of lost connections from the terminal, where one clear error says it."""
    _dask()  # its import makes its loggers
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    levels = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in levels:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
