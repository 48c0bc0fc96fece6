"""Problems: data, labels and loss, validated once, with the facts about the data that bounds need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import nnls

from fa_theory.backend import Array, floating, machine_epsilon, to_numpy
from fa_theory.model.losses import Loss, loss


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
    """

    def __init__(self, X: Any, Y: Any, loss: str | Loss = "squared") -> None:
        self.X: Array = floating("X", X, 2)
        labels = Y if hasattr(Y, "ndim") else np.asarray(Y)
        labels = floating("Y", labels, 1)[:, None] if labels.ndim == 1 else floating("Y", labels, 2)
        if 0 in self.X.shape or 0 in labels.shape:
            raise ValueError(f"X and Y must not be empty, got shapes {tuple(self.X.shape)} and {tuple(labels.shape)}")
        if labels.shape[0] != self.X.shape[0]:
            raise ValueError(f"Y must have one row for each of the {self.X.shape[0]} rows of X, got {labels.shape[0]}")
        if labels.dtype != self.X.dtype:
            raise ValueError(f"Y must have the dtype of X, {self.X.dtype}, got {labels.dtype}")
        self.Y: Array = labels
        self.loss: Loss = _find_loss(loss)
        self.loss.check_labels(self.Y)

    @property
    def n_samples(self) -> int:
        """The number N of samples."""
        return int(self.X.shape[0])


def _find_loss(given: str | Loss) -> Loss:
    return loss(given) if isinstance(given, str) else given


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
    """

    eigenvalues: np.ndarray[Any, Any]
    rank: int
    tolerance: float
    n_samples: int
    row_basis: np.ndarray[Any, Any]
    column_basis: np.ndarray[Any, Any]

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
    """Return the spectrum of X X^T / N, (N, d) samples as rows, with its numerical rank."""
    samples = to_numpy(X)
    left, singular, right = np.linalg.svd(samples, full_matrices=False)
    tolerance = max(samples.shape) * machine_epsilon(X) * float(singular[0])
    rank = int(np.sum(singular > tolerance))
    return Spectrum(singular**2 / samples.shape[0], rank, tolerance, samples.shape[0], right[:rank], left[:, :rank])


@dataclass(frozen=True)
class Margin:
    """The maximum margin max_{|u| = 1} min_j y_j u.x_j of labelled samples, enclosed from both sides.

    Attributes
    ----------
    direction : array, (d,)
        The unit vector u that attains `lower`; zeros when the data are not separable.
    lower : float
        min_j y_j u.x_j: a margin that is attained. Zero when the data are not separable.
    upper : float
        |sum_j a_j y_j x_j| of the dual weights: no unit vector has a larger margin.
    dual : array, (N,)
        Convex weights a_j; with `upper` zero up to rounding they certify that the data are not separable.
    scale : float
        max_j |x_j|.
    """

    direction: np.ndarray[Any, Any]
    lower: float
    upper: float
    dual: np.ndarray[Any, Any]
    scale: float

    @property
    def relative(self) -> float:
        """The attained margin over max_j |x_j|; below 1e-9 separability is not decided in floating point."""
        return self.lower / self.scale if self.scale else 0.0


def max_margin(X: Array, labels: Array) -> Margin:
    """Return the max-margin direction of samples X, (N, d), with labels +-1, (N,) or (N, 1), and a dual certificate.

    The convex problem min |w| subject to y_j w.x_j >= 1 is solved by non-negative least squares (Lawson and Hanson's
    least-distance programming), whose multipliers are the dual certificate.
    """
    samples = to_numpy(X).astype(float)
    signed = samples * to_numpy(labels).astype(float).reshape(-1, 1)
    scale = float(np.max(np.linalg.norm(samples, axis=1)))
    if scale == 0.0:
        return Margin(np.zeros(samples.shape[1]), 0.0, 0.0, np.full(len(samples), 1 / len(samples)), scale)
    system = np.vstack([signed.T / scale, np.ones(len(signed))])
    target = np.zeros(len(system))
    target[-1] = 1.0
    multipliers, _ = nnls(system, target, maxiter=30 * len(signed) + 100)
    dual = multipliers / multipliers.sum()
    nearest = signed.T @ dual
    upper = float(np.linalg.norm(nearest))
    direction = nearest / upper if upper > 0 else np.zeros(samples.shape[1])
    lower = float(np.min(signed @ direction))
    if lower <= 0:
        return Margin(np.zeros(samples.shape[1]), 0.0, upper, dual, scale)
    return Margin(direction, lower, upper, dual, scale)
