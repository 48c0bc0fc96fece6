"""The commands ``verify --certificate``, ``bound --rigorous`` and ``check``, as a user types them."""

import json
from dataclasses import replace

import pytest

import fa_theory as ft
from fa_theory.model import Network
from fa_theory.verification.certificate import write_certificate
from tests.bounds.bound_instances import aligned, regression
from tests.cli.test_commands import run

SMALL = ["--width", "2", "--time", "0.05", "--points", "3", "--standardize"]


def test_iris_is_certified_and_checked(tmp_path, capsys):
    file, report = tmp_path / "c.json", tmp_path / "r.json"
    status, out, _ = run(capsys, "verify", "--rigorous", "--certificate", str(file), "--json", str(report), *SMALL)
    assert status == 0
    assert "enclosed" in out
    assert f"certificate: {file}" in " ".join(out.split())
    assert {row["id"] for row in json.loads(report.read_text())["results"] if row["evidence"] == "enclosed"} == {
        "descent",
        "exponential-decay",
        "multi-output-decay",
        "exponential-decay-growth",
        "linear-decay-growth",
        "exponential-decay-patterns",
        "multi-output-decay-projection",
    }
    status, out, err = run(capsys, "check", str(file))
    assert (status, err) == (0, "")
    assert out.startswith("accepted: ")
    assert "exponential-decay: holds" in out


def test_a_table_of_the_user_is_certified_and_checked(tmp_path, capsys):
    table, file = tmp_path / "t.csv", tmp_path / "c.json"
    table.write_text("a,b,y\n1,0.5,2\n-1,0.25,1\n0.5,2,0\n")
    status, _, _ = run(capsys, "verify", "--data", str(table), "--target", "y", "--certificate", str(file), *SMALL[:6])
    assert status == 0
    assert run(capsys, "check", str(file))[0] == 0


def test_a_changed_certificate_is_rejected_and_no_certificate_is_unreadable(tmp_path, capsys):
    file = tmp_path / "c.json"
    step = ["--method", "gd", "--steps", "3", "--step-size", "1e-5", "--points", "2", "--width", "2", "--standardize"]
    assert run(capsys, "verify", "--certificate", str(file), *step)[0] == 0
    content = json.loads(file.read_text())
    content["observed"]["loss"][-1] = content["observed"]["loss"][0]
    file.write_text(json.dumps(content))
    status, out, err = run(capsys, "check", str(file))
    assert (status, out) == (1, "")
    assert "is rejected: loss at 3" in err
    file.write_text("{")
    status, out, err = run(capsys, "check", str(file))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1


def test_what_cannot_be_certified_is_refused(tmp_path, capsys):
    file = tmp_path / "c.json"
    status, _, err = run(
        capsys, "verify", "--certificate", str(file), "--activation", "tanh", "--init", "small", *SMALL
    )
    assert status == 2
    assert "a certificate is for two layers" in err
    assert not file.exists()


@pytest.mark.parametrize("method", [[], ["--method", "gd", "--step-size", "1e-6", "--steps", "5"]])
def test_rigorous_bounds_without_a_run(tmp_path, capsys, method):
    file, plain = tmp_path / "b.json", tmp_path / "p.json"
    for out, more in ((file, ["--rigorous"]), (plain, [])):
        status, _, _ = run(capsys, "bound", *more, "--json", str(out), "--standardize", "--points", "3", *method)
        assert status == 0
    for ours, theirs in zip(
        json.loads(file.read_text())["bounds"], json.loads(plain.read_text())["bounds"], strict=True
    ):
        assert ours["applicable"] == theirs["applicable"]
        assert ours["value"] == pytest.approx(theirs["value"], rel=1e-9)


def test_a_run_that_no_certificate_describes_is_refused(tmp_path):
    net, problem = aligned(1, 2, 3, "linear", "adafa:0.5"), regression(1, 4, 2)
    rule = net.feedback[0]
    elsewhere = Network(net.weights, "linear", [replace(rule, W_start=rule.W_start + 1)])
    for network, method, message in ((net, "midpoint", "got midpoint"), (elsewhere, "gd", "at its own start")):
        report = ft.verify(network, problem, method=method, steps=2, step_size=0.01, rigorous=True)
        with pytest.raises(ValueError, match=message):
            write_certificate(tmp_path / "c.json", report)
        assert not (tmp_path / "c.json").exists()
