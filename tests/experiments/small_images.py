"""Images of nine pixels, brighter in the place of their class, for experiments that run in milliseconds."""

import numpy as np

from fa_theory.data import ImageSet
from fa_theory.experiments import Images


def image_set(per_class, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(classes * per_class) % classes
    pixels = rng.integers(0, 120, (len(labels), 9))
    pixels[np.arange(len(labels)), labels] += 120
    return ImageSet(
        pixels.astype(np.uint8), labels, tuple(f"class {k}" for k in range(classes)), (3, 3), 255, "small (train)"
    )


def small_images(per_class=6, classes=3, seed=0):
    return Images(image_set(per_class, classes, seed), image_set(per_class, classes, seed + 1000))
