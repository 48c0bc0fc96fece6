"""From images to arrays, and from a seed to a start: what the experiments share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fa_theory.data import ImageSet
from fa_theory.experiments.settings import Images
from fa_theory.model import Network, feedback_rules

Host = np.ndarray[Any, Any]


class Arrays(NamedTuple):
    """Samples as rows of features, the last of them 1, and their classes.

    Attributes
    ----------
    X, X_test : array, (N, d + 1)
        Pixels, centred and scaled by the numbers of the training images, and a column of ones.
    labels, labels_test : int array, (N,)
        Classes.
    """

    X: Host
    labels: Host
    X_test: Host
    labels_test: Host


def arrays(images: Images, classes: int) -> Arrays:
    """Return the images of the first `classes` classes as arrays.

    Each pixel has its mean over the training images taken away; all are divided by one number, the root mean square
    over training images and pixels. The column of ones gives the first layer a trained bias, and lets centred samples
    be linearly independent.

    Raises
    ------
    ValueError
        If there are fewer classes, or all training images are equal.
    """
    known = min(len(each.classes) for each in images)
    if not 2 <= classes <= known:
        raise ValueError(f"classes must lie in [2, {known}] for {images.train.name}, got {classes}")
    (pixels, labels), (pixels_test, labels_test) = (_of_classes(each, classes) for each in images)
    if np.all(pixels == pixels[0]):
        raise ValueError(f"{images.train.name}: all training images are equal, so there is nothing to learn from")
    mean = np.mean(pixels, axis=0)
    scale = float(np.sqrt(np.mean((pixels - mean) ** 2)))
    return Arrays(_features(pixels, mean, scale), labels, _features(pixels_test, mean, scale), labels_test)


def _of_classes(images: ImageSet, classes: int) -> tuple[Host, Host]:
    here = images.labels < classes
    return images.pixels[here] / images.highest, images.labels[here]


def _features(pixels: Host, mean: Host, scale: float) -> Host:
    return np.concatenate([(pixels - mean) / scale, np.ones((len(pixels), 1))], axis=1)


def one_hot(labels: Host, classes: int) -> npt.NDArray[np.float64]:
    """Return one row for each label, 1 in its class and 0 elsewhere, (N, classes)."""
    return np.asarray(labels[:, None] == np.arange(classes), dtype=float)


def start(widths: Sequence[int], activation: str, rule: str, seed: int) -> Network:
    """Draw a start whose feedback is of the size of the transposed weights that it stands for.

    W_l is normal with variance 1 / n_{l-1}; B_{l+1}, (n_l, n_{l+1}) or under DFA (n_l, m), is normal with variance
    1 / n_l, as W_{l+1}^T is, and independent of it. The same seed gives the same weights under every rule.
    """
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((n, below)) / np.sqrt(below) for below, n in pairwise(widths)]
    above = [widths[-1]] * len(widths[2:]) if rule == "dfa" else widths[2:]
    matrices = [rng.standard_normal((n, outputs)) / np.sqrt(n) for n, outputs in zip(widths[1:-1], above, strict=True)]
    return Network(weights, activation, feedback_rules(rule, weights, matrices))


def error_rate(outputs: Host, labels: Host) -> float:
    """Return the part of samples whose largest output is not their class; of ties the first counts."""
    return float(np.mean(np.argmax(outputs, axis=1) != labels))
