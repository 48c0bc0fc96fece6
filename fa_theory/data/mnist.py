"""MNIST and data sets in its format (Fashion-MNIST, KMNIST): idx files, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from contextlib import closing
from math import prod
from os import PathLike
from pathlib import Path
from typing import IO

import numpy as np

from fa_theory.data.images import ImageSet, Pixels, check_selection, listing, needs_path, select

_STEMS = {"train": "train", "test": "t10k"}
_SIDE = 28
_CHUNK = 1 << 20


def load_mnist(
    path: str | PathLike[str] | None,
    split: str = "train",
    *,
    classes: int | None = None,
    per_class: int | None = None,
) -> ImageSet:
    """Read MNIST from a folder of yours that holds its idx files.

    Parameters
    ----------
    path : path
        The folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``, each as it is or gzipped (``.gz``); ``.idx3-ubyte`` is known too.
    split : {"train", "test"}
        Which two files are read.
    classes, per_class : int, optional
        Keep the first so many classes, and the first so many images of each; by default all.

    Returns
    -------
    ImageSet
        Rows of 784 pixels of 0 to 255.

    Raises
    ------
    ValueError
        If an argument is out of range or a file is not what it should be: the message names the file, what was
        expected and what was found.
    FileNotFoundError
        If a file is not there; the message says what is.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from fa_theory.data import load_mnist
    >>> with TemporaryDirectory() as folder:  # two black images, a 0 and a 1, as MNIST has them
    ...     images = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(2 * 28 * 28)
    ...     _ = Path(folder, "train-images-idx3-ubyte").write_bytes(images)
    ...     _ = Path(folder, "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 0, 1]))
    ...     load_mnist(folder, classes=2).pixels.shape
    (2, 784)
    """
    folder = needs_path("mnist", path, "the folder with its idx files")
    check_selection(10, "mnist", split, classes, per_class)
    image_file = _find(folder, f"{_STEMS[split]}-images", 3)
    label_file = _find(folder, f"{_STEMS[split]}-labels", 1)
    images, labels = read_idx(image_file, 3), read_idx(label_file, 1)
    if images.shape[1:] != (_SIDE, _SIDE):
        raise ValueError(
            f"{image_file}: expected images of 28 by 28 pixels, found {images.shape[1]} by {images.shape[2]}"
        )
    if len(labels) != len(images):
        raise ValueError(
            f"{label_file}: expected {len(images)} labels, as {image_file.name} has images, found {len(labels)}"
        )
    if labels.size and labels.max() > 9:
        raise ValueError(f"{label_file}: expected labels 0 to 9, found {labels.max()}")
    pixels = images.reshape(len(images), _SIDE * _SIDE)
    whole = ImageSet(
        pixels, labels.astype(np.int64), tuple("0123456789"), (_SIDE, _SIDE), 255, f"mnist ({split}) of {folder}"
    )
    return select(whole, classes, per_class, str(label_file))


def _find(folder: Path, stem: str, dimensions: int) -> Path:
    names = [f"{stem}{mark}idx{dimensions}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{folder}: expected {names[0]} (or {names[0]}.gz), {listing(folder)}")


def read_idx(path: str | PathLike[str], dimensions: int) -> Pixels:
    """Read an idx file of unsigned bytes, gzipped or not (told by its first bytes, not by its name).

    Parameters
    ----------
    path : path
        The file.
    dimensions : int
        How many dimensions the array must have.

    Returns
    -------
    uint8 array

    Raises
    ------
    ValueError
        If the file is no such idx file, is shorter or longer than its header says, or its gzip data are damaged.
    """
    file = Path(path)
    with file.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not packed:
            return _parse(raw, file, dimensions)
        try:
            with closing(gzip.GzipFile(fileobj=raw)) as unpacked:
                return _parse(unpacked, file, dimensions)
        except EOFError:
            raise ValueError(f"{file}: expected a whole gzip file, found one that ends too early") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{file}: expected a sound gzip file, found damaged data ({error})") from None


def _parse(stream: IO[bytes] | gzip.GzipFile, file: Path, dimensions: int) -> Pixels:
    magic = stream.read(4)
    expected = bytes([0, 0, 8, dimensions])
    if magic != expected:
        raise ValueError(
            f"{file}: expected an idx file of unsigned bytes in {dimensions} dimensions (it starts with "
            f"{expected.hex()}), found {magic.hex() or 'an empty file'}"
        )
    header = stream.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise ValueError(f"{file}: expected a header of {4 + 4 * dimensions} bytes, found {4 + len(header)}")
    sizes = tuple(int(size) for size in np.frombuffer(header, dtype=">u4"))
    total = prod(sizes)
    content = bytearray()
    # in pieces, so that sizes which are nonsense cannot ask for more memory than the file is long
    while len(content) <= total:
        piece = stream.read(min(_CHUNK, total + 1 - len(content)))
        if not piece:
            break
        content += piece
    if len(content) != total:
        found = f"only {len(content)}" if len(content) < total else "more"
        raise ValueError(f"{file}: expected {total} bytes after the header, which says {sizes}, found {found}")
    return np.frombuffer(bytes(content), dtype=np.uint8).reshape(sizes)
