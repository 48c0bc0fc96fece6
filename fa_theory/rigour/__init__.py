"""Bounds and losses enclosed in balls from the exact binary values of the inputs."""

from collections.abc import Callable

from fa_theory.rigour.balls import UndecidedError, outward, upper_float
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.decay import descent, exponential_decay, multi_output_decay
from fa_theory.rigour.gd_decay import gd_decay
from fa_theory.rigour.gd_growth import gd_decay_growth
from fa_theory.rigour.growth import exponential_decay_growth
from fa_theory.rigour.hitting_time import hitting_time
from fa_theory.rigour.linear_growth import linear_decay_growth
from fa_theory.rigour.patterns import exponential_decay_patterns
from fa_theory.rigour.projection import multi_output_decay_projection
from fa_theory.rigour.separable import separable_decay
from fa_theory.rigour.start import ExactStart
from fa_theory.rigour.two_sided import hitting_time_two_sided, separable_decay_two_sided

FLOW_BOUNDS: dict[str, Callable[[ExactStart], EnclosedBound]] = {
    "descent": descent,
    "exponential-decay": exponential_decay,
    "separable-decay": separable_decay,
    "multi-output-decay": multi_output_decay,
    "exponential-decay-growth": exponential_decay_growth,
    "exponential-decay-patterns": exponential_decay_patterns,
    "separable-decay-two-sided": separable_decay_two_sided,
    "linear-decay-growth": linear_decay_growth,
    "multi-output-decay-projection": multi_output_decay_projection,
}
"""The bounds on the flow that are computed in balls from the start alone, by the statement's id."""

HITTING_TIMES: dict[str, Callable[[ExactStart, float | None], EnclosedBound]] = {
    "hitting-time": hitting_time,
    "hitting-time-two-sided": hitting_time_two_sided,
}
"""Those that need a loss to reach besides."""

STEP_BOUNDS: dict[str, Callable[[ExactStart, float], EnclosedBound]] = {
    "gd-decay": gd_decay,
    "gd-decay-growth": gd_decay_growth,
}
"""Those on gradient descent, which need a step size besides."""

WHY_NOT: dict[str, str] = {
    "exponential-decay-path": "each of its 120 stages rests on floating-point eigenvectors per activation pattern",
    "separable-decay-path": "each of its stages rests on floating-point margins of what the start keeps",
}
"""Why a bound is not computed in balls, by the statement's id."""


def enclosed_bound(
    statement: str, start: ExactStart, *, step_size: float | None, epsilon: float | None
) -> EnclosedBound | None:
    """Return the bound of a statement in balls; None where there is none, or it needs a step size and none is given.

    Parameters
    ----------
    statement : str
        The statement's id.
    start : ExactStart
        Start and data.
    step_size : float or None
        That of gradient descent.
    epsilon : float or None
        The loss to reach, by default half of the loss at the start.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, enclosed_bound
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> start = ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, 1]))
    >>> enclosed_bound("descent", start, step_size=None, epsilon=None).applicable
    True
    >>> enclosed_bound("exponential-decay-path", start, step_size=None, epsilon=None)  # not computed in balls
    """
    if statement in FLOW_BOUNDS:
        return FLOW_BOUNDS[statement](start)
    if statement in HITTING_TIMES:
        return HITTING_TIMES[statement](start, epsilon)
    if statement in STEP_BOUNDS and step_size is not None:
        return STEP_BOUNDS[statement](start, step_size)
    return None


__all__ = [
    "FLOW_BOUNDS",
    "HITTING_TIMES",
    "STEP_BOUNDS",
    "WHY_NOT",
    "EnclosedBound",
    "ExactStart",
    "UndecidedError",
    "descent",
    "enclosed_bound",
    "exponential_decay",
    "exponential_decay_growth",
    "exponential_decay_patterns",
    "gd_decay",
    "gd_decay_growth",
    "hitting_time",
    "hitting_time_two_sided",
    "linear_decay_growth",
    "multi_output_decay",
    "multi_output_decay_projection",
    "outward",
    "separable_decay",
    "separable_decay_two_sided",
    "upper_float",
]
