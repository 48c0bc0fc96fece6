"""CIFAR-100's python archive: what is read, what is refused by name, and that its pickles run nothing."""

import io
import pickle
import tarfile

import numpy as np
import pytest
from image_files import cifar_values, python2_pickle, write_cifar, write_cifar_archive

from fa_theory.data import load_cifar100


def same(read, values):
    np.testing.assert_array_equal(read.pixels, values[b"data"])
    assert read.labels.tolist() == values[b"fine_labels"]


def test_the_files_of_the_tests_are_pickles_that_python_itself_reads():
    value = cifar_values(3)["train"]
    read = pickle.loads(python2_pickle(value).replace(b"numpy.core", b"numpy._core"), encoding="bytes")
    np.testing.assert_array_equal(read.pop(b"data"), value.pop(b"data"))
    assert read == value


@pytest.mark.parametrize("split", ["train", "test"])
def test_folder_its_parent_and_archive_give_the_same_images(tmp_path, split):
    values = write_cifar(tmp_path / "cifar-100-python")
    archive = tmp_path / "cifar-100-python.tar.gz"
    write_cifar_archive(archive)
    for path in (tmp_path / "cifar-100-python", tmp_path, archive):
        read = load_cifar100(path, split, classes=3)
        same(read, values[split])
        assert read.classes == ("class00", "class01", "class02")
        assert (read.shape, read.highest) == ((3, 32, 32), 255)


def test_images_in_column_order_are_read_as_the_matrix_they_are(tmp_path):
    values = cifar_values()
    values["train"][b"data"] = np.asfortranarray(values["train"][b"data"])
    write_cifar(tmp_path, values)
    same(load_cifar100(tmp_path, classes=3), values["train"])


def test_classes_and_images_are_chosen(tmp_path):
    values = write_cifar(tmp_path)["train"]
    np.testing.assert_array_equal(load_cifar100(tmp_path, classes=2, per_class=1).pixels, values[b"data"][:2])
    with pytest.raises(ValueError, match=r"classes must lie in \[2, 100\]"):
        load_cifar100(tmp_path, classes=101)
    with pytest.raises(ValueError, match="train: class 'class03' has no image"):
        load_cifar100(tmp_path)


def test_a_pickle_of_ill_will_runs_nothing_and_is_refused(tmp_path):
    write_cifar(tmp_path)
    witness = tmp_path / "witness"
    ill = b"\x80\x02cos\nsystem\nU" + bytes([len(f"touch {witness}")]) + f"touch {witness}".encode() + b"\x85R."
    (tmp_path / "train").write_bytes(ill)
    with pytest.raises(ValueError, match=r"train: expected .* found the name os\.system, which .* is not run"):
        load_cifar100(tmp_path)
    assert not witness.exists()


@pytest.mark.parametrize(
    "name", [b"builtins\neval", b"numpy\nload", b"numpy.core.multiarray\nscalar", b"_codecs\nencode"]
)
def test_names_that_the_archive_does_not_hold_are_refused(tmp_path, name):
    write_cifar(tmp_path)
    (tmp_path / "train").write_bytes(b"\x80\x02c" + name + b"\n.")
    with pytest.raises(ValueError, match="which the archive does not hold"):
        load_cifar100(tmp_path)


def with_train(**changes):
    values = cifar_values()
    values["train"] |= {name.encode(): value for name, value in changes.items()}
    return values["train"]


def without(value, name):
    return {key: each for key, each in value.items() if key != name}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (python2_pickle(with_train())[:-40], "found pickle data was truncated"),
        (b"", "expected a pickle .* found Ran out of input"),
        (b"\x1f\x8b\x08garbage", "expected a pickle"),
        (python2_pickle(with_train()) + b"more", "expected the end of the file after the pickle"),
        (python2_pickle([1, 2]), "expected a pickled dictionary, found a list of 2"),
        (python2_pickle({}), r"expected the entry fine_labels \(CIFAR-100\), found no entries"),
        (python2_pickle({b"labels": [1], b"data": 2}), r"expected the entry fine_labels .*, found data, labels"),
        (python2_pickle(without(with_train(), b"data")), "expected the entry data"),
        (python2_pickle(with_train(fine_labels=[0, 100])), "whole numbers 0 to 99, found a list of 2 with 100"),
        (python2_pickle(with_train(fine_labels=7)), "whole numbers 0 to 99, found int 7"),
        (python2_pickle(with_train(fine_labels=[0])), "as many labels as images, found 1 and 12"),
        (python2_pickle(with_train(data=b"abc")), "data to be a matrix of unsigned bytes, found bytes b'abc'"),
        (python2_pickle(with_train(data=np.zeros((12, 3072), "f8"))), "unsigned bytes, found another array"),
        (python2_pickle(with_train(data=np.zeros(12, "u1"))), "unsigned bytes, found another array"),
        (python2_pickle(with_train(data=np.zeros((12, 3000), "u1"))), r"rows of 3072 bytes, found .* \(12, 3000\)"),
    ],
)
def test_damaged_and_wrong_files_are_refused_by_name(tmp_path, content, words):
    write_cifar(tmp_path)
    (tmp_path / "train").write_bytes(content)
    with pytest.raises(ValueError, match=words) as refused:
        load_cifar100(tmp_path)
    assert str(refused.value).startswith(str(tmp_path / "train"))


def test_names_of_classes_must_be_a_hundred(tmp_path):
    values = cifar_values()
    values["meta"][b"fine_label_names"] = [b"one"]
    write_cifar(tmp_path, values)
    with pytest.raises(ValueError, match="meta: expected fine_label_names to be 100 names, found a list of 1"):
        load_cifar100(tmp_path)


def test_archives_are_refused_by_name(tmp_path):
    file = tmp_path / "cifar.tar.gz"
    write_cifar_archive(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cifar\.tar\.gz: expected .* archive"):
        load_cifar100(file)
    file.write_bytes(b"no archive at all")
    with pytest.raises(ValueError, match=r"cifar\.tar\.gz: expected .*, found no sound"):
        load_cifar100(file)
    with tarfile.open(file, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("cifar-10-batches-py/data_batch_1"), io.BytesIO())
    with pytest.raises(ValueError, match="expected cifar-100-python/meta in the archive"):
        load_cifar100(file)


def test_a_missing_file_is_named_with_what_there_is(tmp_path):
    write_cifar(tmp_path)
    (tmp_path / "test").unlink()
    with pytest.raises(FileNotFoundError, match="expected the file test of cifar-100-python, found meta, train"):
        load_cifar100(tmp_path, "test")
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        load_cifar100(tmp_path / "elsewhere")
