"""Bounds on the loss, one file for each statement, computed from the start and the data alone."""

from collections.abc import Callable

from fa_theory.bounds.bound import Assumption, Bound
from fa_theory.bounds.descent import descent
from fa_theory.bounds.exponential_decay import exponential_decay
from fa_theory.bounds.multi_output_decay import multi_output_decay
from fa_theory.bounds.separable_decay import separable_decay
from fa_theory.model import Network, Problem

BOUNDS: tuple[Callable[[Network, Problem], Bound], ...] = (
    descent,
    exponential_decay,
    separable_decay,
    multi_output_decay,
)
"""All calculators, in the order of the statements."""

__all__ = [
    "BOUNDS",
    "Assumption",
    "Bound",
    "descent",
    "exponential_decay",
    "multi_output_decay",
    "separable_decay",
]
