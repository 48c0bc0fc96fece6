"""What a loss says about the weights of two-layer, linear, scalar FA: the smaller the loss, the larger they must be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Host
from fa_theory.dynamics import forward
from fa_theory.model import Network, Problem, Spectrum

_EVEN, _NEAR_THE_END, _BISECTIONS = 96, 40, 40
_MANY = 100  # directions of the data, above which fewer sizes have to do: each takes a decomposition


class LinearGrowth(NamedTuple):
    """The reduced flow's view of two-layer, linear, scalar FA, squared loss, no output bias.

    With w = W_1^T b / |b| and K = W_1^T (I - b b^T / |b|^2) W_1, which stays, b.v = a + 1/2 |w|^2 (the flow: a stays;
    gradient descent: it falls). In the coordinates of the span of the data the errors are (T w |b| - h) / |b|^2 with
    T = J (K + (b.v) I), J^T J = X^T X / N, and h known from the start.

    Attributes
    ----------
    data : array, (r, d)
        J.
    kept : array, (d, d)
        K.
    a, rounding : float
        b.v(0) - 1/2 |w(0)|^2, and by how much it may be off.
    feedback : float
        |b|.
    start : array, (r,)
        The errors at the start in the span of the data, over sqrt(N): half their square is the excess loss.
    target : array, (r,)
        h.
    now : array, (d,)
        w at the start.
    lowest : float
        By how much the least eigenvalue of J J^T may be off.
    """

    data: Host
    kept: Host
    a: float
    rounding: float
    feedback: float
    start: Host
    target: Host
    now: Host
    lowest: float

    @classmethod
    def of(cls, network: Network, problem: Problem, spectrum: Spectrum) -> LinearGrowth:
        """Return it for a network with two layers, one output, linear activation and fixed feedback."""
        eps = machine_epsilon(problem.X)
        X = to_numpy(network.first_layer_inputs(problem.X)).astype(float)
        W = to_numpy(network.first_layer_weights()).astype(float)
        v = to_numpy(network.weights[1]).astype(float)[0]
        b = to_numpy(network.feedback[-1].matrix(network.weights[-1])).astype(float)[:, 0]
        size = float(np.linalg.norm(b))
        unit = b / (size or 1.0)
        w = unit @ W
        rest = W - np.outer(unit, w)
        kept = rest.T @ rest
        basis = spectrum.column_basis
        root = len(X) ** -0.5
        data = basis.T @ X * root
        errors = to_numpy(forward(network, problem.X).output - problem.Y).astype(float)[:, 0]
        start = basis.T @ errors * root
        summands = 8 + sum(network.widths)
        return cls(
            data=data,
            kept=kept,
            a=float(b @ v - w @ w / 2),
            rounding=summands * eps * float(size * np.linalg.norm(v) + w @ w),
            feedback=size,
            start=start,
            target=data @ (kept @ w + (b @ v) * w) * size - size**2 * start,
            now=w,
            lowest=assume.eigenvalue_rounding(spectrum, spectrum.smallest_nonzero) if spectrum.rank else 0.0,
        )

    def least_rate(self, alignment: float, size: float) -> float:
        """Return the least eigenvalue of J (K + (alignment + size^2 / 2) I) J^T, from below."""
        factor = alignment + size**2 / 2
        matrix = self.data @ self.kept @ self.data.T + factor * (self.data @ self.data.T)
        rounding = 64 * len(matrix) * np.finfo(float).eps * float(np.linalg.norm(self.data @ self.kept @ self.data.T))
        return float(np.linalg.eigvalsh(matrix)[0]) - factor * self.lowest - rounding

    def least_loss(self, size: float) -> float:
        """Return a loss below which |w| > size, the largest that duality gives, from below."""
        return self.dual(size)[1]

    def dual(self, size: float) -> tuple[Host | None, float]:
        """Return the unit vector that duality takes for `least_loss`, None where that is 0 anyhow, and that loss."""
        T = self.data @ self.kept + (self.a + self.rounding + size**2 / 2) * self.data
        left, scales, _ = np.linalg.svd(T, full_matrices=False)
        along = left.T @ self.target
        reach = self.feedback * size
        penalty = _multiplier(scales, along, reach)
        gap = self.target - left @ (scales**2 / (scales**2 + penalty) * along) if penalty else 0 * self.target
        length = float(np.linalg.norm(gap))
        if length == 0:
            return None, 0.0
        direction = gap / length
        # weak duality: valid whatever direction was found
        found = float(direction @ self.target) - reach * float(np.linalg.norm(T.T @ direction))
        slack = 64 * sum(T.shape) * np.finfo(float).eps * float(np.linalg.norm(self.target) + reach * scales[0])
        return direction, max(found - slack, 0.0) ** 2 / (2 * self.feedback**4)

    def levels(self) -> tuple[Host, Host]:
        """Return sizes z_0 = 0 < z_1 < ... and losses e_0 >= e_1 >= ...: a loss below e_k needs |w| > z_k."""
        low, high = 0.0, 1.0
        while self.least_loss(high) > 0:
            low, high = high, 2 * high
        coarser = 1 if len(self.data) <= _MANY else 4
        for _ in range(_BISECTIONS // coarser):
            middle = (low + high) / 2
            low, high = (middle, high) if self.least_loss(middle) > 0 else (low, middle)
        even = np.arange(0, _EVEN, coarser) / _EVEN
        near = 1 - 2.0 ** -np.arange(1, _NEAR_THE_END + 1, coarser)
        sizes = low * np.unique(np.concatenate([even, near]))
        losses = np.asarray([self.least_loss(size) for size in sizes])
        used = np.append(True, losses[1:] > 0)
        return sizes[used], np.minimum.accumulate(losses[used])


def _multiplier(scales: Host, along: Host, reach: float) -> float:
    """Return a penalty on |x|^2 with which the least squares solution of T x = h has a norm of about `reach`."""
    positive = scales > 0

    def norm(penalty: float) -> float:
        ratio = (scales * along)[positive] / (scales**2 + penalty)[positive]
        return float(np.linalg.norm(ratio))

    if norm(0.0) <= reach:
        return 0.0
    if reach == 0:
        return float("inf")
    low, high = 0.0, float(scales[0] * np.linalg.norm(along)) / reach
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if norm(middle) > reach else (low, middle)
    return high
