"""Running an experiment cell by cell, with what was finished before, and what it leaves behind."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from fa_theory import __version__
from fa_theory.data import IMAGES
from fa_theory.experiments.settings import Experiment, Finding, Images, Row, Settings
from fa_theory.experiments.store import cell_request, read_cell, write_cell
from fa_theory.files import replacing

Progress = Callable[[int, int], None]


class Outcome(NamedTuple):
    """A finished experiment.

    Attributes
    ----------
    experiment, settings, images
        What was run.
    rows : tuple of dict
        The table.
    findings : tuple of Finding
        What was claimed, and what was found.
    kept : int
        How many cells had been finished by an earlier run.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tempfile import TemporaryDirectory
    >>> from fa_theory.experiments import EXPERIMENTS, load_images, run_experiment
    >>> experiment = EXPERIMENTS["alignment"]
    >>> sizes = replace(experiment.quick, classes=(2,), rules=("fa",), steps=4, per_class=6)
    >>> with TemporaryDirectory() as folder:
    ...     outcome = run_experiment(experiment, sizes, load_images("digits", None, sizes), folder)
    >>> [(row["rule"], row["classes"], row["outcome"]) for row in outcome.rows], outcome.findings[0].verdict
    ([('fa', 2, 'completed')], 'undecided')
    """

    experiment: Experiment
    settings: Settings
    images: Images
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    kept: int


def load_images(name: str, path: str | PathLike[str] | None, settings: Settings) -> Images:
    """Read as much of a data set, by its name in `fa_theory.data.IMAGES`, as the settings need.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from fa_theory.experiments import EXPERIMENTS, load_images
    >>> images = load_images("digits", None, replace(EXPERIMENTS["alignment"].quick, classes=(2, 5), per_class=3))
    >>> len(images.train.labels), len(images.test.labels), images.train.classes
    (15, 15, ('0', '1', '2', '3', '4'))
    """
    load = IMAGES[name]
    return Images._make(
        load(path, split, classes=max(settings.classes), per_class=settings.per_class) for split in ("train", "test")
    )


def run_experiment(
    experiment: Experiment,
    settings: Settings,
    images: Images,
    folder: str | PathLike[str],
    progress: Progress | None = None,
) -> Outcome:
    """Run the cells of an experiment that `folder` does not hold yet, and judge all of them.

    Each cell is kept as soon as it is finished, so a run that was interrupted goes on where it was. Cells are pure
    functions of their options, their seed and the data; one of other options, data or version is not taken for it.

    Parameters
    ----------
    experiment : Experiment
        One of `EXPERIMENTS`.
    settings : Settings
        Its sizes.
    images : Images
        Training and test images, as `load_images` gives them.
    folder : path
        Where finished cells are kept, in ``cells/``; made if it does not exist.
    progress : callable, optional
        Called with the number of finished cells and of all.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    ValueError
        If settings and images do not fit each other.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tempfile import TemporaryDirectory
    >>> from fa_theory.experiments import EXPERIMENTS, load_images, run_experiment
    >>> experiment = EXPERIMENTS["alignment"]
    >>> sizes = replace(experiment.quick, rules=("fa",), steps=4, per_class=6)
    >>> images = load_images("digits", None, sizes)
    >>> with TemporaryDirectory() as folder:  # the second run finds what the first has finished
    ...     [run_experiment(experiment, sizes, images, folder).kept for _ in range(2)]
    [0, 2]
    """
    cells_folder = Path(folder) / "cells"
    cells_folder.mkdir(parents=True, exist_ok=True)
    fingerprints = (images.train.fingerprint, images.test.fingerprint)
    rows: list[Row] = []
    kept = 0
    cells = experiment.cells(settings)
    for number, cell in enumerate(cells):
        if progress is not None:
            progress(number, len(cells))
        request = cell_request(experiment.name, cell, fingerprints)
        found = read_cell(cells_folder, request)
        kept += found is not None
        if found is None:
            found = experiment.run(cell, images)
            write_cell(cells_folder, request, found)
        rows.extend(found)
    if progress is not None:
        progress(len(cells), len(cells))
    return Outcome(experiment, settings, images, tuple(rows), tuple(experiment.findings(rows, settings)), kept)


def document(outcome: Outcome, command: str | None = None) -> dict[str, Any]:
    """Return everything about a finished experiment as JSON values: seeds, versions, data, table, findings.

    ``date`` is today's, in UTC. Of the versions those of the packages that read the images are part.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tempfile import TemporaryDirectory
    >>> from fa_theory.experiments import EXPERIMENTS, document, load_images, run_experiment
    >>> experiment = EXPERIMENTS["alignment"]
    >>> sizes = replace(experiment.quick, classes=(2,), rules=("fa",), steps=4, per_class=6)
    >>> with TemporaryDirectory() as folder:
    ...     record = document(run_experiment(experiment, sizes, load_images("digits", None, sizes), folder))
    >>> record["experiment"], record["seeds"], record["settings"]["rules"], record["data"]["train"]["images"]
    ('alignment', [0], ('fa',), 12)
    >>> list(record["versions"])
    ['fa_theory', 'python', 'numpy', 'scipy', 'scikit-learn']
    """
    settings = asdict(outcome.settings)
    readers = (library for each in outcome.images for library in each.libraries)
    return {
        "experiment": outcome.experiment.name,
        "title": outcome.experiment.title,
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {
            "fa_theory": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in ("numpy", "scipy", *readers)},
        },
        "seeds": list(range(outcome.settings.seeds)),
        "settings": {name: settings[name] for name in outcome.experiment.uses},
        "data": {
            split: {
                "name": each.name,
                "images": len(each.labels),
                "classes": list(each.classes),
                "transforms": list(each.transforms),
                "sha256": each.fingerprint,
            }
            for split, each in outcome.images._asdict().items()
        },
        "findings": [each._asdict() for each in outcome.findings],
        "rows": list(outcome.rows),
    }


def table(rows: Sequence[Row]) -> str:
    """Return rows as comma-separated values (RFC 4180), one column for each name in the order in which they come."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def write_outcome(outcome: Outcome, folder: str | PathLike[str], command: str | None = None) -> tuple[Path, Path]:
    """Write ``table.csv`` and ``experiment.json`` to a folder, each whole or not at all, and return their paths.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tempfile import TemporaryDirectory
    >>> from fa_theory.experiments import EXPERIMENTS, load_images, run_experiment, write_outcome
    >>> experiment = EXPERIMENTS["alignment"]
    >>> sizes = replace(experiment.quick, classes=(2,), rules=("fa",), steps=4, per_class=6)
    >>> with TemporaryDirectory() as folder:
    ...     outcome = run_experiment(experiment, sizes, load_images("digits", None, sizes), folder)
    ...     [file.name for file in write_outcome(outcome, folder)]
    ['table.csv', 'experiment.json']
    """
    files = (Path(folder) / "table.csv", Path(folder) / "experiment.json")
    contents = (table(outcome.rows), json.dumps(document(outcome, command), indent=1, allow_nan=False))
    for file, content in zip(files, contents, strict=True):
        with replacing(file) as stream:
            stream.write(content.encode())
    return files
