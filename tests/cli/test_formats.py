"""Formats of tables and suggestions, as a user of the command line meets them."""

import csv
import io
import json
import subprocess
import sys

import pytest

from fa_theory.choices import not_among
from fa_theory.cli import main
from fa_theory.statements import STATEMENTS

SMALL = ["--width", "3", "--time", "1", "--points", "5"]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def test_json_on_the_standard_output_is_what_the_file_gets(tmp_path, capsys):
    file = tmp_path / "out.json"
    status, out, _ = run(capsys, "bound", *SMALL[:2], "--format", "json", "--json", str(file))
    assert status == 0
    assert json.loads(out) == json.loads(file.read_text())
    assert {"instance", "bounds"} <= json.loads(out).keys()


def test_csv_holds_one_row_for_each_statement_and_prose_goes_to_stderr(capsys):
    status, out, err = run(capsys, "verify", *SMALL, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert status == 0
    assert [row["statement"] for row in rows] == list(STATEMENTS)
    assert {row["verdict"] for row in rows} <= {"holds", "not applicable", "undecided"}
    assert err == "run: completed\n"


def test_markdown_pastes_as_a_pipe_table(capsys):
    status, out, _ = run(capsys, "simulate", *SMALL, "--format", "markdown")
    lines = out.splitlines()
    assert status == 0
    assert lines[0] == "| t | loss | error estimate |"
    assert lines[1] == "|---|---|---|"
    assert [line.count("|") for line in lines[2:7]] == [4] * 5
    assert "steps" in lines[-1]


def test_an_unknown_format_is_refused_with_those_that_there_are(capsys):
    status, out, err = run(capsys, "theorems", "--format", "html")
    assert (status, out) == (2, "")
    assert all(name in err for name in ("rich", "markdown", "csv", "json"))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["verify", "--rule", "sing-fa"], "did you mean 'sign-fa'?"),
        (["verify", "--loss", "sqared"], "did you mean 'squared'?"),
        (["simulate", "--method", "sdg"], "did you mean 'sgd'?"),
        (["falsify", "neuron-lw"], "did you mean 'neuron-law'?"),
        (["verfy"], "did you mean 'verify'?"),
        (["verify", "--tim", "3"], "did you mean '--time'?"),
    ],
)
def test_an_error_says_what_to_type_instead(typed, meant, capsys):
    status, out, err = run(capsys, *typed)
    assert (status, out) == (2, "")
    assert meant in err


def test_nothing_is_suggested_where_nothing_is_alike():
    assert str(not_among("loss", "xyz", ["squared"])) == "loss must be one of squared, got 'xyz'"


@pytest.mark.parametrize(("command", "width"), [("bound", 40), ("bound", 80), ("verify", 80), ("theorems", 40)])
def test_a_narrow_terminal_gets_every_number_whole(command, width, capsys, monkeypatch):
    arguments = [command, *(SMALL if command != "theorems" else [])]
    _, out, _ = run(capsys, *arguments, "--format", "csv")
    monkeypatch.setenv("COLUMNS", str(width))
    _, narrow, _ = run(capsys, *arguments)
    assert max(map(len, narrow.splitlines())) <= width
    shown = "".join(narrow.split())
    _, *rows = csv.reader(io.StringIO(out, newline=""))
    words = [cell for row in rows for cell in row if " " not in cell and cell != "-"]
    assert len(words) >= len(rows)
    assert [word for word in words if word not in shown] == []


@pytest.mark.parametrize("form", ["rich", "markdown"])
def test_output_that_nobody_reads_is_no_refutation(form):
    program = "import sys; from fa_theory.cli import main; sys.stdin.readline(); main(sys.argv[1:])"
    command = [sys.executable, "-u", "-c", program, "theorems", "--format", form]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.wait() == 141
        assert process.stderr.read() == b""
