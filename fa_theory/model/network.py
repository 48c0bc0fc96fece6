"""Networks: weights, biases, activation and feedback, validated once at the door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fa_theory.backend import Array, floating, is_exact, namespace, require_same_kind
from fa_theory.model.activations import Activation, as_activation
from fa_theory.model.feedback import FeedbackRule, as_rules, with_share


class Parameters(NamedTuple):
    """What changes: weights W_1, ..., W_L of shapes (n_l, n_{l-1}), biases b_l, (n_l,), or None, and shares.

    `shares` is empty but under weight decay with adaFA, where it holds an array (1,) for each hidden layer: which part
    of adaFA's D = B - kappa W^T the decay of B has left.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1.0, 2.0]], [[0.5]]], "linear", "backprop")
    >>> halved = network.parameters._replace(weights=tuple(W / 2 for W in network.weights))
    >>> network.with_parameters(halved).weights[0].tolist()
    [[0.5, 1.0]]
    """

    weights: tuple[Array, ...]
    biases: tuple[Array | None, ...]
    shares: tuple[Array, ...] = ()


class Network:
    """A feed-forward network with its feedback: z_l = W_l h_{l-1} + b_l, h_l = phi(z_l), f(x) = z_L.

    Parameters
    ----------
    weights : sequence of arrays
        W_1, ..., W_L, L >= 2, of shapes (n_l, n_{l-1}); all of one dtype and namespace. Integers become float64.
    activation : str or Activation
        phi, by name (``"leaky_relu:0.2"``) or as an object.
    feedback : str or sequence
        ``"backprop"``, ``"sign-fa"``, or one entry for each hidden layer: an FA matrix B_{l+1} of shape
        (n_l, n_{l+1}), or a rule of `fa_theory.model`.
    biases : sequence of arrays or None, optional
        b_1, ..., b_L, each of shape (n_l,) or None. Without it there are no biases.

    Raises
    ------
    TypeError, ValueError
        If an array is not real, not finite or of a shape that does not fit; the message names it.

    Notes
    -----
    Networks are not changed after they are made (`with_parameters` returns a changed copy), and they keep the arrays
    they were given, so do not write into these.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1.0, 2.0]], [[0.5]]], "leaky_relu:0.2", [[[1.0]]])
    >>> network.depth, network.widths, network.activation.name, network.rule_name
    (2, (2, 1, 1), 'leaky_relu:0.2', 'fa')
    """

    def __init__(
        self,
        weights: Sequence[Any],
        activation: str | Activation,
        feedback: str | Sequence[Any],
        biases: Sequence[Any | None] | None = None,
    ) -> None:
        layers = _listed("weights", weights)
        if len(layers) < 2:
            raise ValueError(f"weights must hold at least two layers, got {len(layers)}")
        checked = [floating("W1", layers[0], 2)]
        checked += [floating(f"W{layer}", W, 2, like=checked[0]) for layer, W in enumerate(layers[1:], start=2)]
        given = [None] * len(layers) if biases is None else _listed("biases", biases)
        if len(given) != len(layers):
            raise ValueError(f"biases must have one entry (or None) for each of {len(layers)} layers, got {len(given)}")
        checked_biases = tuple(
            None if b is None else floating(f"b{layer}", b, 1, like=checked[0])
            for layer, b in enumerate(given, start=1)
        )
        self.parameters = Parameters(tuple(checked), checked_biases)
        _check_fit(self.parameters)
        self.activation = as_activation(activation)
        if is_exact(checked[0]) and self.activation.degree is None:
            raise ValueError(f"activation {self.activation.name} has no exact rational values; give floats as weights")
        self.feedback: tuple[FeedbackRule, ...] = as_rules(feedback, checked)
        for layer, (rule, W) in enumerate(zip(self.feedback, checked[1:], strict=True), start=2):
            rule.validate(f"B{layer}", W, checked[-1].shape[0])

    def __repr__(self) -> str:
        return (
            f"Network({list(self.weights)!r}, {self.activation.name!r}, feedback={list(self.feedback)!r}, "
            f"biases={list(self.biases)!r})"
        )

    def with_parameters(self, parameters: Parameters) -> Network:
        """Return the same network at other weights and biases of the same shapes (not validated again)."""
        copy = object.__new__(type(self))
        copy.parameters, copy.activation, copy.feedback = parameters, self.activation, self.feedback
        if parameters.shares:
            copy.feedback = tuple(
                with_share(rule, share) for rule, share in zip(self.feedback, parameters.shares, strict=True)
            )
        return copy

    @property
    def weights(self) -> tuple[Array, ...]:
        """W_1, ..., W_L."""
        return self.parameters.weights

    @property
    def biases(self) -> tuple[Array | None, ...]:
        """b_1, ..., b_L, None where a layer has none."""
        return self.parameters.biases

    @property
    def depth(self) -> int:
        """The number L of layers of weights."""
        return len(self.weights)

    @property
    def widths(self) -> tuple[int, ...]:
        """(d, n_1, ..., n_L = m)."""
        return (int(self.weights[0].shape[1]), *(int(W.shape[0]) for W in self.weights))

    @property
    def rule_name(self) -> str:
        """The feedback's name; the names of the layers' rules joined by commas where they differ."""
        return ",".join(dict.fromkeys(rule.name for rule in self.feedback))

    def matrices(self) -> tuple[Array, ...]:
        """Return the feedback matrices M_2, ..., M_L at the present weights."""
        return tuple(rule.matrix(W) for rule, W in zip(self.feedback, self.weights[1:], strict=True))

    def first_layer_inputs(self, X: Array) -> Array:
        """Return the data as the first layer sees them: X, with a column of ones where there is a bias b_1.

        A hidden bias is a weight on a constant input, so every statement for bias-free networks carries over with
        (x, 1) in place of x and (w_i, b_i) in place of w_i.
        """
        if self.biases[0] is None:
            return X
        xp = namespace(X)
        return xp.concat([X, xp.ones_like(X[:, :1])], axis=1)

    def first_layer_weights(self) -> Array:
        """Return W_1, with the bias b_1 as a last column where there is one."""
        W, b = self.weights[0], self.biases[0]
        return W if b is None else namespace(W).concat([W, b[:, None]], axis=1)


def _listed(name: str, given: Any) -> list[Any]:
    try:
        return list(given)
    except TypeError:
        got = type(given).__name__
        raise TypeError(f"{name} must be a sequence of arrays, one for each layer, got {got}") from None


def _check_fit(parameters: Parameters) -> None:
    weights = parameters.weights
    for layer, (W, b) in enumerate(zip(weights, parameters.biases, strict=True), start=1):
        if 0 in W.shape:
            raise ValueError(f"W{layer} must not be empty, got shape {tuple(W.shape)}")
        if layer > 1 and W.shape[1] != weights[layer - 2].shape[0]:
            raise ValueError(
                f"W{layer} must have {weights[layer - 2].shape[0]} columns, one for each row of W{layer - 1}, "
                f"got shape {tuple(W.shape)}"
            )
        if b is not None and b.shape[0] != W.shape[0]:
            raise ValueError(f"b{layer} must have shape ({W.shape[0]},), got {tuple(b.shape)}")
        for name, array in ((f"W{layer}", W), (f"b{layer}", b)):
            if array is not None:
                require_same_kind(name, array, "W1", weights[0])
