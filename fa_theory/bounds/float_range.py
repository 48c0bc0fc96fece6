"""Calculators on numbers that leave the range of floats say so, in place of a warning or a wrong number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import ParamSpec

import numpy as np

from fa_theory.bounds.bound import Assumption, Bound, Host

Arguments = ParamSpec("Arguments")


def within_floats(calculate: Callable[Arguments, Bound]) -> Callable[Arguments, Bound]:
    """Make a calculator return an undecided bound where a number that it needs overflows or is not defined.

    An overflow that a calculator has no use for is none: it says so with an `errstate` of its own. Where the curve is
    not a number it is infinite, which is above every loss.
    """

    @wraps(calculate)
    def calculator(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Bound:
        if np.geterr()["over"] == "raise":  # called by another calculator, whose bound it is a part of
            return calculate(*args, **kwargs)
        try:
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                bound = calculate(*args, **kwargs)
        except ArithmeticError as error:
            return _undecided(calculate.__name__.replace("_", "-"), str(error))
        return replace(bound, curve=_defined(bound.curve))

    return calculator


def _defined(curve: Callable[[Host], Host]) -> Callable[[Host], Host]:
    def defined(times: Host) -> Host:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            values = curve(times)
        return np.where(np.isnan(values), np.inf, values)

    return defined


def _undecided(statement: str, error: str) -> Bound:
    why = Assumption("numbers within the range of floats", 0.0, None, error)
    return Bound(
        id=statement,
        quantity="loss",
        assumptions=(why,),
        curve=lambda times: np.full(times.shape, np.inf),
        rate=None,
        floor=0.0,
        rounding=0.0,
        constants={},
        method="gd" if statement.startswith("gd-") else "flow",
    )
