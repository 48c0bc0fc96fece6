"""Files are written before anything is printed: what reads the output may go away, as head does."""

import json
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


@pytest.mark.parametrize(
    ("stopped", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted: 1 of 1 runs were finished and are kept"),
        (OSError("report folder is full"), 2, "fa-theory: report folder is full"),
    ],
)
def test_a_page_that_is_not_finished_takes_nothing_else_away(stopped, status, said, tmp_path, monkeypatch, capsys):
    from fa_theory.view import page

    def stop(*_given, **_options):
        raise stopped

    monkeypatch.setattr(page, "write_report", stop)
    file = tmp_path / "run.json"
    assert run("verify", *SMALL, "--report", tmp_path / "report", "--json", file) == status
    printed = capsys.readouterr()
    assert "neuron-law" in printed.out
    assert printed.err == said + "\n"
    assert "results" in json.loads(file.read_text())
