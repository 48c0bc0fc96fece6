"""Cells on disk: an experiment goes on where it was, and never from a file that is torn or of something else."""

import csv
import io
import json

import numpy as np
import pytest
from small_images import small_images

import fa_theory
from fa_theory.data import ImageSet
from fa_theory.experiments import EXPERIMENTS, Experiment, Settings, document, run_experiment, write_outcome
from fa_theory.experiments.prepare import arrays
from fa_theory.experiments.settings import Finding
from fa_theory.experiments.store import read_cell

SETTINGS = Settings(2, (2, 3), ("fa",), (4,))


class Counting:
    """An experiment of four cells that counts its runs, and is interrupted before the given one."""

    def __init__(self, stop_at=None):
        self.runs, self.stop_at = 0, stop_at

    def run(self, cell, images):
        if self.runs == self.stop_at:
            raise KeyboardInterrupt
        self.runs += 1
        rng = np.random.default_rng(cell["seed"])
        return [{**cell, "value": float(rng.random()) + float(np.sum(images.train.pixels))}]

    def experiment(self):
        def cells(settings):
            return [{"classes": k, "seed": seed} for k in settings.classes for seed in range(settings.seeds)]

        def findings(rows, settings):
            return [Finding("c", "r", f"{len(rows)} rows", "agrees")]

        return Experiment(
            "counting", "Counting", SETTINGS, SETTINGS, ("seeds", "classes"), (), cells, self.run, findings
        )


def run(folder, stop_at=None, settings=SETTINGS, images=None, progress=None):
    counting = Counting(stop_at)
    return counting, run_experiment(counting.experiment(), settings, images or small_images(), folder, progress)


def test_finished_cells_are_not_run_again_and_give_the_same_table(tmp_path):
    shown = []
    counting, first = run(tmp_path, progress=lambda *done: shown.append(done))
    assert (counting.runs, first.kept) == (4, 0)
    assert shown == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    counting, second = run(tmp_path)
    assert (counting.runs, second.kept) == (0, 4)
    assert second.rows == first.rows
    assert second.findings == first.findings


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a", stop_at=3)
    counting, resumed = run(tmp_path / "a")
    assert (counting.runs, resumed.kept) == (1, 3)
    assert resumed.rows == run(tmp_path / "b")[1].rows


def test_more_seeds_run_only_the_new_cells(tmp_path):
    run(tmp_path)
    counting, outcome = run(tmp_path, settings=Settings(3, (2, 3), ("fa",), (4,)))
    assert (counting.runs, outcome.kept, len(outcome.rows)) == (2, 4, 6)


def tear(content):
    return content[: len(content) // 2]


def flip(content):
    record = json.loads(content)
    record["rows"][0]["value"] += 1.0
    return json.dumps(record).encode()


def other_request(content):
    record = json.loads(content)
    record["request"]["version"] = "0.0.0"
    return json.dumps(record).encode()


@pytest.mark.parametrize("damage", [tear, flip, other_request, lambda _: b"", lambda _: b"\xff", lambda _: b"[1]"])
def test_a_damaged_cell_is_run_again(tmp_path, damage):
    _, whole = run(tmp_path)
    file = min((tmp_path / "cells").iterdir())
    file.write_bytes(damage(file.read_bytes()))
    counting, again = run(tmp_path)
    assert (counting.runs, again.kept) == (1, 3)
    assert again.rows == whole.rows


def test_cells_of_other_data_are_not_taken(tmp_path):
    run(tmp_path)
    counting, outcome = run(tmp_path, images=small_images(seed=1))
    assert (counting.runs, outcome.kept) == (4, 0)


def test_a_cell_that_fails_leaves_no_file_behind(tmp_path, monkeypatch):
    counting = Counting()
    broken = counting.experiment()._replace(run=lambda *_: [{"value": float("nan")}])
    with pytest.raises(ValueError, match="not JSON compliant"):
        run_experiment(broken, SETTINGS, small_images(), tmp_path)
    assert list((tmp_path / "cells").iterdir()) == []
    assert read_cell(tmp_path / "cells", {"any": "request"}) is None


def test_table_and_document_hold_what_was_found(tmp_path):
    _, outcome = run(tmp_path)
    table, file = write_outcome(outcome, tmp_path, "fa-theory experiment counting")
    rows = list(csv.DictReader(io.StringIO(table.read_text(), newline="")))
    assert [float(row["value"]) for row in rows] == [row["value"] for row in outcome.rows]
    written = json.loads(file.read_text())
    assert written == json.loads(json.dumps(document(outcome, "fa-theory experiment counting")))
    assert written["rows"] == list(outcome.rows)
    assert written["seeds"] == [0, 1]
    assert written["settings"] == {"seeds": 2, "classes": [2, 3]}
    assert written["versions"].keys() == {"fa_theory", "python", "numpy", "scipy"}
    assert written["versions"]["fa_theory"] == fa_theory.__version__
    assert written["data"]["train"]["images"] == 18
    assert written["findings"][0]["found"] == "4 rows"
    assert {each.name for each in tmp_path.iterdir()} == {"cells", "table.csv", "experiment.json"}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_cells_are_pure_functions_and_plain_values(name):
    chosen = EXPERIMENTS[name]
    settings = Settings(2, (2, 3), ("backprop", "fa"), (3, 4), (0.1, 0.05), steps=3, samples=4, noise=0.4)
    cells, images = chosen.cells(settings), small_images()
    assert len({json.dumps(cell, sort_keys=True) for cell in cells}) == len(cells)
    first = [chosen.run(cell, images) for cell in cells]
    assert [chosen.run(cell, images) for cell in reversed(cells)][::-1] == first
    json.dumps(first, allow_nan=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"classes": (1, 2)}, "classes must be at least 2, got 1"),
        ({"widths": (0,)}, "widths must be at least 1, got 0"),
        ({"widths": ()}, "widths must hold at least one value"),
        ({"rules": ("hebb",)}, "rule must be one of"),
        ({"rules": ("adafa:x",)}, "needs a number K"),
        ({"step_sizes": (0.1, -1.0)}, r"step_sizes must be positive finite numbers, got -1\.0"),
        ({"step_sizes": (float("nan"),)}, "step_sizes must be positive finite numbers, got nan"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"per_class": 1}, "per_class must be at least 2"),
        ({"samples": 3}, "samples must be at least 4"),
        ({"noise": 0.5}, "noise must be above 0 and below 0.5, got 0.5"),
        ({"noise": float("nan")}, "noise must be above 0 and below 0.5, got nan"),
    ],
)
def test_settings_out_of_range_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        Settings(**({"seeds": 1, "classes": (2,), "rules": ("fa",), "widths": (4,)} | changes))


def test_arrays_are_centred_scaled_and_have_a_column_of_ones():
    images = small_images()
    data = arrays(images, 2)
    kept = images.train.labels < 2
    pixels = images.train.pixels[kept].astype(float)
    expected = pixels - pixels.mean(axis=0)
    expected /= np.sqrt(np.mean(expected**2))
    np.testing.assert_allclose(data.X, np.concatenate([expected, np.ones((12, 1))], axis=1), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(data.labels, images.train.labels[kept])
    assert data.X_test.shape == (12, 10)
    with pytest.raises(ValueError, match=r"classes must lie in \[2, 3\] for small \(train\), got 4"):
        arrays(images, 4)


def test_equal_images_are_refused():
    images = small_images()
    grey = ImageSet(
        np.full_like(images.train.pixels, 7), images.train.labels, images.train.classes, (3, 3), 255, "grey"
    )
    with pytest.raises(ValueError, match="grey: all training images are equal"):
        arrays(images._replace(train=grey), 3)
