"""What the README shows works when it is typed."""

import re
import runpy
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fa_theory.cli import main
from fa_theory.statements import STATEMENTS
from fa_theory.view.markup import LARGEST_START

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, *(page.read_text(encoding="utf-8") for page in sorted((ROOT / ".docs/pages").glob("*.md")))]


def test_the_python_example_runs(capsys):
    (code,) = re.findall(r"```python\n([^`]*?import fa_theory as ft\n\n.*?)```", README, re.DOTALL)
    exec(code, {})
    printed = capsys.readouterr().out
    assert "verdict='holds'" in printed
    assert "2306.01870" in printed


def own_rule():
    """Return the example's files: the rule and its tests."""
    return {
        name: re.search(rf"```python\n(# {name}\n.*?)```", README, re.DOTALL)[1]
        for name in ("my_rule.py", "test_my_rule.py")
    }


def test_the_example_of_a_rule_of_ones_own_passes(tmp_path, monkeypatch):
    for name, code in own_rule().items():
        assert sum(map(bool, code.splitlines())) <= 14
        (tmp_path / name).write_text(code.replace("max_examples=25", "max_examples=4"))
    monkeypatch.syspath_prepend(tmp_path)
    tests = runpy.run_path(str(tmp_path / "test_my_rule.py"))
    sys.modules.pop("my_rule")
    found = [test for name, test in tests.items() if name.startswith("test_")]
    assert len(found) == 2
    for test in found:
        test()


def test_the_failure_that_is_shown_is_the_one_that_is_met(monkeypatch):
    code = own_rule()["my_rule.py"]
    module = ModuleType("my_rule")
    monkeypatch.setitem(sys.modules, "my_rule", module)
    shown = re.search(r"```text\n(my_rule .*?)\n```", README, re.DOTALL)[1]
    pasted = shown.partition("NumPy code:\n")[2]
    exec(code, vars(module))
    exec(pasted, {})  # the right rule passes there
    exec(code.replace("(e @ B.T) * gate", "e @ B.T"), vars(module))
    with pytest.raises(AssertionError) as caught:
        exec(pasted, {})
    assert str(caught.value) == shown


def test_the_table_lists_every_statement_with_its_source():
    rows = dict(re.findall(r"^\| ([a-z-]+) \| (paper|own) \|", README, re.MULTILINE))
    assert rows == {each.id: each.source for each in STATEMENTS.values()}


def test_the_table_of_the_tour_gives_bounds_and_a_page_in_one_file(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n([^`]*savetxt[^`]*)```", README)
    *_, verify = re.findall(r"^    fa-theory (verify --data my.csv .*--report report)$", README, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    with pytest.raises(SystemExit) as stop:
        main([*verify.split(), "--points", "21", "--time", "2"])
    assert stop.value.code == 0
    page = Path("report/index.html").read_text(encoding="utf-8")
    assert "exponential-decay" in page
    assert re.findall(r"<img[^>]*src=\"(?!data:)", page) == []
    assert page.count("data:image/svg+xml") >= 4
    assert page.count('<a download="start-') == 1
    assert f"(above {LARGEST_START // 1000} kB it stays beside the page" in README


def test_links_lead_somewhere():
    for folder, pages in ((ROOT, [ROOT / "README.md"]), (ROOT / ".docs/pages", (ROOT / ".docs/pages").glob("*.md"))):
        for page in pages:
            text = re.sub(r"```.*?```|^ {4}.*?$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
            targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)\)", text)
            assert [each for each in targets if not (folder / each).exists()] == []


COMMANDS = [
    line.split("#")[0].split() for page in PAGES for line in page.splitlines() if line.startswith("    fa-theory ")
]


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
