"""What is refused, as a user of the command line reads it: the argument, the value and what to type instead."""

import re
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import typer

from fa_theory.choices import likeliest, not_among, not_readable
from fa_theory.cli import main
from fa_theory.cli.commands import app
from fa_theory.cli.refusal import system_refusal, usage_refusal

GROUP = typer.main.get_command(app)
CONTEXT = typer.Context(GROUP)
NEEDED = {"discover": ["--shape", "1,1,1"], "experiment": ["alignment"], "falsify": ["neuron-law"], "sweep": ["out"]}


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("empty.csv", "empty.npz", "empty.json"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "brackets.json").write_text("{")
    (tmp_path / "rule.py").write_text("def hebbian(W1, W2, x, e):\n    return W1, W2\n")


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    printed = capsys.readouterr()
    assert (stop.value.code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert not re.search(r"Errno|Traceback|Value error|Input should", printed.err)
    return printed.err.removeprefix("fa-theory: ").rstrip("\n")


def misspelt(word):
    """Swap two letters, the first that differ after the dashes."""
    start = next(k for k, letter in enumerate(word) if letter != "-")
    k = next(k for k in range(start, len(word) - 1) if word[k] != word[k + 1])
    return word[:k] + word[k + 1] + word[k] + word[k + 2 :]


def known_words():
    """Return every argument and option, of every command, that has a fixed set of values."""
    for name, command in GROUP.commands.items():
        for param in command.params:
            words = [item.value for item in param.shell_complete(CONTEXT, "")]
            if [word for word in words if len(word) > 2]:
                yield pytest.param(name, param, words, id=f"{name} {param.opts[0]}")


@pytest.mark.parametrize(("name", "param", "words"), [*known_words()])
def test_a_misspelt_value_of_anything_is_answered_with_the_right_one(name, param, words, capsys):
    word = max(words, key=len)
    others = NEEDED.get(name, [])
    if param.param_type_name == "argument":
        message = refused(capsys, name, misspelt(word))
    else:
        message = refused(capsys, name, *others, param.opts[0], misspelt(word))
    assert f"got {misspelt(word)!r}" in message
    meant = message.rpartition("; did you mean ")[2].strip("'?")
    assert meant.partition(":")[0] == word.partition(":")[0]


def test_every_kind_of_fixed_value_is_among_those_tried():
    assert {each.id.partition(" ")[2] for each in known_words()} == {
        *("--rule", "--rules", "--activation", "--loss", "--init", "--method", "--backend", "--format", "--what"),
        *("--data", "--patterns", "--standardize", "--biases", "ids", "statement", "name"),
    }


@pytest.mark.parametrize("name", [*GROUP.commands])
def test_a_misspelt_command_or_option_is_answered_with_the_right_one(name, capsys):
    assert refused(capsys, misspelt(name)).endswith(f"got {misspelt(name)!r}; did you mean {name!r}?")
    command = GROUP.commands[name]
    for param in command.params:
        if param.param_type_name == "option":
            with pytest.raises(typer.BadParameter.__base__) as caught:
                command.make_context(f"fa-theory {name}", [misspelt(param.opts[0])])
            message = usage_refusal(caught.value)
            assert message.startswith(f"there is no option {misspelt(param.opts[0])}; did you mean ")
            assert message.endswith(tuple(f"{flag!r}?" for flag in param.opts))


@pytest.mark.parametrize("name", ["check", "discover", "experiment", "falsify", "sweep"])
def test_what_is_missing_is_named_with_an_example(name, capsys):
    message = refused(capsys, name)
    example = re.search(r"Example: (.*)", GROUP.commands[name].help)[1]
    (param,) = (each for each in GROUP.commands[name].params if each.required)
    shown = param.opts[0] if param.param_type_name == "option" else param.metavar
    assert message == f"{shown} is missing ({param.help.rstrip('.')}); for example: {example}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("experiment", "NAME is missing (conservation, alignment, overfitting); for example: fa-theory experiment "),
        ("check nothere.json", "nothere.json: there is no such file; FILE must be a certificate"),
        ("check folder", "folder: this is a folder; FILE must be a certificate"),
        ("check empty.json", "empty.json: the file is empty; FILE must be a certificate"),
        ("check brackets.json", "brackets.json cannot be read as a certificate "),
        ("check brackets.json/x", "brackets.json/x: it cannot be read (Not a directory); FILE must be "),
        ("verify --data nothere.csv", "nothere.csv: there is no such file; the data must be a CSV file whose first"),
        ("verify --data folder", "folder: this is a folder; the data must be a CSV file whose first"),
        ("verify --data empty.csv/x", "empty.csv/x: it cannot be read (Not a directory); the data must be a CSV file"),
        ("verify --data empty.csv", "empty.csv: the file is empty; its first row must name the columns"),
        ("sweep out --data nothere.csv", "nothere.csv: there is no such file; data and state must name files"),
        ("verify --state nothere.npz", "state file nothere.npz does not exist"),
        ("verify --state folder", "folder is not a readable .npz archive: it is a folder"),
        ("verify --state empty.npz", "empty.npz is not a readable .npz archive"),
        ("verify --width x", "--width must be a "),
        ("verify --width x", ", got 'x'"),
        ("verify --time soon", ", got 'soon'"),
        ("verify --jobs 0", "--jobs must be "),
        ("verify --jobs 0", ", got '0'"),
        ("verify --width", "--width needs a value (Neurons in each hidden layer (default 10)); for example: "),
        ("verify --format", "--format needs a value: one of rich, markdown, csv, json"),
        ("verify --standardize=yes", "--standardize takes no value: type --standardize alone, or leave it out"),
        ("theorems here", "theorems takes nothing but options, got also 'here'; for example: fa-theory theor"),
        ("falsify neuron-law a b", "falsify takes only ID besides options, got also 'a b'; for example: "),
        ("verify --loss log", "--loss must be one of squared, "),
        ("falsify neuron-law --evaluations 0", "--evaluations must "),
        ("experiment alignment --step-sizes -1", "--step-sizes must be positive"),
        ("theorems --format md", "--format must be one of rich, markdown, csv, json, got 'md'; did you mean 'markdown"),
        ("theorems --format txt", "--format must be one of rich, markdown, csv, json, got 'txt'"),
        ("verify --zzz", "there is no option --zzz; fa-theory verify --help lists the options"),
        ("verify -h", "there is no option -h; fa-theory verify --help lists the options"),
        ("verify --loss EXPONENTIAL", "did you mean 'exponential'?"),
        ("verify --target species=setsoa", "it has setosa, versicolor, virginica; did you mean 'setosa'?"),
        ("falsify hitting-time --drop xyz", "drop must be an assumption of hitting-time that can be dropped ("),
        ("falsify matrix-law --drop bias", "got 'bias'; did you mean 'bias term'?"),
        ("discover --shape 1,1,1 --field rule.py:hebian", "rule.py has no function hebian; did you mean 'hebbian'?"),
        ("sweep empty.csv", "OUT empty.csv must be a folder, but it is a file"),
        ("sweep no/such", "OUT no/such cannot be made: no is not a folder"),
        ("simulate --method gd --store empty.csv", "--store empty.csv must be a folder, but it is a file"),
    ],
)
def test_each_refusal_says_what_is_wrong_and_what_is_allowed(arguments, message, capsys):
    told = refused(capsys, *arguments.split())
    assert message in told
    if message.startswith("--"):
        assert told.startswith(message)


def test_only_what_is_an_option_of_the_command_is_told_as_one(capsys, monkeypatch):
    for said, told in (("samples must be 1", "samples must be 1"), ("step_size must be 1", "--step-size must be 1")):
        monkeypatch.setattr("fa_theory.cli.commands.make_instance", Mock(side_effect=ValueError(said)))
        assert refused(capsys, "simulate") == told


def test_a_reason_of_the_system_is_told_without_its_number(capsys, monkeypatch):
    assert system_refusal(OSError(28, "No space left on device", "run.json")) == "run.json: No space left on device"
    assert system_refusal(OSError("the disk is gone")) == "the disk is gone"

    def full(_):
        raise OSError(28, "No space left on device", "start.npz")

    monkeypatch.setattr("fa_theory.cli.commands.make_instance", full)
    assert refused(capsys, "simulate") == "start.npz: No space left on device"


def test_an_error_about_a_file_keeps_its_class():
    given = PermissionError(13, "Permission denied", "a.csv")
    error = not_readable("a.csv", given, "it must be a CSV file")
    assert type(error) is PermissionError
    assert str(error) == "a.csv: it cannot be read (Permission denied); it must be a CSV file"


@pytest.mark.parametrize(
    ("typed", "words", "meant"),
    [
        ("FA", ["sign-fa", "fa"], "fa"),
        ("md", ["rich", "markdown"], "markdown"),
        ("exp", ["squared", "exponential"], "exponential"),
        ("m", ["rich", "markdown"], None),
        ("nm", ["markdown"], None),
        ("xyz", ["squared"], None),
        ("", ["squared"], None),
        ("--tim", ["--data", "--time"], "--time"),
        ("-h", ["--synthetic"], None),
    ],
)
def test_the_word_suggested_is_the_one_meant(typed, words, meant):
    assert likeliest(typed, words) == (f"; did you mean {meant!r}?" if meant else "")
    assert str(not_among("it", typed, words)) == f"it must be one of {', '.join(words)}, got {typed!r}" + likeliest(
        typed, words
    )


def parameter(*words):
    items = [SimpleNamespace(value=word) for word in words]
    return SimpleNamespace(param_type_name="option", opts=["--it"], shell_complete=lambda *_: items)


class PydanticError(Exception):
    def __init__(self, **fault):
        super().__init__()
        self.fault = fault

    def errors(self):
        return [self.fault]


@pytest.mark.parametrize(
    ("message", "cause", "words", "said"),
    [
        # click's words, as typer passed them on before it took to pydantic
        ("'x' is not a valid integer.", None, (), "--it must be a valid integer, got 'x'"),
        ("0 is not in the range x>=1.", None, (), "--it must be in the range x>=1, got '0'"),
        ("'rihc' is not one of 'rich'.", None, ("rich",), "--it must be one of rich, got 'rihc'; did you mean 'rich'?"),
        ("Value must be an iterable.", None, (), "--it: Value must be an iterable."),
        ("", PydanticError(type="int_parsing", input="x"), (), "--it must be a whole number, got 'x'"),
        ("", PydanticError(type="float_parsing", input="x"), (), "--it must be a number, got 'x'"),
        ("", PydanticError(type="greater_than_equal", input=0, ctx={"ge": 1}), (), "--it must be at least 1, got '0'"),
        ("", PydanticError(type="value_error", input="b"), ("a",), "--it must be one of a, got 'b'"),
    ],
)
def test_older_and_newer_typer_are_told_alike(message, cause, words, said):
    error = SimpleNamespace(ctx=CONTEXT, param=parameter(*words), message=message, __cause__=cause)
    assert usage_refusal(error) == said


def test_an_error_without_a_context_is_told_as_it_is():
    assert usage_refusal(typer.BadParameter("no")) == "Invalid value: no"
