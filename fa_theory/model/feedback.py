"""Feedback rules: what carries the error backwards, each one object with its matrix M and its potential Psi.

A rule stands between hidden layer l (n_l neurons) and the weight W = W_{l+1} of shape (n_{l+1}, n_l) above it.
``matrix(W)`` is M of shape (n_l, n_{l+1}); ``potential(W)`` holds Psi_i(W[:, i]) for every hidden neuron i, with
M[i, :] = grad Psi_i. This pair is all that the theory needs to know of a rule (statement neuron-law).
"""

# ruff: noqa: ARG002 - all rules share one signature
from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from fa_theory.backend import Array, floating, is_exact, namespace, number_like, require_same_kind
from fa_theory.choices import not_among

RULES = ("fa", "sign-fa", "adafa", "backprop", "dfa")
"""The rules that have a name; adaFA's is followed by its kappa, as in ``adafa:0.5``."""


class FeedbackRule(Protocol):
    """What a feedback rule offers.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import Backprop, FeedbackRule, SignFeedback
    >>> rules: list[FeedbackRule] = [Backprop(), SignFeedback()]
    >>> W = np.array([[3.0, -1.0]])
    >>> for rule in rules:  # Euler's identity <M_i, W[:, i]> = q Psi_i
    ...     rule.name, (rule.matrix(W)[:, 0] * W[0]).tolist(), (rule.degree * rule.potential(W)).tolist()
    ('backprop', [9.0, 1.0], [9.0, 1.0])
    ('sign-fa', [3.0, 1.0], [3.0, 1.0])
    """

    @property
    def name(self) -> str:
        """The rule's name, as on the command line."""

    @property
    def degree(self) -> int | None:
        """The degree q of positive homogeneity of Psi; None when Psi is not homogeneous."""

    @property
    def direct(self) -> bool:
        """Whether the matrix is applied to the output error itself (DFA), not to the signal of the layer above."""

    def matrix(self, weight: Array) -> Array:
        """Return M, (n_l, n_{l+1}), at the weight W_{l+1}, (n_{l+1}, n_l)."""

    def potential(self, weight: Array) -> Array:
        """Return Psi, (n_l,), at the weight W_{l+1}, (n_{l+1}, n_l)."""

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Raise ValueError, naming `label`, if the rule does not fit this weight."""


def _rowwise_inner(matrix: Array, weight: Array) -> Array:
    return namespace(weight).sum(matrix * weight.T, axis=1)


def validate_shape(label: str, matrix: Array, shape: tuple[int, ...], like: Array) -> None:
    """Raise, naming the matrix, unless it has this shape and the kind of numbers that `like` has."""
    if tuple(matrix.shape) != shape:
        raise ValueError(f"{label} must have shape {shape}, got {tuple(matrix.shape)}")
    require_same_kind(label, matrix, "the weights", like)


@dataclass(frozen=True)
class Backprop:
    """Backpropagation: M = W^T, Psi_i = 1/2 |W[:, i]|^2.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import Backprop
    >>> W = np.array([[3.0, -1.0]])
    >>> Backprop().matrix(W).tolist(), Backprop().potential(W).tolist()
    ([[3.0], [-1.0]], [4.5, 0.5])
    """

    name: ClassVar[str] = "backprop"
    degree: ClassVar[int | None] = 2
    direct: ClassVar[bool] = False

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
    """Feedback alignment (FA): M = B, fixed; Psi_i = <B[i, :], W[:, i]>.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import FeedbackAlignment
    >>> rule = FeedbackAlignment(np.array([[2.0], [5.0]]))
    >>> rule.potential(np.array([[3.0, -1.0]])).tolist()
    [6.0, -5.0]
    """

    B: Array
    name: ClassVar[str] = "fa"
    degree: ClassVar[int | None] = 1
    direct: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "B", floating("B", self.B, 2))

    def matrix(self, weight: Array) -> Array:
        """Return B."""
        return self.B

    def potential(self, weight: Array) -> Array:
        """Return <B[i, :], W[:, i]>."""
        return _rowwise_inner(self.B, weight)

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Require B of shape (n_l, n_{l+1})."""
        validate_shape(label, self.B, (weight.shape[1], weight.shape[0]), weight)


@dataclass(frozen=True)
class SignFeedback:
    """sign-FA: M = sign(W)^T with sign(0) = 0, Psi_i = |W[:, i]|_1.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import SignFeedback
    >>> W = np.array([[3.0, -1.0]])
    >>> SignFeedback().matrix(W).tolist(), SignFeedback().potential(W).tolist()
    ([[1.0], [-1.0]], [3.0, 1.0])
    """

    name: ClassVar[str] = "sign-fa"
    degree: ClassVar[int | None] = 1
    direct: ClassVar[bool] = False

    def matrix(self, weight: Array) -> Array:
        """Return sign(W)^T."""
        if is_exact(weight):
            return ((weight > 0).astype(object) - (weight < 0).astype(object)).T
        return namespace(weight).sign(weight).T

    def potential(self, weight: Array) -> Array:
        """Return |W[:, i]|_1."""
        return namespace(weight).sum(abs(weight), axis=0)

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Accept any weight."""


@dataclass(frozen=True, eq=False)
class AdaptiveFeedback:
    """adaFA(kappa): M = B(t) with dB/dt = kappa (dW/dt)^T, so B = kappa W^T + D with D constant.

    Psi_i = kappa/2 |W[:, i]|^2 + <D[i, :], W[:, i]>. kappa = 0 is FA. Under weight decay B decays at the rate of W:
    dW/dt = -F - lambda W and dB/dt = -kappa F^T - lambda B leave D a share exp(-lambda t) of what it was.

    Attributes
    ----------
    kappa : float
        The rate, finite and >= 0.
    B_start : array, (n_l, n_{l+1})
        The feedback B(0).
    W_start : array, (n_{l+1}, n_l)
        The weight W(0) at which the feedback is B(0).
    share : float or scalar array
        Which part of D weight decay has left; the number 1 without it.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import AdaptiveFeedback
    >>> rule = AdaptiveFeedback(0.5, np.array([[1.0]]), np.array([[0.0]]))
    >>> rule.matrix(np.array([[4.0]])).tolist(), rule.D.tolist(), rule.potential(np.array([[4.0]])).tolist()
    ([[3.0]], [[1.0]], [8.0])
    """

    kappa: Any
    B_start: Array
    W_start: Array
    share: Any = 1
    direct: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.kappa >= 0 or self.kappa == float("inf"):
            raise ValueError(f"kappa must be a finite number >= 0, got {self.kappa}")
        object.__setattr__(self, "B_start", floating("B_start", self.B_start, 2))
        object.__setattr__(self, "W_start", floating("W_start", self.W_start, 2))

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
        """B(0) - kappa W(0)^T, which is constant but for weight decay."""
        start = self.B_start - number_like(self.kappa, self.W_start) * self.W_start.T
        return start if self._whole else self.share * start

    @property
    def _whole(self) -> bool:
        return type(self.share) is int  # an array is not asked for its value, which would wait for a device

    def matrix(self, weight: Array) -> Array:
        """Return B = B(0) + kappa (W - W(0))^T, or kappa W^T + D where weight decay has changed D."""
        if not self._whole:
            return number_like(self.kappa, weight) * weight.T + self.D
        return self.B_start + number_like(self.kappa, weight) * (weight - self.W_start).T

    def potential(self, weight: Array) -> Array:
        """Return kappa/2 |W[:, i]|^2 + <D[i, :], W[:, i]>."""
        return _rowwise_inner(number_like(self.kappa, weight) * weight.T / 2 + self.D, weight)

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Require B(0) of shape (n_l, n_{l+1}) and W(0) of the weight's shape."""
        validate_shape(label, self.B_start, (weight.shape[1], weight.shape[0]), weight)
        validate_shape(f"{label}'s W_start", self.W_start, tuple(weight.shape), weight)


@dataclass(frozen=True, eq=False)
class DirectFeedback:
    """Direct feedback alignment (DFA): delta_l = (B_l e) * phi'(z_l) with B_l fixed, (n_l, m).

    The last hidden layer is FA and has FA's potential. Deeper layers have none (statement dfa-law).

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.model import DirectFeedback
    >>> rules = [DirectFeedback([[1.0]]), DirectFeedback([[2.0]])]
    >>> ft.Network([[[1.0]], [[0.5]], [[3.0]]], "linear", rules).rule_name
    'dfa'
    """

    B: Array
    name: ClassVar[str] = "dfa"
    degree: ClassVar[int | None] = 1
    direct: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "B", floating("B", self.B, 2))

    def matrix(self, weight: Array) -> Array:
        """Return B_l, which multiplies the output error."""
        return self.B

    def potential(self, weight: Array) -> Array:
        """Return <B[i, :], W[:, i]>, meaningful below the output layer only."""
        return _rowwise_inner(self.B, weight)

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Require B of shape (n_l, m)."""
        validate_shape(label, self.B, (weight.shape[1], n_outputs), weight)


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

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import feedback_rules
    >>> (rule,) = feedback_rules("adafa:0.5", [np.ones((2, 3)), np.ones((1, 2))], [np.ones((2, 1))])
    >>> rule.name, rule.kappa, rule.D.tolist()
    ('adafa:0.5', 0.5, [[0.5], [0.5]])
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
        return tuple(AdaptiveFeedback(kappa, B, W) for B, W in zip(_named(matrices), weights[1:], strict=True))
    plain: dict[str, Callable[[], tuple[FeedbackRule, ...]]] = {
        "fa": lambda: tuple(FeedbackAlignment(B) for B in _named(matrices)),
        "dfa": lambda: tuple(DirectFeedback(B) for B in _named(matrices)),
        "sign-fa": lambda: (SignFeedback(),) * n_hidden,
        "backprop": lambda: (Backprop(),) * n_hidden,
    }
    if name not in plain:
        raise not_among("rule", name, [{"adafa": "adafa:K"}.get(rule, rule) for rule in RULES])
    return plain[name]()


def _named(matrices: Sequence[Any]) -> list[Array]:
    return [floating(f"B{layer}", B, 2) for layer, B in enumerate(matrices, start=2)]


def as_rules(feedback: Any, weights: Sequence[Array]) -> tuple[FeedbackRule, ...]:
    """Return one rule for each hidden layer from a rule name, or from a sequence of rules or FA matrices."""
    if isinstance(feedback, str):
        return feedback_rules(feedback, weights, ())
    if not isinstance(feedback, Sequence):
        raise TypeError(
            f"feedback must be a rule's name, or a sequence of rules or matrices, one for each hidden layer, "
            f"got {type(feedback).__name__}"
        )
    if len(feedback) != len(weights) - 1:
        raise ValueError(
            f"feedback must have one entry for each of {len(weights) - 1} hidden layers, got {len(feedback)}"
        )
    return tuple(
        each if _is_rule(each) else FeedbackAlignment(floating(f"B{layer}", each, 2, like=weights[0]))
        for layer, each in enumerate(feedback, start=2)
    )


def with_share(rule: FeedbackRule, share: Array) -> FeedbackRule:
    """Return adaFA with the given share, an array (1,), of its D left by weight decay; other rules as they are."""
    if not isinstance(rule, AdaptiveFeedback):
        return rule
    changed = copy(rule)  # not dataclasses.replace: B and W are valid, and to look again would wait for a device
    object.__setattr__(changed, "share", share[0])
    return changed


def _is_rule(candidate: Any) -> bool:
    return hasattr(candidate, "potential") and not isinstance(candidate, type)
