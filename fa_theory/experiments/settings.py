"""What an experiment is: its settings, its cells, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from fa_theory.data import ImageSet
from fa_theory.model import feedback_rules

Cell = dict[str, Any]
Row = dict[str, Any]

AGREES, DISAGREES, UNDECIDED, NO_CLAIM = "agrees", "disagrees", "undecided", "no claim to compare"


class Images(NamedTuple):
    """The two splits of a data set.

    Examples
    --------
    >>> from fa_theory.experiments import EXPERIMENTS, load_images
    >>> images = load_images("digits", None, EXPERIMENTS["alignment"].quick)
    >>> len(images.train.labels), images.train.classes, images.train.fingerprint == images.test.fingerprint
    (60, ('0', '1', '2'), False)
    """

    train: ImageSet
    test: ImageSet


class Finding(NamedTuple):
    """What was claimed, and what was found here.

    Attributes
    ----------
    claim : str
        The claim in a few words, and whose it is.
    reported : str
        What the paper reports, as far as it is known here, or that it does not.
    found : str
        What this run found, in numbers, and the criterion, which is this project's.
    verdict : {"agrees", "disagrees", "undecided", "no claim to compare"}
        Whether the two agree.

    Examples
    --------
    >>> from fa_theory.experiments import EXPERIMENTS
    >>> alignment = EXPERIMENTS["alignment"]
    >>> finding = alignment.findings([], alignment.quick)[0]
    >>> finding.verdict, finding.found
    ('undecided', 'too few runs to compare')
    """

    claim: str
    reported: str
    found: str
    verdict: str


@dataclass(frozen=True)
class Settings:
    """The sizes of an experiment; each experiment says which of them it uses.

    Attributes
    ----------
    seeds : int
        How many seeds, 0 to seeds - 1, of starts, feedback, minibatches, subsets and noise.
    classes : tuple of int
        Numbers of classes, each at least 2: the first so many of the data set.
    rules : tuple of str
        Feedback rules.
    widths : tuple of int
        Neurons in each hidden layer.
    step_sizes : tuple of float
        Step sizes.
    steps : int
        Steps of a run (conservation: with the largest step size; overfitting: at most).
    batch_size : int
        Samples in a minibatch of SGD.
    per_class : int
        At most this many images of each class are used for training, and as many for testing.
    samples : int
        Training samples of an overfitting run.
    noise : float
        The part of training labels that is flipped, between 0 and 1/2.

    Raises
    ------
    ValueError
        If one is out of range; the message names it.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from fa_theory.experiments import EXPERIMENTS
    >>> quick = EXPERIMENTS["alignment"].quick
    >>> replace(quick, seeds=2).classes
    (2, 3)
    >>> replace(quick, classes=(1, 2))
    Traceback (most recent call last):
    ValueError: classes must be at least 2, got 1
    """

    seeds: int
    classes: tuple[int, ...]
    rules: tuple[str, ...]
    widths: tuple[int, ...]
    step_sizes: tuple[float, ...] = ()
    steps: int = 300
    batch_size: int = 20
    per_class: int = 100
    samples: int = 40
    noise: float = 0.15

    def __post_init__(self) -> None:
        for each in fields(self):
            if getattr(self, each.name) == () and each.name != "step_sizes":
                raise ValueError(f"{each.name} must hold at least one value, got none")
        for name, least in (("seeds", 1), ("steps", 1), ("batch_size", 1), ("per_class", 2), ("samples", 4)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        for name, least in (("classes", 2), ("widths", 1)):
            wrong = [value for value in getattr(self, name) if value < least]
            if wrong:
                raise ValueError(f"{name} must be at least {least}, got {wrong[0]}")
        wrong_steps = [size for size in self.step_sizes if not 0 < size < math.inf]
        if wrong_steps:
            raise ValueError(f"step_sizes must be positive finite numbers, got {wrong_steps[0]}")
        if not 0 < self.noise < 0.5:
            raise ValueError(f"noise must be above 0 and below 0.5, got {self.noise}")
        for rule in self.rules:
            matrices = [[[1.0]]] if rule.partition(":")[0] in ("fa", "adafa", "dfa") else []
            feedback_rules(rule, [[[1.0]], [[1.0]]], matrices)


class Experiment(NamedTuple):
    """An experiment: a list of cells, each run by itself from its own values and the images alone.

    Attributes
    ----------
    name, title : str
        What it is called.
    settings, quick : Settings
        The usual sizes, and sizes for a first look.
    uses : tuple of str
        The settings that it depends on.
    single : tuple of str
        Those of them that must hold one value.
    cells : callable
        Settings -> the cells, each a dictionary of plain values.
    run : callable
        (cell, images) -> the rows of the table that it gives; a pure function.
    findings : callable
        (rows, settings) -> what was found.

    Examples
    --------
    >>> from fa_theory.experiments import EXPERIMENTS
    >>> alignment = EXPERIMENTS["alignment"]
    >>> sizes = alignment.quick
    >>> len(alignment.cells(sizes)) == sizes.seeds * len(sizes.classes) * len(sizes.rules)
    True
    >>> sorted(EXPERIMENTS), alignment.single
    (['alignment', 'conservation', 'overfitting'], ('widths',))
    """

    name: str
    title: str
    settings: Settings
    quick: Settings
    uses: tuple[str, ...]
    single: tuple[str, ...]
    cells: Callable[[Settings], list[Cell]]
    run: Callable[[Mapping[str, Any], Images], list[Row]]
    findings: Callable[[Sequence[Row], Settings], list[Finding]]
