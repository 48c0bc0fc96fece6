"""What the README shows works when it is typed."""

import re
import shlex
from pathlib import Path

import pytest

from fa_theory.cli import main
from fa_theory.statements import STATEMENTS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(code, {})
    printed = capsys.readouterr().out
    assert "verdict='holds'" in printed
    assert "2306.01870" in printed


def test_the_table_lists_every_statement_with_its_source():
    rows = dict(re.findall(r"^\| ([a-z-]+) \| (paper|own) \|", README, re.MULTILINE))
    assert rows == {each.id: each.source for each in STATEMENTS.values()}


COMMANDS = [line.split("#")[0].split() for line in README.splitlines() if line.startswith("    fa-theory ")]


@pytest.mark.parametrize("command", COMMANDS, ids=shlex.join)
def test_commands_parse_and_run_on_small_instances(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    csv = "a,b,yield,sick\n" if "sick=yes" in command else "a,b,yield\n"
    rows = ["1,2,3", "2,1,4", "1.5,3,1", "3,1,2"]
    sick = ["yes", "no", "yes", "no"]
    lines = [f"{row},{s}" for row, s in zip(rows, sick, strict=True)] if "sick=yes" in command else rows
    Path("my.csv").write_text(csv + "\n".join(lines) + "\n")
    arguments = command[1:]
    if arguments == ["verify"]:
        arguments = ["verify", "--time", "1"]  # the suite itself is tested elsewhere
    if arguments == ["prove"]:
        arguments = ["prove", "gronwall"]  # so are all proofs
    for option, small in (("--time", "1"), ("--steps", "20")):
        if option in arguments:
            arguments[arguments.index(option) + 1] = small
    if arguments[0] == "verify" and "--method" not in arguments:
        arguments += ["--width", "3", "--points", "5"]
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0, capsys.readouterr().err
