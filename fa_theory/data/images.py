"""Labelled images: what every loader returns, which of them are kept, and scikit-learn's digits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

SPLITS = ("train", "test")


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images as rows of pixels, with their classes.

    Attributes
    ----------
    pixels : uint8 array, (N, d)
        One image per row, flattened from `shape`; read-only.
    labels : int64 array, (N,)
        The class of each image, an index into `classes`; read-only.
    classes : tuple of str
        The names of the classes.
    shape : tuple of int
        What a row is: (rows, columns), or (channels, rows, columns) or (rows, columns, channels) as the source has it.
    highest : int
        The value of a white pixel: 255, or 16 for digits.
    name : str
        The data set and the split.
    transforms : tuple of str
        What was left out on the way from the files, in order.
    libraries : tuple of str
        The packages that read the files, beside NumPy and Python's own, by the names under which pip knows them.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.data import ImageSet
    >>> pixels, labels = np.zeros((2, 4), dtype=np.uint8), np.array([0, 1])
    >>> images = ImageSet(pixels, labels, ("cat", "dog"), (2, 2), 255, "two black squares")
    >>> images.pixels.shape, images.classes[images.labels[1]], len(images.fingerprint)
    ((2, 4), 'dog', 64)
    """

    pixels: Pixels
    labels: Labels
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    highest: int
    name: str
    transforms: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.pixels.setflags(write=False)
        self.labels.setflags(write=False)

    @property
    def fingerprint(self) -> str:
        """A hash of pixels and labels, by which results know the data that they came from."""
        digest = hashlib.sha256(repr((self.pixels.shape, self.highest, self.classes)).encode())
        digest.update(np.ascontiguousarray(self.pixels).tobytes())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()


def check_selection(available: int, name: str, split: str, classes: int | None, per_class: int | None) -> None:
    """Raise ValueError unless split, classes and per_class are among what there is."""
    if split not in SPLITS:
        raise ValueError(f"split must be train or test, got {split!r}")
    if classes is not None and not 2 <= classes <= available:
        raise ValueError(f"classes must lie in [2, {available}] for {name}, got {classes}")
    if per_class is not None and per_class < 1:
        raise ValueError(f"per_class must be at least 1, got {per_class}")


def chosen(
    labels: Sequence[int] | Labels, names: Sequence[str], classes: int | None, per_class: int | None
) -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    """Return the indices, in order, of the first `per_class` images of each of the first classes, and that in words.

    Raises
    ------
    ValueError
        If one of these classes has no image; it starts with the class's name.
    """
    given = np.asarray(labels, dtype=np.int64)
    wanted = len(names) if classes is None else classes
    kept = []
    for label in range(wanted):
        of_class = np.flatnonzero(given == label)
        if of_class.size == 0:
            raise ValueError(f"class {names[label]!r} has no image")
        kept.append(of_class if per_class is None else of_class[:per_class])
    said = [f"kept the first {wanted} of {len(names)} classes"] if wanted < len(names) else []
    if per_class is not None:
        said.append(f"kept the first {per_class} images of each class, or all where there are fewer")
    return np.sort(np.concatenate(kept)), tuple(said)


def select(whole: ImageSet, classes: int | None, per_class: int | None, source: str) -> ImageSet:
    """Return the images that `chosen` names; `source` is what an error blames."""
    try:
        indices, said = chosen(whole.labels, whole.classes, classes, per_class)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    names = whole.classes[: classes or None]
    pixels, labels = whole.pixels[indices], whole.labels[indices]
    return replace(whole, pixels=pixels, labels=labels, classes=names, transforms=whole.transforms + said)


@contextmanager
def needing(package: str) -> Iterator[None]:
    """Turn a missing optional package into one line that says how to get it."""
    try:
        yield
    except ImportError as error:
        raise ModuleNotFoundError(f"{package} is needed for this data set: pip install fa_theory[data]") from error


def load_digits(
    path: None = None, split: str = "train", *, classes: int | None = None, per_class: int | None = None
) -> ImageSet:
    """Return scikit-learn's digits: real handwritten digits, 8 by 8 pixels of 0 to 16, without a download.

    They are the 1797 images of the test set of E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*
    (UCI, 1998). scikit-learn splits them no further; here every third image, counted from the third, is for testing.

    Parameters
    ----------
    path : None
        There is nothing to point at.
    split : {"train", "test"}
        1198 or 599 images.
    classes, per_class : int, optional
        Keep the first so many classes, and the first so many images of each; by default all.

    Raises
    ------
    ValueError
        If an argument is out of range, or a path is given.
    ModuleNotFoundError
        If scikit-learn is not installed; it says how to install it.

    Examples
    --------
    >>> from fa_theory.data import load_digits
    >>> digits = load_digits(classes=3, per_class=10)
    >>> digits.pixels.shape, digits.classes, digits.shape
    ((30, 64), ('0', '1', '2'), (8, 8))
    """
    if path is not None:
        raise ValueError(f"digits come with scikit-learn and have no path, got {path}; choose the data set by its name")
    check_selection(10, "digits", split, classes, per_class)
    with needing("scikit-learn"):
        from sklearn.datasets import load_digits as read
    bunch: Any = read()
    here = (np.arange(len(bunch.target)) % 3 == 2) == (split == "test")
    pixels, labels = bunch.data[here].astype(np.uint8), bunch.target[here].astype(np.int64)
    said = (f"kept every third image for testing: {int(here.sum())} of {len(here)} are the {split} split",)
    names = tuple("0123456789")
    whole = ImageSet(pixels, labels, names, (8, 8), 16, f"digits ({split})", said, ("scikit-learn",))
    return select(whole, classes, per_class, "digits")


def listing(folder: Path) -> str:
    """Say what a folder holds, for an error about what it does not."""
    if not folder.exists():
        return "there is no such folder"
    if not folder.is_dir():
        return "this is a file"
    names = sorted(each.name for each in folder.iterdir())
    shown = ", ".join(names[:6])
    return f"found {shown}{', ...' if len(names) > 6 else ''}" if names else "found an empty folder"


def needs_path(name: str, path: str | PathLike[str] | None, what: str) -> Path:
    """Return the path; raise ValueError, saying what it should be, if there is none."""
    if path is None:
        raise ValueError(f"{name} needs a path to {what}")
    return Path(path)
