"""separable-decay in balls: the margin of a given direction is rational in its square, and so is rho."""

from __future__ import annotations

from typing import Any

from flint import arb, ctx, fmpq, fmpq_mat

from fa_theory.backend import to_numpy
from fa_theory.bounds import Assumption
from fa_theory.bounds import assumptions as assume
from fa_theory.model import Margin, max_margin
from fa_theory.rigour import decisions as decide
from fa_theory.rigour.balls import Ball, Rational, UndecidedError, per_precision, rational
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.start import ExactStart


def separable_decay(start: ExactStart) -> EnclosedBound:
    """Enclose statement separable-decay, with the max-margin direction found in floating point as its witness.

    Any u that separates the data will do: gamma^2 = min_j (y_j u.x_j)^2 / |u|^2 and rho = a^2 gamma^2 s are rational.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, separable_decay
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = separable_decay(ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, -1], "exponential")))
    >>> round(float(bound.enclosed_constants()["rho"]), 9)  # gamma^2 s with gamma = 1 / sqrt(2) and s = 2
    1.0
    """
    network, name = start.floats, start.problem.loss.name
    judged = [
        assume.two_layers(network),
        assume.scalar_output(network),
        assume.leaky(network),
        assume.loss_is(start.problem, "exponential", "logistic"),
        assume.aligning_rule(network),
    ]
    squared_margin, direction = fmpq(0), ()
    if all(each.holds for each in judged):
        found = max_margin(network.first_layer_inputs(start.problem.X), start.problem.Y)
        direction = tuple(found.direction.tolist())
        squared_margin = exact_squared_margin(start, direction)
        judged += [
            separable_data(start, found, squared_margin),
            decide.aligned_start(start, strict=True),
        ]
    holds = all(each.holds is True for each in judged)
    rho = start.slope**2 * squared_margin * start.s if holds else fmpq(0)

    def constants() -> dict[str, Ball]:
        return {
            "rho": arb(rho),
            "gamma": arb(squared_margin).sqrt(),
            "s": arb(start.s),
            "start": start.start_loss(),
        }

    loss = per_precision(start.start_loss)

    def curve(t: Rational) -> Ball:
        if name == "exponential":
            return loss() / (1 + arb(rho * t) * loss())
        sigma = start.n_samples * loss()
        return logistic_solution(sigma, arb(rho * t / start.n_samples)) / start.n_samples

    return EnclosedBound(
        "separable-decay", "loss", tuple(judged), constants, curve, fmpq(0), witness={"direction": direction}
    )


def exact_squared_margin(start: ExactStart, direction: tuple[float, ...]) -> Rational:
    """Return (min_j y_j u.x_j)^2 / |u|^2 exactly; 0 where u does not separate the data."""
    least = least_height(start, direction)
    length = sum((each**2 for each in column(direction).entries()), fmpq(0))
    return least**2 / length if least > 0 else fmpq(0)


def column(direction: tuple[float, ...]) -> fmpq_mat:
    """Return a direction u as a column, exactly."""
    return fmpq_mat(len(direction), 1, [rational(each) for each in direction])


def least_height(start: ExactStart, direction: tuple[float, ...]) -> Rational:
    """Return min_j y_j u.x_j, exactly."""
    heights = (start.samples * column(direction)).entries()
    return min(y * height for y, height in zip(_labels(start), heights, strict=True))


def _labels(start: ExactStart) -> list[Any]:
    return [rational(y) for y in start.labels[:, 0].tolist()]


def separable_data(start: ExactStart, found: Margin, squared_margin: Rational) -> Assumption:
    """Judge whether some u has y_j u.x_j > 0 for all j: by a u, or by convex weights that exclude one, both exact."""
    name = "separable data"
    if squared_margin > 0:
        gamma = float(arb(squared_margin).sqrt().mid())
        return Assumption(name, found.relative or 5e-324, True, f"gamma = {gamma:.6g} of an exact direction")
    weights = infeasibility(start, found)
    if weights is None:
        return Assumption(name, -found.upper, None, "neither a direction nor exact convex weights were found")
    detail = f"an exact convex combination of {len(weights)} of the y_j x_j is zero, so that no u separates them"
    return Assumption(name, -1.0, False, detail)


def infeasibility(start: ExactStart, found: Margin) -> dict[int, Rational] | None:
    """Return exact convex weights a_j with sum_j a_j y_j x_j = 0 (no u separates the data), or None.

    The active samples of the dual are taken from floating point; where they have one linear relation and all its
    coefficients share a sign, that is the certificate.
    """
    active = [j for j, weight in enumerate(to_numpy(found.dual).tolist()) if weight > 0]
    labels, X = _labels(start), start.samples
    columns = fmpq_mat(X.ncols(), len(active), [labels[j] * X[j, k] for k in range(X.ncols()) for j in active])
    reduced, rank = columns.rref()
    if rank != len(active) - 1:
        return None
    pivots = [next(j for j in range(len(active)) if reduced[i, j] != 0) for i in range(rank)]
    (free,) = set(range(len(active))) - set(pivots)
    relation = {active[free]: fmpq(1)} | {active[j]: -reduced[i, free] for i, j in enumerate(pivots)}
    if min(relation.values()) < 0:
        return None
    total = sum(relation.values(), fmpq(0))
    return {j: weight / total for j, weight in sorted(relation.items()) if weight != 0}


def logistic_primitive(sigma: Ball) -> Ball:
    """Enclose -1/q + log q + sigma, q = 1 - exp(-sigma): a primitive of 1/q^2, increasing in sigma > 0."""
    q = -(-sigma).expm1()
    return -1 / q + q.log() + sigma


def logistic_solution(start: Ball, elapsed: Ball) -> Ball:
    """Enclose the sigma whose primitive is that of `start` > 0 less `elapsed` >= 0.

    As the primitive increases, bisection closes in on it as long as its comparisons are certain; a sixth of the working
    precision is asked for.

    Raises
    ------
    UndecidedError
        If comparisons are uncertain before the enclosure is that narrow.
    """
    if elapsed.is_zero():
        return start
    goal = logistic_primitive(start) - elapsed
    high = start.upper()
    low = high / 2
    while not logistic_primitive(low) < goal:
        if logistic_primitive(low) > goal:
            high = low
        low = low**2 if low < 0.5 else low / 2
        if low < arb((1, -(2**40))):
            raise UndecidedError("the solution is smaller than any ball")
    narrow = arb((1, -ctx.prec // 2))
    while not (high - low) < low * narrow:
        # between the ends in logarithms first, as they may be many powers of two apart
        middle = ((low * high).sqrt() if high > 2 * low else (low + high) / 2).mid()
        value = logistic_primitive(middle)
        if value < goal:
            low = middle
        elif value > goal:
            high = middle
        else:  # it may be the solution itself
            low, high = (middle * (1 - narrow)).lower(), (middle * (1 + narrow)).upper()
            if not logistic_primitive(low) < goal < logistic_primitive(high):
                raise UndecidedError(f"the logistic primitive is not told from its goal near {middle.str(10)}")
            break
    return low.union(high)
