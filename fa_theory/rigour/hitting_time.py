"""hitting-time in balls: the direction is a witness, the comparison function and its inverse are enclosed."""

from __future__ import annotations

from flint import arb, fmpq

from fa_theory.bounds import Assumption, check_epsilon
from fa_theory.bounds import assumptions as assume
from fa_theory.model import max_margin
from fa_theory.rigour import decisions as decide
from fa_theory.rigour.balls import Ball, per_precision, rational
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.comparison import Comparison, Course
from fa_theory.rigour.separable import exact_squared_margin, separable_data
from fa_theory.rigour.start import ExactStart


def hitting_time(start: ExactStart, epsilon: float | None = None) -> EnclosedBound:
    """Enclose statement hitting-time for a loss of `epsilon`, by default half of the loss at the start as a float.

    With the max-margin direction that was found in floating point as u, Q(tau) is rational for every rational tau; so
    where it turns positive is bracketed exactly. Its integral and the tau of epsilon are enclosed in balls.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, hitting_time
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = hitting_time(ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, -1], "logistic")), epsilon=0.1)
    >>> bound.applicable, round(float(bound.enclosed_time()), 2)  # by then the loss has been at most 0.1
    (True, 19.77)
    """
    check_epsilon(epsilon)
    judged, direction = judged_data(start)
    level = assume.start_loss(start.floats, start.problem) / 2 if epsilon is None else float(epsilon)
    witness = {"direction": direction, "epsilon": level}
    if not all(each.holds is True for each in judged):
        return EnclosedBound("hitting-time", "loss", judged, dict, arb, fmpq(0), witness=witness)
    comparison = Comparison(start, direction)
    course = per_precision(lambda: Course(comparison, start.start_loss(), start.n_samples))
    tau = per_precision(lambda: course().tau_of(arb(rational(level))))

    def constants() -> dict[str, Ball]:
        at = course()
        found = {
            "gamma": arb(comparison.gain).sqrt() / arb(start.slope),
            "R": arb(comparison.cost).sqrt(),
            "start": at.start,
            "Q": arb(comparison.rate(fmpq(0))),
            "turn": at.turn,
            "growth": -at.at_turn,
            "tau": tau(),
        }
        return found if tau().is_zero() else found | {"settled": at.settled(tau())}

    return EnclosedBound(
        "hitting-time",
        "loss",
        judged,
        constants,
        lambda t: course().at(t),
        fmpq(0),
        witness=witness,
        time=lambda: course().time_above(tau(), arb(rational(level))),
    )


def judged_data(start: ExactStart) -> tuple[tuple[Assumption, ...], tuple[float, ...]]:
    """Return the assumptions of hitting-time, decided exactly, and the direction that separates the data."""
    network = start.floats
    judged = [
        assume.two_layers(network),
        assume.scalar_output(network),
        assume.leaky(network),
        assume.loss_is(start.problem, "logistic"),
        assume.fixed_feedback(network),
    ]
    if not all(each.holds for each in judged):
        return tuple(judged), ()
    found = max_margin(network.first_layer_inputs(start.problem.X), start.problem.Y)
    direction = tuple(found.direction.tolist())
    judged.append(separable_data(start, found, exact_squared_margin(start, direction)))
    judged.append(decide.some_feedback(start))
    return tuple(judged), direction
