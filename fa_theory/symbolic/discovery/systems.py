"""The vector fields of a learning rule over all data sets, as exact polynomial systems.

The parameters move with d theta/dt = sum over the data of fields that are linear in free numbers, so a function is
conserved for every data set and loss exactly if the derivative along each of finitely many fields, the *generators*,
is zero.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from flint import fmpq_mat

from fa_theory.symbolic.discovery.duals import Blocks, Field, Lift
from fa_theory.symbolic.discovery.polynomials import Polynomial, PolynomialMatrix


class Block(NamedTuple):
    """One matrix of parameters, and the position of its first entry among all parameters."""

    name: str
    n_rows: int
    n_columns: int
    first: int

    @property
    def is_vector(self) -> bool:
        """Whether the block is a bias, an array with one index."""
        return self.name.lstrip("d").startswith("b")


class System(Protocol):
    """A family of polynomial vector fields."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The parameters, each as a Python expression."""

    @property
    def size(self) -> int:
        """How many generators there are."""

    def rows(self, point: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the generators at a point."""

    def polynomial_fields(self) -> Iterator[list[Polynomial]]:
        """Yield the generators, each as one polynomial for each parameter."""


class Structured(System, Protocol):
    """A system that is given by matrix formulas, so that brackets can be evaluated without expanding them."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The matrices of parameters."""

    def random_field(self, rng: random.Random) -> Field:
        """Draw a field from the span of the generators."""


def layout(shapes: Sequence[tuple[str, int, int]]) -> tuple[Block, ...]:
    """Return blocks whose entries are numbered one after the other."""
    blocks, first = [], 0
    for name, n_rows, n_columns in shapes:
        blocks.append(Block(name, n_rows, n_columns, first))
        first += n_rows * n_columns
    return tuple(blocks)


def entry_names(blocks: Sequence[Block]) -> tuple[str, ...]:
    """Return each entry of the blocks as a Python expression: W1[0, 2] or b1[0]."""
    return tuple(
        f"{block.name}[{i}]" if block.is_vector else f"{block.name}[{i}, {k}]"
        for block in blocks
        for i in range(block.n_rows)
        for k in range(block.n_columns)
    )


def split(blocks: Sequence[Block], point: Sequence[Any]) -> Blocks:
    """Return the point as one ``fmpq_mat`` for each block."""
    return [fmpq_mat(b.n_rows, b.n_columns, list(point[b.first : b.first + b.n_rows * b.n_columns])) for b in blocks]


def joined(parts: Blocks) -> list[Any]:
    """Return the entries of all blocks as one list."""
    return [value for part in parts for value in part.entries()]


class Signals(NamedTuple):
    """What one activation pattern does: the update of layer l is -Delta_l E H_{l-1}^T for the data's moments E.

    Attributes
    ----------
    backward : list of matrices
        Delta_1, ..., Delta_L, (n_l, m): the backward signal as a linear function of the output error.
    forward : list of matrices
        H_0, ..., H_{L-1}, (n_l, d) or (n_l, d + 1): the hidden units as linear functions of x, or of (x, 1).
    """

    backward: list[Any]
    forward: list[Any]


Pattern = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class NetworkSystem:
    """The flow of a linear or gated network under a feedback rule M = kappa W^T + D, over all data and losses.

    Attributes
    ----------
    widths : tuple of int
        (d, n_1, ..., n_L = m).
    biases : bool
        Whether every layer has a bias.
    kappa : rational
        1 for backprop, 0 for fa, dfa and sign-fa.
    constants : tuple of fmpq_mat
        D_1, ..., D_{L-1} for the hidden layers: the fixed part of the feedback.
    direct : bool
        Whether the feedback takes the output error itself (DFA).
    patterns : tuple
        For a gated network activation patterns: for each hidden layer a diagonal ``fmpq_mat`` of slopes.
        Empty for a linear network.
    slope : rational
        The slope below zero of a gated network's activation.
    every_pattern : bool
        Whether every pattern counts, and `patterns` are only some of them.
    """

    widths: tuple[int, ...]
    biases: bool
    kappa: Any
    constants: tuple[Any, ...]
    direct: bool
    patterns: tuple[Pattern, ...] = ()
    slope: Any = 1
    every_pattern: bool = False

    @property
    def depth(self) -> int:
        """The number L of layers of weights."""
        return len(self.widths) - 1

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """W1, b1, W2, b2, ..., without the biases if there are none."""
        shapes = []
        for layer in range(1, len(self.widths)):
            shapes.append((f"W{layer}", self.widths[layer], self.widths[layer - 1]))
            if self.biases:
                shapes.append((f"b{layer}", self.widths[layer], 1))
        return layout(shapes)

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The parameters, each as a Python expression."""
        return entry_names(self.blocks)

    @property
    def moments(self) -> tuple[int, int]:
        """The shape of E: (m, d), or (m, d + 1) with biases."""
        return self.widths[-1], self.widths[0] + self.biases

    @property
    def size(self) -> int:
        """How many generators there are: one for each pattern and each entry of E."""
        return max(len(self.patterns), 1) * self.moments[0] * self.moments[1]

    def layer(self, blocks: Blocks, number: int) -> tuple[Any, Any | None]:
        """Return (W_l, b_l) from the blocks, b_l None if there are no biases."""
        return (blocks[2 * number - 2], blocks[2 * number - 1]) if self.biases else (blocks[number - 1], None)

    def signals(self, masks: Pattern | None, blocks: Blocks, lift: Lift) -> Signals:
        """Return the backward and forward matrices under one pattern (None: linear), masks already lifted."""
        n_errors, n_moments = self.moments
        forward = [lift(_first_units(self.widths[0], n_moments))]
        for number in range(1, self.depth):
            W, b = self.layer(blocks, number)
            z = W * forward[-1] if b is None else W * forward[-1] + b * lift(_last_unit(n_moments))
            forward.append(z if masks is None else masks[number - 1] * z)
        backward = [lift(_first_units(n_errors, n_errors))]
        for number in range(self.depth - 1, 0, -1):
            above = lift(self.constants[number - 1])
            if self.kappa != 0:
                above = above + self.layer(blocks, number + 1)[0].transpose() * self.kappa
            signal = above if self.direct else above * backward[0]
            backward.insert(0, signal if masks is None else masks[number - 1] * signal)
        return Signals(backward, forward)

    def velocity(self, masks: Pattern | None, moments: Any, blocks: Blocks, lift: Lift) -> Blocks:
        """Return the parameters' velocity for the data's moments E, (m, d) or (m, d + 1), of one pattern."""
        passed = self.signals(None if masks is None else tuple(map(lift, masks)), blocks, lift)
        E = lift(moments)
        parts = []
        for signal, h in zip(passed.backward, passed.forward, strict=True):
            error = -(signal * E)
            parts.append(error * h.transpose())
            if self.biases:
                parts.append(error * lift(_last_unit(self.moments[1])).transpose())
        return parts

    def random_field(self, rng: random.Random) -> Field:
        """Draw a field: one pattern, small whole numbers as moments."""
        m, k = self.moments
        masks: Pattern | None = None
        if self.every_pattern:
            masks = random_pattern(self.widths, self.slope, rng)
        elif self.patterns:
            masks = rng.choice(self.patterns)
        moments = fmpq_mat(m, k, [rng.randint(-3, 3) for _ in range(m * k)])
        return lambda blocks, lift: self.velocity(masks, moments, blocks, lift)

    def rows(self, point: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the generators at a point."""
        blocks = split(self.blocks, point)
        for masks in self.patterns or (None,):
            passed = self.signals(masks, blocks, lambda constant: constant)
            yield from self._outer_products(
                [s.tolist() for s in passed.backward], [h.tolist() for h in passed.forward], 0, 1
            )

    def polynomial_fields(self) -> Iterator[list[Polynomial]]:
        """Yield the generators, each as one polynomial for each parameter."""
        return self._polynomials([tuple(map(PolynomialMatrix.constant, masks)) for masks in self.patterns] or [None])

    def polynomial_fields_of_every_pattern(self) -> Iterator[list[Polynomial]]:
        """Yield the fields with one new variable, after the parameters, for each hidden unit's slope."""
        masks, first = [], len(self.variables)
        for width in self.widths[1:-1]:
            masks.append(_diagonal([Polynomial.variable(first + i) for i in range(width)]))
            first += width
        return self._polynomials([tuple(masks)])

    def _polynomials(self, patterns: Sequence[Pattern | None]) -> Iterator[list[Polynomial]]:
        parameters: Blocks = [PolynomialMatrix.variables(b.n_rows, b.n_columns, b.first) for b in self.blocks]
        zero, one = Polynomial({}), Polynomial.constant(1)
        for masks in patterns:
            passed = self.signals(masks, parameters, PolynomialMatrix.constant)
            yield from self._outer_products(
                [s.rows for s in passed.backward], [h.rows for h in passed.forward], zero, one
            )

    def _outer_products(
        self, backward: list[list[list[Any]]], forward: list[list[list[Any]]], zero: Any, one: Any
    ) -> Iterator[list[Any]]:
        """Yield -Delta_l E H_{l-1}^T for each unit matrix E, all layers in one list."""
        n_errors, n_moments = self.moments
        for j in range(n_errors):
            for k in range(n_moments):
                field = []
                for signal, h in zip(backward, forward, strict=True):
                    column = [row[k] for row in h]
                    field += [-row[j] * entry if entry and row[j] else zero for row in signal for entry in column]
                    if self.biases:
                        field += [-row[j] * one if k == n_moments - 1 else zero for row in signal]
                yield field


@dataclass(frozen=True, eq=False)
class MomentumSystem:
    """A network's flow with momentum, as a first-order system: d theta/dt = p, dp/dt = -friction p - F(theta).

    Its generators are the drift (p, -friction p), which is there without data too, and (0, -F) for all data.
    """

    base: NetworkSystem
    friction: Any

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The parameters, then their velocities dW1, dW2, ..."""
        names = [(b.name, b.n_rows, b.n_columns) for b in self.base.blocks]
        return layout([*names, *((f"d{name}", rows, columns) for name, rows, columns in names)])

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The parameters and velocities, each as a Python expression."""
        return entry_names(self.blocks)

    @property
    def size(self) -> int:
        """How many generators there are."""
        return self.base.size + 1

    def random_field(self, rng: random.Random) -> Field:
        """Draw the drift plus a random force, or a random force alone."""
        force, with_drift = self.base.random_field(rng), rng.random() < 0.5
        half = len(self.base.blocks)

        def field(blocks: Blocks, lift: Lift) -> Blocks:
            push = force(blocks[:half], lift)
            if not with_drift:
                return [*(block * 0 for block in blocks[:half]), *push]
            slowed = [p * -self.friction for p in blocks[half:]]
            return [*blocks[half:], *(a + b for a, b in zip(slowed, push, strict=True))]

        return field

    def rows(self, point: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the generators at a point."""
        half = len(self.base.variables)
        yield [*point[half:], *(-self.friction * p for p in point[half:])]
        for row in self.base.rows(point[:half]):
            yield [*([0] * half), *row]

    def polynomial_fields(self) -> Iterator[list[Polynomial]]:
        """Yield the generators, each as one polynomial for each variable."""
        half = len(self.base.variables)
        velocities = [Polynomial.variable(half + k) for k in range(half)]
        yield [*velocities, *(p.scaled(-self.friction) for p in velocities)]
        for field in self.base.polynomial_fields():
            yield [*([Polynomial({})] * half), *field]


@dataclass(frozen=True, eq=False)
class PolynomialSystem:
    """A user's own polynomial fields."""

    variables: tuple[str, ...]
    fields: tuple[tuple[Polynomial, ...], ...]

    @property
    def size(self) -> int:
        """How many generators there are."""
        return len(self.fields)

    def rows(self, point: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the generators at a point."""
        for field in self.fields:
            yield [component.at(point) for component in field]

    def polynomial_fields(self) -> Iterator[list[Polynomial]]:
        """Yield the generators."""
        for field in self.fields:
            yield list(field)


def random_pattern(widths: Sequence[int], slope: Any, rng: random.Random) -> Pattern:
    """Draw a pattern, each hidden unit on or off."""
    return tuple(diagonal([rng.choice((1, slope)) for _ in range(width)]) for width in widths[1:-1])


def diagonal(entries: Sequence[Any]) -> Any:
    """Return a diagonal ``fmpq_mat``."""
    n = len(entries)
    return fmpq_mat(n, n, [entries[i] if i == k else 0 for i in range(n) for k in range(n)])


def _first_units(n_rows: int, n_columns: int) -> Any:
    return fmpq_mat(n_rows, n_columns, [int(i == k) for i in range(n_rows) for k in range(n_columns)])


def _last_unit(n: int) -> Any:
    return fmpq_mat(1, n, [int(k == n - 1) for k in range(n)])


def _diagonal(entries: Sequence[Polynomial]) -> PolynomialMatrix:
    return PolynomialMatrix(
        [entry if i == k else Polynomial({}) for k in range(len(entries))] for i, entry in enumerate(entries)
    )
