"""Gradient descent in preallocated NumPy buffers, for one network or for a stack of networks of the same shapes.

The plain formulas stand in `fa_theory.dynamics.passes`, the oracle of everything here. An engine computes the same,

    z_l = W_l h_{l-1} + b_l,  h_l = phi(z_l),  delta_L = e,  delta_l = (M_{l+1} delta_{l+1}) * phi'(z_l),
    F_l = E[delta_l h_{l-1}^T],  W_l <- (1 - eta lambda_l) W_l - eta F_l,

as a list of array operations, each bound once to its operands and to the buffer of its result, so that a step does no
work in Python but to call them, and (squared loss, piecewise-linear phi) makes no array. It differs from the formulas
in this:

- neurons come first, (n_l, N) in place of (N, n_l), so that every matrix product writes into a buffer as it stands;
- a bias is the last column of its weights, and an h_l with a bias above it has a row of ones;
- e is scaled by -eta / N once, and everything that follows from it is an increment;
- phi(z) = phi'(z) z for a piecewise-linear phi, in place, with phi' from the comparison z > 0, so that at z = 0 it
  takes its value from the left exactly as the oracle does;
- large arrays pass through the activation in pieces that stay in the cache;
- two linear layers go by A = W_2 W_1 and Q = sum_j e_j x_j^T, (m, d), so that F_1 = M_2 Q and F_2 = Q W_1^T have rank
  m and nothing of size (n, N) is formed;
- with fewer samples than inputs, descent on all samples keeps z_1 in place of W_1 (Gram form): W_1 = W_1(0) + C X
  with C = sum_t delta_1(t), so that z_1 moves by delta_1 X X^T, an (N, N) matrix; `settle` forms W_1 where it is read
  (a run that records every state gains nothing and may lose).

A stack of M networks has a leading axis: weights (M, n_l, n_{l-1}), buffers (M, n_l, N).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import is_exact
from fa_theory.dynamics.stack import Operation, Stack, has_stack
from fa_theory.model import Activation, Network, Problem, squared

Host = np.ndarray[Any, Any]


class Plan(NamedTuple):
    """What an engine does to run forward, to take a step from there and to bring W_1 up to date; and where f is."""

    forward: list[Operation]
    descend: list[Operation]
    settle: list[Operation]
    output: Host


_PIECE = 1 << 17
"""Bytes of a piece of a large array: with its slopes and its mask it stays in a cache of 512 KB."""


def has_engine(network: Network, problem: Problem) -> bool:
    """Tell whether an `Engine` runs this network: NumPy floats, and feedback rules of this package."""
    return type(problem.X) is np.ndarray and not is_exact(problem.X) and has_stack(network)


class Engine:
    """Forward passes and steps of a `Stack` on some samples.

    Parameters
    ----------
    stack : Stack
        The weights, changed in place; two engines may share them (all samples, a minibatch).
    problems : sequence of Problem
        One for all networks, or one for each.
    batch_size : int, optional
        Without it, the engine works on all samples. With it, on that many, which `load` chooses.
    shared : bool
        Whether all networks take the same samples of the one problem.
    descends : bool
        False for an engine that only runs forward, as another changes the stack.
    """

    def __init__(
        self,
        stack: Stack,
        problems: Sequence[Problem],
        batch_size: int | None = None,
        *,
        shared: bool,
        descends: bool = True,
    ) -> None:
        samples = Samples(stack, problems, batch_size, shared=shared)
        self._plan = _plan_of(stack, samples, descends=descends)
        self.output, self.load = self._plan.output, samples.load

    def forward(self) -> Host:
        """Compute h_l, phi'(z_l) and f at the present weights; return f, (m, N) or (M, m, N), in a buffer."""
        for operation in self._plan.forward:
            operation()
        return self.output

    def descend(self) -> None:
        """Take one step, W_l <- W_l - eta (F_l + lambda_l W_l), from what the last `forward` left."""
        for operation in self._plan.descend:
            operation()

    def settle(self) -> None:
        """Bring the stack's weights up to date, and run forward from them, as a run that starts there does."""
        for operation in self._plan.settle:
            operation()
        if self._plan.settle:
            self.forward()


class Samples:
    """The samples that an engine works on: all of them, or as many as a minibatch has.

    Attributes
    ----------
    X, Y : arrays, (N, d) and (N, m), or (M, N, d) and (M, N, m) where each network has its own
        Samples are rows, as they are gathered row by row; X has a column of ones where there is a bias b_1.
    lead : tuple of int
        (M,), or empty for one network.
    shared, changing : bool
        Whether all networks have the same samples, and whether `load` changes them.
    """

    def __init__(self, stack: Stack, problems: Sequence[Problem], batch_size: int | None, *, shared: bool) -> None:
        self._problems = problems
        self._loss = problems[0].loss
        self.count = problems[0].n_samples if batch_size is None else batch_size
        self.lead = () if stack.n_members == 1 else (stack.n_members,)
        self.shared, self.changing = shared, batch_size is not None
        own = () if shared else self.lead
        dtype = stack.layers[0].dtype
        self._scale = np.array(-stack.step_size / np.asarray(self.count, dtype))
        if batch_size is None and not own and not stack.has_bias[0]:
            self.X, self.Y = problems[0].X, problems[0].Y
            return
        d, m = stack.widths[0], stack.widths[-1]
        self.X = np.ones((*own, self.count, d + stack.has_bias[0]), dtype)
        self.Y = np.empty((*own, self.count, m), dtype)
        if batch_size is None:
            self.load([np.arange(self.count)] * (stack.n_members if own else 1))

    def load(self, chosen: Sequence[Host]) -> None:
        """Take the samples of these indices: one index array, or one for each network where they do not share them."""
        for k, rows in enumerate(chosen):
            problem = self._problems[k if len(self._problems) > 1 else 0]
            d = problem.X.shape[1]
            X, Y = (self.X[..., :d], self.Y) if self.X.ndim == 2 else (self.X[k, :, :d], self.Y[k])
            if X.flags.c_contiguous:
                # without "clip" NumPy gathers into a buffer of its own first
                np.take(problem.X, rows, axis=0, out=X, mode="clip")
            else:
                X[...] = problem.X[rows]
            np.take(problem.Y, rows, axis=0, out=Y, mode="clip")

    def errors(self, f: Host, e: Host) -> list[Operation]:
        """Return what writes -eta/N times the derivative of each sample's loss at f, (..., m, N), to e."""
        derivative = partial(np.subtract, f, _turn(self.Y)) if self._loss == squared else partial(self._derivative, f)
        return [partial(derivative, e), partial(np.multiply, e, self._scale, e)]

    def _derivative(self, f: Host, e: Host) -> None:
        samples_first = _turn(f)
        rows = (-1, f.shape[-2])
        labels = np.broadcast_to(self.Y, samples_first.shape)
        _turn(e)[...] = self._loss.derivative(samples_first.reshape(rows), labels.reshape(rows)).reshape(
            samples_first.shape
        )


def _turn(array: Host) -> Host:
    return np.swapaxes(array, -1, -2)


def _product(left: Host, right: Host, out: Host) -> Operation:
    # for small matrices `dot` is faster than `matmul`, which stacks and parts of arrays need
    whole = out.ndim == 2 and out.flags.c_contiguous
    return partial(left.dot, right, out) if whole else partial(np.matmul, left, right, out)


def _plan_of(stack: Stack, samples: Samples, *, descends: bool) -> Plan:
    shallow, phi = len(stack.layers) == 2, stack.activation
    if shallow and phi.is_linear and _has_low_rank(stack, samples):
        return _plan_linear(stack, samples)
    if descends and not samples.changing and samples.count < samples.X.shape[-1]:
        return _plan_layers(stack, samples, gram=True)
    if shallow and stack.widths[-1] == 1 and phi.has_kink:
        return _plan_scalar(stack, samples)
    return _plan_layers(stack, samples)


def _has_low_rank(stack: Stack, samples: Samples) -> bool:
    """Tell whether the products of rank m of two linear layers take fewer multiplications than those of the layers."""
    (d, n, m), N = stack.widths, samples.count
    return m * d * (3 * n + 2 * N) <= n * N * (2 * d + 3 * m)


def _plan_layers(stack: Stack, samples: Samples, *, gram: bool = False) -> Plan:
    """Plan for every depth, rule, activation and loss."""
    dtype, lead, N, phi = stack.layers[0].dtype, samples.lead, samples.count, stack.activation
    forward: list[Operation] = []
    first = _GramForm(stack, samples) if gram else None
    h, slopes = [_turn(samples.X)], []
    for W, n, has_bias in zip(stack.layers, stack.widths[1:-1], stack.has_bias[1:], strict=False):
        above = np.ones((*lead, n + has_bias, N), dtype)
        z, slope = above[..., :n, :], np.ones((*lead, n, N), dtype)
        reading = partial(np.copyto, z, first.z) if first and len(h) == 1 else _product(W, h[-1], z)
        forward += [reading, *_activating(phi, z, slope)]
        h.append(above)
        slopes.append(slope)
    f, e = (np.empty((*lead, stack.widths[-1], N), dtype) for _ in range(2))
    forward.append(_product(stack.layers[-1], h[-1], f))

    descend = samples.errors(f, e)
    delta = e
    for layer in range(len(stack.layers) - 1, -1, -1):
        if first and not layer:
            descend += first.moving(delta)
            break
        F = np.empty_like(stack.layers[layer], order="C")
        moving = [_product(delta, _turn(h[layer]), F), *stack.moving(layer, F)]
        if layer:
            # M_l before W_l moves, on which it may depend
            feedback = stack.feedback[layer - 1]
            below = np.empty((*lead, stack.widths[layer], N), dtype)
            descend += [*feedback.refresh, _product(feedback.matrix, e if feedback.direct else delta, below)]
            if not phi.is_linear:
                descend.append(partial(np.multiply, below, slopes[layer - 1], below))
            delta = below
        descend += moving
    return Plan(forward, descend + stack.decaying(), first.settle if first else [], f)


class _GramForm:
    """The first layer by z_1 = W_1 X^T, (..., n_1, N), which moves by delta_1 X X^T.

    Between calls of `settle` the layer of the stack holds an older W_1, and `C` what delta_1 has added up to since;
    with decay that W_1 counts `share` times.
    """

    def __init__(self, stack: Stack, samples: Samples) -> None:
        self._W, X = stack.layers[0], samples.X
        self.z = np.empty((*self._W.shape[:-1], samples.count), self._W.dtype)
        self._C, self._move, self._share = np.zeros_like(self.z), np.empty_like(self.z), np.ones_like(stack.step_size)
        self._gram, self._keeps = np.matmul(X, _turn(X)), stack.keeps[:1]
        F = np.empty_like(self._W)
        self.settle: list[Operation] = [
            partial(np.multiply, self._W, self._share, self._W),
            _product(self._C, X, F),
            partial(np.add, self._W, F, self._W),
            partial(self._C.fill, 0),
            partial(self._share.fill, 1),
            _product(self._W, _turn(X), self.z),
        ]
        # by the same operation as in `settle`, so that a run which goes on has the same roundings
        self.settle[-1]()

    def moving(self, delta: Host) -> list[Operation]:
        """Return what takes a step by delta_1, scaled by -eta / N."""
        z, C, move = self.z, self._C, self._move
        return [
            _product(delta, self._gram, move),
            *(partial(np.multiply, each, keep, each) for keep in self._keeps for each in (z, C, self._share)),
            partial(np.add, z, move, z),
            partial(np.add, C, delta, C),
        ]


def _plan_linear(stack: Stack, samples: Samples) -> Plan:
    """Plan for two linear layers: with Q = sum_j e_j x_j^T, F_1 = M_2 Q and F_2 = Q W_1^T; f = W_2 W_1 x + b_2."""
    (W1, W2), lead, N = stack.layers, samples.lead, samples.count
    n, m, dtype = stack.widths[1], stack.widths[-1], W1.dtype
    XT = _turn(samples.X) if samples.changing else np.ascontiguousarray(_turn(samples.X))
    f, e = (np.empty((*lead, m, N), dtype) for _ in range(2))
    A, Q = (np.empty((*lead, m, W1.shape[-1]), dtype) for _ in range(2))
    F1, F2 = np.empty_like(W1, order="C"), np.empty_like(W2, order="C")
    feedback, bias = stack.feedback[0], stack.has_bias[1]
    forward = [_product(W2[..., :n], W1, A), _product(A, XT, f)]
    if bias:
        forward.append(partial(np.add, f, W2[..., n:], f))
    descend = [*samples.errors(f, e), _product(e, _turn(XT), Q), _product(Q, _turn(W1), F2[..., :n])]
    if bias:
        descend.append(partial(np.sum, e, axis=-1, keepdims=True, out=F2[..., n:]))
    descend += [
        *feedback.refresh,
        _product(feedback.matrix, Q, F1),
        *stack.moving(0, F1),
        *stack.moving(1, F2),
    ]
    return Plan(forward, descend + stack.decaying(), [], f)


def _plan_scalar(stack: Stack, samples: Samples) -> Plan:
    """Plan for two layers, one output and a phi with a kink, without the two passes that delta_1 takes over (n, N).

    With one output delta_1 = M e * phi'(z), so that F_1 = M * (phi'(z) (e * X)): e comes in where the array is (d, N),
    and M where it is (n, d).
    """
    (W1, W2), lead, N = stack.layers, samples.lead, samples.count
    n, dtype = stack.widths[1], W1.dtype
    X = _turn(samples.X) if samples.changing else np.ascontiguousarray(_turn(samples.X))
    h, slopes = np.ones((*lead, n + stack.has_bias[1], N), dtype), np.empty((*lead, n, N), dtype)
    f, e = (np.empty((*lead, 1, N), dtype) for _ in range(2))
    F1, F2, z = np.empty_like(W1, order="C"), np.empty_like(W2, order="C"), h[..., :n, :]
    weighted = np.empty_like(X) if X.ndim == h.ndim else np.empty((*lead, *X.shape), dtype)
    feedback = stack.feedback[0]
    # in full where it is fixed: NumPy is slow to repeat a column
    M = np.repeat(feedback.matrix, W1.shape[-1], axis=-1) if feedback.fixed else feedback.matrix
    forward: list[Operation] = [
        _product(W1, X, z),
        *_activating(stack.activation, z, slopes),
        _product(W2, h, f),
    ]
    descend: list[Operation] = [
        *samples.errors(f, e),
        _product(e, _turn(h), F2),
        partial(np.multiply, X, e, weighted),
        _product(slopes, _turn(weighted), F1),
        *feedback.refresh,
        partial(np.multiply, F1, M, F1),
        *stack.moving(0, F1),
        *stack.moving(1, F2),
    ]
    return Plan(forward, descend + stack.decaying(), [], f)


def hidden_bytes(network: Network, n_samples: int) -> int:
    """Return about how many bytes of buffers a network takes in a step: h, phi' and delta of every hidden layer.

    Two linear layers take less, the Gram form takes twice as much.
    """
    return 3 * sum(network.widths[1:-1]) * n_samples * int(network.weights[0].dtype.itemsize)


def _activating(phi: Activation, z: Host, slopes: Host) -> list[Operation]:
    """Return what writes phi'(z) to `slopes` and phi(z) in the place of z, both (..., n, N)."""
    if phi.is_linear:
        return []
    if phi.slope is None:
        return [partial(_activate, phi, z, slopes)]
    rows = z.shape[-2]
    size = rows if z.ndim > 2 else max(1, _PIECE // z[:1].nbytes)
    operations: list[Operation] = []
    positive = np.empty((*z.shape[:-2], min(size, rows), z.shape[-1]), bool)
    # in full, as a number beside a small array costs as much as the array
    least = np.full(positive.shape, float(phi.slope), z.dtype)
    zero = np.zeros((), z.dtype)
    for k in range(0, rows, size):
        part, slope = z[..., k : k + size, :], slopes[..., k : k + size, :]
        mask, floor = positive[..., : part.shape[-2], :], least[..., : part.shape[-2], :]
        # phi' = 1 where z > 0, else the slope; and phi(z) = phi'(z) z
        operations += [partial(np.greater, part, zero, mask), partial(np.copyto, slope, mask)]
        if phi.slope:
            operations.append(partial(np.maximum, slope, floor, out=slope))
        operations.append(partial(np.multiply, part, slope, part))
    return operations


def _activate(phi: Activation, z: Host, slopes: Host) -> None:
    slopes[...] = phi.derivative(z)
    z[...] = phi.function(z)
