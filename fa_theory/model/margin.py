"""The maximum margin of labelled samples, enclosed between an attained value and a dual certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import nnls

from fa_theory.backend import Array, to_numpy

Host = np.ndarray[Any, Any]

_GAP = 1e-12
_NOTHING = 1e-14


@dataclass(frozen=True)
class Margin:
    """The maximum margin max_{|u| = 1} min_j y_j u.x_j of labelled samples, enclosed from both sides.

    Attributes
    ----------
    direction : array, (d,)
        The unit vector u that attains `lower`; zeros when none with a positive margin was found.
    lower : float
        min_j y_j u.x_j: a margin that is attained. Zero when no positive one was found.
    upper : float
        |sum_j a_j y_j x_j| of the dual weights: no unit vector has a larger margin.
    dual : array, (N,)
        Convex weights a_j; with `upper` zero up to rounding they certify that the data are not separable.
    scale : float
        max_j |x_j|.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import max_margin
    >>> found = max_margin(np.array([[1.0], [2.0]]), np.array([1.0, -1.0]))
    >>> found.lower, round(found.upper, 12)  # the dual weights certify that no margin is positive
    (0.0, 0.0)
    """

    direction: Host
    lower: float
    upper: float
    dual: Host
    scale: float

    @property
    def relative(self) -> float:
        """The attained margin over max_j |x_j|; below 1e-9 separability is not decided in floating point."""
        return self.lower / self.scale if self.scale else 0.0


def max_margin(X: Array, labels: Array) -> Margin:
    """Return the max-margin direction of samples X, (N, d), with labels +-1, (N,) or (N, 1), and a dual certificate.

    u points to the point nearest to the origin in the convex hull of all y_j x_j. Non-negative least squares find it
    for ordinary margins; Wolfe's algorithm goes on from there, as least squares lose a margin below 1e-6 in rounding.
    Whatever rounding does to their course, `lower` and `upper` are evaluated from the u and the dual weights returned.

    Raises
    ------
    ValueError
        If the labels are not N numbers -1 or +1.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import max_margin
    >>> found = max_margin(np.array([[3.0, 1.0], [-2.0, 1.0]]), np.array([1.0, -1.0]))
    >>> round(found.lower, 9), round(found.upper, 9)
    (2.236067977, 2.236067977)
    """
    samples, signs = to_numpy(X).astype(float), to_numpy(labels).astype(float).reshape(-1, 1)
    if len(signs) != len(samples) or not np.all(abs(signs) == 1):
        raise ValueError(f"labels must be {len(samples)} numbers, each -1 or +1")
    size = float(np.max(abs(samples)))
    scale = size * float(np.max(np.linalg.norm(samples / (size or 1.0), axis=1)))
    points = signs * (samples / (scale or 1.0))
    direction, dual = _nearest_point(points)
    lower, upper = float(np.min(points @ direction)), float(np.linalg.norm(dual @ points))
    return Margin(direction, scale * lower, scale * upper, dual, scale)


def _nearest_point(points: Host) -> tuple[Host, Host]:
    """Return the unit vector of largest margin (or zeros) and the weights of the shortest convex combination met.

    `points`, (N, d), are at most one long.
    """
    n_samples, dimension = points.shape
    active, weights = _first_guess(points)
    best_direction, best_lower = np.zeros(dimension), 0.0
    best_dual, best_upper = np.zeros(n_samples), np.inf
    for _ in range(50 + 2 * n_samples + 2 * dimension):
        upper = float(np.linalg.norm(weights @ points[active]))
        if upper < best_upper:
            best_dual, best_upper = np.zeros(n_samples), upper
            best_dual[active] = weights
        # The nearest point itself is a poor direction when it is short; the common normal of the active points is not.
        normal = np.linalg.lstsq(points[active], np.ones(len(active)), rcond=None)[0]
        direction = normal / (float(np.linalg.norm(normal)) or 1.0)
        heights = points @ direction
        entering = int(np.argmin(heights))
        if heights[entering] > best_lower:
            best_direction, best_lower = direction, float(heights[entering])
        if entering in active or best_upper <= max(best_lower * (1 + _GAP), _NOTHING):
            break
        active, weights = _minimise([*active, entering], np.append(weights, 0.0), points)
    return best_direction, best_dual


def _first_guess(points: Host) -> tuple[list[int], Host]:
    """Return active points and convex weights near the optimum: least-distance programming of Lawson and Hanson."""
    system = np.vstack([points.T, np.ones(len(points))])
    target = np.zeros(len(system))
    target[-1] = 1.0
    try:
        multipliers = nnls(system, target, maxiter=30 * len(points) + 100)[0]
    except RuntimeError:  # did not converge; any point is a start for what follows
        multipliers = np.zeros(len(points))
        multipliers[np.argmin(np.linalg.norm(points, axis=1))] = 1.0
    active = np.flatnonzero(multipliers)
    return active.tolist(), multipliers[active] / np.sum(multipliers)


def _minimise(active: list[int], weights: Host, points: Host) -> tuple[list[int], Host]:
    """Return the active points, some of them dropped, and the convex weights of the shortest combination of them."""
    while True:
        base, edges = points[active[0]], points[active[1:]] - points[active[0]]
        shares = np.linalg.lstsq(edges.T, -base, rcond=None)[0]
        target = np.append(1 - np.sum(shares), shares)
        if np.all(target > 0):
            return active, target
        shrinking = target <= 0
        steps = np.where(shrinking, weights / np.where(shrinking, weights - target, 1.0), np.inf)
        first = int(np.argmin(steps))
        weights = np.delete(weights + steps[first] * (target - weights), first)
        weights = np.maximum(weights, 0) / np.sum(np.maximum(weights, 0))
        active = active[:first] + active[first + 1 :]
