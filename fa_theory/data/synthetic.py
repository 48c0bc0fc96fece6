"""Drawn data: Gaussian samples with labels that a linear teacher gives."""

from __future__ import annotations

import re
from types import MappingProxyType

import numpy as np

from fa_theory.data.table import Table

_CLASSES = 3
_NOISE = 0.1
_LARGEST = 100_000_000
_STREAM = 0x64617461
"""Keeps the draws of data apart from those of weights with the same seed."""


def draw_table(size: str, loss: str, seed: int) -> Table:
    """Return drawn samples as a table with the columns x1, ..., xd and y.

    Entries of x are standard normal. With unit vectors u, u_1, u_2, u_3 drawn likewise, y is u.x plus normal noise of
    deviation 0.1 (squared loss), the sign of u.x (logistic and exponential loss) or the k in 1, 2, 3 with the largest
    u_k.x (cross-entropy).

    Parameters
    ----------
    size : str
        ``"Nxd"``: N samples of d numbers, as in ``"50x20"``.
    loss : str
        The loss, which says what labels are needed.
    seed : int
        Seed of the draws.

    Raises
    ------
    ValueError
        If `size` is not two positive whole numbers, or they are too large.

    Examples
    --------
    >>> from fa_theory.data import draw_table
    >>> table = draw_table("50x3", "logistic", seed=0)
    >>> len(table), table.columns, sorted(set(table.values["y"].tolist()))
    (50, ('x1', 'x2', 'x3', 'y'), [-1.0, 1.0])
    """
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", size)
    if match is None:
        raise ValueError(f"synthetic must be samples x inputs, two positive whole numbers as in 50x20, got {size!r}")
    samples, inputs = int(match[1]), int(match[2])
    if samples * inputs > _LARGEST:
        raise ValueError(f"synthetic must have at most {_LARGEST:,} entries, got {size!r} with {samples * inputs:,}")
    rng = np.random.default_rng([seed, _STREAM])
    X = rng.standard_normal((samples, inputs))
    teachers = rng.standard_normal((_CLASSES, inputs))
    teachers /= np.linalg.norm(teachers, axis=1, keepdims=True)
    if loss == "squared":
        y = X @ teachers[0] + _NOISE * rng.standard_normal(samples)
    elif loss == "cross_entropy":
        y = 1.0 + np.argmax(X @ teachers.T, axis=1)
    else:
        y = np.where(X @ teachers[0] > 0, 1.0, -1.0)
    columns = tuple(f"x{i + 1}" for i in range(inputs))
    values = dict(zip(columns, X.T, strict=True)) | {"y": y}
    return Table(f"synthetic {size}", (*columns, "y"), MappingProxyType(values), tuple(range(2, samples + 2)))
