"""Problems: data, labels and loss, validated once, with the facts about the data that bounds need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fa_theory.backend import Array, floating, is_exact, machine_epsilon, require_same_kind, to_numpy
from fa_theory.model.losses import Loss, as_loss


class Problem:
    """Samples X, (N, d), labels Y, (N, m), and a loss; the objective is the mean loss over the samples.

    Parameters
    ----------
    X : array, (N, d)
        Samples as rows. Integers become float64.
    Y : array, (N, m) or (N,)
        Labels; -1 and +1 for the logistic and exponential losses, one-hot for cross_entropy.
    loss : str or Loss
        ``"squared"``, ``"logistic"``, ``"exponential"``, ``"cross_entropy"`` or a `Loss`.

    Raises
    ------
    TypeError, ValueError
        If an array is not real, not finite or of a shape that does not fit, or the labels are not of the loss's kind.

    Examples
    --------
    >>> import fa_theory as ft
    >>> problem = ft.Problem([[1.0, 0.0], [0.0, 1.0]], [1, -1], "logistic")
    >>> problem.n_samples, problem.Y.tolist()
    (2, [[1.0], [-1.0]])
    >>> ft.Problem([[1.0, 0.0], [0.0, 1.0]], [1, 0], "logistic")
    Traceback (most recent call last):
    ValueError: Y must hold -1 and +1 for the logistic loss, got 0.0; map 0/1 labels with Y = 2 * Y - 1
    """

    def __init__(self, X: Any, Y: Any, loss: str | Loss = "squared") -> None:
        self.X: Array = floating("X", X, 2)
        labels = floating("Y", Y, (1, 2), like=self.X)
        labels = labels[:, None] if labels.ndim == 1 else labels
        if 0 in self.X.shape or 0 in labels.shape:
            raise ValueError(f"X and Y must not be empty, got shapes {tuple(self.X.shape)} and {tuple(labels.shape)}")
        if labels.shape[0] != self.X.shape[0]:
            raise ValueError(f"Y must have one row for each of the {self.X.shape[0]} rows of X, got {labels.shape[0]}")
        require_same_kind("Y", labels, "X", self.X)
        self.Y: Array = labels
        self.loss: Loss = as_loss(loss)
        if is_exact(self.X) and not self.loss.rational:
            raise ValueError(f"the {self.loss.name} loss has no exact rational values; give floats as X and Y")
        self.loss.check_labels(self.Y)

    def __repr__(self) -> str:
        return f"Problem({self.X!r}, {self.Y!r}, {self.loss.name!r})"

    @property
    def n_samples(self) -> int:
        """The number N of samples."""
        return int(self.X.shape[0])


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of X X^T / N that can differ from zero, and the row space of X.

    Attributes
    ----------
    eigenvalues : array, (min(N, d),)
        Squared singular values of X over N, decreasing: eigenvalues of X X^T / N, and of X^T X / N.
    rank : int
        How many singular values exceed `tolerance`.
    tolerance : float
        max(N, d) * eps * the largest singular value, in units of singular values of X (NumPy's convention).
    n_samples : int
        N.
    row_basis : array, (rank, d)
        An orthonormal basis of the row space of X, as rows.
    column_basis : array, (N, rank)
        An orthonormal basis of the column space of X, as columns.
    samples : array, (N, d)
        X itself, on the host.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import spectrum
    >>> data = spectrum(np.array([[3.0, 0.0], [0.0, 0.0]]))
    >>> data.rank, round(data.largest, 12), round(data.smallest_nonzero, 12), data.smallest_singular_ratio > 1
    (1, 4.5, 4.5, False)
    """

    eigenvalues: np.ndarray[Any, Any]
    rank: int
    tolerance: float
    n_samples: int
    row_basis: np.ndarray[Any, Any]
    column_basis: np.ndarray[Any, Any]
    samples: np.ndarray[Any, Any]

    @cached_property
    def smallest_singular_ratio(self) -> float:
        """The N-th singular value of X (0 if N > d) over the rank tolerance: above 1, samples are independent."""
        if self.eigenvalues.shape[0] < self.n_samples or self.tolerance == 0:
            return 0.0
        return float(np.sqrt(self.eigenvalues[-1] * self.n_samples) / self.tolerance)

    @property
    def smallest_nonzero(self) -> float:
        """The smallest eigenvalue of X X^T / N that counts as non-zero (0 if X = 0)."""
        return float(self.eigenvalues[self.rank - 1]) if self.rank else 0.0

    @property
    def largest(self) -> float:
        """The largest eigenvalue of X X^T / N."""
        return float(self.eigenvalues[0])


def spectrum(X: Array) -> Spectrum:
    """Return the spectrum of X X^T / N, (N, d) samples as rows, with its numerical rank.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import spectrum
    >>> X = np.array([[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    >>> [round(float(value), 12) for value in spectrum(X).eigenvalues]
    [8.0, 4.5]
    """
    samples = to_numpy(X).astype(float) if is_exact(X) else to_numpy(X)
    left, singular, right = np.linalg.svd(samples, full_matrices=False)
    tolerance = max(samples.shape) * machine_epsilon(samples) * float(singular[0])
    rank = int(np.sum(singular > tolerance))
    eigenvalues = singular.astype(float) ** 2 / samples.shape[0]
    return Spectrum(eigenvalues, rank, tolerance, samples.shape[0], right[:rank], left[:, :rank], to_numpy(X))
