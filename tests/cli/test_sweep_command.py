"""The command ``fa-theory sweep``: its exit statuses, what it prints and what it refuses."""

import json
import shlex

import numpy as np
import pytest

import fa_theory.cli.sweep as command
from fa_theory.cli import main
from fa_theory.sweeps import Failure, Sweep
from fa_theory.verification import VERDICTS

SMALL = ["--synthetic", "6x2", "--method", "gd", "--steps", "2", "--points", "2", "--width", "2"]


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return ended.value.code


def test_a_sweep_is_run_and_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    out, file = tmp_path / "out", tmp_path / "sweep.json"
    words = ["sweep", out, *SMALL, "--rule", "fa,dfa", "--seeds", "3", "--what", "simulate", "--jobs", 3]
    monkeypatch.setattr(command.os, "cpu_count", lambda: 2)
    assert run(*words, "--json", file) == 0
    printed = capsys.readouterr()
    assert "completed" in printed.out
    assert "2/2" in printed.err
    assert "left:" in printed.err
    assert "note: 3 processes of one thread each share 2 processors" in printed.err
    document = json.loads(file.read_text())
    assert document["sweep"] == {"folder": str(out), "instances": 2, "outcomes": {"completed": 2}}
    assert (document["results"], document["refuted"], document["failures"]) == ([], [], [])
    monkeypatch.delenv("FORCE_COLOR")
    assert run(*words[:-2], "--format", "json") == 0
    printed = capsys.readouterr()
    assert (json.loads(printed.out), printed.err) == (document, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--width", "0"], "width must be a whole number >= 1, got '0'"),
        (["--seeds", "0:1000000000"], "the grid has 1,000,000,000 instances; a sweep takes from 1 to 10,000,000"),
        (["--seeds", "0:0"], "the grid has 0 instances"),
        (["--rule", "fa,fb"], "fb"),
        (["--what", "guess"], "what must be one of verify, simulate, got 'guess'"),
        (["--jobs", "1", "--cluster", "tcp://127.0.0.1:9"], "do not go with cluster"),
        (["--json", "absent/file.json"], "absent is not a folder"),
    ],
)
def test_what_is_refused_is_refused_in_one_line(words, message, tmp_path, capsys):
    assert run("sweep", tmp_path / "out", *words) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("fa-theory: ")
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert not (tmp_path / "out").exists()


def columns(*codes):
    return {
        "rule": np.array(["fa"] * len(codes)),
        "biases": np.array([True, False] * len(codes))[: len(codes)],
        "weight_decay": np.array(["0.1/0.2"] * len(codes)),
        "steps": np.full(len(codes), -1),
        "time": np.full(len(codes), 2.0),
        "seed": np.arange(len(codes)),
        "status": np.array(["failed" if code < 0 else "finished" for code in codes]),
        "outcome": np.array(["" if code < 0 else "completed" for code in codes]),
        "error_end": np.array([np.nan if code < 0 else 1e-9 for code in codes]),
        "law_drift": np.full(len(codes), np.nan),
        "verdict:neuron-law": np.array(codes, np.int8),
        "margin:neuron-law": np.full(len(codes), 0.5),
    }


HOLDS, REFUTED = VERDICTS.index("holds"), VERDICTS.index("refuted")
FAILED = (Failure(1, {"seed": 1}, "ValueError: no"),)


@pytest.mark.parametrize(
    ("codes", "failures", "status"),
    [((HOLDS, HOLDS), (), 0), ((HOLDS, -1), FAILED, 2), ((REFUTED, -1), FAILED, 1)],
)
def test_the_exit_status_says_what_was_found(codes, failures, status, tmp_path, capsys, monkeypatch):
    found = Sweep(tmp_path, columns(*codes), failures)
    monkeypatch.setattr(command, "run_sweep", lambda *_given, **_options: found)
    assert run("sweep", tmp_path) == status
    printed = capsys.readouterr()
    shown = "refuted by instance 0: " + shlex.join(
        ["fa-theory", "verify", "--rule", "fa", "--biases", "--seed", "0", "--time", "2.0", "--weight-decay", "0.1,0.2"]
    )
    assert ("refuted by instance" in printed.out) == (status == 1)
    if status == 1:
        line = next(line for line in printed.out.splitlines() if line.startswith("refuted by"))
        assert sorted(line.split()) == sorted(shown.split())
    if failures:
        assert "instance 1 failed: ValueError: no\n1 of 2 failed: " in printed.err
        assert "failed" in printed.out


def test_interrupted_is_said(tmp_path, capsys, monkeypatch):
    def interrupted(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_sweep", interrupted)
    assert run("sweep", tmp_path) == 130
    assert f"what was finished is kept in {tmp_path}" in capsys.readouterr().err
