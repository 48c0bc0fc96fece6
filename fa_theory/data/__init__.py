"""Real data: Fisher's iris, any CSV file, sets of labelled images, and the way from a table to arrays.

`iris.csv` holds the 150 flowers of R. A. Fisher, "The use of multiple measurements in taxonomic problems",
Annals of Eugenics 7 (1936) 179-188, Table I (measured by E. Anderson), lengths and widths in centimetres, in
the order of the article. The copy is scikit-learn's (BSD-3-Clause), which agrees with the article; the widely
used copy of the UCI repository differs from it in samples 35 and 38 (1-based), which read 4.9, 3.1, 1.5, 0.2
and 4.9, 3.6, 1.4, 0.1 here.

Nothing is transformed silently: whatever is done between the file and the arrays is listed in
`Dataset.transforms`.
"""

from collections.abc import Callable

from fa_theory.data.cifar100 import load_cifar100
from fa_theory.data.dataset import Dataset, make_dataset
from fa_theory.data.images import ImageSet, load_digits
from fa_theory.data.mnist import load_mnist
from fa_theory.data.synthetic import draw_table
from fa_theory.data.table import Table, load_iris, read_csv
from fa_theory.data.tiny_imagenet import load_tiny_imagenet

IMAGES: dict[str, Callable[..., ImageSet]] = {
    "digits": load_digits,
    "mnist": load_mnist,
    "cifar100": load_cifar100,
    "tiny-imagenet": load_tiny_imagenet,
}
"""The loaders of labelled images by the names of their data sets: (path, split, classes, per_class) -> ImageSet."""

__all__ = [
    "IMAGES",
    "Dataset",
    "ImageSet",
    "Table",
    "draw_table",
    "load_cifar100",
    "load_digits",
    "load_iris",
    "load_mnist",
    "load_tiny_imagenet",
    "make_dataset",
    "read_csv",
]
