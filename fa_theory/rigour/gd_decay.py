"""gd-decay in balls: theta and mu are witnesses found in floating point, the conditions are certain or exact."""

from __future__ import annotations

from flint import arb, fmpq

from fa_theory import bounds
from fa_theory.bounds import Assumption
from fa_theory.bounds import assumptions as assume
from fa_theory.rigour import decisions as decide
from fa_theory.rigour.balls import Ball, Rational, per_precision, rational
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.start import ExactStart, matrix_of


def gd_decay(start: ExactStart, step_size: float) -> EnclosedBound:
    """Enclose statement gd-decay: L_k - L* <= (L_0 - L*) (1 - eta (2 - mu) theta c lambda-)^k for a step size eta.

    The first condition on eta is decided over the rationals, the second in balls.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, gd_decay
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> start = ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, 1]))
    >>> [gd_decay(start, step_size).applicable for step_size in (0.1, 1.0)]  # the float bound certifies 0.14
    [True, False]
    """
    network = start.floats
    judged = [*assume.linear_two_layers(network, start.problem)]
    if all(each.holds for each in judged):
        judged += [
            decide.nonzero_data(start),
            decide.constants_in_span(start),
            decide.exactly("aligned start: -C(0) > 0", start.s, "-C(0), exactly"),
        ]
    known = bounds.gd_decay(network, start.problem, step_size) if all(each.holds for each in judged) else None
    if known is not None and "theta" not in known.constants:
        first = known.failed[0]
        judged.append(Assumption(f"theta and mu are found ({first.name})", -1.0, None, first.detail))
    if known is None or "theta" not in known.constants:
        return EnclosedBound("gd-decay", "loss", tuple(judged), dict, arb, fmpq(0), "gd", {"step_size": step_size})
    witness = {"step_size": step_size, "theta": known.constants["theta"], "mu": known.constants["mu"]}
    theta, mu, eta = rational(witness["theta"]), rational(witness["mu"]), rational(step_size)
    squared_b = sum(
        (b**2 for b in matrix_of(start.network.feedback[-1].matrix(start.network.weights[-1])).entries()), fmpq(0)
    )
    squared_first = sum((w**2 for w in matrix_of(start.network.first_layer_weights()).entries()), fmpq(0))
    beta = fmpq(0 if network.biases[-1] is None else 1)
    c, excess = start.s, start.excess

    def smooth() -> Ball:
        """Return mu less the left side of the second condition."""
        low, high, b = start.smallest_nonzero(), start.largest(), arb(squared_b).sqrt()
        loss = arb(excess)
        r = arb(squared_first).sqrt() + 2 * b * (2 * loss / low).sqrt() / arb((2 - mu) * theta * c)
        linear = high * (3 * r**2 / 2 + arb(c))
        return arb(mu) - arb(eta) * (linear + arb(eta) * high * b * r * (2 * high * loss).sqrt()) - arb(eta * beta)

    found = f"eta = {step_size:.6g}, theta = {witness['theta']:.6g}, mu = {witness['mu']:.6g}"
    descends = (2 - mu) * (1 - theta) * theta * c**2 - eta * squared_b * excess
    judged += [
        decide.yes_or_no("theta in (0, 1) and mu in (0, 2)", bool(0 < theta < 1 and 0 < mu < 2), found),
        decide.exactly("step size: eta |b|^2 L_0 <= (2 - mu) (1 - theta) theta c^2", descends, found, strict=False),
        decide.certainly("step size: eta lambda+ (...) <= mu", smooth, found),
    ]

    def compute() -> dict[str, Ball]:
        slowest = start.smallest_nonzero()
        factor = 1 - arb(eta * (2 - mu) * theta * c) * slowest
        known = {"c": arb(c), "lambda": slowest, "lambda_max": start.largest(), "start": arb(excess), "factor": factor}
        return known | {"room": smooth()}

    constants = per_precision(compute)

    def curve(steps: Rational) -> Ball:
        return arb(excess) * constants()["factor"] ** int(rational(steps).p)

    quantity = "excess_loss" if start.floor != 0 else "loss"
    return EnclosedBound("gd-decay", quantity, tuple(judged), constants, curve, start.floor, "gd", witness)
