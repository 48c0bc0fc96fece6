"""The command fa-theory falsify, and the order of what fa-theory bound prints."""

import json
import shlex

import pytest

from fa_theory.cli import main

STEP = "step size at most the certified one"


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def test_nothing_found_is_exit_status_0(capsys, tmp_path):
    file = tmp_path / "search.json"
    status, out, err = run(capsys, "falsify", "gd-decay", "--evaluations", "9", "--seed", "4", "--json", str(file))
    assert (status, err) == (0, "")
    assert "none found" in out
    assert STEP in out
    found = json.loads(file.read_text())["search"]
    assert (found["statement"], found["dropped"], found["refuted"]) == ("gd-decay", None, False)
    assert (found["tried"], found["seed"], found["stopped"]) == (9, 4, "evaluations")
    assert found["slack"] > 0
    assert found["instance"]["activation"] == "linear"


def test_a_counterexample_is_exit_status_1_and_its_state_runs_again(capsys, tmp_path):
    state, file = tmp_path / "worst.npz", tmp_path / "search.json"
    files = ["--save-state", str(state), "--json", str(file)]
    status, out, _ = run(capsys, "falsify", "neuron-law", "--drop", "homogeneous activation", *files)
    assert status == 1
    assert "found" in out
    (line,) = (each for each in out.splitlines() if each.startswith("run it again: "))
    command = shlex.split(line.removeprefix("run it again: "))
    assert command[:3] == ["fa-theory", "verify", "--state"]
    status, out, _ = run(capsys, *command[1:])
    assert status == 0  # of a tanh network the law says nothing
    assert "homogeneous activation: tanh" in out


def test_a_bound_is_judged_on_the_saved_state(capsys, tmp_path):
    state, file = tmp_path / "closest.npz", tmp_path / "search.json"
    run(capsys, "falsify", "gd-decay", "--evaluations", "9", "--save-state", str(state), "--json", str(file))
    found = json.loads(file.read_text())["search"]
    command = shlex.split(found["command"].replace("STATE.npz", str(state)))
    verdicts = tmp_path / "verify.json"
    assert run(capsys, *command[1:], "--json", str(verdicts))[0] == 0
    (row,) = (each for each in json.loads(verdicts.read_text())["results"] if each["id"] == "gd-decay")
    assert row["verdict"] == "holds"
    assert row["detail"] == found["detail"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-law"], "statement must be one of"),
        (["neuron-law", "--drop", "gravity"], "'homogeneous activation'"),
        (["neuron-law", "--evaluations", "0"], "evaluations must be"),
        (["neuron-law", "--seconds", "-1"], "seconds must be"),
        (["neuron-law", "--save-state", "no/such/folder/x.npz"], "cannot be written"),
        ([], "ID"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, words, capsys):
    status, out, err = run(capsys, "falsify", *arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_time_that_runs_out_is_told(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    state = tmp_path / "nothing.npz"
    status, out, _ = run(capsys, "falsify", "neuron-law", "--seconds", "1e-9", "--save-state", str(state))
    assert status == 0
    said = " ".join(out.split())
    assert "not reproducible" in said
    assert "no admissible instance" in said
    assert not state.exists()


@pytest.mark.parametrize("options", [[], ["--loss", "logistic", "--time", "500"], ["--method", "gd"]])
def test_bound_puts_the_sharpest_first(options, capsys, tmp_path):
    file = tmp_path / "bounds.json"
    _, out, _ = run(capsys, "bound", "--width", "3", *options, "--json", str(file))
    written = json.loads(file.read_text())
    bounds = written["bounds"]
    method = "gd" if "gd" in options else "flow"
    valid = [each for each in bounds if each["applicable"] and each["method"] == method]
    assert bounds[: len(valid)] == valid
    ends = [each["value"][-1] + each["floor"] for each in valid]
    assert ends == sorted(ends)
    first = [next((each["id"] for each in valid if each["quantity"] == q), None) for q in ("loss", "excess_loss")]
    assert sorted(written["sharpest"]) == sorted(name for name in first if name)
    assert ("sharpest on the" in out) == bool(valid)
