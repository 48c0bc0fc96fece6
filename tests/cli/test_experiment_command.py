"""The command fa-theory experiment."""

import csv
import io
import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from image_files import write_mnist, write_tiny_imagenet

import fa_theory
from fa_theory.cli import experiment, main
from fa_theory.experiments import EXPERIMENTS, conservation

TINY = ["--classes", "2", "--seeds", "1", "--widths", "3", "--per-class", "4"]


@pytest.fixture
def mnist(tmp_path):
    write_mnist(tmp_path / "mnist", 40)
    return ["--data", "mnist", "--path", str(tmp_path / "mnist")]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


@pytest.mark.parametrize(
    ("name", "options", "figures"),
    [
        (
            "alignment",
            ["--steps", "4", "--batch-size", "4", "--step-sizes", "0.1", "--rules", "fa,backprop"],
            {"accuracy", "cosine-update", "cosine-feedback", "accuracy-alignment"},
        ),
        ("overfitting", ["--steps", "3", "--samples", "4", "--noise", "0.3"], {"width-linear", "width-leaky_relu"}),
    ],
)
def test_table_figures_and_json_are_written(name, options, figures, tmp_path, capsys, mnist):
    out, file = tmp_path / "out", tmp_path / "summary.json"
    arguments = ["experiment", name, "--quick", *mnist, *TINY, *options, "--out", str(out)]
    status, printed, err = run(capsys, *arguments, "--json", str(file))
    assert (status, err) == (0, "")  # progress is for terminals
    assert "  The paper: " in printed
    assert "  Here: " in printed
    assert "--quick tries everything at sizes too small to judge by" in printed
    expected = {f"{stem}.{ending}" for stem in figures for ending in ("svg", "png")}
    assert {each.name for each in out.iterdir()} == expected | {"cells", "table.csv", "experiment.json"}
    assert all((out / figure).stat().st_size > 1000 for figure in expected)
    written = json.loads((out / "experiment.json").read_text())
    assert written["seeds"] == [0]
    assert written["settings"]["classes"] == [2]
    assert written["data"]["train"]["name"].startswith("mnist (train) of ")
    assert list(written["versions"]) == ["fa_theory", "python", "numpy", "scipy"]  # MNIST is read with nothing else
    assert 0 <= (datetime.now(UTC).date() - date.fromisoformat(written["date"])).days <= 1
    assert written == json.loads(file.read_text())
    table = list(csv.DictReader(io.StringIO((out / "table.csv").read_text(), newline="")))
    assert len(table) == len(written["rows"]) > 0


def test_the_command_kept_runs_the_same_again_from_a_shell_in_another_folder(tmp_path, capsys, monkeypatch):
    here, there = tmp_path / "my images", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    write_mnist(here / "of mine", 40)
    monkeypatch.chdir(here)
    sizes = ["--quick", *TINY, "--rules", "fa,adafa:0.5", "--step-sizes", "0.1,1e-05", "--steps", "3"]
    arguments = ["alignment", "--data", "mnist", "--path", "of mine", *sizes, "--out", "somewhere"]
    assert run(capsys, "experiment", *arguments)[0] == 0
    first = json.loads((here / "somewhere" / "experiment.json").read_text())
    assert f"--path '{here}/of mine'" in first["command"]
    # the module, as the command itself may be of another installation
    command = shlex.quote(sys.executable) + " -m fa_theory " + first["command"].removeprefix("fa-theory ")
    paths = {"PYTHONPATH": str(Path(fa_theory.__file__).parents[1])}
    again = subprocess.run(["sh", "-c", command], cwd=there, env=os.environ | paths, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    second = json.loads((there / "experiment-alignment" / "experiment.json").read_text())
    same = ("experiment", "command", "versions", "seeds", "settings", "findings", "rows")
    assert {name: second[name] for name in same} == {name: first[name] for name in same}
    assert second["data"]["train"]["sha256"] == first["data"]["train"]["sha256"]
    assert len(second["rows"]) == 2
    assert second["settings"]["step_sizes"] == [0.1, 1e-05]


def test_the_library_that_read_the_images_is_among_the_versions(tmp_path, capsys):
    write_tiny_imagenet(tmp_path / "images", per_class=4)
    sizes = [*TINY, "--quick", "--steps", "2", "--rules", "fa", "--per-class", "2", "--classes", "3"]
    for options, library in (
        (["--data", "tiny-imagenet", "--path", str(tmp_path / "images")], "Pillow"),
        ([], "scikit-learn"),
    ):
        file = tmp_path / f"{library}.json"
        assert (
            run(capsys, "experiment", "alignment", *options, *sizes, "--out", str(tmp_path), "--json", str(file))[0]
            == 0
        )
        written = json.loads(file.read_text())["versions"]
        assert list(written) == ["fa_theory", "python", "numpy", "scipy", library]
        assert written[library] == version(library)


def test_the_names_completed_are_the_experiments():
    assert tuple(EXPERIMENTS) == experiment._NAMES


def test_digits_are_the_default_and_csv_holds_the_findings(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--quick", "--rules", "fa", "--step-sizes", "0.02,0.01"]
    status, printed, err = run(capsys, "experiment", "conservation", *options, "--format", "csv")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(printed, newline="")))
    assert [row["verdict"] for row in rows][::2] == ["agrees", "agrees"]
    assert "not known here" in rows[0]["the paper reports"]
    assert err.splitlines() == [
        "--quick tries everything at sizes too small to judge by: its verdicts are no findings",
        "Conservation during training, digits (train): table, figures and JSON in experiment-conservation",
    ]
    written = {each.name for each in (tmp_path / "experiment-conservation").iterdir()}
    figures = {f"drift-{method}.{ending}" for method in ("gd", "sgd") for ending in ("svg", "png")}
    assert written == figures | {"cells", "table.csv", "experiment.json"}


def test_an_interruption_keeps_what_was_finished(tmp_path, capsys, monkeypatch, mnist):
    arguments = [
        "experiment",
        "conservation",
        "--quick",
        *mnist,
        *TINY,
        "--rules",
        "fa",
        "--out",
        str(tmp_path / "out"),
    ]
    right, calls = conservation.simulate, []

    def interrupted(*given, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return right(*given, **options)

    monkeypatch.setattr(conservation, "simulate", interrupted)
    status, printed, err = run(capsys, *arguments)
    assert (status, printed) == (130, "")
    assert err.startswith("interrupted: 2 of 5 cells are finished and kept in ")
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"cells"}
    monkeypatch.setattr(conservation, "simulate", right)
    status, printed, _ = run(capsys, *arguments)
    assert status == 0
    assert "2 cells kept from before" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["conservatoin"],
            "NAME must be one of conservation, alignment, overfitting, got 'conservatoin'; did you mean",
        ),
        ([], "NAME"),
        (["alignment", "--data", "cifar10"], "--data must be one of digits, mnist, cifar100, tiny-imagenet"),
        (["alignment", "--data", "mnist"], "mnist needs a path to the folder with its idx files"),
        (["alignment", "--path", "here"], "digits come with scikit-learn and have no path"),
        (["alignment", "--data", "mnist", "--path", "no/such"], "there is no such folder"),
        (["alignment", "--data", "cifar100", "--path", "no/such"], "there is no such folder"),
        (["alignment", "--data", "tiny-imagenet", "--path", "no/such"], "there is no such folder"),
        (["alignment", "--classes", "2-11"], "classes must lie in [2, 10] for digits, got 11"),
        (["alignment", "--classes", "1"], "classes must be at least 2, got 1"),
        (["alignment", "--classes", "two"], "--classes must be whole numbers as in 10, 2,5 or 2-10, got 'two'"),
        (["alignment", "--classes", "5-2"], "--classes must be ranges that rise"),
        (["alignment", "--classes", "2-99999"], "of at most 1000 numbers"),
        (["alignment", "--classes", "2-"], "--classes must be whole numbers"),
        (["alignment", "--step-sizes", "fast"], "--step-sizes must be numbers as in 0.1,0.05, got 'fast'"),
        (["alignment", "--step-sizes", "-1"], "--step-sizes must be positive finite numbers"),
        (["alignment", "--rules", "hebb"], "rule must be one of"),
        (["alignment", "--widths", "3,4"], "--widths must be one number for the experiment alignment"),
        (["alignment", "--noise", "0.1"], "--noise is not used by the experiment alignment"),
        (["overfitting", "--noise", "0.7"], "--noise must be above 0 and below 0.5, got 0.7"),
        (["overfitting", "--noise", "0"], "--noise must be above 0 and below 0.5, got 0.0"),
        (["overfitting", "--samples", "9999"], "samples must be at most"),
        (["alignment", "--out", "no/such/folder"], "--out no/such/folder cannot be made: no/such is not a folder"),
        (["alignment", "--out", "file"], "--out file must be a folder, but it is a file"),
        (["alignment", "--json", "no/such/x.json"], "cannot be written"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    status, printed, err = run(capsys, "experiment", *arguments)
    assert (status, printed) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "held"),
    [
        ('{"experiment": "conservation"}', "conservation"),
        ("{}", "something else"),
        ("[1]", "something else"),
        ("{", "something else"),
    ],
)
def test_a_folder_of_another_experiment_is_left_alone(content, held, tmp_path, capsys):
    file = tmp_path / "xc" / "experiment.json"
    file.parent.mkdir()
    file.write_text(content)
    status, printed, err = run(capsys, "experiment", "alignment", "--quick", "--out", str(file.parent))
    assert (status, printed) == (2, "")
    assert err == (
        f"fa-theory: --out {file.parent} holds {held} already ({file}); for alignment type another folder, as in "
        f"--out {file.parent}-alignment\n"
    )
    assert [each.name for each in file.parent.iterdir()] == ["experiment.json"]
    assert file.read_text() == content


def test_a_corrupt_file_is_refused_by_name(tmp_path, capsys, mnist):
    file = tmp_path / "mnist" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    status, printed, err = run(capsys, "experiment", "conservation", *mnist, "--out", str(tmp_path / "out"))
    assert (status, printed, err.count("\n")) == (2, "", 1)
    assert f"{file}: expected 31360 bytes after the header" in err
    assert not (tmp_path / "out").exists()


def test_without_scikit_learn_one_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    status, printed, err = run(capsys, "experiment", "alignment", "--out", str(tmp_path / "out"))
    assert (status, printed) == (2, "")
    assert err == "fa-theory: scikit-learn is needed for this data set: pip install fa_theory[data]\n"
