"""What is said of arguments that are none, before anything is drawn or run."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from fa_theory.backend import is_rational, nearest_float


def require_number(name: str, given: Any, *, least: float = 0.0, whole: bool = False, above: bool = False) -> float:
    """Return an argument as a float.

    Raises TypeError unless it is a real number, ValueError unless it is finite and large enough.
    """
    allowed = f"a {'whole' if whole else 'positive finite' if above else 'finite'} number"
    allowed += "" if above else f" >= {least:g}"
    if isinstance(given, bool) or not (isinstance(given, Real) or is_rational(given)):
        raise TypeError(f"{name} must be {allowed}, got {given!r}")
    number = nearest_float(given)
    if not least <= number < float("inf") or (above and number == least) or (whole and not number.is_integer()):
        raise ValueError(f"{name} must be {allowed}, got {given}")
    return number


def whole_or_none(name: str, given: Any, least: int = 1) -> int | None:
    """Return an argument that may be left out as a whole number, or None; raise as `require_number` does."""
    return None if given is None else int(require_number(name, given, least=least, whole=True))


def checked_widths(widths: Any) -> tuple[int, ...]:
    """Return (d, n_1, ..., m); raise TypeError or ValueError unless these are three whole numbers >= 1 or more."""
    sizes = tuple(widths) if isinstance(widths, Sequence | np.ndarray) else ()
    if not all(isinstance(size, Real) for size in sizes):
        raise TypeError(f"widths must be (d, n_1, ..., m), at least three whole numbers >= 1, got {sizes}")
    if len(sizes) < 3 or not all(size >= 1 and int(size) == size for size in sizes):
        raise ValueError(f"widths must be (d, n_1, ..., m), at least three whole numbers >= 1, got {widths}")
    return tuple(int(size) for size in sizes)
