"""Digits, and which images are kept."""

import sys

import numpy as np
import pytest

from fa_theory.data import IMAGES, load_digits


def test_digits_are_split_into_all_1797_images_without_overlap():
    from sklearn.datasets import load_digits as original

    train, test = load_digits(), load_digits(split="test")
    whole = original()
    third = np.arange(1797) % 3 == 2
    assert (len(train.labels), len(test.labels)) == (1198, 599)
    np.testing.assert_array_equal(train.pixels, whole.data[~third])
    np.testing.assert_array_equal(test.pixels, whole.data[third])
    np.testing.assert_array_equal(test.labels, whole.target[third])
    assert train.classes == tuple("0123456789")
    assert (train.shape, train.highest, int(train.pixels.max())) == ((8, 8), 16, 16)
    assert "599 of 1797" in test.transforms[0]


def test_first_images_of_the_first_classes_are_kept_in_order():
    whole, few = load_digits(), load_digits(classes=3, per_class=5)
    expected = np.sort(np.concatenate([np.flatnonzero(whole.labels == k)[:5] for k in range(3)]))
    np.testing.assert_array_equal(few.pixels, whole.pixels[expected])
    assert np.bincount(few.labels).tolist() == [5, 5, 5]
    assert few.classes == ("0", "1", "2")
    assert [said[:20] for said in few.transforms[1:]] == ["kept the first 3 of ", "kept the first 5 ima"]
    assert len(load_digits(per_class=5000).labels) == 1198


def test_images_cannot_be_written_to_and_know_their_content():
    first, second, other = load_digits(classes=2), load_digits(classes=2), load_digits(classes=3)
    assert first.fingerprint == second.fingerprint
    assert len({each.fingerprint for each in (first, other, load_digits(split="test", classes=2))}) == 3
    with pytest.raises(ValueError, match="read-only"):
        first.pixels[0, 0] = 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": 1}, r"classes must lie in \[2, 10\] for digits, got 1"),
        ({"classes": 11}, r"classes must lie in \[2, 10\] for digits, got 11"),
        ({"per_class": 0}, "per_class must be at least 1, got 0"),
        ({"split": "val"}, "split must be train or test, got 'val'"),
        ({"path": "here"}, "digits come with scikit-learn and have no path, got here"),
    ],
)
def test_what_is_out_of_range_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        load_digits(**options)


def test_without_scikit_learn_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"^scikit-learn is needed .*pip install fa_theory\[data\]$"):
        load_digits()


@pytest.mark.parametrize("name", [name for name in IMAGES if name != "digits"])
def test_data_sets_on_disk_need_a_path(name):
    with pytest.raises(ValueError, match=f"{name} needs a path to"):
        IMAGES[name](None)
