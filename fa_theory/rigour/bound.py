"""What an enclosed bound is: assumptions decided, and constants and curve as balls around their exact values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from flint import arb, fmpq

from fa_theory.bounds import Assumption, Bound
from fa_theory.bounds.bound import Host
from fa_theory.rigour.balls import (
    Ball,
    Rational,
    at_rising_precision,
    enclose,
    float_of_sign,
    lower_float,
    rational,
    require_accuracy,
    upper_float,
)


@dataclass(frozen=True)
class EnclosedBound:
    """A bound computed in balls from the exact values of the start and the data.

    Attributes
    ----------
    id : str
        The statement's id.
    quantity : str
        ``"loss"`` or ``"excess_loss"``.
    assumptions : tuple of Assumption
        Decided exactly or by certain comparisons; `holds` is None only where the limit of precision left it open.
    constants : callable
        () -> the constants by name, balls at the working precision.
    curve : callable
        A time as a rational (for gd-decay, the number of steps) -> the bound, a ball at the working precision.
    floor : rational
        The smallest loss that a linear map reaches on the data, subtracted for ``"excess_loss"``.
    method : str
        ``"flow"`` or ``"gd"``: the runs that the bound is about.
    witness : dict
        The numbers, floats or sequences of floats, that were chosen and on which the bound rests.
    time : callable or None
        For a hitting time: () -> when the loss ``witness["epsilon"]`` has been reached, a ball at working precision.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.rigour import ExactStart, exponential_decay
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> bound = exponential_decay(ExactStart(network, ft.Problem([[1, 0], [0, 1]], [1, 1])))
    >>> (value,) = bound.values([1])
    >>> bound.applicable, round(float(value), 6), value.rel_accuracy_bits() >= 80  # exp(-2) / 4
    (True, 0.033834, True)
    """

    id: str
    quantity: str
    assumptions: tuple[Assumption, ...]
    constants: Callable[[], dict[str, Ball]]
    curve: Callable[[Rational], Ball]
    floor: Rational
    method: str = "flow"
    witness: Mapping[str, Any] = field(default_factory=dict)
    time: Callable[[], Ball] | None = None

    @property
    def applicable(self) -> bool:
        """Whether all assumptions hold."""
        return all(each.holds is True for each in self.assumptions)

    def enclosed_constants(self) -> dict[str, Ball]:
        """Return the constants, each to `balls.ACCURACY` bits."""

        def accurate() -> dict[str, Ball]:
            constants = self.constants()
            require_accuracy(tuple(constants.values()))
            return constants

        return at_rising_precision(f"the constants of {self.id}", accurate)

    def enclosed_time(self) -> Ball | None:
        """Return the hitting time to `balls.ACCURACY` bits; None for a bound without."""
        time = self.time
        return None if time is None else enclose(f"the time of {self.id}", lambda: (time(),))[0]

    def values(self, at: Iterable[Any]) -> tuple[Ball, ...]:
        """Return the bound at times (steps for gd-decay), numbers taken exactly, each to `balls.ACCURACY` bits."""
        times = [rational(t) for t in at]
        return tuple(enclose(f"{self.id} at {float_of_sign(t):.6g}", partial(self._value, t))[0] for t in times)

    def _value(self, at: Rational) -> tuple[Ball]:
        return (self.curve(at),)

    def as_bound(self, float_bound: Bound) -> Bound:
        """Return the float bound of the same statement with assumptions, constants and curve from the enclosures.

        The curve is rounded up and the rate down: a guaranteed upper bound on the bound itself.
        """
        if not self.applicable:
            return replace(float_bound, assumptions=self.assumptions)
        time = self.enclosed_time()
        constants = self.enclosed_constants()
        step_size = rational(self.witness["step_size"]) if self.method == "gd" else None

        def curve(times: Host) -> Host:
            places = [rational(t) for t in times.tolist()]
            if step_size is not None:
                # recorded times are multiples of the step size, rounded
                places = [fmpq((t / step_size * (1 + fmpq(1, 2**50))).floor()) for t in places]
            return np.asarray([upper_float(value) for value in self.values(tuple(places))])

        rate = constants.get("rate")
        nearest = {name: float(value.mid()) for name, value in constants.items()}
        latest = math.inf if time is None else upper_float(time)
        return replace(
            float_bound,
            epsilon=self.witness.get("epsilon"),
            time=latest if math.isfinite(latest) else None,
            quantity=self.quantity,
            assumptions=self.assumptions,
            curve=curve,
            rate=float_bound.rate if rate is None else lower_float(rate),
            floor=lower_float(arb(self.floor)),
            rounding=0.0,
            constants=float_bound.constants
            | {name: number for name, number in nearest.items() if math.isfinite(number)},
        )
