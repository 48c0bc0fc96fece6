"""Every function of `fa_theory.plots` draws what is stored in pictures/: the Axes as pixels, the words as words."""

import re

import numpy as np
import pytest
from matplotlib.testing.compare import compare_images
from PIL import Image
from stored_pictures import DRAWN, STORED, write

from fa_theory import plots

TOLERANCE = 3.0
"""Root mean square of the difference, of 255. Between Matplotlib 3.9 and 3.11: at most 2.5, where a legend is wider."""


def difference(name, folder, change=None):
    """Draw a picture in `folder` and say how it differs from the stored one; "" where it does not."""
    stored, drawn = STORED / f"{name}.png", folder / f"{name}.png"
    within, written = write(name, drawn, change)
    compared = []
    for path in (stored, drawn):
        with Image.open(path) as opened:
            image = opened.convert("RGB")
            words = opened.text["Description"]
        for box in written:
            image.paste("white", box)
        compared.append((folder / f"{name}-axes-{'stored' if path == stored else 'drawn'}.png", words))
        image.crop(within).save(compared[-1][0])
    (expected, stored_words), (actual, drawn_words) = compared
    if stored_words != drawn_words:
        return f"{drawn}: its words are {drawn_words!r}, not {stored_words!r}"
    told = compare_images(expected, actual, TOLERANCE)
    return f"{drawn} is not {stored}: {told}" if told else ""


def test_every_function_has_a_stored_picture():
    public = {name for name in plots.__all__ if name.startswith("plot_")}
    assert public == set(DRAWN)
    assert {path.name for path in STORED.iterdir()} == {f"{name}.png" for name in DRAWN}


@pytest.mark.parametrize("name", DRAWN)
def test_picture_is_as_stored(name, tmp_path):
    told = difference(name, tmp_path)
    assert not told, f"{told}\nif the change is meant: python tests/view/stored_pictures.py {name}"


def scaled(ax):
    """The first curve, or the cells, larger by a fifth."""
    for image in ax.get_images():
        image.set_data(1.2 * image.get_array())
    for line in ax.get_lines()[:1]:
        line.set_ydata(1.2 * np.asarray(line.get_ydata()))


def without_last(ax):
    """No last curve, such as a bound, a tolerance or a line of zeros, or no cells."""
    curves = [line for line in ax.get_lines() if len(line.get_xdata())]
    if ax.containers:
        ax.containers[-1].remove()
    else:
        (curves or ax.get_images())[-1].remove()


@pytest.mark.parametrize("change", [scaled, without_last])
@pytest.mark.parametrize("name", DRAWN)
def test_a_changed_curve_is_told_apart(name, change, tmp_path):
    told = difference(name, tmp_path, change)
    assert "RMS Value" in told
    assert str(tmp_path / f"{name}.png") in told


def test_a_changed_word_is_told_apart(tmp_path):
    told = difference("plot_bound", tmp_path, lambda ax: ax.set_ylabel("loss"))
    assert re.search(r"its words are '.*\\nloss\\n.*', not '.*\\nmean loss L\(t\)\\n", told)
