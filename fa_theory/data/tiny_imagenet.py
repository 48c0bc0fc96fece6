"""Tiny-ImageNet from its folder layout; the images are read with Pillow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fa_theory.data.images import ImageSet, Pixels, check_selection, chosen, listing, needing, needs_path

if TYPE_CHECKING:
    from types import ModuleType

_FOLDER = "tiny-imagenet-200"
_SIDE = 64


def load_tiny_imagenet(
    path: str | PathLike[str] | None,
    split: str = "train",
    *,
    classes: int | None = None,
    per_class: int | None = None,
) -> ImageSet:
    r"""Read Tiny-ImageNet from its folder.

    Only the images that are kept are opened. The labels of its own ``test`` folder are not public, so the test split is
    its ``val``. Grey images become colour images of three equal channels.

    Parameters
    ----------
    path : path
        ``tiny-imagenet-200``, with ``wnids.txt``, ``train`` and ``val``, or the folder that holds it.
    split : {"train", "test"}
        ``train/WNID/images/WNID_K.JPEG``, or ``val/images`` with ``val/val_annotations.txt``.
    classes, per_class : int, optional
        Keep the first so many classes in the order of ``wnids.txt``, and the first so many images of each; by default
        all, which takes 1.2 GB for the train split.

    Returns
    -------
    ImageSet
        Rows of 12288 pixels of 0 to 255: 64 rows of 64 pixels of red, green and blue.

    Raises
    ------
    ValueError
        If an argument is out of range or a file is not what it should be: the message names the file, what was
        expected and what was found.
    FileNotFoundError
        If a file is not there; the message says what is.
    ModuleNotFoundError
        If Pillow is not installed; it says how to install it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from fa_theory.data import load_tiny_imagenet
    >>> with TemporaryDirectory() as folder:  # one black image of each of two classes
    ...     for name in ("n01443537", "n01629819"):
    ...         images = Path(folder, "train", name, "images")
    ...         images.mkdir(parents=True)
    ...         Image.new("RGB", (64, 64)).save(images / f"{name}_0.JPEG")
    ...     _ = Path(folder, "wnids.txt").write_text("n01443537\nn01629819\n")
    ...     load_tiny_imagenet(folder).pixels.shape
    (2, 12288)
    """
    source = needs_path("tiny-imagenet", path, f"the folder {_FOLDER}")
    folder = source / _FOLDER if (source / _FOLDER).is_dir() else source
    with needing("Pillow"):
        from PIL import Image
    identifiers = _lines(folder, "wnids.txt")
    if len(set(identifiers)) != len(identifiers) or not all(re.fullmatch(r"n\d{8}", each) for each in identifiers):
        strange = next((each for each in identifiers if not re.fullmatch(r"n\d{8}", each)), "one of them twice")
        raise ValueError(f"{folder / 'wnids.txt'}: expected identifiers such as n01443537, found {strange!r}")
    check_selection(len(identifiers), "tiny-imagenet", split, classes, per_class)
    listed = list((_train if split == "train" else _val)(folder, identifiers, classes or len(identifiers)))
    try:
        indices, said = chosen([label for _, label in listed], identifiers, classes, per_class)
    except ValueError as error:
        raise ValueError(f"{folder / ('train' if split == 'train' else 'val')}: {error}") from None
    pixels = np.stack([_read(listed[k][0], Image) for k in indices])
    labels = np.asarray([listed[k][1] for k in indices], dtype=np.int64)
    names = _names(folder, identifiers[: classes or None])
    name, shape = f"tiny-imagenet ({split}) of {folder}", (_SIDE, _SIDE, 3)
    return ImageSet(pixels, labels, names, shape, 255, name, said, ("Pillow",))


def _lines(folder: Path, name: str) -> list[str]:
    file = folder / name
    if not file.is_file():
        raise FileNotFoundError(f"{folder}: expected {name} of {_FOLDER}, {listing(folder)}")
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: expected text, found bytes that are no UTF-8 at {error.start}") from None
    lines = [line.rstrip("\r") for line in lines if line.strip()]
    if not lines:
        raise ValueError(f"{file}: expected one line for each entry, found an empty file")
    return lines


def _names(folder: Path, identifiers: list[str]) -> tuple[str, ...]:
    if not (folder / "words.txt").is_file():
        return tuple(identifiers)
    words = dict(line.partition("\t")[::2] for line in _lines(folder, "words.txt"))
    return tuple(words.get(each, each) for each in identifiers)


def _train(folder: Path, identifiers: list[str], classes: int) -> Iterator[tuple[Path, int]]:
    for label, identifier in enumerate(identifiers[:classes]):
        images = folder / "train" / identifier / "images"
        if not images.is_dir():
            raise FileNotFoundError(f"{images}: expected the images of class {identifier}, there is no such folder")
        # by number, as the names' own order puts 10 before 2
        for file in sorted(images.glob("*.JPEG"), key=lambda each: (len(each.name), each.name)):
            yield file, label


def _val(folder: Path, identifiers: list[str], classes: int) -> Iterator[tuple[Path, int]]:
    number = {identifier: label for label, identifier in enumerate(identifiers)}
    file = folder / "val" / "val_annotations.txt"
    for row, line in enumerate(_lines(folder / "val", "val_annotations.txt"), start=1):
        name, _, rest = line.partition("\t")
        identifier = rest.partition("\t")[0]
        if identifier not in number or Path(name).name != name:
            raise ValueError(f"{file}: expected an image and a class of wnids.txt in row {row}, found {line!r:.60}")
        if number[identifier] < classes:
            yield folder / "val" / "images" / name, number[identifier]


def _read(file: Path, image: ModuleType) -> Pixels:
    try:
        with image.open(file, formats=["JPEG"]) as opened:
            if opened.size != (_SIDE, _SIDE):
                width, height = opened.size
                raise ValueError(f"{file}: expected an image of 64 by 64 pixels, found {width} by {height}")
            pixels: Pixels = np.asarray(opened.convert("RGB"), dtype=np.uint8).reshape(-1)
            return pixels
    except FileNotFoundError:
        raise FileNotFoundError(f"{file}: expected a JPEG image, there is no such file") from None
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{file}: expected a sound JPEG image, found a damaged or other file ({error})") from None
