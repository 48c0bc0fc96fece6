"""The weights of one network, or of a stack of networks of the same shapes, as an engine changes them in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import Array
from fa_theory.model import (
    AdaptiveFeedback,
    Backprop,
    DirectFeedback,
    FeedbackAlignment,
    FeedbackRule,
    Network,
    Parameters,
    SignFeedback,
)

Host = np.ndarray[Any, Any]
Operation = Callable[[], Any]
"""An array operation that is bound to its operands and to the buffer of its result."""

_KNOWN = (Backprop, FeedbackAlignment, SignFeedback, AdaptiveFeedback, DirectFeedback)


def has_stack(network: Network) -> bool:
    """Tell whether a `Stack` knows the network's feedback rules, which a user's own rule may not be among."""
    # a subclass may have a matrix of its own
    return all(type(rule) in _KNOWN for rule in network.feedback)


class Feedback(NamedTuple):
    """M_{l+1}, (..., n_l, n_{l+1}), and what to do to bring it to the present weights (nothing where it is a view)."""

    matrix: Host
    refresh: list[Operation]
    fixed: bool
    direct: bool


class Stack:
    """The weights of one network, or of M networks of the same shapes with a leading axis.

    Parameters
    ----------
    networks : sequence of Network
        One or more, of the same shapes, dtype, activation and kinds of rules.
    step_sizes : sequence of float
        eta of each.
    rates : tuple of float
        lambda_1, ..., lambda_L; empty without weight decay.

    Attributes
    ----------
    layers : list of arrays
        W_l, with b_l as its last column where there is one.
    feedback : list of Feedback
        M_2, ..., M_L.
    step_size : array
        eta, without axes or (M, 1, 1).
    keeps : list of arrays
        1 - eta lambda_l of every layer, in the same form; empty without weight decay.
    """

    def __init__(self, networks: Sequence[Network], step_sizes: Sequence[float], rates: tuple[float, ...]) -> None:
        first = networks[0]
        self.n_members = len(networks)
        self.widths, self.activation = first.widths, first.activation
        self.has_bias = [b is not None for b in first.biases]
        self.step_size = self._each([np.asarray(eta, first.weights[0].dtype) for eta in step_sizes])
        self.layers = [
            self._each([_with_bias(net.weights[layer], net.biases[layer]) for net in networks])
            for layer in range(first.depth)
        ]
        self.shares = [
            self._each([net.parameters.shares[layer].reshape(1, 1) for net in networks])
            for layer in range(len(first.parameters.shares))
        ]
        self.keeps = [1 - self.step_size * np.asarray(rate, self.step_size.dtype) for rate in rates]
        self.feedback = [
            self._feedback([net.feedback[layer] for net in networks], layer) for layer in range(first.depth - 1)
        ]

    def _each(self, arrays: list[Host]) -> Host:
        """Stack one array for each network, without a leading axis for one; numbers become (M, 1, 1)."""
        if self.n_members == 1:
            # as it would come back from a file, so that a run which goes on has the same roundings
            return np.array(arrays[0], order="C")
        stacked = np.stack(arrays)
        return stacked[:, None, None] if stacked.ndim == 1 else stacked

    def _feedback(self, rules: Sequence[Any], layer: int) -> Feedback:
        first: FeedbackRule = rules[0]
        turned = np.swapaxes(self.layers[layer + 1][..., : self.widths[layer + 1]], -1, -2)
        if isinstance(first, Backprop):
            return Feedback(turned, [], fixed=False, direct=False)
        if isinstance(first, FeedbackAlignment | DirectFeedback):
            return Feedback(self._each([rule.B for rule in rules]), [], fixed=True, direct=first.direct)
        M = np.empty(turned.shape, turned.dtype)
        if isinstance(first, SignFeedback):
            return Feedback(M, [partial(np.sign, turned, out=M)], fixed=False, direct=False)
        kappa = self._each([np.asarray(rule.kappa, M.dtype) for rule in rules])
        if self.shares:
            # with decay it is kappa W^T + share D, D as it was before any decay
            D, rest = self._each([replace(rule, share=1).D for rule in rules]), np.empty_like(M)
            refresh: list[Operation] = [
                partial(np.multiply, turned, kappa, M),
                partial(np.multiply, D, self.shares[layer], rest),
                partial(np.add, M, rest, M),
            ]
        else:
            # here the feedback is B(0) + kappa (W - W(0))^T
            start, B = (self._each([getattr(rule, of) for rule in rules]) for of in ("W_start", "B_start"))
            refresh = [
                partial(np.subtract, turned, np.swapaxes(start, -1, -2), M),
                partial(np.multiply, M, kappa, M),
                partial(np.add, M, B, M),
            ]
        return Feedback(M, refresh, fixed=False, direct=False)

    def moving(self, layer: int, increment: Host) -> list[Operation]:
        """Return what turns W_l into (1 - eta lambda_l) W_l plus an increment."""
        A = self.layers[layer]
        decay = [partial(np.multiply, A, self.keeps[layer], A)] if self.keeps else []
        return [*decay, partial(np.add, A, increment, A)]

    def decaying(self) -> list[Operation]:
        """Return what lets the share of every adaFA's D decay at the rate of the weights it stands for."""
        pairs = zip(self.shares, self.keeps[1:], strict=False)
        return [partial(np.multiply, share, keep, share) for share, keep in pairs]

    def parameters(self, member: int = 0) -> Parameters:
        """Return a copy of the present weights and biases of one network."""
        layers, shares = (
            [each if self.n_members == 1 else each[member] for each in of] for of in (self.layers, self.shares)
        )
        return Parameters(
            tuple(A[:, :n].copy() for A, n in zip(layers, self.widths, strict=False)),
            tuple(A[:, -1].copy() if has else None for A, has in zip(layers, self.has_bias, strict=True)),
            tuple(share.reshape(1).copy() for share in shares),
        )


def _with_bias(W: Array, b: Array | None) -> Host:
    return np.array(W, order="C") if b is None else np.concatenate([W, b[:, None]], axis=1)
