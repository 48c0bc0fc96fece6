"""Sweeps on a Dask cluster on loopback: a worker is killed in the middle, and then all of it."""

import importlib.util
import os
import re
import signal
import subprocess
import sys

import pytest
from sweep_cases import COUNT, GRID, dataset, numbers, start, wait_for_lines

import fa_theory as ft
from fa_theory.sweeps import cluster

CLUSTER = """
import os, signal, sys
from distributed import Client, LocalCluster

def main():
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        with Client(cluster.scheduler_address) as client:
            for _ in sys.stdin:
                print(*client.run(os.getpid).values(), flush=True)

if __name__ == "__main__":
    main()
"""


def test_a_killed_worker_changes_nothing_and_a_lost_cluster_keeps_what_is_finished(tmp_path):
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    plain, out, lost = (tmp_path / name for name in ("plain", "out", "lost"))
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as scheduler:
        try:
            address = scheduler.stdout.readline().strip()
            assert address.startswith("tcp://127.0.0.1:")
            with start(out, "--cluster", address) as process:
                wait_for_lines(out / "finished.jsonl", 5, process)
                scheduler.stdin.write("\n")
                scheduler.stdin.flush()
                os.kill(int(scheduler.stdout.readline().split()[0]), signal.SIGKILL)
                printed, said = process.communicate(timeout=120)
            # on a slow machine it says how far it is
            assert (process.returncode, re.sub(r"fa-theory: (at work|.* so far)\n", "", said)) == (0, "")
            assert f"completed   {COUNT}" in printed
            ft.sweep(GRID, plain, what="simulate", jobs=1)
            assert dataset(out) == dataset(plain)

            grid = GRID | {"seed": "0:100000"}
            with start(lost, "--cluster", address, grid=grid) as process:
                wait_for_lines(lost / "finished.jsonl", 5, process)
                os.killpg(scheduler.pid, signal.SIGKILL)
                printed, said = process.communicate(timeout=120)
        finally:
            if scheduler.poll() is None:
                os.killpg(scheduler.pid, signal.SIGKILL)
    kept = len(numbers(lost))
    assert (process.returncode, printed) == (2, "")
    assert said.startswith(f"fa-theory: the cluster at {address} is lost")
    assert said.count("\n") == 1
    assert f"{kept:,} of 400,000 instances are done and kept in {lost}" in said
    assert kept >= 5


def test_a_cluster_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT", "1s")
    with pytest.raises(OSError, match=r"the cluster at tcp://127.0.0.1:9 cannot be reached: .*; 0 of 200 instances"):
        ft.sweep(GRID, tmp_path / "out", what="simulate", cluster="tcp://127.0.0.1:9")


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ValueError, match=r"pip install 'fa_theory\[distributed\]'"):
        ft.sweep(GRID, tmp_path / "out", what="simulate", cluster="tcp://127.0.0.1:9")


class Client:
    """Stands for a client of a cluster: says which versions its workers have, and whether there are workers."""

    def __init__(self, versions=(), status="running", cores=()):
        self.status, self.scheduler = status, type("Scheduler", (), {"ncores": None})
        self._versions, self._cores = dict(versions), cores

    def run(self, _function):
        return self._versions

    def sync(self, _function, callback_timeout):
        assert callback_timeout > 0
        if isinstance(self._cores, Exception):
            raise self._cores
        return self._cores


def test_workers_must_be_there_and_of_the_same_version():
    cluster._check_workers(Client({"tcp://a": ft.__version__}), "tcp://s")
    with pytest.raises(ValueError, match="the cluster at tcp://s has no worker"):
        cluster._check_workers(Client(), "tcp://s")
    with pytest.raises(ValueError, match=r"worker tcp://b has fa_theory 0\.0\.9, and this is"):
        cluster._check_workers(Client({"tcp://a": ft.__version__, "tcp://b": "0.0.9"}), "tcp://s")


@pytest.mark.parametrize(
    ("client", "there"),
    [
        (Client(cores={"tcp://a": 1}), True),
        (Client(cores={}), False),
        (Client(cores={"tcp://a": 1}, status="connecting"), False),
        (Client(cores=OSError()), False),
    ],
)
def test_a_cluster_without_workers_is_noticed(client, there):
    assert cluster._Conversation(client, "tcp://s", {})._has_workers() is there


def test_instances_that_kill_their_workers_together_are_sent_one_by_one():
    from distributed import KilledWorker

    class Future:
        def result(self):
            raise KilledWorker("task", None, 3)

    sent = []

    class Submitting(Client):
        def submit(self, _function, batch, **_setting):
            sent.append(batch)
            return Future()

    conversation = cluster._Conversation(Submitting(), "tcp://s", {"what": "simulate", "curves": False})
    conversation._send([(0, {}), (1, {})])
    assert conversation._settle(next(iter(conversation._sent))) == []
    assert sent == [[(0, {}), (1, {})], [(0, {})], [(1, {})]]
    (failed,) = conversation._settle(next(iter(conversation._sent)))
    assert (failed.number, failed.row) == (0, None)
    assert failed.error == "it killed its workers; out of memory?"


def test_workers_without_the_package_are_named():
    class Client:
        def run(self, _function):
            raise ModuleNotFoundError("No module named 'fa_theory'")

    with pytest.raises(ValueError, match=r"the workers of the cluster at tcp://h:1 cannot import fa_theory: No module"):
        cluster._check_workers(Client(), "tcp://h:1")
