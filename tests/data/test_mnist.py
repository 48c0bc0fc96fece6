"""MNIST's idx files: what is read, and what is refused by name."""

import gzip
import re
import struct

import numpy as np
import pytest
from image_files import idx, write_mnist

from fa_theory.data import load_mnist
from fa_theory.data.mnist import read_idx

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(("packed", "mark"), [(False, "-"), (True, "-"), (False, "."), (True, ".")])
@pytest.mark.parametrize(("split", "stem"), [("train", "train"), ("test", "t10k")])
def test_images_and_labels_come_back(tmp_path, packed, mark, split, stem):
    images, labels = write_mnist(tmp_path, packed=packed, mark=mark)[stem]
    read = load_mnist(tmp_path, split)
    np.testing.assert_array_equal(read.pixels, images.reshape(-1, 784))
    np.testing.assert_array_equal(read.labels, labels)
    assert (read.shape, read.highest, read.classes) == ((28, 28), 255, tuple("0123456789"))
    assert str(tmp_path) in read.name


def test_classes_and_images_are_chosen(tmp_path):
    images, labels = write_mnist(tmp_path, 30)["train"]
    read = load_mnist(tmp_path, classes=2, per_class=2)
    np.testing.assert_array_equal(read.pixels, images.reshape(-1, 784)[(labels < 2) & (np.arange(30) < 20)])


def test_a_gzipped_file_is_known_by_its_content_and_not_by_its_name(tmp_path):
    file = tmp_path / "labels"
    file.write_bytes(gzip.compress(idx([1, 2, 3])))
    assert read_idx(file, 1).tolist() == [1, 2, 3]


def gz(content):
    return gzip.compress(content, mtime=0)


WHOLE = idx(np.zeros((20, 28, 28)))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (IMAGES, WHOLE[:-1], r"expected 15680 bytes after the header, which says \(20, 28, 28\), found only 15679"),
        (IMAGES, WHOLE + b"x", "expected 15680 bytes after the header, .* found more"),
        (IMAGES, WHOLE[:9], "expected a header of 16 bytes, found 9"),
        (IMAGES, b"", "found an empty file"),
        (IMAGES, b"<html>not found</html>", r"starts with 00000803\), found 3c68746d"),
        (IMAGES, idx(np.zeros(20)), r"in 3 dimensions .* found 00000801"),
        (IMAGES, struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "found only 0"),
        (IMAGES, idx(np.zeros((20, 32, 32))), "expected images of 28 by 28 pixels, found 32 by 32"),
        (IMAGES, gz(WHOLE)[:-9], "expected a whole gzip file, found one that ends too early"),
        (IMAGES, gz(WHOLE)[:-6] + b"\0" * 6, "expected a sound gzip file, found damaged data"),
        (IMAGES, gz(WHOLE)[:30] + b"\xff" * 40, "expected a sound gzip file, found damaged data"),
        (LABELS, idx(np.arange(19) % 10), f"expected 20 labels, as {IMAGES} has images, found 19"),
        (LABELS, idx(np.full(20, 11)), "expected labels 0 to 9, found 11"),
        (LABELS, idx(np.zeros(20)), "class '1' has no image"),
    ],
)
def test_damaged_and_wrong_files_are_refused_by_name(tmp_path, name, content, words):
    write_mnist(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words) as refused:
        load_mnist(tmp_path)
    assert str(refused.value).startswith(str(tmp_path / name))


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        (".", "found empty, t10k-images-idx3-ubyte, t10k"),
        ("empty", "found an empty folder"),
        ("no", "there is no such folder"),
    ],
)
def test_a_missing_file_is_named_with_what_there_is(tmp_path, folder, words):
    write_mnist(tmp_path)
    (tmp_path / IMAGES).unlink()
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=f"{IMAGES}.*{words}"):
        load_mnist(tmp_path / folder)


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    write_mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path / IMAGES}: expected") + ".*this is a file"):
        load_mnist(tmp_path / IMAGES)
