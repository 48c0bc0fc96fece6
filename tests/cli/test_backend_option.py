"""The option --backend as a user types it."""

import json
import sys

import pytest

from fa_theory.cli import main

SMALL = ["--width", "3", "--time", "1", "--points", "5"]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def refused(capsys, *arguments):
    status, out, err = run(capsys, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    return err


@pytest.mark.parametrize("backend", ["cupy", "cuda"])
def test_a_backend_that_does_not_work_is_refused_before_anything_is_written(tmp_path, capsys, monkeypatch, backend):
    monkeypatch.setitem(sys.modules, "cupy", None)
    file = tmp_path / "start.npz"
    message = refused(capsys, "simulate", *SMALL, "--save-state", str(file), "--backend", backend)
    assert ("needs the library cupy" if backend == "cupy" else "must be one of numpy, cupy") in message
    assert not file.exists()


def test_the_numpy_backend_gives_the_run_without_one(tmp_path, capsys):
    losses = []
    for name, options in (("one", ()), ("other", ("--backend", "numpy"))):
        status, _, _ = run(capsys, "simulate", *SMALL, "--json", str(tmp_path / name), *options)
        assert status == 0
        losses.append(json.loads((tmp_path / name).read_text())["trajectory"]["loss"])
    assert losses[0] == losses[1]
