"""Bounds and losses enclosed in balls from the exact binary values of the inputs."""

from collections.abc import Callable

from fa_theory.rigour.balls import UndecidedError, outward, upper_float
from fa_theory.rigour.bound import EnclosedBound
from fa_theory.rigour.decay import descent, exponential_decay, multi_output_decay
from fa_theory.rigour.gd_decay import gd_decay
from fa_theory.rigour.separable import separable_decay
from fa_theory.rigour.start import ExactStart

FLOW_BOUNDS: dict[str, Callable[[ExactStart], EnclosedBound]] = {
    "descent": descent,
    "exponential-decay": exponential_decay,
    "separable-decay": separable_decay,
    "multi-output-decay": multi_output_decay,
}
"""The bounds on the flow that are computed in balls, by the statement's id; gd-decay needs a step size besides."""

__all__ = [
    "FLOW_BOUNDS",
    "EnclosedBound",
    "ExactStart",
    "UndecidedError",
    "descent",
    "exponential_decay",
    "gd_decay",
    "multi_output_decay",
    "outward",
    "separable_decay",
    "upper_float",
]
