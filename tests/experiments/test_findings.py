"""The page of findings is what its records say, and these are what the experiments as they stand give."""

import copy
import json
import shlex
from dataclasses import asdict, replace

import findings
import pytest

from fa_theory.cli import main
from fa_theory.experiments import EXPERIMENTS, load_images
from fa_theory.statements import STATEMENTS


@pytest.fixture(scope="module")
def records():
    return {record["experiment"]: record for record in findings.records()}


def settings_of(record):
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in record["settings"].items()}
    return replace(EXPERIMENTS[record["experiment"]].settings, **given)


def judged(record):
    experiment = EXPERIMENTS[record["experiment"]]
    return [each._asdict() for each in experiment.findings(record["rows"], settings_of(record))]


def test_the_page_is_what_the_records_say(records):
    assert findings.PAGE.read_text(encoding="utf-8") == findings.page(records.values()), "python " + findings.__file__
    assert list(records) == list(EXPERIMENTS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_rows_kept_are_judged_today_as_the_page_says(name, records):
    assert judged(records[name]) == records[name]["findings"], "make findings"


def test_other_rows_are_judged_otherwise_and_the_page_says_so(records):
    record = copy.deepcopy(records["conservation"])
    drifts = [row for row in record["rows"] if row["kind"] == "drift"]
    for row in drifts:
        row["relative_drift"] *= 100
    record["findings"] = judged(record)
    assert [each["verdict"] for each in record["findings"]] == ["disagrees", "agrees", "agrees"]
    last = {"rule": "fa", "method": "gd", "step_size": 0.04}
    one = [row["relative_drift"] for row in drifts if last.items() <= row.items()]
    assert len(one) == 3
    assert f"| {100 * sum(one) / 3:.3g} % |\n" in findings.page([record])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_record_is_of_the_settings_as_they_come_and_of_every_cell(name, records):
    record, experiment = records[name], EXPERIMENTS[name]
    usual = json.loads(json.dumps({key: asdict(experiment.settings)[key] for key in experiment.uses}))
    assert record["settings"] == usual, "make findings"
    cells = experiment.cells(experiment.settings)
    for key in ("rule", "seed", "classes", "width"):
        assert [row[key] for row in record["rows"]] == [cell[key] for cell in cells]


@pytest.mark.parametrize(
    ("name", "number"),
    # the largest step; three step sizes and two classes; two neurons
    [("conservation", 0), ("alignment", 3), ("overfitting", 0)],
)
def test_one_of_the_cells_gives_its_row_again(name, number, records):
    experiment = EXPERIMENTS[name]
    images = load_images("digits", None, experiment.settings)
    assert images.train.fingerprint == records[name]["data"]["train"]["sha256"]
    (row,) = experiment.run(experiment.cells(experiment.settings)[number], images)
    kept = records[name]["rows"][number]
    measured = {key for key, value in kept.items() if isinstance(value, float)}
    assert {key: row[key] for key in row.keys() - measured} == {key: kept[key] for key in kept.keys() - measured}
    assert len(measured) >= 5
    for key in measured:  # another BLAS rounds otherwise
        assert row[key] == pytest.approx(kept[key], rel=1e-5, abs=1e-9), key


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_command_on_the_page_runs_this_experiment(name, records, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = records[name]["command"]
    assert f"`{command}`" in findings.PAGE.read_text(encoding="utf-8")
    program, *words = shlex.split(command)
    assert (program, *words[:2]) == ("fa-theory", "experiment", name)
    small = ["--seeds", "1", "--rules", "fa", "--per-class", "3", "--classes", "2", "--widths", "2", "--steps", "2"]
    small += ["--samples", "4"] if name == "overfitting" else ["--step-sizes", "0.02,0.01"]
    with pytest.raises(SystemExit) as stop:
        main([*words, *small])
    assert not stop.value.code, capsys.readouterr().err
    again = json.loads((tmp_path / f"experiment-{name}" / "experiment.json").read_text())
    assert again["experiment"] == name
    assert {row["rule"] for row in again["rows"]} == {"fa"}


def test_the_statements_that_are_named_exist(records):
    said = " ".join(each["claim"] for record in records.values() for each in record["findings"])
    for each in ("bregman-drift", "minimum-norm"):
        assert each in said
        assert each in STATEMENTS


def test_means_are_over_the_seeds_that_have_a_value():
    rows = [
        {"rule": rule, "width": width, "error": error}
        for rule, width, error in (("fa", 8, 0.25), ("fa", 8, 0.5), ("fa", 2, None), ("dfa", 2, 0.1), ("dfa", 2, None))
    ]
    assert findings.pivot(rows, "rule", lambda row: row["rule"], "width", "error", percent=True).split("\n") == [
        "| rule | 2 | 8 |",
        "| --- | --- | --- |",
        "| fa | none | 37.5 % |",
        "| dfa | 10 % (1 of 2) | none |",
    ]
    assert "| 0.38 |" in findings.pivot(rows[:2], "rule", lambda row: row["rule"], "width", "error", percent=False)
