"""Losses of one sample, loss(f, y), and their derivatives e = d loss / d f; the objective is their mean.

Values and derivatives are accurate to a few units in the last place for margins of either sign, however large. The
exponential loss of a margin below about -709 (float64) is not a float: it is returned as infinity without a warning,
and a simulation that meets it ends with the outcome ``"diverged"``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from array_api_compat import device

from fa_theory.backend import Array, is_exact, machine_epsilon, namespace, nearest_float, to_numpy
from fa_theory.choices import not_among


@dataclass(frozen=True)
class Loss:
    """A loss with its derivative and the labels that it is defined for.

    Attributes
    ----------
    name : str
        The name by which `loss` finds it.
    value : callable
        (f, y), both (N, m) -> (N,): the loss of each sample.
    derivative : callable
        (f, y), both (N, m) -> (N, m): e, the derivative with respect to the network's output, sample by sample.
    check_labels : callable
        Raises ValueError, saying how to mend it, if the (N, m) labels are not of the kind that the loss needs.
    rational : bool
        Whether value and derivative of rationals are rational, so that exact data may be used.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import squared
    >>> output, labels = np.array([[3.0], [1.0]]), np.array([[1.0], [1.0]])
    >>> squared.value(output, labels).tolist(), squared.derivative(output, labels).tolist()
    ([2.0, 0.0], [[2.0], [0.0]])
    >>> float(squared.mean(output, labels))
    1.0
    """

    name: str
    value: Callable[[Array, Array], Array]
    derivative: Callable[[Array, Array], Array]
    check_labels: Callable[[Array], None]
    rational: bool = False

    def mean(self, output: Array, labels: Array) -> Array:
        """Return the objective, the mean loss over the samples (a scalar array)."""
        values = self.value(output, labels)
        if is_exact(values):
            return sum(values) / len(values)
        return namespace(values).mean(values)

    def rounding(self, output: Array, labels: Array) -> float:
        """Estimate the effect on the mean loss of rounding in the outputs, to second order (relative error 8 eps).

        An exact loss is rounded once, to the float64 that it is recorded as.
        """
        if is_exact(output):
            return float(np.spacing(nearest_float(self.mean(output, labels)))) / 2
        xp = namespace(output)
        eps = machine_epsilon(output)
        shift = 8 * eps * (1.0 + float(xp.max(abs(output))))
        slope = float(xp.max(xp.sum(abs(self.derivative(output, labels)), axis=1)))
        value = float(self.mean(output, labels))
        return 4 * eps * value + shift * (slope + shift * int(output.shape[1]))


def _squared(output: Array, labels: Array) -> Array:
    return namespace(output).sum((output - labels) ** 2, axis=1) / 2


def _squared_derivative(output: Array, labels: Array) -> Array:
    return output - labels


def _exponential(output: Array, labels: Array) -> Array:
    return _exp((-labels * output)[:, 0])


def _exponential_derivative(output: Array, labels: Array) -> Array:
    return -labels * _exp(-labels * output)


def _exp(x: Array) -> Array:
    xp = namespace(x)
    info = xp.finfo(x.dtype)
    largest = math.log(info.max) * (1 - float(info.eps))  # less, so that rounding it to float32 cannot raise it
    return xp.where(x > largest, xp.full_like(x, float("inf")), xp.exp(xp.where(x > largest, xp.zeros_like(x), x)))


def _logistic(output: Array, labels: Array) -> Array:
    opposed = (-labels * output)[:, 0]
    xp = namespace(output)
    return xp.logaddexp(xp.zeros_like(opposed), opposed)


def _logistic_derivative(output: Array, labels: Array) -> Array:
    xp = namespace(output)
    margin = labels * output
    small = xp.exp(-abs(margin))
    return -labels * xp.where(margin > 0, small, xp.ones_like(small)) / (1 + small)


def _softmax_parts(output: Array) -> tuple[Array, Array, Array]:
    """Return where each row has its peak, the outputs less the peak, and the sum of exp of these without the peak's."""
    xp = namespace(output)
    peak = xp.max(output, axis=1, keepdims=True)
    columns = xp.arange(output.shape[1], device=device(output))[None, :]
    at_peak = columns == xp.argmax(output, axis=1)[:, None]
    shifted = output - peak
    rest = xp.sum(xp.where(at_peak, xp.zeros_like(output), xp.exp(shifted)), axis=1, keepdims=True)
    return at_peak, shifted, rest


def _cross_entropy(output: Array, labels: Array) -> Array:
    xp = namespace(output)
    _, shifted, rest = _softmax_parts(output)
    return xp.sum(labels * (xp.log1p(rest) - shifted), axis=1)


def _cross_entropy_derivative(output: Array, labels: Array) -> Array:
    xp = namespace(output)
    at_peak, shifted, rest = _softmax_parts(output)
    elsewhere = xp.exp(shifted) / (1 + rest) - labels
    return xp.where(at_peak & (labels > 0), -rest / (1 + rest), elsewhere)


def _any_labels(labels: Array) -> None:
    del labels


def _sign_labels(labels: Array, name: str) -> None:
    if labels.shape[1] != 1:
        raise ValueError(f"Y must have one column for the {name} loss, got {labels.shape[1]}")
    values = to_numpy(labels)
    wrong = values[(values != 1) & (values != -1)]
    if wrong.size:
        hint = "; map 0/1 labels with Y = 2 * Y - 1" if set(values.ravel().tolist()) <= {0.0, 1.0} else ""
        raise ValueError(f"Y must hold -1 and +1 for the {name} loss, got {wrong[0]}{hint}")


def _one_hot_labels(labels: Array) -> None:
    if labels.shape[1] < 2:
        raise ValueError("Y must be one-hot with at least two columns for the cross_entropy loss, got one column")
    for row, values in enumerate(to_numpy(labels).tolist()):
        if sorted(values) != [0.0] * (len(values) - 1) + [1.0]:
            raise ValueError(f"Y must be one-hot for the cross_entropy loss, got row {row} = {values}")


def _logistic_labels(labels: Array) -> None:
    _sign_labels(labels, "logistic")


def _exponential_labels(labels: Array) -> None:
    _sign_labels(labels, "exponential")


squared = Loss("squared", _squared, _squared_derivative, _any_labels, rational=True)
"""1/2 |f - y|^2."""

logistic = Loss("logistic", _logistic, _logistic_derivative, _logistic_labels)
"""log(1 + exp(-y f)), y = +-1."""

exponential = Loss("exponential", _exponential, _exponential_derivative, _exponential_labels)
"""exp(-y f), y = +-1."""

cross_entropy = Loss("cross_entropy", _cross_entropy, _cross_entropy_derivative, _one_hot_labels)
"""-sum_k y_k log softmax(f)_k, y one-hot."""

LOSSES = {each.name: each for each in (squared, logistic, exponential, cross_entropy)}


def loss(name: str) -> Loss:
    """Find a loss by name: ``squared``, ``logistic``, ``exponential`` or ``cross_entropy``.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import loss
    >>> value = loss("logistic").mean(np.array([[0.0]]), np.array([[1.0]]))
    >>> round(float(np.exp(value)), 12)  # log 2 at a margin of zero
    2.0
    """
    if name not in LOSSES:
        raise not_among("loss", name, LOSSES)
    return LOSSES[name]


def as_loss(given: str | Loss) -> Loss:
    """Return a loss from its name or itself.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(given, Loss):
        return given
    if not isinstance(given, str):
        raise TypeError(f"loss must be a name or a Loss, got {given!r}")
    return loss(given)
