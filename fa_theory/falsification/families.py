"""Families of tiny instances, each a map from the unit cube to a network and a problem."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from fa_theory.model import Network, Problem, feedback_rules

Host = np.ndarray[Any, Any]

_LOWEST, _HIGHEST = 0.1, 4.0


@dataclass(frozen=True)
class Family:
    """Instances of one shape, rule, activation and loss, drawn from coordinates in [0, 1].

    Attributes
    ----------
    widths : tuple of int
        (d, n_1, ..., m).
    n_samples : int
        N.
    rule, activation, loss : str
        Names, as on the command line.
    start : str
        ``"free"``: any weights; ``"aligned"``: every C_i of the last hidden layer is at most 0 (two layers);
        ``"mixed"``: C_i of either sign, of known size.
    separable : bool
        For labels +-1: whether they are those of a linear map of the samples.
    biases : bool
        Whether every layer has a bias.
    method : str
        Method of the run.
    rounded : bool
        Whether weights and feedback are rounded to eighths.

    Examples
    --------
    >>> from fa_theory.falsification import Family
    >>> family = Family(widths=(2, 3, 1), n_samples=4, rule="sign-fa")
    >>> family.dimension, family.loss  # how many numbers in [0, 1] make an instance
    (43, 'squared')
    """

    widths: tuple[int, ...]
    n_samples: int
    rule: str = "fa"
    activation: str = "linear"
    loss: str = "squared"
    start: str = "free"
    separable: bool = True
    biases: bool = False
    method: str = "flow"
    rounded: bool = False

    @property
    def dimension(self) -> int:
        """The number of coordinates of an instance."""
        d, m, N = self.widths[0], self.widths[-1], self.n_samples
        shapes = list(zip(self.widths[1:], self.widths[:-1], strict=True))
        weights = 2 * sum(map(prod, shapes)) + 2 * sum(self.widths[1:])
        return 5 + N * d + max(N * m, d) + weights


class Coordinates:
    """Coordinates in [0, 1], taken one after the other."""

    def __init__(self, values: Host) -> None:
        self.values, self.used = np.clip(values, 0.0, 1.0), 0

    def take(self, *shape: int) -> Host:
        """Return the next ones as an array, (shape)."""
        count = prod(shape)
        self.used += count
        return np.asarray(self.values[self.used - count : self.used].reshape(shape))

    def entries(self, *shape: int) -> Host:
        """Return numbers in [-1, 1]."""
        return 2 * self.take(*shape) - 1

    def scale(self, low: float = _LOWEST, high: float = _HIGHEST) -> float:
        """Return a number between `low` and `high`, even in its logarithm."""
        return float(low * (high / low) ** self.take(1)[0])


def make_instance(family: Family, coordinates: Coordinates) -> tuple[Network, Problem]:
    """Return the instance of a family at some coordinates."""
    d, m, N = family.widths[0], family.widths[-1], family.n_samples
    size_x, size_y, size_w, size_c = (coordinates.scale() for _ in range(4))
    X = size_x * coordinates.entries(N, d)
    Y = _labels(family, X, coordinates.entries(max(N * m, d)), size_y)
    shapes = list(zip(family.widths[1:], family.widths[:-1], strict=True))
    weights = [size_w * coordinates.entries(*shape) for shape in shapes]
    direct = family.rule == "dfa"
    matrices = []
    for W in weights[1:]:
        outputs = m if direct else len(W)
        raw = coordinates.entries(W.shape[1], outputs)
        # away from zero, where the statements say nothing
        matrices.append(np.where(raw < 0, -1.0, 1.0) * (0.1 + 1.9 * abs(raw)))
    biases = [size_w * coordinates.entries(len(W)) for W in weights] if family.biases else None
    if family.start != "free":
        c = size_c * coordinates.take(family.widths[1])
        if family.start == "mixed":
            c = 2 * c - size_c
        weights[-1], matrices[-1] = _aligned(
            family.rule, weights, matrices[-1], c, None if biases is None else biases[0]
        )
    if family.rounded:
        weights, matrices = ([np.round(8 * each) / 8 for each in part] for part in (weights, matrices))
    rules = feedback_rules(family.rule, weights, matrices)
    return Network(weights, family.activation, rules, biases), Problem(X, Y, family.loss)


def _labels(family: Family, X: Host, raw: Host, size: float) -> Host:
    N, m = family.n_samples, family.widths[-1]
    match family.loss:
        case "squared":
            return size * raw[: N * m].reshape(N, m)
        case "cross_entropy":
            return np.asarray(np.eye(m)[np.argmax(raw[: N * m].reshape(N, m), axis=1)])
    heights = X @ raw[: X.shape[1]] if family.separable else raw[:N]
    return np.where(heights < 0, -1.0, 1.0)[:, None]


def _aligned(rule: str, weights: list[Host], B: Host, c: Host, bias: Host | None) -> tuple[Host, Host]:
    """Return W_2 and B with Psi_i = 1/2 |w_i|^2 + c_i; what W_2 has across the rows of B is kept."""
    first, above = weights[0], weights[1]
    target = np.sum(first**2, axis=1) / 2 + c + (0.0 if bias is None else bias**2 / 2)
    kind, _, number = rule.partition(":")
    if kind == "sign-fa":
        size = np.sum(abs(above), axis=0)
        return above * np.maximum(target, 0) / np.where(size > 0, size, 1), B
    if kind == "backprop":
        size = np.sqrt(np.sum(above**2, axis=0))
        return above * np.sqrt(2 * np.maximum(target, 0)) / np.where(size > 0, size, 1), B
    kappa = float(number or 0)
    if kappa:
        # adaFA: <B_i, v_i> = target + kappa/2 |v_i|^2
        target = target + kappa / 2 * np.sum(above**2, axis=0)
        size = np.sum(above**2, axis=0)
        across = B - (np.sum(B * above.T, axis=1) / np.where(size > 0, size, 1))[:, None] * above.T
        return above, across + (target / np.where(size > 0, size, 1))[:, None] * above.T
    squared = np.sum(B**2, axis=1)
    along = (target - np.sum(B * above.T, axis=1)) / squared
    return above + (along[:, None] * B).T, B
