"""Losses of one sample, loss(f, y), and their derivatives e = d loss / d f; the objective is their mean.

Values and derivatives are stable for margins of either sign up to the largest float. The exponential loss of a margin
below about -709 (float64) is not a float: it is returned as infinity without a warning, and a simulation that
meets it ends with the outcome ``"diverged"``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from fa_theory.backend import Array, is_exact, machine_epsilon, namespace, to_numpy


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
    """

    name: str
    value: Callable[[Array, Array], Array]
    derivative: Callable[[Array, Array], Array]
    check_labels: Callable[[Array], None]

    def mean(self, output: Array, labels: Array) -> Array:
        """Return the objective, the mean loss over the samples (a scalar array)."""
        values = self.value(output, labels)
        if is_exact(values):
            return sum(values) / len(values)
        return namespace(values).mean(values)

    def rounding(self, output: Array, labels: Array) -> float:
        """Bound the effect of rounding in the outputs on the mean loss (first and second order)."""
        size = 1.0 + float(namespace(output).max(abs(output)))
        shift = 8 * machine_epsilon(output) * size
        slope = float(namespace(output).max(abs(self.derivative(output, labels))))
        value = float(self.mean(output, labels))
        return 4 * machine_epsilon(output) * value + shift * (slope + shift)


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
    largest = math.log(xp.finfo(x.dtype).max)
    return xp.where(x > largest, xp.inf, xp.exp(xp.where(x > largest, largest, x)))


def _softplus(x: Array) -> Array:
    xp = namespace(x)
    return xp.logaddexp(x * 0, x)


def _logistic(output: Array, labels: Array) -> Array:
    return _softplus((-labels * output)[:, 0])


def _logistic_derivative(output: Array, labels: Array) -> Array:
    return -labels * namespace(output).exp(-_softplus(labels * output))


def _log_normaliser(output: Array) -> Array:
    xp = namespace(output)
    peak = xp.max(output, axis=1, keepdims=True)
    return peak + xp.log(xp.sum(xp.exp(output - peak), axis=1, keepdims=True))


def _cross_entropy(output: Array, labels: Array) -> Array:
    return namespace(output).sum(labels * (_log_normaliser(output) - output), axis=1)


def _cross_entropy_derivative(output: Array, labels: Array) -> Array:
    return namespace(output).exp(output - _log_normaliser(output)) - labels


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
    values = to_numpy(labels)
    wrong = [row for row in range(values.shape[0]) if sorted(values[row].tolist()) != [0.0] * (values.shape[1] - 1) + [1.0]]
    if wrong:
        raise ValueError(f"Y must be one-hot for the cross_entropy loss, got row {wrong[0]} = {values[wrong[0]].tolist()}")


def _logistic_labels(labels: Array) -> None:
    _sign_labels(labels, "logistic")


def _exponential_labels(labels: Array) -> None:
    _sign_labels(labels, "exponential")


squared = Loss("squared", _squared, _squared_derivative, _any_labels)
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
    """
    if name not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {name!r}")
    return LOSSES[name]
