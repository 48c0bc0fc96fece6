"""Files are written before anything is printed: what reads the output may go away, as head does."""

import json
import os
import subprocess
import sys

import pytest

from fa_theory.checker import check_certificate
from fa_theory.cli import main, output

SMALL = ["--method", "gd", "--steps", "10", "--points", "3", "--width", "2", "--standardize"]


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return ended.value.code


def test_a_closed_pipe_takes_no_file_away(tmp_path):
    program = "import sys; from fa_theory.cli import main; sys.stdin.readline(); main(sys.argv[1:])"
    written = ["--json", "run.json", "--report", "report", "--certificate", "run.cert"]
    command = [sys.executable, "-u", "-c", program, "verify", *SMALL, *written]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:
        process.stdout.close()
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.wait() == 141
        assert process.stderr.read() == b""
    assert len(json.loads((tmp_path / "run.json").read_text())["trajectory"]["loss"]) == 3
    assert (tmp_path / "report" / "index.html").read_text(encoding="utf-8").endswith("</html>\n")
    assert check_certificate(tmp_path / "run.cert")


def unread(*_given):
    raise BrokenPipeError


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["simulate", *SMALL, "--save-state", "s.npz"], ["run.json", "s.npz"]),
        (["bound", "--width", "2"], ["run.json"]),
        (["theorems"], ["run.json"]),
        (["prove", "neuron-identity", "--latex", "proof.tex", "--jobs", "1"], ["proof.tex", "run.json"]),
    ],
)
def test_every_command_writes_its_files_first(arguments, names, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output, "print_sheet", unread)
    monkeypatch.setenv("PATH", "")  # no LaTeX engine
    assert run(*arguments, "--json", "run.json") == 2
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_page_that_cannot_be_written_takes_nothing_else_away(tmp_path, monkeypatch, capsys):
    from fa_theory.view import page

    def full(*_given, **_options):
        raise OSError("report folder is full")

    monkeypatch.setattr(page, "write_report", full)
    file = tmp_path / "run.json"
    assert run("verify", *SMALL, "--report", tmp_path / "report", "--json", file) == 2
    printed = capsys.readouterr()
    assert "neuron-law" in printed.out
    assert printed.err == "fa-theory: report folder is full\n"
    assert "results" in json.loads(file.read_text())


FULL = "/dev/full"
needs_full = pytest.mark.skipif(not os.path.exists(FULL), reason="no device that is always full")


@needs_full
def test_a_certificate_that_cannot_be_written_is_named_and_takes_nothing_else_away(tmp_path, monkeypatch, capsys):
    from fa_theory.view import page

    monkeypatch.setattr(page, "draw_pictures", lambda *_: [])
    file = tmp_path / "run.json"
    assert run("verify", *SMALL, "--certificate", FULL, "--report", tmp_path / "report", "--json", file) == 2
    printed = capsys.readouterr()
    assert printed.err == "fa-theory: /dev/full: No space left on device\n"
    assert printed.out.endswith(f"run: completed\nreport: {tmp_path / 'report' / 'index.html'}\n")
    assert (tmp_path / "report" / "index.html").exists()
    assert "results" in json.loads(file.read_text())


@needs_full
@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["theorems", "--json", FULL], "neuron-law"),
        (["falsify", "matrix-law", "--drop", "linear activation", "--save-state", FULL], "matrix-law"),
        (["prove", "neuron-identity", "--latex", FULL, "--jobs", "1"], "neuron-identity"),
    ],
)
def test_a_table_is_printed_even_where_a_file_cannot_be_written(arguments, shown, capsys):
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.err == "fa-theory: /dev/full: No space left on device\n"
    assert shown in printed.out
