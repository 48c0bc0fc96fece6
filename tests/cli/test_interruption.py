"""Ctrl-C, in process: one line that says what is kept, status 130; the signal itself is sent in test_commands.py."""

import json

import pytest

from fa_theory.cli import commands, main
from fa_theory.view import page

SMALL = ["--method", "gd", "--steps", "10", "--points", "3", "--width", "2", "--standardize"]
NOTHING = "interrupted: the work was not finished; no file is left half written\n"


def stop(*_given, **_options):
    raise KeyboardInterrupt


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return ended.value.code


@pytest.mark.parametrize(
    ("work", "arguments"),
    [
        ("fa_theory.cli.prove.check_proofs", ["prove"]),
        ("fa_theory.cli.falsify.search_for_counterexample", ["falsify", "neuron-law"]),
        ("fa_theory.symbolic.discovery.discover", ["discover", "--shape", "1,1,1"]),
        ("fa_theory.cli.commands.simulate", ["simulate", *SMALL]),
        ("fa_theory.cli.commands.all_bounds", ["bound", *SMALL]),
        ("fa_theory.cli.commands.app", ["--help"]),  # before any command begins
    ],
)
def test_an_interruption_is_told_by_every_command(work, arguments, monkeypatch, capsys):
    monkeypatch.setattr(work, stop)
    assert run(*arguments) == 130
    assert capsys.readouterr() == ("", NOTHING)


def test_points_that_were_stored_are_said_to_be_kept_and_the_run_goes_on_from_them(tmp_path, monkeypatch, capsys):
    real, store = commands.simulate, tmp_path / "store"

    def stops(*given, progress, **options):
        return real(*given, progress=lambda part: stop() if part > 0.6 else progress(part), **options)

    arguments = ["simulate", "--method", "gd", "--steps", "40", "--points", "5", "--width", "2", "--store", store]
    monkeypatch.setattr(commands, "simulate", stops)
    assert run(*arguments) == 130
    kept = f"points recorded so far are kept in {store}, and the same command goes on from there"
    assert capsys.readouterr() == ("", f"interrupted: the work was not finished; {kept}\n")
    assert list(store.iterdir())
    monkeypatch.setattr(commands, "simulate", real)
    assert run(*arguments) == 0


def test_of_a_page_that_is_not_finished_no_more_is_said_than_is_true(tmp_path, monkeypatch, capsys):
    single = ["verify", *SMALL, "--report", tmp_path / "report", "--json", tmp_path / "run.json"]
    monkeypatch.setattr(page, "write_report", stop)
    assert run(*single) == 130
    printed = capsys.readouterr()
    assert printed.err == "interrupted: 1 of 1 runs were finished and are kept; not finished: report\n"
    assert "neuron-law" in printed.out
    assert "results" in json.loads((tmp_path / "run.json").read_text())
    monkeypatch.setattr("fa_theory.verification.certificate.write_certificate", stop)
    assert run(*single, "--certificate", tmp_path / "c.json") == 130
    assert capsys.readouterr().err.endswith("; not finished: certificate, report\n")


def test_a_suite_whose_page_is_interrupted_has_all_its_runs(tmp_path, monkeypatch, capsys):
    from fa_theory.verification import instance_from_data

    run_options = {"method": "gd", "steps": 4, "points": 3}
    small = tuple(instance_from_data(name=name, width=2, run=run_options) for name in "ab")
    monkeypatch.setattr(commands, "standard_suite", lambda _: small)
    monkeypatch.setattr(page, "write_report", stop)
    file = tmp_path / "suite.json"
    assert run("verify", "--jobs", "1", "--report", tmp_path / "report", "--json", file) == 130
    assert capsys.readouterr().err == "interrupted: 2 of 2 runs were finished and are kept; not finished: report\n"
    written = json.loads(file.read_text())["instance"]
    assert written["runs"] == ["a", "b"]
    assert written["interrupted"] is False  # the suite was not
