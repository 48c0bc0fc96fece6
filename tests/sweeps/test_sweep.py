"""Sweeps on this machine: the same dataset whatever happens on the way."""

import json
import os
import random
import resource
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from sweep_cases import COUNT, GRID, dataset, numbers, start, wait_for_lines

import fa_theory as ft
from fa_theory.dynamics import simulate
from fa_theory.sweeps import load, local
from fa_theory.sweeps.instances import run_task
from fa_theory.verification import VERDICTS, instance_from_data, run_instance


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return ft.sweep(GRID, tmp_path_factory.mktemp("undisturbed") / "out", what="simulate", jobs=1)


def test_a_row_is_the_instance_run_by_itself(undisturbed):
    assert len(undisturbed) == COUNT
    for number in (0, 73, 199):
        options = undisturbed.options(number)
        start_options = {name: options[name] for name in ("synthetic", "rule", "width", "seed")}
        instance = instance_from_data(**start_options, run={"method": "gd", "steps": 5, "points": 2})
        run = simulate(instance.network, instance.problem, **instance.run)
        assert undisturbed["loss_start"][number] == pytest.approx(run.loss[0], rel=1e-14)
        assert undisturbed["loss_end"][number] == pytest.approx(run.loss[-1], rel=1e-13)
        assert undisturbed["t_end"][number] == run.t[-1]
    assert undisturbed.outcomes == {"completed": COUNT}
    assert set(undisturbed["status"]) == {"finished"}
    assert np.all(undisturbed["law_drift"] > 0)  # steps of gradient descent move every C_i (statement bregman-drift)


def test_killed_and_resumed_is_the_same_dataset_and_nothing_is_run_twice(undisturbed, tmp_path):
    out = tmp_path / "out"
    moment = random.Random(20261126).randrange(10, COUNT - 40)
    with start(out, "--jobs", "2") as process:
        wait_for_lines(out / "finished.jsonl", moment, process)
        process.kill()
    before = numbers(out)
    assert moment <= len(before) < COUNT
    assert not (out / "results.npz").exists()
    with pytest.raises(ValueError, match="holds a sweep that is not finished"):
        load(out)
    with (out / "finished.jsonl").open("ab") as torn:
        torn.write(b'0123abcd [199, ["completed", tr')
    seen = []
    resumed = ft.sweep(GRID, out, what="simulate", jobs=2, progress=lambda done, count: seen.append((done, count)))
    assert dataset(out) == dataset(undisturbed.folder)
    after = numbers(out)
    assert after[: len(before)] == before
    assert sorted(after) == list(range(COUNT))
    assert seen == [(done, COUNT) for done in range(len(before) + 1, COUNT + 1)]
    again = load(out)
    assert again.failures == resumed.failures == ()
    assert all(np.array_equal(again[name], undisturbed[name]) for name in undisturbed.columns)


def test_a_full_disk_stops_with_one_line_and_can_be_resumed(undisturbed, tmp_path):
    # a limit on the size of files makes the kernel write a part of a line and refuse the rest, as a full disk does
    out = tmp_path / "out"
    # which would stop the measuring of coverage too
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    limited = {
        "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
        "env": unmeasured,
    }
    with start(out, "--jobs", "1", **limited) as process:
        printed, said = process.communicate(timeout=60)
    assert (process.returncode, printed) == (2, "")
    assert said.startswith("fa-theory: ")
    assert said.count("\n") == 1
    kept = len(numbers(out))
    assert 0 < kept < COUNT
    assert f"{kept} of {COUNT} instances are done and kept in {out}" in said
    assert (out / "finished.jsonl").read_bytes().count(b"\n") == kept  # nothing torn is left
    ft.sweep(GRID, out, what="simulate", jobs=1)
    assert dataset(out) == dataset(undisturbed.folder)


def test_interrupted_keeps_what_is_finished_and_leaves_no_process(tmp_path):
    out = tmp_path / "out"
    with start(out, "--jobs", "1", grid=GRID | {"seed": "0:100000"}, start_new_session=True) as process:
        wait_for_lines(out / "finished.jsonl", 5, process)
        children = _children(process.pid)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert said == f"interrupted: what was finished is kept in {out}; the same command goes on from there\n"
    assert len(numbers(out)) >= 5
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def _children(process):
    return [
        child for listed in Path(f"/proc/{process}/task").glob("*/children") for child in listed.read_text().split()
    ]


def test_two_sweeps_into_one_folder_are_refused(tmp_path):
    out = tmp_path / "out"
    with start(out, "--jobs", "1", grid=GRID | {"seed": "0:100000"}) as process:
        wait_for_lines(out / "finished.jsonl", 1, process)
        with pytest.raises(ValueError, match=f"is being written by another sweep: process {process.pid} on "):
            ft.sweep(GRID, out, what="simulate")
        process.kill()
    with pytest.raises(ValueError, match='holds another sweep: its seed is "0:100000:1", not "0:50:1"'):
        ft.sweep(GRID, out, what="simulate")


def test_instances_that_cannot_be_run_are_kept_apart(tmp_path):
    grid = GRID | {"width": f"3,{10**12}", "rule": "fa", "seed": "0:2"}
    out = tmp_path / "out"
    found = ft.sweep(grid, out, what="simulate", jobs=1, curves=True)
    assert [each.number for each in found.failures] == [2, 3]
    assert found.failures[0].options["width"] == 10**12
    assert "MemoryError: Unable to allocate" in found.failures[0].error
    assert json.loads((out / "failures.json").read_text())["failures"][0]["number"] == 2
    assert list(found["status"]) == ["finished", "finished", "failed", "failed"]
    assert found.outcomes == {"completed": 2, "failed": 2}
    assert np.isnan(found["loss_end"]).tolist() == [False, False, True, True]
    assert found["loss"].shape == (4, 2)
    assert found["loss"][0, -1] == found["loss_end"][0]
    assert np.isnan(found["t"][2]).all()
    assert load(out).failures == found.failures
    before = (out / "failed.jsonl").read_bytes()
    ft.sweep(grid, out, what="simulate", jobs=1, curves=True)
    assert (out / "failed.jsonl").read_bytes() == before
    ft.sweep(grid, out, what="simulate", jobs=1, curves=True, retry_failures=True)
    assert (out / "failed.jsonl").read_bytes() == before
    assert sorted(numbers(out)) == [0, 1]


FAULTY = """
import os, signal, sys
from pathlib import Path
from fa_theory.sweeps import instances, worker

plain, flag = instances.run_task, Path(sys.argv[1])

def run_task(task, what, *, curves):
    if task[0] == 3 or (task[0] == 5 and not flag.exists()):
        if task[0] == 5:
            flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(task, what, curves=curves)

instances.run_task = run_task
worker.main()
"""


def test_an_instance_that_kills_its_process_is_a_failure_and_the_rest_goes_on(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "WORKER", (sys.executable, "-c", FAULTY, str(tmp_path / "flag")))
    grid = GRID | {"rule": "fa", "width": 3, "seed": "0:8"}
    found = ft.sweep(grid, tmp_path / "out", what="simulate", jobs=1)
    (failure,) = found.failures
    assert failure.number == 3
    assert failure.error == "its process was killed by signal 9 2 times; out of memory?"
    assert (tmp_path / "flag").exists()  # the fifth was killed too, and then finished
    assert np.array_equal(np.delete(found["loss_end"], 3), np.delete(undisturbed["loss_end"][:8], 3))


def test_a_process_that_cannot_start_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "WORKER", (sys.executable, "-c", "raise SystemExit('no such luck')"))
    with pytest.raises(OSError, match=r"could not start: it ended with status 1 \(no such luck\); 0 of 200 instances"):
        ft.sweep(GRID, tmp_path / "out", what="simulate", jobs=1)


THREADS = """
import os
import numpy
from fa_theory.sweeps import instances, worker

def run_task(task, what, *, curves):
    return instances.Finished(task[0], [len(os.listdir("/proc/self/task"))], None, 0.0)

instances.run_task = run_task
worker.main()
"""


def test_each_process_has_one_thread(monkeypatch):
    monkeypatch.setattr(local, "WORKER", (sys.executable, "-c", THREADS))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    (found,) = local.run_local(iter([(0, {})]), what="simulate", curves=False, jobs=1)
    assert found.row == [1]
    monkeypatch.setattr(local, "ONE_THREAD", {})
    (control,) = local.run_local(iter([(0, {})]), what="simulate", curves=False, jobs=1)
    assert control.row[0] > 1


def test_verified_with_another_kernel_of_the_library_for_matrices(tmp_path, monkeypatch):
    grid = {"synthetic": "6x2", "width": 3, "time": 0.2, "points": 3, "seed": "0:2"}
    plain = ft.sweep(grid, tmp_path / "plain", jobs=1)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    other = ft.sweep(grid, tmp_path / "other", jobs=1)
    allowed = plain["error_end"] + other["error_end"] + 1e-12 * plain["loss_start"]
    assert np.all(np.abs(plain["loss_end"] - other["loss_end"]) <= allowed)
    for name in plain.columns:
        if name.startswith("verdict:"):
            assert np.array_equal(plain[name], other[name])
    report = run_instance(instance_from_data(synthetic="6x2", width=3, seed=1, run={"time": 0.2, "points": 3}))
    for verdict in report.verdicts:
        assert plain[f"verdict:{verdict.id}"][1] == verdict.verdict
        margin = plain[f"margin:{verdict.id}"][1]
        assert (
            np.isnan(margin) if verdict.margin is None else margin == pytest.approx(verdict.margin, rel=0.1, abs=1e-2)
        )
    assert plain.refuted == ()
    summary = {row.id: row for row in plain.summarise()}
    assert summary["neuron-law"].verdict == "holds"
    assert summary["neuron-law"].detail.startswith("holds in 2; smallest margin: instance ")
    assert summary["hitting-time"].verdict == "not_applicable"


def test_refuted_instances_are_found(undisturbed):
    codes = np.zeros((1, 3), np.int8) + np.array([VERDICTS.index("holds"), VERDICTS.index("refuted"), -1], np.int8)
    columns = {"verdict:neuron-law": codes[0], "margin:neuron-law": np.array([0.5, -4.0, np.nan])}
    columns |= {"status": np.array(["finished", "finished", "failed"])}
    found = ft.Sweep(undisturbed.folder, columns, ())
    assert found.refuted == (1,)
    assert list(found["verdict:neuron-law"]) == ["holds", "refuted", ""]
    (row,) = found.summarise()
    assert (row.verdict, row.margin, row.detail) == (
        "refuted",
        -4.0,
        "refuted in 1, holds in 1; smallest margin: instance 1",
    )
    failed = ft.Sweep(undisturbed.folder, {name: each[2:] for name, each in columns.items()}, ())
    assert failed.summarise()[0].detail == "every instance failed"
    assert undisturbed.refuted == ()


def test_options_of_all_kinds_reach_the_instance(tmp_path):
    instance = instance_from_data(synthetic="9x2", width=3, seed=4)
    from fa_theory.model import save_state

    save_state(tmp_path / "start.npz", instance.network, instance.problem)
    run = {"method": "sgd", "steps": 3, "batch_size": 2, "weight_decay": [0.1, 0.2]}
    whole = run_task((0, {"state": str(tmp_path / "start.npz"), "seed": 1, **run}), "simulate", curves=False)
    other = run_task((0, {"state": str(tmp_path / "start.npz"), "seed": 2, **run}), "simulate", curves=False)
    reference = simulate(instance.network, instance.problem, seed=1, **run)
    assert whole.row[5] == reference.loss[-1] != other.row[5]
    tanh = run_task((1, {"activation": "tanh", "init": "small", "seed": 1, **run}), "simulate", curves=False)
    assert np.isnan(tanh.row[-1])  # no C_i without a homogeneous activation


@pytest.mark.parametrize(
    ("grid", "options", "message"),
    [
        ({"target": "absent"}, {}, "none of the instances that were tried can be made: .*absent"),
        ({"activation": "tanh"}, {}, "an aligned start needs a homogeneous activation"),
        ({"width": 3}, {"jobs": 0}, "jobs must be at least 1, got 0"),
        ({"width": 3}, {"jobs": 2, "cluster": "tcp://127.0.0.1:1"}, "do not go with cluster"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(grid, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        ft.sweep(grid, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_other_data_in_the_same_file_are_another_sweep(tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("a,y\n1,2\n2,3\n3,5\n")
    grid = {"data": str(data), "target": "y", "method": "gd", "steps": 2, "width": 2, "weight_decay": "0.1/0.2"}
    found = ft.sweep(grid, tmp_path / "out", what="simulate", jobs=1)
    assert (found["weight_decay"][0], found.failures) == ("0.1/0.2", ())
    data.write_text("a,y\n1,2\n2,3\n3,4\n")
    with pytest.raises(ValueError, match=r"holds another sweep: its .*data\.csv is"):
        ft.sweep(grid, tmp_path / "out", what="simulate", jobs=1)
    data.unlink()
    with pytest.raises(FileNotFoundError):
        ft.sweep(grid, tmp_path / "out", what="simulate", jobs=1)
