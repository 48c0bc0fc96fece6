"""Feedback rules: what carries the error backwards, each one object with its matrix M and its potential Psi.

A rule stands between hidden layer l (n_l neurons) and the weight W = W_{l+1} of shape (n_{l+1}, n_l) above it.
``matrix(W)`` is M of shape (n_l, n_{l+1}); ``potential(W)`` holds Psi_i(W[:, i]) for every hidden neuron i, with
M[i, :] = grad Psi_i. This pair is all that the theory needs to know of a rule (THEORY: neuron-law).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fa_theory.backend import Array, floating, is_exact, namespace, to_numpy


class FeedbackRule(Protocol):
    """What a feedback rule offers.

    Attributes
    ----------
    name : str
        The rule's name, as on the command line.
    degree : int or None
        The degree q of positive homogeneity of Psi; None when Psi is not homogeneous.
    direct : bool
        True when the matrix is applied to the output error itself (DFA), not to the signal of the layer above.
    """

    @property
    def name(self) -> str: ...
    @property
    def degree(self) -> int | None: ...
    @property
    def direct(self) -> bool: ...

    def matrix(self, weight: Array) -> Array:
        """Return M, (n_l, n_{l+1}), at the weight W_{l+1}, (n_{l+1}, n_l)."""

    def potential(self, weight: Array) -> Array:
        """Return Psi, (n_l,), at the weight W_{l+1}, (n_{l+1}, n_l)."""

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Raise ValueError, naming `label`, if the rule does not fit this weight."""


def _rowwise_inner(matrix: Array, weight: Array) -> Array:
    return namespace(weight).sum(matrix * weight.T, axis=1)


def _validate_shape(label: str, matrix: Array, shape: tuple[int, int], like: Array) -> None:
    if tuple(matrix.shape) != shape:
        raise ValueError(f"{label} must have shape {shape}, got {tuple(matrix.shape)}")
    if matrix.dtype != like.dtype:
        raise ValueError(f"{label} must have the weights' dtype {like.dtype}, got {matrix.dtype}")


@dataclass(frozen=True)
class Backprop:
    """Backpropagation: M = W^T, Psi_i = 1/2 |W[:, i]|^2."""

    name: str = "backprop"
    degree: int | None = 2
    direct: bool = False

    def matrix(self, weight: Array) -> Array:
        """Return W^T."""
        return weight.T

    def potential(self, weight: Array) -> Array:
        """Return 1/2 |W[:, i]|^2."""
        return _rowwise_inner(weight.T, weight) / 2

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Accept any weight."""


@dataclass(frozen=True, eq=False)
class FeedbackAlignment:
    """Feedback alignment (FA): M = B, fixed; Psi_i = <B[i, :], W[:, i]>."""

    B: Array
    name: str = "fa"
    degree: int | None = 1
    direct: bool = False

    def matrix(self, weight: Array) -> Array:
        """Return B."""
        return self.B

    def potential(self, weight: Array) -> Array:
        """Return <B[i, :], W[:, i]>."""
        return _rowwise_inner(self.B, weight)

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Require B of shape (n_l, n_{l+1})."""
        _validate_shape(label, self.B, (weight.shape[1], weight.shape[0]), weight)


@dataclass(frozen=True)
class SignFeedback:
    """sign-FA: M = sign(W)^T with sign(0) = 0, Psi_i = |W[:, i]|_1."""

    name: str = "sign-fa"
    degree: int | None = 1
    direct: bool = False

    def matrix(self, weight: Array) -> Array:
        """Return sign(W)^T."""
        if is_exact(weight):
            return ((weight > 0).astype(int) - (weight < 0).astype(int)).T
        return namespace(weight).sign(weight).T

    def potential(self, weight: Array) -> Array:
        """Return |W[:, i]|_1."""
        return namespace(weight).sum(abs(weight), axis=0)

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Accept any weight."""


@dataclass(frozen=True, eq=False)
class AdaptiveFeedback:
    """adaFA(kappa): M = B(t) with dB/dt = kappa (dW/dt)^T, so B = kappa W^T + D with D constant.

    Psi_i = kappa/2 |W[:, i]|^2 + <D[i, :], W[:, i]>. kappa = 0 is FA.

    Attributes
    ----------
    kappa : float
        The rate, finite and >= 0.
    B_start : array, (n_l, n_{l+1})
        The feedback B(0).
    W_start : array, (n_{l+1}, n_l)
        The weight W(0) at which the feedback is B(0).
    """

    kappa: Any
    B_start: Array
    W_start: Array
    direct: bool = False

    @property
    def name(self) -> str:
        """The rule's name, with kappa."""
        return f"adafa:{self.kappa}"

    @property
    def degree(self) -> int | None:
        """1 for kappa = 0; None otherwise, since Psi mixes degrees one and two."""
        return 1 if self.kappa == 0 else None

    @property
    def D(self) -> Array:
        """The constant B(0) - kappa W(0)^T."""
        return self.B_start - self.kappa * self.W_start.T

    def matrix(self, weight: Array) -> Array:
        """Return B = B(0) + kappa (W - W(0))^T."""
        return self.B_start + self.kappa * (weight - self.W_start).T

    def potential(self, weight: Array) -> Array:
        """Return kappa/2 |W[:, i]|^2 + <D[i, :], W[:, i]>."""
        return _rowwise_inner(self.kappa * weight.T / 2 + self.D, weight)

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Require kappa >= 0, B(0) of shape (n_l, n_{l+1}) and W(0) of the weight's shape."""
        if not self.kappa >= 0 or self.kappa == float("inf"):
            raise ValueError(f"kappa must be a finite number >= 0, got {self.kappa}")
        _validate_shape(label, self.B_start, (weight.shape[1], weight.shape[0]), weight)
        _validate_shape(f"{label}'s W_start", self.W_start, tuple(weight.shape), weight)


@dataclass(frozen=True, eq=False)
class DirectFeedback:
    """Direct feedback alignment (DFA): delta_l = (B_l e) * phi'(z_l) with B_l fixed, (n_l, m).

    The last hidden layer is FA and has FA's potential. Deeper layers have none (THEORY: dfa-law).
    """

    B: Array
    name: str = "dfa"
    degree: int | None = 1
    direct: bool = True

    def matrix(self, weight: Array) -> Array:
        """Return B_l, which multiplies the output error."""
        return self.B

    def potential(self, weight: Array) -> Array:
        """Return <B[i, :], W[:, i]>, meaningful below the output layer only."""
        return _rowwise_inner(self.B, weight)

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Require B of shape (n_l, m)."""
        _validate_shape(label, self.B, (weight.shape[1], n_outputs), weight)


@dataclass(frozen=True)
class PotentialFeedback:
    """A user's own rule: Psi and its gradient M, each a function of the weight W_{l+1}, (n_{l+1}, n_l).

    Attributes
    ----------
    gradient : callable
        W -> M, (n_l, n_{l+1}), with M[i, :] = grad Psi_i(W[:, i]).
    energy : callable
        W -> Psi, (n_l,).
    degree : int or None
        Degree of homogeneity of Psi, if it has one.
    """

    gradient: Callable[[Array], Array]
    energy: Callable[[Array], Array]
    name: str = "potential"
    degree: int | None = None
    direct: bool = False

    def matrix(self, weight: Array) -> Array:
        """Return the user's M."""
        return self.gradient(weight)

    def potential(self, weight: Array) -> Array:
        """Return the user's Psi."""
        return self.energy(weight)

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Require the right shapes, and that the gradient is the potential's (by a central difference)."""
        shape = (weight.shape[1], weight.shape[0])
        matrix, energy = to_numpy(self.gradient(weight)), to_numpy(self.energy(weight))
        if matrix.shape != shape:
            raise ValueError(f"{label}: gradient(W) must have shape {shape}, got {matrix.shape}")
        if energy.shape != shape[:1]:
            raise ValueError(f"{label}: energy(W) must have shape {shape[:1]}, got {energy.shape}")
        if is_exact(weight):
            return
        xp = namespace(weight)
        step = float(xp.finfo(weight.dtype).eps) ** (1 / 3) * (1 + float(xp.max(abs(weight))))
        direction = np.random.default_rng(0).standard_normal(tuple(weight.shape))
        shift = xp.asarray(step * direction, dtype=weight.dtype)
        slope = (to_numpy(self.energy(weight + shift)) - to_numpy(self.energy(weight - shift))) / (2 * step)
        expected = np.sum(matrix * direction.T, axis=1)
        gap = float(np.max(abs(slope - expected)))
        if gap > 100 * step * (1 + float(np.max(abs(expected)))):
            raise ValueError(f"{label}: gradient(W) is not the gradient of energy(W); they differ by {gap:.3g}")


def feedback_rules(name: str, weights: Sequence[Array], matrices: Sequence[Array]) -> tuple[FeedbackRule, ...]:
    """Build one rule for each hidden layer by name: ``fa``, ``sign-fa``, ``adafa:K``, ``backprop`` or ``dfa``.

    Parameters
    ----------
    name : str
        The rule's name.
    weights : sequence of arrays
        W_1, ..., W_L; adaFA takes its start from them.
    matrices : sequence of arrays
        B_2, ..., B_L, used by fa, adafa and dfa (there the matrix of hidden layer l is (n_l, m)).

    Raises
    ------
    ValueError
        If there is no rule of that name, kappa is not a number >= 0, or a matrix is missing.
    """
    kind, _, number = name.partition(":")
    n_hidden = len(weights) - 1
    if kind in ("fa", "adafa", "dfa") and len(matrices) != n_hidden:
        raise ValueError(f"rule {name} needs {n_hidden} feedback matrices B2, B3, ..., got {len(matrices)}")
    if kind == "adafa":
        try:
            kappa = float(number)
        except ValueError:
            raise ValueError(f"rule adafa:K needs a number K >= 0, got {name!r}") from None
        return tuple(AdaptiveFeedback(kappa, B, W) for B, W in zip(matrices, weights[1:], strict=True))
    plain: dict[str, Callable[[], tuple[FeedbackRule, ...]]] = {
        "fa": lambda: tuple(FeedbackAlignment(B) for B in matrices),
        "dfa": lambda: tuple(DirectFeedback(B) for B in matrices),
        "sign-fa": lambda: (SignFeedback(),) * n_hidden,
        "backprop": lambda: (Backprop(),) * n_hidden,
    }
    if name not in plain:
        raise ValueError(f"rule must be one of fa, sign-fa, adafa:K, backprop, dfa, got {name!r}")
    return plain[name]()


def as_rules(feedback: Any, weights: Sequence[Array]) -> tuple[FeedbackRule, ...]:
    """Return one rule for each hidden layer from a rule name, or from a sequence of rules or FA matrices."""
    if isinstance(feedback, str):
        return feedback_rules(feedback, weights, ())
    if len(feedback) != len(weights) - 1:
        raise ValueError(f"feedback must have one entry for each of {len(weights) - 1} hidden layers, got {len(feedback)}")
    return tuple(
        each if hasattr(each, "potential") else FeedbackAlignment(floating(f"B{layer}", each, 2))
        for layer, each in enumerate(feedback, start=2)
    )
