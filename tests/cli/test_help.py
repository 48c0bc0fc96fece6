"""Help with examples that run, and completion, as a user of the command line meets them."""

import json
import re
import shlex

import pytest
import typer
from typer.testing import CliRunner

from fa_theory.cli import commands, main
from fa_theory.cli.commands import app

GROUP = typer.main.get_command(app)
RUN = {"simulate": 0, "bound": 0, "theorems": 0, "check": 0, "discover": 0, "falsify": 1}  # it finds a counterexample
WRITES = {"simulate": "run.json", "theorems": "theorems.json", "falsify": "worst.npz"}


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def example(capsys, command):
    """Return the words of the example that a command's help prints."""
    _, out, _ = run(capsys, command, "--help")
    return shlex.split(re.search(r"Example: (.*)", out)[1].strip(" │"))


@pytest.mark.parametrize("command", [*GROUP.commands])
def test_the_example_in_the_help_of_every_command_is_one_that_it_takes(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    words = example(capsys, command)
    assert words[:2] == ["fa-theory", command]
    taken = GROUP.commands[command].make_context(command, words[2:])
    assert taken.args == []
    assert sum(value is not None for value in taken.params.values()) >= len([w for w in words if w.startswith("--")])
    with pytest.raises(typer.BadParameter.__base__):  # what the command does not take is not passed over
        GROUP.commands[command].make_context(command, [*words[2:], "--no-such-option"])


@pytest.mark.parametrize("command", RUN)
def test_the_quick_examples_run(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "measurements.csv").write_text("a,b,yield\n1,0.5,2\n-1,0.25,1\n0.5,2,0\n")
    if command == "check":
        small = ["--width", "2", "--time", "0.05", "--points", "3", "--standardize"]
        assert run(capsys, "verify", *small, "--certificate", "certificate.json")[0] == 0
    words = example(capsys, command)
    status, out, err = run(capsys, *words[1:])
    assert (status, err) == (RUN[command], "")
    assert len(out) > 100
    if command in WRITES:
        assert WRITES[command] in words
        assert (tmp_path / WRITES[command]).stat().st_size > 100


def test_the_help_lists_every_exit_status(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = run(capsys, "--help")
    assert status == 0
    listed = {int(number) for number in re.findall(r"(\d+):", " ".join(out.split()).partition("Exit status")[2])}
    names = ("FINE", "REFUTED", "REFUSED", "INTERRUPTED", "UNREAD")
    assert listed == {getattr(commands, name) for name in names} == {0, 1, 2, 130, 141}


def completed(words):
    """Return what bash is told when the last of the words is to be completed."""
    asked = {"_FA_THEORY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    return CliRunner().invoke(app, [], prog_name="fa-theory", env=asked).stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("verify --rule s", ["sign-fa"]),
        ("verify --loss l", ["logistic"]),
        ("bound --init a", ["aligned"]),
        ("falsify hitting-time-", ["hitting-time-two-sided"]),
        ("the", ["theorems"]),
        ("theorems --format m", ["markdown"]),
        ("simulate --backend c", ["cupy"]),
        ("discover --rule b", ["backprop"]),
        ("discover --activation r", ["relu"]),
        ("discover --patterns ", ["reachable", "all"]),
        ("experiment o", ["overfitting"]),
        ("experiment alignment --data t", ["tiny-imagenet"]),
        ("experiment alignment --rules fa,s", ["fa,sign-fa"]),
        ("sweep out --rule fa,dfa,b", ["fa,dfa,backprop"]),
        ("sweep out --method f", ["flow"]),
        ("sweep out --biases yes,", ["yes,no"]),
        ("sweep out --what s", ["simulate"]),
        # no shell cuts or quotes these; bash would put blanks into the line as they are
        ("falsify gd-decay --drop ", ["step-size-at-most-the-certified-one"]),
        ("falsify gd-decay --seed 3 --drop st", ["step-size-at-most-the-certified-one"]),
        ("falsify exponential-decay --drop ", ["linearly-independent-samples", "adaFAs-own-C_i"]),
        # bash cuts words at colons: what is after one is passed over, and what comes later completed
        ("verify --rule adafa :", []),
        ("verify --rule adafa : 1 --loss l", ["logistic"]),
        ("falsify neuron-law --save-state a : b --drop h", ["homogeneous-activation"]),
        ("falsify gd-decay --drop x", []),
        ("falsify --drop ", []),
        # where there is nothing to offer, the shells offer files: bash by "complete -o default"
        ("check ", []),
        ("verify --state ", []),
    ],
)
def test_the_shell_completes_whatever_has_a_fixed_set_of_values(words, offered):
    assert [each for each in completed(f"fa-theory {words}") if each] == offered


@pytest.mark.parametrize("drop", ["linear-activation", "linear activation"])
def test_an_assumption_is_taken_as_it_is_completed(drop, capsys):
    status, out, _ = run(capsys, "falsify", "matrix-law", "--drop", drop, "--evaluations", "40", "--format", "json")
    assert status == 1
    assert json.loads(out)["search"]["dropped"] == "linear activation"


def test_bash_is_told_to_offer_files_where_nothing_else_is():
    from typer.completion import get_completion_script

    script = get_completion_script(prog_name="fa-theory", complete_var="_FA_THEORY_COMPLETE", shell="bash")
    assert "-o default" in script
    assert app._add_completion


@pytest.mark.parametrize("words", ["check ", "verify --state x", "verify --data x", "simulate --store x"])
def test_zsh_is_told_to_offer_files_for_paths(words):
    asked = {"_FA_THEORY_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": f"fa-theory {words}"}
    assert CliRunner().invoke(app, [], prog_name="fa-theory", env=asked).stdout == "_files\n"
