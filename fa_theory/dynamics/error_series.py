"""Taylor coefficients of the output errors e_j = d loss / d f at f_j(t), from those of the outputs f_j(t).

Outputs come first here, samples last: (m, N). Coefficients are kept in reversed order, that of degree k at place
P - k, so that the Cauchy products of the flow's equations are plain products of slices.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from fa_theory.model import Loss, Problem
from fa_theory.model.losses import cross_entropy, exponential, logistic, squared

Host = np.ndarray[Any, Any]


class ErrorSeries(Protocol):
    """The recurrence of one loss."""

    reversed: Host
    """(P + 1, m, N): the coefficients of e, that of degree k at place P - k."""

    def extend(self, k: int, output: Host) -> None:
        """Take the coefficient of degree k of the outputs, (m, N), after those below; put that of e in its place."""


class _Series(ABC):
    def __init__(self, problem: Problem, highest: int) -> None:
        self.loss, self.highest = problem.loss, highest
        self.labels = np.ascontiguousarray(problem.Y.T)
        self.reversed = np.zeros((highest + 1, *self.labels.shape), dtype=problem.X.dtype)

    def _start(self, output: Host) -> Host:
        return np.asarray(self.loss.derivative(output.T, self.labels.T).T)

    @abstractmethod
    def extend(self, k: int, output: Host) -> None: ...


class _Squared(_Series):
    """e = f - y."""

    def extend(self, k: int, output: Host) -> None:
        place = self.reversed[self.highest - k]
        if k:
            place[...] = output
        else:
            np.subtract(output, self.labels, out=place)


class _Exponential(_Series):
    """e = -y exp(u), u = -y f: de/dt = e du/dt."""

    def __init__(self, problem: Problem, highest: int) -> None:
        super().__init__(problem, highest)
        self.moves = np.zeros_like(self.reversed)  # k u_k

    def extend(self, k: int, output: Host) -> None:
        if k == 0:
            self.reversed[self.highest] = self._start(output)
            return
        self.moves[k] = -k * self.labels * output
        behind = self._rates(k)[self.highest - k + 1 :]
        self.reversed[self.highest - k] = self._from(np.einsum("kmn,kmn->mn", self.moves[1 : k + 1], behind) / k)

    def _rates(self, _k: int) -> Host:
        return self.reversed

    def _from(self, coefficient: Host) -> Host:
        return coefficient


class _Logistic(_Exponential):
    """e = -y s, s = sigma(u), u = -y f: ds/dt = (s - s^2) du/dt, and s^2 = e^2."""

    def __init__(self, problem: Problem, highest: int) -> None:
        super().__init__(problem, highest)
        self.spread = np.zeros_like(self.reversed)  # s - s^2, reversed

    def _rates(self, k: int) -> Host:
        top = self.highest
        behind = self.reversed[top - k + 1 :]  # degrees k - 1, ..., 0
        self.spread[top - k + 1] = -self.labels * behind[0] - np.einsum("kmn,kmn->mn", behind, behind[::-1])
        return self.spread

    def _from(self, coefficient: Host) -> Host:
        return -self.labels * coefficient


class _CrossEntropy(_Series):
    """e = p - y, p = softmax(f): dp/dt = p (df/dt - sum_c p_c df_c/dt)."""

    def __init__(self, problem: Problem, highest: int) -> None:
        super().__init__(problem, highest)
        self.shares = np.zeros_like(self.reversed)  # p, reversed
        self.moves = np.zeros_like(self.reversed)  # df/dt
        self.centred = np.zeros_like(self.reversed)  # df/dt - sum_c p_c df_c/dt

    def extend(self, k: int, output: Host) -> None:
        top = self.highest
        if k == 0:
            self.reversed[top] = self._start(output)
            self.shares[top] = self.reversed[top] + self.labels
            return
        self.moves[k - 1] = k * output
        behind = self.shares[top - k + 1 :]  # degrees k - 1, ..., 0
        self.centred[k - 1] = self.moves[k - 1] - np.einsum("kmn,kmn->n", self.moves[:k], behind)
        self.shares[top - k] = np.einsum("kmn,kmn->mn", self.centred[:k], behind) / k
        self.reversed[top - k] = self.shares[top - k]


_SERIES: dict[Loss, Callable[[Problem, int], ErrorSeries]] = {
    squared: _Squared,
    exponential: _Exponential,
    logistic: _Logistic,
    cross_entropy: _CrossEntropy,
}


def has_error_series(problem: Problem) -> bool:
    """Tell whether the loss is one of the package's own."""
    return problem.loss in _SERIES


def error_series(problem: Problem, highest: int) -> ErrorSeries:
    """Return the recurrence of the problem's loss, with room for degrees up to `highest`."""
    return _SERIES[problem.loss](problem, highest)
