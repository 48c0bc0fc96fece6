"""descent, exponential-decay and multi-output-decay in balls."""

from __future__ import annotations

from flint import arb, fmpq

from fa_theory.bounds import Assumption
from fa_theory.bounds import assumptions as assume
from fa_theory.laws import matrix_law
from fa_theory.model import Backprop, DirectFeedback, FeedbackAlignment, SignFeedback
from fa_theory.rigour import decisions as decide
from fa_theory.rigour.balls import Ball, Rational, per_precision, rational
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.spectra import eigenvalue, identity, is_positive_definite
from fa_theory.rigour.start import ExactStart, matrix_of, trace


def descent(start: ExactStart) -> EnclosedBound:
    """Enclose statement descent: L(t) <= L(0), with the constant of alignment dominance where the start tells it.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, descent
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "relu", [[[1], [1]]])
    >>> bound = descent(ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, 1])))
    >>> {name: float(ball) for name, ball in bound.enclosed_constants().items()}
    {'start': 0.25, 'dominance': 0.5}
    """
    network = start.floats
    judged = [
        assume.two_layers(network),
        assume.scalar_output(network),
        assume.piecewise_linear(network),
        assume.aligning_rule(network),
    ]
    if all(each.holds for each in judged) and not assume.always_descends(network):
        judged.append(decide.aligned_start(start, strict=False))

    def constants() -> dict[str, Ball]:
        found = {"start": start.start_loss()}
        dominance = _dominance(start)
        return found if dominance is None else found | {"dominance": arb(dominance)}

    loss = per_precision(start.start_loss)
    return EnclosedBound("descent", "loss", tuple(judged), constants, lambda _: loss(), fmpq(0))


def _dominance(start: ExactStart) -> Rational | None:
    """Return the least v_i M_i / M_i^2 that the start tells, exactly, given that v_i M_i >= c_i always."""
    rule = start.network.feedback[-1]
    if isinstance(rule, Backprop):
        return fmpq(1)
    if min(start.c) < 0:
        return None
    if isinstance(rule, SignFeedback):
        return min(start.c)
    if not isinstance(rule, FeedbackAlignment | DirectFeedback):
        return None
    column = [rational(b) for b in rule.B[:, 0].tolist()]
    return min((c / b**2 for c, b in zip(start.c, column, strict=True) if b != 0), default=None)


def exponential_decay(start: ExactStart) -> EnclosedBound:
    """Enclose statement exponential-decay: L - L* <= (L(0) - L*) exp(-rate t).

    The rate is 2 s lambda for linear networks, else 2 (a^2 s_+ lambda_min - s_- lambda_max). Rank, c_i, floor and
    excess are rational; with s_- = 0 so is the decision whether the rate is positive.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, exponential_decay
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = exponential_decay(ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, 1])))
    >>> bound.applicable, 2 in bound.enclosed_constants()["rate"]  # 2 s lambda with s = 2 and lambda = 1/2
    (True, True)
    """
    network, linear = start.floats, start.floats.activation.is_linear
    judged = [
        *assume.leaky_two_layers(network, start.problem, "squared"),
        assume.aligning_rule(network),
    ]
    if all(each.holds for each in judged):
        judged += [
            decide.nonzero_data(start) if linear else decide.independent_samples(start),
            decide.constants_in_span(start),
        ]
        if linear:
            judged.append(decide.aligned_start(start, strict=True))
        elif judged[-2].holds:
            judged.append(_positive_rate(start))
    return EnclosedBound(
        "exponential-decay",
        "excess_loss" if linear and _settled(judged) and start.floor != 0 else "loss",
        tuple(judged),
        lambda: _exponential_constants(start),
        lambda t: arb(start.excess) * (-_exponential_constants(start)["rate"] * arb(t)).exp(),
        start.floor if linear and _settled(judged) else fmpq(0),
    )


def _settled(judged: list[Assumption]) -> bool:
    return all(each.holds is True for each in judged)


def _parts(start: ExactStart) -> tuple[Rational, Rational]:
    """Return s_+ and s_-, exactly."""
    zero = fmpq(0)
    return sum((c for c in start.c if c > 0), zero), -sum((c for c in start.c if c < 0), zero)


def _exponential_constants(start: ExactStart) -> dict[str, Ball]:
    s_plus, s_minus = _parts(start)
    slowest = start.smallest_nonzero()
    constants = {"s": arb(start.s), "lambda": slowest, "start": arb(start.excess)}
    if start.network.activation.is_linear:
        return constants | {"rate": 2 * start.s * slowest}
    rate = 2 * (arb(start.slope**2 * s_plus) * slowest)
    if s_minus != 0:
        constants["lambda_max"] = start.largest()
        rate -= 2 * arb(s_minus) * constants["lambda_max"]
    return constants | {"rate": rate}


def _positive_rate(start: ExactStart) -> Assumption:
    s_plus, s_minus = _parts(start)
    name = "aligned start: s_+ > s_- lambda_max / (a^2 lambda_min)"
    found = f"s_+ = {float(arb(s_plus).mid()):.6g}, s_- = {float(arb(s_minus).mid()):.6g}"
    if s_minus == 0:
        return decide.exactly(name, s_plus, f"{found}, exactly")
    return decide.certainly(name, lambda: _exponential_constants(start)["rate"], found)


def multi_output_decay(start: ExactStart) -> EnclosedBound:
    """Enclose statement multi-output-decay: L - L* <= V(0) / lambda_min(H) exp(-2 a0 lambda t).

    2 a0 is the smallest eigenvalue of the pencil -B^T C B - x H, so no square root of H is needed; whether it is
    positive is decided exactly.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, multi_output_decay
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 0], [0, 2]]], "linear", [[[1, 0], [0, 1]]])
    >>> bound = multi_output_decay(ExactStart(network, ft.Problem([[1, 0], [0, 1]], [[1, 0], [0, 1]])))
    >>> bound.applicable, round(float(bound.enclosed_constants()["rate"]), 9)  # 2 a0 lambda, a0 = 3/2, lambda = 1/2
    (True, 1.5)
    """
    network = start.floats
    judged = [
        assume.two_layers(network),
        assume.linear_activation(network),
        assume.loss_is(start.problem, "squared"),
        assume.fixed_feedback(network),
    ]
    if not _settled(judged):
        return EnclosedBound("multi-output-decay", "loss", tuple(judged), dict, arb, fmpq(0))
    exact = start.network
    B = matrix_of(exact.feedback[-1].matrix(exact.weights[-1]))
    H = B.transpose() * B
    rank, m = int(H.rank()), H.nrows()
    judged += [
        decide.nonzero_data(start),
        decide.constants_in_span(start),
        decide.yes_or_no("B of full column rank", rank == m, f"rank {rank} of {m}, exactly"),
    ]
    M = -(B.transpose() * matrix_of(matrix_law(exact)[-1]) * B)
    if rank == m:
        holds = is_positive_definite(M)
        a0 = per_precision(lambda: eigenvalue(M, H, 0) / 2)
        detail = "-B^T C B is positive definite, exactly" if holds else "-B^T C B is not positive definite, exactly"
        judged.append(decide.yes_or_no("aligned start: lambda_min(-U^T C U) > 0", holds, detail))
    if not _settled(judged):
        return EnclosedBound("multi-output-decay", "loss", tuple(judged), dict, arb, fmpq(0))
    potential = trace(H * start.in_span(start.errors)) / (2 * start.n_samples)

    def compute() -> dict[str, Ball]:
        found = {
            "a0": a0(),
            "lambda": start.smallest_nonzero(),
            "lambda_min_H": eigenvalue(H, identity(m), 0),
            "V": arb(potential),
        }
        return found | {"rate": 2 * found["a0"] * found["lambda"], "start": found["V"] / found["lambda_min_H"]}

    constants = per_precision(compute)

    def curve(t: Rational) -> Ball:
        at = constants()
        return at["start"] * (-at["rate"] * arb(t)).exp()

    quantity = "excess_loss" if start.floor != 0 else "loss"
    return EnclosedBound("multi-output-decay", quantity, tuple(judged), constants, curve, start.floor)
