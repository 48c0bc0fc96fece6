"""What takes the steps of gradient descent: the plain formulas over any array namespace, or the NumPy engine.

A stepper advances one network or a stack of networks of the same shapes. Between recorded points it reads nothing back
from a device: losses are noted as scalars of the namespace until they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

import numpy as np

from fa_theory.backend import Array, from_numpy, is_exact, namespace, nearest_float, number_like, to_numpy
from fa_theory.dynamics.decay import decayed
from fa_theory.dynamics.engine import Engine, has_engine
from fa_theory.dynamics.exact import MAX_BITS, check_size
from fa_theory.dynamics.passes import forward, update_directions
from fa_theory.dynamics.stack import Stack
from fa_theory.dynamics.trajectory import BLOW_UP
from fa_theory.model import Network, Parameters, Problem

Host = np.ndarray[Any, Any]

_NOTES = 1 << 18
"""Bytes of outputs that are kept before their losses are computed together."""
_SCALARS = 1024


class Stepper(Protocol):
    """Runs one network, or several; `forward` comes before everything that looks at the outputs."""

    on_host: bool

    def forward(self) -> None:
        """Run the networks on all samples at the present weights."""

    def advance(self) -> None:
        """Take one step; without minibatches from what the last `forward` left."""

    def note_losses(self) -> None:
        """Keep in mind the mean losses at the last `forward`."""

    def read_losses(self) -> Host:
        """Return the losses noted since the last reading, (K, M), on the host."""

    def output(self, member: int) -> Array:
        """Return f of one network at the last `forward`, (N, m)."""

    def parameters(self, member: int) -> Parameters:
        """Return the present weights of one network, which later steps do not change.

        Outputs are those of these weights from then on; they may differ from those before by rounding.
        """


def stepper(
    networks: Sequence[Network],
    problems: Sequence[Problem],
    step_sizes: Sequence[Any],
    rates: tuple[float, ...],
    batch_size: int | None,
    seeds: Sequence[int],
    max_bits: int = MAX_BITS,
    *,
    skip: int = 0,
) -> Stepper:
    """Return a stepper; several networks must be such that `has_engine` is true of them, exact ones obey `max_bits`.

    A run that goes on after `skip` steps has had so many minibatches.
    """
    if has_engine(networks[0], problems[0]):
        return EngineStepper(networks, problems, step_sizes, rates, batch_size, seeds, skip)
    return PlainStepper(networks[0], problems[0], step_sizes[0], rates, batch_size, seeds[0], max_bits, skip)


def minibatches(n_samples: int, batch_size: int, seed: int, like: Array | None = None) -> Iterator[Array]:
    """Yield index arrays for ever: each epoch is a fresh permutation, cut in batches; a short rest is dropped.

    They lie on the host, or where `like` does: an epoch's permutation is sent there whole.

    Examples
    --------
    >>> from itertools import islice
    >>> from fa_theory.dynamics import minibatches
    >>> epoch = list(islice(minibatches(6, 2, seed=0), 3))
    >>> [len(batch) for batch in epoch], sorted(int(sample) for batch in epoch for sample in batch)
    ([2, 2, 2], [0, 1, 2, 3, 4, 5])
    """
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(n_samples)
        order = order if like is None else from_numpy(order, like)
        for start in range(0, n_samples - batch_size + 1, batch_size):
            yield order[start : start + batch_size]


def take_step(parameters: Parameters, directions: Parameters, step_size: Any) -> Parameters:
    """Return W_l - eta F_l and b_l - eta E[delta_l] for every layer, and shares likewise.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import take_step
    >>> now = ft.Network([[[1.0]], [[2.0]]], "linear", "backprop").parameters
    >>> [W.tolist() for W in take_step(now, now, 0.25).weights]
    [[[0.75]], [[1.5]]]
    """
    return Parameters(
        tuple(W - step_size * F for W, F in zip(parameters.weights, directions.weights, strict=True)),
        tuple(
            None if b is None else b - step_size * F for b, F in zip(parameters.biases, directions.biases, strict=True)
        ),
        tuple(s - step_size * F for s, F in zip(parameters.shares, directions.shares, strict=True)),
    )


def bounded(parameters: Parameters) -> bool:
    """Tell whether all weights are numbers below `BLOW_UP`."""
    return all(bool(namespace(W).all(abs(W) < number_like(BLOW_UP, W))) for W in parameters.weights)


class PlainStepper:
    """The formulas of `fa_theory.dynamics.passes`, over any array namespace and over exact rationals."""

    def __init__(
        self,
        network: Network,
        problem: Problem,
        step_size: Any,
        rates: tuple[float, ...],
        batch_size: int | None,
        seed: int,
        max_bits: int = MAX_BITS,
        skip: int = 0,
    ) -> None:
        self._max_bits, self._taken = max_bits, 0
        self._network, self._problem, self._step_size, self._rates = network, problem, step_size, rates
        self._batches: Iterator[Array] | None = None
        if batch_size is not None:
            self._batches = islice(minibatches(problem.n_samples, batch_size, seed, problem.X), skip, None)
        self._passed: Any = None
        self._scalars: list[Array] = []
        self._noted: list[Array] = []
        self.on_host = isinstance(problem.X, np.ndarray)

    def forward(self) -> None:
        """Run the network on all samples."""
        self._passed = forward(self._network, self._problem.X)

    def advance(self) -> None:
        """Take one step."""
        now, problem, passed, labels = self._network, self._problem, self._passed, self._problem.Y
        if self._batches is not None:
            xp = namespace(problem.X)
            chosen = next(self._batches)
            labels = xp.take(problem.Y, chosen, axis=0)
            passed = forward(now, xp.take(problem.X, chosen, axis=0))
        directions = update_directions(now, passed, problem.loss.derivative(passed.output, labels))
        moved = take_step(now.parameters, decayed(directions, now.parameters, self._rates), self._step_size)
        self._taken += 1
        check_size(moved, self._taken, self._max_bits)
        self._network = now.with_parameters(moved)

    def note_losses(self) -> None:
        """Keep in mind the mean loss, as a scalar of the namespace."""
        self._scalars.append(self._problem.loss.mean(self._passed.output, self._problem.Y))
        if len(self._scalars) == _SCALARS and not is_exact(self._problem.X):
            self._pack()

    def read_losses(self) -> Host:
        """Return the losses noted, (K, 1)."""
        if is_exact(self._problem.X):
            values = np.asarray([nearest_float(loss) for loss in self._scalars])
            self._scalars = []
        else:
            self._pack()
            values = np.concatenate([np.zeros(0), *(to_numpy(part) for part in self._noted)])
            self._noted = []
        return values[:, None]

    def _pack(self) -> None:
        if self._scalars:
            self._noted.append(namespace(self._scalars[0]).stack(self._scalars))
            self._scalars = []

    def output(self, member: int) -> Array:
        """Return f at all samples, (N, m)."""
        del member
        return self._passed.output

    def parameters(self, member: int) -> Parameters:
        """Return the present weights."""
        del member
        return self._network.parameters


class EngineStepper:
    """The NumPy engine, for networks of the same shapes."""

    on_host = True

    def __init__(
        self,
        networks: Sequence[Network],
        problems: Sequence[Problem],
        step_sizes: Sequence[Any],
        rates: tuple[float, ...],
        batch_size: int | None,
        seeds: Sequence[int],
        skip: int = 0,
    ) -> None:
        self._problems = problems
        self._n_members = len(networks)
        self._stack = Stack(networks, step_sizes, rates)
        self._whole = Engine(self._stack, problems, shared=len(problems) == 1, descends=batch_size is None)
        self._settled = True
        self._batch: Engine | None = None
        if batch_size is not None:
            # networks that see the same minibatches of the same problem share them
            streams = seeds if len(problems) > 1 or len(set(seeds)) > 1 else seeds[:1]
            self._batch = Engine(self._stack, problems, batch_size, shared=len(streams) == 1)
            self._batches = [
                islice(minibatches(problems[0].n_samples, batch_size, seed), skip, None) for seed in streams
            ]
        output = self._whole.output
        self._outputs = np.empty((max(1, _NOTES // output.nbytes), *output.shape), output.dtype)
        self._n_outputs = 0
        self._noted: list[Host] = []

    def forward(self) -> None:
        """Run the networks on all samples."""
        self._whole.forward()

    def advance(self) -> None:
        """Take one step."""
        if self._batch is None:
            self._whole.descend()
            self._settled = False
            return
        self._batch.load([next(batches) for batches in self._batches])
        self._batch.forward()
        self._batch.descend()

    def note_losses(self) -> None:
        """Keep in mind the outputs, of which the losses are computed many at a time."""
        np.copyto(self._outputs[self._n_outputs], self._whole.output)
        self._n_outputs += 1
        if self._n_outputs == len(self._outputs):
            self._evaluate()

    def read_losses(self) -> Host:
        """Return the losses noted, (K, M)."""
        self._evaluate()
        values = np.concatenate([np.zeros((0, self._n_members)), *self._noted])
        self._noted = []
        return values

    def _evaluate(self) -> None:
        if not self._n_outputs:
            return
        f = np.swapaxes(self._outputs[: self._n_outputs], -1, -2)
        f = f.reshape(self._n_outputs, self._n_members, *f.shape[-2:])
        Y = self._problems[0].Y if len(self._problems) == 1 else np.stack([problem.Y for problem in self._problems])
        rows = (-1, f.shape[-1])
        values = self._problems[0].loss.value(f.reshape(rows), np.broadcast_to(Y, f.shape).reshape(rows))
        self._noted.append(np.mean(values.reshape(f.shape[:3]), axis=2))
        self._n_outputs = 0

    def output(self, member: int) -> Array:
        """Return f of one network at all samples, (N, m)."""
        f = self._whole.output
        return (f if f.ndim == 2 else f[member]).T

    def parameters(self, member: int) -> Parameters:
        """Return a copy of the present weights of one network."""
        if not self._settled:
            self._whole.settle()
            self._settled = True
        return self._stack.parameters(member)
