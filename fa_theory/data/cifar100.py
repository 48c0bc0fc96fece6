"""CIFAR-100 from its python archive, whose pickles are read without running anything that they name."""

from __future__ import annotations

import io
import pickle
import tarfile
import zlib
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from fa_theory.data.images import ImageSet, Labels, Pixels, check_selection, listing, needs_path, select

_FOLDER = "cifar-100-python"
_PIXELS = 3 * 32 * 32


def load_cifar100(
    path: str | PathLike[str] | None,
    split: str = "train",
    *,
    classes: int | None = None,
    per_class: int | None = None,
) -> ImageSet:
    """Read CIFAR-100 from its python archive: ``cifar-100-python.tar.gz``, or the folder extracted from it.

    The files are pickles of Python 2. They are read by an unpickler that knows the three names they hold
    (``numpy.core.multiarray._reconstruct``, ``numpy.ndarray``, ``numpy.dtype``), puts inert records in their place and
    refuses any other, so that a file of ill will runs nothing. From the archive nothing is extracted to disk.

    Parameters
    ----------
    path : path
        The archive, the folder with ``train``, ``test`` and ``meta``, or the folder that holds that folder.
    split : {"train", "test"}
        Which file is read.
    classes, per_class : int, optional
        Keep the first so many of the 100 fine classes, and the first so many images of each; by default all.

    Returns
    -------
    ImageSet
        Rows of 3072 pixels of 0 to 255: 32 by 32 of red, then of green, then of blue.

    Raises
    ------
    ValueError
        If an argument is out of range or a file is not what it should be: the message names the file, what was
        expected and what was found.
    FileNotFoundError
        If a file is not there; the message says what is.

    Examples
    --------
    >>> import io, pickle, tarfile
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from fa_theory.data import load_cifar100
    >>> class Python2Pickler(pickle._Pickler):  # all text is bytes, as in the real archive
    ...     def save_bytes(self, value):
    ...         self.write(pickle.BINSTRING + len(value).to_bytes(4, "little") + value)
    ...
    ...     def save_str(self, value):
    ...         self.save_bytes(value.encode())
    ...
    ...     dispatch = {**pickle._Pickler.dispatch, bytes: save_bytes, str: save_str}
    >>> names = {b"fine_label_names": [b"apple", b"baby", *(b"class %d" % k for k in range(2, 100))]}
    >>> test = {b"fine_labels": [1, 0, 1], b"data": np.full((3, 3072), 255, dtype=np.uint8)}
    >>> with TemporaryDirectory() as folder:  # an archive of three white images
    ...     file = Path(folder, "cifar-100-python.tar.gz")
    ...     with tarfile.open(file, "w:gz") as archive:
    ...         for name, values in {"meta": names, "test": test}.items():
    ...             stream = io.BytesIO()
    ...             Python2Pickler(stream, protocol=2).dump(values)
    ...             content = stream.getvalue().replace(b"numpy._core", b"numpy.core")  # the older name
    ...             member = tarfile.TarInfo(f"cifar-100-python/{name}")
    ...             member.size = len(content)
    ...             archive.addfile(member, io.BytesIO(content))
    ...     images = load_cifar100(file, "test", classes=2)
    >>> images.pixels.shape, images.shape, [images.classes[label] for label in images.labels]
    ((3, 3072), (3, 32, 32), ['baby', 'apple', 'baby'])
    """
    source = needs_path("cifar100", path, f"{_FOLDER}.tar.gz, or the folder extracted from it")
    check_selection(100, "cifar100", split, classes, per_class)
    contents = _from_archive(source, split) if source.is_file() else _from_folder(source, split)
    (meta_file, meta), (file, content) = contents
    names = _entry(_unpickle(meta, meta_file), b"fine_label_names", meta_file)
    if not (isinstance(names, list) and len(names) == 100 and all(isinstance(name, bytes) for name in names)):
        raise ValueError(f"{meta_file}: expected fine_label_names to be 100 names, found {_kind(names)}")
    images = _unpickle(content, file)
    labels = _labels(_entry(images, b"fine_labels", file), file)
    pixels = _pixels(_entry(images, b"data", file), file)
    if len(pixels) != len(labels):
        raise ValueError(f"{file}: expected as many labels as images, found {len(labels)} and {len(pixels)}")
    said = tuple(name.decode("utf-8", "replace") for name in names)
    whole = ImageSet(pixels, labels, said, (3, 32, 32), 255, f"cifar100 ({split}) of {source}")
    return select(whole, classes, per_class, file)


def _from_folder(source: Path, split: str) -> list[tuple[str, bytes]]:
    folder = source / _FOLDER if (source / _FOLDER).is_dir() else source
    found = []
    for name in ("meta", split):
        file = folder / name
        if not file.is_file():
            raise FileNotFoundError(f"{folder}: expected the file {name} of {_FOLDER}, {listing(folder)}")
        found.append((str(file), file.read_bytes()))
    return found


def _from_archive(source: Path, split: str) -> list[tuple[str, bytes]]:
    wanted = {f"{_FOLDER}/{name}": name for name in ("meta", split)}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(source, "r:gz") as archive:
            for member in archive:
                name = wanted.get(member.name.removeprefix("./"))
                stream = archive.extractfile(member) if name is not None and member.isfile() else None
                if name is not None and stream is not None:
                    found[name] = stream.read()
    except EOFError:
        raise ValueError(f"{source}: expected a whole .tar.gz archive, found one that ends too early") from None
    except (tarfile.TarError, zlib.error, OSError) as error:
        raise ValueError(f"{source}: expected {_FOLDER}.tar.gz, found no sound .tar.gz archive ({error})") from None
    absent = [full for full, name in wanted.items() if name not in found]
    if absent:
        raise ValueError(f"{source}: expected {absent[0]} in the archive, which does not hold it")
    return [(f"{source}:{full}", found[name]) for full, name in wanted.items()]


class _Record:
    """What stands in a pickle for an object of numpy: its arguments and its state, and nothing that runs."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Array(_Record):
    """An array."""


class _Dtype(_Record):
    """A type of entries."""


class _Kind(_Record):
    """The name numpy.ndarray, an argument of an array."""


_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Kind,
    ("numpy", "dtype"): _Dtype,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"the name {module}.{name}, which the archive does not hold and is not run")
        return _ADMITTED[module, name]


def _unpickle(content: bytes, file: str) -> dict[Any, Any]:
    stream = io.BytesIO(content)
    try:
        value = _Reader(stream, encoding="bytes").load()
    # a damaged pickle can raise almost anything
    except Exception as error:  # noqa: BLE001
        found = str(error) or type(error).__name__
        raise ValueError(f"{file}: expected a pickle of CIFAR-100's python archive, found {found}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{file}: expected a pickled dictionary, found {_kind(value)}")  # noqa: TRY004 - a file's fault
    if stream.read(1):
        raise ValueError(f"{file}: expected the end of the file after the pickle, found more")
    return value


def _entry(values: dict[Any, Any], key: bytes, file: str) -> Any:
    if key not in values:
        keys = ", ".join(sorted(each.decode("utf-8", "replace") for each in values if isinstance(each, bytes)))
        raise ValueError(f"{file}: expected the entry {key.decode()} (CIFAR-100), found {keys or 'no entries'}")
    return values[key]


def _labels(values: Any, file: str) -> Labels:
    if not (isinstance(values, list) and all(type(each) is int and not _strange(each) for each in values)):
        raise ValueError(f"{file}: expected fine_labels to be whole numbers 0 to 99, found {_kind(values)}")
    return np.asarray(values, dtype=np.int64)


def _pixels(value: Any, file: str) -> Pixels:
    """Make the array that a record describes, if it is what the archive holds: bytes, in rows of 3072."""
    match value:
        case _Array(state=(1, (int(rows), int(columns)), _Dtype(arguments=(b"u1", *_)), fortran, bytes(content))):
            if columns != _PIXELS or rows < 0 or len(content) != rows * columns:
                raise ValueError(
                    f"{file}: expected data in rows of {_PIXELS} bytes, found {len(content)} for ({rows}, {columns})"
                )
            return np.frombuffer(content, dtype=np.uint8).reshape((rows, columns), order="F" if fortran else "C")
    raise ValueError(f"{file}: expected data to be a matrix of unsigned bytes, found {_kind(value)}")


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}" + next((f" with {each!r:.40}" for each in value if _strange(each)), "")
    return "another array" if isinstance(value, _Array) else f"{type(value).__name__} {value!r:.40}"


def _strange(entry: object) -> bool:
    return not (isinstance(entry, bytes) or (type(entry) is int and 0 <= entry < 100))
