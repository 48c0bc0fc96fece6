"""Where a gated network's flow is polynomial: activation patterns near a start, exactly.

At a generic start no sample lies on a kink, so each sample keeps its activation pattern for a while, and the flow is
polynomial. The patterns that some x produces are the *reachable* ones. They decide which functions are conserved near
the start for every data set.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from flint import fmpq, fmpq_mat

from fa_theory.symbolic.discovery.linear import rank

_SAMPLES = 400
_DRAWS = 200
_SCALES = (99, 20, 3)


class Region(NamedTuple):
    """The reachable patterns near a start.

    Attributes
    ----------
    patterns : tuple
        Patterns (for each hidden layer the slopes of its units).
    spanning : bool
        Whether their fields are known to span the fields of all reachable patterns; otherwise they are samples.
    """

    patterns: tuple[tuple[tuple[Any, ...], ...], ...]
    spanning: bool


def random_matrix(rng: random.Random, n_rows: int, n_columns: int, most: int = 9) -> Any:
    """Return a matrix of non-zero whole numbers of size at most `most`, of full rank."""
    while True:
        matrix = fmpq_mat(n_rows, n_columns, [nonzero(rng, most) for _ in range(n_rows * n_columns)])
        if rank(matrix.tolist()) == min(n_rows, n_columns):
            return matrix


def nonzero(rng: random.Random, most: int) -> int:
    """Return a random whole number from 1 to `most`, with a random sign."""
    return rng.choice((-1, 1)) * rng.randint(1, most)


def two_layer_region(weights: Any, bias: Any | None, slope: Any, rng: random.Random) -> Region:
    """Return patterns whose fields span those of all reachable patterns of a two-layer network, exactly.

    The kinks are the hyperplanes w_i.x + b_i = 0. Between two neighbouring cells only the units of one hyperplane
    switch, and the field is affine in the pattern; so a first pattern, and for each hyperplane the first pattern with
    its units switched, span the same fields as all the reachable patterns together.
    """
    rows = [list(row) for row in weights.tolist()]
    extended = rows if bias is None else [[*row, b] for row, (b,) in zip(rows, bias.tolist(), strict=True)]
    start = _pattern_off_kinks(extended, weights.ncols(), rng)
    groups: list[list[int]] = []
    for i in range(len(rows)):
        group = next((g for g in groups if rank([extended[g[0]], extended[i]]) == 1), None)
        groups.append([i]) if group is None else group.append(i)
    switched = [tuple(on != (i in group) for i, on in enumerate(start)) for group in groups]
    return Region(tuple((_slopes(signs, slope),) for signs in (start, *switched)), spanning=True)


def sampled_region(weights: Sequence[Any], biases: Sequence[Any | None], slope: Any, rng: random.Random) -> Region:
    """Return the patterns of random samples; complete for d = 1 without biases, where x and -x tell everything."""
    d = weights[0].ncols()
    on_a_line = d == 1 and biases[0] is None
    samples = [[fmpq(1)], [fmpq(-1)]] if on_a_line else _random_samples(d, rng, _SAMPLES)
    found = [_signs(weights, biases, x, slope) for x in samples]
    patterns = dict.fromkeys(signs for signs in found if signs is not None)
    return Region(
        tuple(tuple(_slopes(layer, slope) for layer in signs) for signs in patterns),
        spanning=on_a_line and None not in found,
    )


def switching_start(widths: Sequence[int], biases: bool, slope: Any, rng: random.Random) -> tuple[list[Any], list[Any]]:
    """Draw hidden weights and biases at which every hidden unit is on for some sample and off for another."""
    d = widths[0]
    samples = [[fmpq(1)], [fmpq(-1)]] if d == 1 and not biases else _random_samples(d, rng, 100)
    inputs = samples
    weights, shifts = [], []
    for n_inputs, n in pairwise(widths[:-1]):
        rows, heights, values = [], [], []
        for _ in range(n):
            row, height, z = _switching_unit(n_inputs, biases, inputs, rng)
            rows.append(row)
            heights.append(height)
            values.append([each if each > 0 else slope * each for each in z])
        weights.append(fmpq_mat(n, n_inputs, [entry for row in rows for entry in row]))
        shifts.append(fmpq_mat(n, 1, heights) if biases else None)
        inputs = [list(column) for column in zip(*values, strict=True)]
    return weights, shifts


def _switching_unit(
    n_inputs: int, biases: bool, inputs: list[list[Any]], rng: random.Random
) -> tuple[list[int], int, list[Any]]:
    row, height, z = [0] * n_inputs, 0, [fmpq(0)]
    for _ in range(_DRAWS):
        row = [nonzero(rng, 9) for _ in range(n_inputs)]
        height = nonzero(rng, 9) if biases else 0
        z = [sum((w * h for w, h in zip(row, x, strict=True)), fmpq(height)) for x in inputs]
        if min(z) < 0 < max(z):
            break
    return row, height, z


def _random_samples(d: int, rng: random.Random, count: int) -> list[list[Any]]:
    """Draw samples of several sizes, as kinks of networks with biases are near and far."""
    return [[fmpq(rng.randint(-99, 99), _SCALES[k % 3]) for _ in range(d)] for k in range(count)]


def _pattern_off_kinks(extended: list[list[Any]], d: int, rng: random.Random) -> tuple[bool, ...]:
    while True:
        x = [*(fmpq(nonzero(rng, 99), 10) for _ in range(d)), fmpq(1)]
        z = [sum((w * h for w, h in zip(row, x, strict=False)), fmpq(0)) for row in extended]
        if all(each != 0 for each in z):
            return tuple(each > 0 for each in z)


def _signs(
    weights: Sequence[Any], biases: Sequence[Any | None], x: list[Any], slope: Any
) -> tuple[tuple[bool, ...], ...] | None:
    h, pattern = fmpq_mat(len(x), 1, x), []
    for W, b in zip(weights, biases, strict=True):
        z = (W * h if b is None else W * h + b).entries()
        if any(each == 0 for each in z) and any(h.entries()):
            return None
        pattern.append(tuple(each > 0 for each in z))
        h = fmpq_mat(len(z), 1, [each if each > 0 else slope * each for each in z])
    return tuple(pattern)


def _slopes(signs: Sequence[bool], slope: Any) -> tuple[Any, ...]:
    return tuple(1 if on else slope for on in signs)
