"""The commands as a user types them: exit status, tables, JSON keys, files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fa_theory
from fa_theory.cli import main
from fa_theory.statements import STATEMENTS

SMALL = ["--width", "3", "--time", "1", "--points", "5"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line on stderr that a refusal prints."""
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def test_verify_prints_a_row_for_each_statement_and_writes_the_fixed_keys(tmp_path, capsys):
    file = tmp_path / "out.json"
    status, out, _ = run(capsys, "verify", *SMALL, "--json", str(file))
    assert status == 0
    written = json.loads(file.read_text())
    assert {"instance", "trajectory", "bounds", "results"} <= written.keys()
    assert {"t", "loss", "error"} <= written["trajectory"].keys()
    assert len(written["trajectory"]["t"]) == len(written["trajectory"]["loss"]) == 5
    assert [row["id"] for row in written["results"]] == list(STATEMENTS)
    for row in written["results"]:
        assert {"id", "verdict", "evidence", "margin", "detail"} <= row.keys()
        assert row["verdict"] in ("holds", "refuted", "not_applicable", "undecided")
        assert row["id"] in out
    verdicts = {row["id"]: row["verdict"] for row in written["results"]}
    assert verdicts["neuron-law"] == verdicts["exponential-decay"] == verdicts["bregman-drift"] == "holds"
    assert verdicts["separable-decay"] == "not_applicable"
    for bound in written["bounds"]:
        assert {"id", "applicable", "assumptions", "rate", "t", "value", "quantity"} <= bound.keys()
        assert all({"name", "holds", "margin"} <= each.keys() for each in bound["assumptions"])
    applicable = {bound["id"] for bound in written["bounds"] if bound["applicable"]}
    assert applicable == {
        "descent",
        "exponential-decay",
        "exponential-decay-growth",
        "exponential-decay-patterns",
        "multi-output-decay",
        "gd-decay",
        "linear-decay-growth",
        "multi-output-decay-projection",
        "gd-decay-growth",
    }
    assert written["instance"]["version"] == fa_theory.__version__


def test_the_same_instance_from_a_state_file_gives_the_same_numbers(tmp_path, capsys):
    state, first, second = tmp_path / "s.npz", tmp_path / "1.json", tmp_path / "2.json"
    names = [
        "--rule",
        "adafa:0.7",
        "--activation",
        "leaky_relu:0.5",
        "--loss",
        "logistic",
        "--time",
        "0.5",
        "--points",
        "4",
    ]
    run(
        capsys,
        "verify",
        *names,
        "--width",
        "3",
        "--biases",
        "--seed",
        "5",
        "--save-state",
        str(state),
        "--json",
        str(first),
    )
    run(capsys, "verify", *names, "--state", str(state), "--json", str(second))
    a, b = (json.loads(file.read_text()) for file in (first, second))
    assert a["trajectory"] == b["trajectory"]
    assert a["bounds"] == b["bounds"]
    assert a["results"][:4] == b["results"][:4]


def test_bound_needs_no_simulation_and_agrees_with_verify(tmp_path, capsys):
    alone, whole = tmp_path / "b.json", tmp_path / "v.json"
    assert run(capsys, "bound", *SMALL, "--json", str(alone))[0] == 0
    run(capsys, "verify", *SMALL, "--json", str(whole))
    a, b = (json.loads(file.read_text())["bounds"] for file in (alone, whole))
    assert sorted(a, key=lambda each: each["id"]) == sorted(b, key=lambda each: each["id"])


LOGISTIC = ["--activation", "leaky_relu:0.5", "--loss", "logistic", "--standardize", "--init", "gaussian"]


def test_epsilon_is_the_loss_of_the_hitting_time(tmp_path, capsys):
    file = tmp_path / "o.json"
    status, out, _ = run(capsys, "verify", *SMALL, *LOGISTIC, "--time", "4", "--epsilon", "0.25", "--json", str(file))
    written = json.loads(file.read_text())
    (bound,) = (each for each in written["bounds"] if each["id"] == "hitting-time")
    assert status == 0
    assert bound["epsilon"] == 0.25
    assert bound["time"] > 4
    assert bound["method"] == "flow"
    (row,) = (each for each in written["results"] if each["id"] == "hitting-time")
    assert row["verdict"] == ("holds" if min(written["trajectory"]["loss"]) < 0.25 else "undecided")
    status, out, _ = run(capsys, "bound", *SMALL, *LOGISTIC, "--epsilon", "0.25", "--json", str(file))
    (alone,) = (each for each in json.loads(file.read_text())["bounds"] if each["id"] == "hitting-time")
    assert alone["time"] == bound["time"]
    assert "loss 0.25 by t = " in out
    assert "epsilon must be a positive finite number" in refused(capsys, "verify", *SMALL, "--epsilon", "0")
    assert "epsilon must be a positive finite number" in refused(capsys, "bound", *SMALL, "--epsilon", "-1")


def test_gradient_descent_is_told_its_largest_certified_step_size(tmp_path, capsys):
    alone, whole = tmp_path / "b.json", tmp_path / "v.json"
    steps = ["--width", "3", "--standardize", "--method", "gd", "--steps", "50", "--points", "6"]

    def gd(file):
        return next(each for each in json.loads(file.read_text())["bounds"] if each["id"] == "gd-decay")

    run(capsys, "bound", *steps, "--step-size", "1", "--json", str(alone))
    certified = gd(alone)["step_size"]
    assert gd(alone)["applicable"] is False
    assert 0 < certified < 1
    status, _, _ = run(capsys, "verify", *steps, "--step-size", repr(certified), "--json", str(whole))
    assert status == 0
    rows = {each["id"]: each["verdict"] for each in json.loads(whole.read_text())["results"]}
    assert rows["gd-decay"] == "holds"
    assert gd(whole)["step_size"] == certified
    run(capsys, "bound", *steps, "--step-size", repr(certified), "--json", str(alone))
    assert gd(alone) == gd(whole)


def test_weight_decay_leaves_one_statement_that_applies(tmp_path, capsys):
    file = tmp_path / "o.json"
    assert run(capsys, "verify", *SMALL, "--weight-decay", "0.1,0.2", "--json", str(file))[0] == 0
    written = json.loads(file.read_text())
    verdicts = {row["id"]: row["verdict"] for row in written["results"]}
    assert [each for each in verdicts if verdicts[each] != "not_applicable"] == ["matched-decay"]
    assert verdicts["matched-decay"] == "holds"
    assert written["instance"]["run"]["weight_decay"] == written["trajectory"]["options"]["weight_decay"] == [0.1, 0.2]
    _, out, _ = run(capsys, "bound", *SMALL, "--weight-decay", "0.1")
    assert "no weight decay (margin -0.1)" in " ".join(out.split())


def test_simulate_writes_the_trajectory(tmp_path, capsys):
    file = tmp_path / "t.json"
    status, out, _ = run(capsys, "simulate", *SMALL, "--json", str(file))
    written = json.loads(file.read_text())["trajectory"]
    assert status == 0
    assert written["outcome"] == "completed"
    assert written["loss"][-1] < written["loss"][0]
    assert all(error < 1e-6 for error in written["error"])
    assert f"{written['loss'][-1]:.6g}"[:6] in out


def test_a_diverging_run_says_so(tmp_path, capsys):
    file = tmp_path / "t.json"
    arguments = ["--method", "gd", "--step-size", "50", "--steps", "400", "--points", "401"]
    status, out, _ = run(capsys, "simulate", *arguments, "--json", str(file))
    assert status == 0
    assert "diverged" in out or "grew beyond" in out
    written = json.loads(file.read_text())["trajectory"]
    assert written["outcome"] == "diverged"
    assert 1 <= len(written["loss"]) < 401
    assert np.all(np.isfinite(written["loss"]))


def test_theorems_lists_ids_titles_sources_and_evidence(tmp_path, capsys):
    file = tmp_path / "t.json"
    status, out, _ = run(capsys, "theorems", "--json", str(file))
    rows = json.loads(file.read_text())["theorems"]
    assert status == 0
    assert [row["id"] for row in rows] == list(STATEMENTS)
    assert all(row["source"] in ("paper", "own") and row["evidence"] for row in rows)
    assert all(row["id"] in out for row in rows)


def test_a_csv_of_the_user(tmp_path, capsys):
    csv = tmp_path / "my.csv"
    csv.write_text("a,b,sick\n1,2,yes\n2,1,no\n1.5,3,yes\n3,1,no\n")
    file = tmp_path / "o.json"
    arguments = ["--data", str(csv), "--target", "sick", "--loss", "exponential", *SMALL, "--json", str(file)]
    assert run(capsys, "verify", *arguments)[0] == 0
    written = json.loads(file.read_text())
    assert written["instance"]["samples"] == 4
    assert any("yes" in each for each in written["instance"]["transforms"])
    assert {row["id"]: row["verdict"] for row in written["results"]}["separable-decay"] == "holds"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["verify", "--rule", "foo"], "fa-theory: --rule must be one of"),
        (["verify", "--rule", "adafa:-1"], "kappa"),
        (["verify", "--rule", "adafa"], "adafa"),
        (["verify", "--activation", "leaky_relu:2"], "leaky_relu slope"),
        (["verify", "--activation", "tanh"], "homogeneous"),
        (["verify", "--loss", "hinge"], "hinge"),
        (["verify", "--width", "0"], "width"),
        (["verify", "--width", "x"], "--width"),
        (["verify", "--depth", "1"], "depth"),
        (["verify", "--init", "xavier"], "init must be"),
        (["verify", "--alignment", "0"], "alignment"),
        (["verify", "--method", "adam"], "--method"),
        (["verify", "--time", "-1"], "fa-theory: --time must be"),
        (["verify", "--time", "nan"], "time must be"),
        (["verify", "--points", "1"], "points"),
        (["verify", "--accuracy", "0"], "accuracy"),
        (["verify", "--method", "gd", "--time", "3"], "--time is for"),
        (["verify", "--step-size", "0.1"], "--step-size is for"),
        (["verify", "--method", "sgd", "--batch-size", "1000"], "--batch-size must"),
        (["verify", "--state", "nowhere.npz"], "does not exist"),
        (["verify", "--data", "nowhere.csv", "--target", "y"], "nowhere.csv"),
        (["verify", "--target", "colour"], "colour"),
        (["verify", "--save-state", "s.npz"], "--save-state"),
        (["verify", "--json", "no/such/folder/x.json"], "not a folder"),
        (["verify", "--no-such-option"], "--no-such-option"),
        (["frobnicate"], "frobnicate"),
        (["bound", "--time", "-1"], "time"),
        (["bound", "--points", "1"], "points"),
        (["verify", "--weight-decay", "x"], "--weight-decay must be a number"),
        (["verify", "--weight-decay", "-1"], "--weight-decay must be finite and >= 0"),
        (["bound", "--weight-decay", "0.1,0.2,0.3"], "--weight-decay must be one number, or one for each of 2 layers"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, named, capsys):
    assert named in refused(capsys, *arguments)


def test_state_and_data_options_contradict_each_other(tmp_path, capsys):
    state = tmp_path / "s.npz"
    np.savez(state, X=np.eye(2), Y=np.ones(2), W1=np.eye(2), W2=np.ones((1, 2)), B2=np.ones((2, 1)))
    assert "--width" in refused(capsys, "verify", "--state", str(state), "--width", "3")


def test_a_missing_feedback_matrix_is_named(tmp_path, capsys):
    state = tmp_path / "s.npz"
    np.savez(state, X=np.eye(2), Y=np.ones(2), W1=np.eye(2), W2=np.ones((1, 2)))
    assert "B2" in refused(capsys, "verify", "--state", str(state))
    assert run(capsys, "bound", "--state", str(state), "--rule", "backprop")[0] == 0


def test_labels_0_and_1_are_refused_with_the_mend(tmp_path, capsys):
    state = tmp_path / "s.npz"
    np.savez(state, X=np.eye(2), Y=np.array([0.0, 1.0]), W1=np.eye(2), W2=np.ones((1, 2)), B2=np.ones((2, 1)))
    assert "2 * Y - 1" in refused(capsys, "verify", "--state", str(state), "--loss", "logistic")


def test_refusals_leave_no_file_behind(tmp_path, capsys):
    out = tmp_path / "o.json"
    refused(capsys, "verify", "--rule", "foo", "--json", str(out))
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_report_folder_is_refused_before_the_run(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("")
    assert "file" in refused(capsys, "verify", *SMALL, "--report", str(file / "report"))


def test_a_refuted_statement_gives_status_1(capsys, monkeypatch):
    from fa_theory.verification import report

    real = report.simulate

    def tampered(*arguments, **options):
        run_ = real(*arguments, **options)
        run_.loss[-1] = 10 * run_.loss[0]
        return run_

    monkeypatch.setattr(report, "simulate", tampered)
    status, out, _ = run(capsys, "verify", *SMALL)
    assert status == 1
    assert "refuted" in out


def test_an_interrupted_suite_keeps_what_is_finished(tmp_path, capsys, monkeypatch):
    from fa_theory.cli import commands as module
    from fa_theory.verification import instance_from_data

    small = [instance_from_data(name=f"run {k}", width=2, run={"time": 0.2, "points": 3}) for k in range(3)]
    monkeypatch.setattr(module, "standard_suite", lambda _: tuple(small))
    real = module.run_suite

    def stops_after_one(instances, progress=None, **options):
        yield from real(instances[:1], progress, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_suite", stops_after_one)
    file = tmp_path / "o.json"
    status, out, err = run(capsys, "verify", "--json", str(file))
    written = json.loads(file.read_text())
    assert status == 130
    assert "1 of 3 runs" in err
    assert written["instance"]["interrupted"] is True
    assert [each["instance"]["name"] for each in written["runs"]] == ["run 0"]
    assert "neuron-law" in out
    assert [each.name for each in tmp_path.iterdir()] == ["o.json"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_leaves_no_half_written_file(tmp_path):
    state = tmp_path / "start.npz"
    options = ["--time", "100000", "--json", "run.json", "--save-state", state.name]
    command = [sys.executable, "-m", "fa_theory", "simulate", *options]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    # the start state is written just before the run
    while process.poll() is None and not state.exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "interrupted: the work was not finished; no file is left half written\n"
    assert list(tmp_path.iterdir()) == [state]


def test_help_names_every_option_and_an_example(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = run(capsys, "verify", "--help")
    assert status == 0
    for option in (
        "--data",
        "--target",
        "--state",
        "--rule",
        "--activation",
        "--loss",
        "--width",
        "--init",
        "--seed",
        "--method",
        "--time",
        "--steps",
        "--step-size",
        "--points",
        "--json",
        "--save-state",
        "--report",
    ):
        assert option in out
    assert "Example:" in out
    for meaning in (
        "embedded iris",
        "leaky_relu:A",
        "fa, sign-fa, adafa:K",
        "(default 10)",
        "aligned, small",
        "Recorded times",
    ):
        assert meaning in out
    assert "--no-standardize" not in out


def test_version(capsys):
    status, out, _ = run(capsys, "--version")
    assert (status, out.strip()) == (0, fa_theory.__version__)


def test_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "fa_theory", "theorems"], capture_output=True, text=True, check=True)
    assert "neuron-law" in done.stdout


def test_progress_stays_silent_off_a_terminal(capsys):
    _, _, err = run(capsys, "simulate", *SMALL)
    assert err == ""


def test_output_of_json_is_not_replaced_when_the_run_fails(tmp_path, capsys):
    file = Path(tmp_path / "o.json")
    file.write_text("old")
    refused(capsys, "simulate", "--accuracy", "5", "--json", str(file))
    assert file.read_text() == "old"
