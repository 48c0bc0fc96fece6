"""From a rule's name and a shape to the exact system of its vector fields, checked at the door."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

from flint import fmpq, fmpq_mat

from fa_theory.choices import not_among
from fa_theory.symbolic.discovery.linear import rank
from fa_theory.symbolic.discovery.regions import (
    Region,
    nonzero,
    random_matrix,
    sampled_region,
    switching_start,
    two_layer_region,
)
from fa_theory.symbolic.discovery.systems import NetworkSystem, Pattern, diagonal, random_pattern

RULES = ("fa", "sign-fa", "adafa:K", "backprop", "dfa")
MOST_PARAMETERS = 500
_MOST_GENERATORS = 100_000
_SOME_PATTERNS = 64


@dataclass(frozen=True)
class NetworkRequest:
    """A network whose flow is to be searched for laws.

    Attributes
    ----------
    system : NetworkSystem
        Its vector fields, over all data and losses.
    rule : str
        The kind of rule, without its number.
    feedback : tuple of fmpq_mat
        B_2, ..., B_L (for adaFA D_2, ..., for sign-FA the signs of the weights); empty for backprop.
    spanning : bool
        Whether the fields of the system span those of all patterns that count, or are a sample of them.
    """

    system: NetworkSystem
    rule: str
    feedback: tuple[Any, ...]
    spanning: bool


def make_request(
    rule: str,
    widths: tuple[int, ...],
    activation: str,
    *,
    biases: bool,
    seed: int,
    feedback: Sequence[Any] | None,
    weights: Sequence[Any] | None,
    patterns: str | None,
) -> NetworkRequest:
    """Make the system; the arguments are those of `discover`.

    Raises
    ------
    ValueError
        If a name or number is out of range, or a matrix does not fit.
    """
    kind, kappa = _parse_rule(rule)
    slope = _parse_activation(activation)
    rng = random.Random(seed)  # noqa: S311 - generic points, no secrets
    n_parameters = sum((a + biases) * b for a, b in pairwise(widths))
    if n_parameters > MOST_PARAMETERS:
        raise ValueError(f"a network of widths {widths} has {n_parameters} parameters; the limit is {MOST_PARAMETERS}")
    given = None if weights is None else _given("weights", "W", 1, weights, _weight_shapes(widths))
    if slope is not None and given is None:
        hidden, shifts = switching_start(widths, biases, slope, rng)
        start = [*hidden, random_matrix(rng, widths[-1], widths[-2])]
    else:
        start = given or [random_matrix(rng, n, k) for n, k in _weight_shapes(widths)]
        shifts = [fmpq_mat(n, 1, [nonzero(rng, 9) for _ in range(n)]) if biases else None for n in widths[1:-1]]
    constants = _constants(kind, widths, start, feedback, rng)
    every = _every_pattern(patterns, widths, biases=biases, given=given is not None) and slope is not None
    region = Region((), spanning=True)
    if slope is not None:
        _require_rows(start[:-1])
        if every:
            region = _all_patterns(widths, slope)
        elif len(widths) == 3:
            region = two_layer_region(start[0], shifts[0], slope, rng)
        else:
            region = sampled_region(start[:-1], shifts, slope, rng)
    masks: tuple[Pattern, ...] = tuple(tuple(map(diagonal, pattern)) for pattern in region.patterns)
    if every and not masks:
        masks = tuple(random_pattern(widths, slope, rng) for _ in range(_SOME_PATTERNS))
    kept = 1 if slope is None else slope
    system = NetworkSystem(widths, biases, kappa, constants, kind == "dfa", masks, kept, every)
    if system.size > _MOST_GENERATORS:
        raise ValueError(f"{system.size} vector fields are needed; the limit is {_MOST_GENERATORS}")
    return NetworkRequest(system, kind, () if kind == "backprop" else constants, region.spanning)


def _every_pattern(patterns: str | None, widths: Sequence[int], *, biases: bool, given: bool) -> bool:
    """Return whether every pattern counts: what is asked for, else only where reachable ones are not known exactly."""
    if patterns not in (None, "reachable", "all"):
        raise not_among("patterns", patterns, ("reachable", "all"))
    exact = len(widths) == 3 or (widths[0] == 1 and not biases)
    return patterns == "all" or (patterns is None and not exact and not given)


def _all_patterns(widths: Sequence[int], slope: Any) -> Region:
    """Return all patterns if they are few, else none."""
    units = [width for width in widths[1:-1] for _ in range(width)]
    if 2 ** len(units) > _SOME_PATTERNS:
        return Region((), spanning=False)
    layers = [list(product((1, slope), repeat=width)) for width in widths[1:-1]]
    return Region(tuple(product(*layers)), spanning=True)


def _parse_rule(rule: str) -> tuple[str, Any]:
    kind, _, number = rule.partition(":")
    if kind == "adafa" and number:
        kappa = rational("kappa in adafa:K", number)
        if kappa < 0:
            raise ValueError(f"kappa in adafa:K must be >= 0, got {number}")
        return ("fa", 0) if kappa == 0 else ("adafa", kappa)
    if rule not in RULES:
        raise not_among("rule", rule, RULES)
    if kind == "adafa":
        raise ValueError("rule adafa:K needs a number K >= 0, got 'adafa:K'")
    return kind, int(kind == "backprop")


def _parse_activation(activation: str) -> Any | None:
    """Return the slope below zero, or None for linear."""
    kind, _, number = activation.partition(":")
    if activation in ("linear", "relu"):
        return None if activation == "linear" else 0
    if kind != "leaky_relu" or not number:
        why = " (only these give piecewise polynomial flows)"
        raise not_among("activation", activation, ("linear", "relu", "leaky_relu:A"), why)
    slope = rational("the slope in leaky_relu:A", number)
    if not 0 < slope <= 1:
        raise ValueError(f"the slope in leaky_relu:A must lie in (0, 1], got {number}")
    return None if slope == 1 else slope


def rational(name: str, text: Any) -> Any:
    """Return an exact rational from a number or a text such as 0.2 or 1/5."""
    try:
        exact = Fraction(str(text))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{name} must be a number, got {text!r}") from None
    return exact.numerator if exact.denominator == 1 else fmpq(exact.numerator, exact.denominator)


def _weight_shapes(widths: Sequence[int]) -> list[tuple[int, int]]:
    return [(n, k) for k, n in pairwise(widths)]


def _constants(
    kind: str, widths: tuple[int, ...], start: Sequence[Any], feedback: Sequence[Any] | None, rng: random.Random
) -> tuple[Any, ...]:
    shapes = [(n, widths[-1] if kind == "dfa" else above) for n, above in pairwise(widths[1:])]
    if kind in ("backprop", "sign-fa") and feedback is not None:
        raise ValueError(f"feedback is for fa, adafa and dfa; rule {kind} makes its own")
    if kind == "backprop":
        return tuple(fmpq_mat(*shape) for shape in shapes)
    if kind == "sign-fa":
        return tuple(_signs(W).transpose() for W in start[1:])
    if feedback is not None:
        return tuple(_given("feedback", "B", 2, feedback, shapes))
    while True:
        drawn = tuple(random_matrix(rng, *shape, 5) for shape in shapes)
        if kind == "dfa" or _has_generic_products(drawn):
            return drawn


def _has_generic_products(matrices: Sequence[Any]) -> bool:
    """Return whether each product B_l ... B_L has the largest rank that its shape allows."""
    product, most = None, MOST_PARAMETERS
    for matrix in reversed(matrices):
        product = matrix if product is None else matrix * product
        most = min(most, matrix.nrows(), matrix.ncols())
        if rank(product.tolist()) < most:
            return False
    return True


def _given(name: str, letter: str, first: int, matrices: Sequence[Any], shapes: Sequence[tuple[int, int]]) -> list[Any]:
    if len(matrices) != len(shapes):
        raise ValueError(f"{name} must have {len(shapes)} matrices, got {len(matrices)}")
    exact = []
    for number, (matrix, shape) in enumerate(zip(matrices, shapes, strict=True), start=first):
        rows = [list(row) for row in matrix]
        got = (len(rows), len(rows[0]) if rows else 0)
        if got != shape or any(len(row) != shape[1] for row in rows):
            raise ValueError(f"{letter}{number} in {name} must have shape {shape}, got {got}")
        label = f"an entry of {letter}{number}"
        exact.append(fmpq_mat(*shape, [fmpq(rational(label, value)) for row in rows for value in row]))
    return exact


def _signs(matrix: Any) -> Any:
    return fmpq_mat(matrix.nrows(), matrix.ncols(), [(v > 0) - (v < 0) for v in matrix.entries()])


def _require_rows(hidden: Sequence[Any]) -> None:
    for number, W in enumerate(hidden, start=1):
        for i, row in enumerate(W.tolist()):
            if not any(row):
                raise ValueError(f"row {i} of W{number} in weights must not be zero: its unit would sit on its kink")
