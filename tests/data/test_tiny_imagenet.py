"""Tiny-ImageNet's folder: what is read, and what is refused by name."""

import sys

import numpy as np
import pytest
from image_files import IDENTIFIERS, write_tiny_imagenet
from PIL import Image

from fa_theory.data import load_tiny_imagenet


@pytest.fixture
def folder(tmp_path):
    write_tiny_imagenet(tmp_path / "tiny-imagenet-200")
    return tmp_path / "tiny-imagenet-200"


def test_training_images_come_by_class_and_number(tmp_path):
    colours = write_tiny_imagenet(tmp_path / "tiny-imagenet-200")
    read = load_tiny_imagenet(tmp_path)
    assert read.labels.tolist() == [0] * 12 + [1] * 12 + [2] * 12
    assert (read.pixels.shape, read.shape, read.highest) == ((36, 12288), (64, 64, 3), 255)
    assert read.classes == ("goldfish, Carassius auratus", "n01629819", "bullfrog")
    # JPEG keeps one colour to within a few units; the number of each image is in its brightness
    means = read.pixels.reshape(3, 12, 64 * 64, 3).mean(axis=2)
    expected = np.asarray([colours[name] for name in IDENTIFIERS])[:, None, :] + np.arange(12)[None, :, None]
    assert np.max(abs(means - expected)) <= 3
    assert (np.diff(means.mean(axis=2), axis=1) > 0).all()


def test_the_test_split_is_val_and_grey_images_have_three_channels(folder):
    read = load_tiny_imagenet(folder, "test")
    assert read.labels.tolist() == [0, 1, 2]
    pixels = read.pixels.reshape(3, -1, 3)
    assert (pixels == pixels[:, :, :1]).all()
    assert np.max(abs(pixels.mean(axis=(1, 2)) - [0, 50, 100])) <= 2


def test_only_the_images_that_are_kept_are_opened(folder):
    for number in range(2, 12):
        (folder / "train" / IDENTIFIERS[0] / "images" / f"{IDENTIFIERS[0]}_{number}.JPEG").write_bytes(b"damaged")
    (folder / "words.txt").unlink()
    read = load_tiny_imagenet(folder, classes=2, per_class=2)
    assert read.labels.tolist() == [0, 0, 1, 1]
    assert read.classes == IDENTIFIERS[:2]
    assert load_tiny_imagenet(folder, "test", classes=2).labels.tolist() == [0, 1]


def first_image(folder):
    return folder / "train" / IDENTIFIERS[0] / "images" / f"{IDENTIFIERS[0]}_0.JPEG"


def test_damaged_images_are_refused_by_name(folder):
    file = first_image(folder)
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"<html>", whole[:20]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="expected a sound JPEG image, found a damaged or other file") as refused:
            load_tiny_imagenet(folder)
        assert str(refused.value).startswith(str(file))


def test_images_of_another_kind_or_size_are_refused_by_name(folder):
    Image.new("RGB", (64, 64)).save(first_image(folder), format="PNG")
    with pytest.raises(ValueError, match=r"0\.JPEG: expected a sound JPEG image"):
        load_tiny_imagenet(folder)
    Image.new("RGB", (32, 64)).save(first_image(folder))
    with pytest.raises(ValueError, match=r"0\.JPEG: expected an image of 64 by 64 pixels, found 32 by 64"):
        load_tiny_imagenet(folder)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("wnids.txt", b"", "expected one line for each entry, found an empty file"),
        ("wnids.txt", b"\xff\xfe", "expected text, found bytes that are no UTF-8 at 0"),
        ("wnids.txt", b"n01443537\ncat\n", "expected identifiers such as n01443537, found 'cat'"),
        ("wnids.txt", b"n01443537\nn01443537\n", "found 'one of them twice'"),
        ("val/val_annotations.txt", b"val_0.JPEG\tn00000000\t0\n", "a class of wnids.txt in row 1, found"),
        ("val/val_annotations.txt", b"../x.JPEG\tn01443537\t0\n", "expected an image and a class"),
        ("val/val_annotations.txt", b"val_0.JPEG\n", "expected an image and a class"),
    ],
)
def test_wrong_lists_are_refused_by_name(folder, name, content, words):
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=words) as refused:
        load_tiny_imagenet(folder, "test")
    assert str(refused.value).startswith(str(folder / name))


def test_missing_files_and_classes_are_named(folder):
    (folder / "val" / "val_annotations.txt").write_text(f"val_0.JPEG\t{IDENTIFIERS[0]}\t0\t0\t1\t1\n")
    with pytest.raises(ValueError, match=f"val: class '{IDENTIFIERS[1]}' has no image"):
        load_tiny_imagenet(folder, "test")
    (folder / "val" / "val_annotations.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"val: expected val_annotations.txt .* found images"):
        load_tiny_imagenet(folder, "test")
    with pytest.raises(FileNotFoundError, match=r"expected wnids.txt .*, there is no such folder"):
        load_tiny_imagenet(folder / "elsewhere")
    with pytest.raises(ValueError, match=r"classes must lie in \[2, 3\] for tiny-imagenet, got 4"):
        load_tiny_imagenet(folder, classes=4)


def test_missing_images_are_named(folder):
    (folder / "val" / "images" / "val_1.JPEG").unlink()
    with pytest.raises(FileNotFoundError, match=r"val_1.JPEG: expected a JPEG image, there is no such file"):
        load_tiny_imagenet(folder, "test")
    images = folder / "train" / IDENTIFIERS[1] / "images"
    images.rename(images.with_name("pictures"))
    with pytest.raises(FileNotFoundError, match=f"images: expected the images of class {IDENTIFIERS[1]}"):
        load_tiny_imagenet(folder)


def test_without_pillow_one_line_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ModuleNotFoundError, match=r"^Pillow is needed .*pip install fa_theory\[data\]$"):
        load_tiny_imagenet(folder)
