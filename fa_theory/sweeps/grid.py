"""What a sweep runs: options with several values each, as a grid or as samples, counted before they are expanded."""

from __future__ import annotations

import hashlib
import json
import math
import operator
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fa_theory.choices import likeliest, not_among
from fa_theory.dynamics import METHODS
from fa_theory.model import INITIALISATIONS, LOSSES, initialise
from fa_theory.model import activation as activation_named
from fa_theory.verification import USED_BY

LARGEST = 10_000_000
"""Instances in a sweep: its dataset is put together in memory, about 400 bytes for each when verified."""

WHAT = ("verify", "simulate")

_WITH_DATA = ("data", "synthetic", "target", "standardize", "width", "depth", "biases", "init", "alignment")
_YES_NO = {"yes": True, "true": True, "no": False, "false": False}


class Range(NamedTuple):
    """From where samples draw an option: uniformly, or with a uniform logarithm; whole numbers include both ends.

    Examples
    --------
    >>> from fa_theory.sweeps import Range
    >>> sizes = Range(0.01, 1.0, log=True)  # "0.01..1:log" on the command line
    >>> sizes.low, sizes.high, sizes.log
    (0.01, 1.0, True)
    """

    low: float
    high: float
    log: bool = False


def _whole(given: Any) -> int:
    if isinstance(given, bool):
        raise TypeError
    number = int(given) if isinstance(given, str) else operator.index(given)
    if number >= 1 << 64:  # which no column of a dataset can hold
        raise ValueError
    return number


def _number(given: Any) -> float:
    if isinstance(given, bool) or not math.isfinite(value := float(given)):
        raise TypeError
    return value


def _flag(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    return _YES_NO[given.strip().lower()]


def _rates(given: Any) -> float | list[float]:
    parts = given.split("/") if isinstance(given, str) else given if isinstance(given, Sequence) else [given]
    rates = [_number(part) for part in parts]
    return rates[0] if len(rates) == 1 else rates


def _text(given: Any) -> str:
    text = str(given).strip()
    if not text:
        raise ValueError
    return text


class _Kind(NamedTuple):
    allowed: str
    read: Callable[[Any], Any]
    least: float | None = None


_WHOLE = {"width": 1, "depth": 2, "seed": 0, "steps": 0, "batch_size": 1, "points": 2}
_NUMBERS = ("alignment", "time", "step_size", "accuracy")
OPTIONS: dict[str, _Kind] = {
    **{name: _Kind("a name", _text) for name in ("data", "synthetic", "state", "target", "rule")},
    **{name: _Kind("a name", _text) for name in ("activation", "loss", "init", "method")},
    **{name: _Kind("yes or no", _flag) for name in ("standardize", "biases")},
    **{name: _Kind(f"a whole number >= {least}", _whole, least) for name, least in _WHOLE.items()},
    **{name: _Kind("a finite number >= 0", _number, 0.0) for name in _NUMBERS},
    "weight_decay": _Kind("a finite number, or one for each layer as in 0.1/0.2", _rates),
}
"""The options of an instance, as on the command line; the last of a grid's axes is always the seed."""

_NAMES = {"loss": LOSSES, "init": INITIALISATIONS, "method": METHODS}

Axis = tuple[Any, ...] | range | Range


def read_axis(name: str, given: Any) -> Axis:
    """Return the values of one option: of one value, a sequence, a `Range`, or text as on the command line.

    Text lists values with commas (``"4,8"``); ``"0:100"`` and ``"0:100:10"`` are whole numbers without the end, as in
    Python; ``"0.01..1"`` is a `Range`, and ``"0.01..1:log"`` one with a uniform logarithm.
    """
    kind = OPTIONS[name]
    numeric = kind.least is not None
    if isinstance(given, str) and numeric and ".." in given:
        low, _, rest = given.partition("..")
        high, _, word = rest.partition(":")
        if word not in ("", "log"):
            raise ValueError(f"{name} must be LOW..HIGH or LOW..HIGH:log, got {given!r}")
        return _read_range(name, kind, Range(low, high, word == "log"))  # type: ignore[arg-type]
    if isinstance(given, Range):
        if not numeric:
            raise ValueError(f"{name} takes no range, as it is no number: give a list of values")
        return _read_range(name, kind, given)
    if isinstance(given, range):
        if given:
            _check(name, kind, min(given[0], given[-1]))  # min(given) would go through all of them
        return given
    if isinstance(given, str):
        parts: Sequence[Any] = given.split(",")
        if kind.read is _whole and ":" in given:
            spans = [_span(name, part) for part in parts]
            if len(spans) == 1:
                return read_axis(name, spans[0])
            _limit(sum(map(len, spans)), name)
            parts = [value for span in spans for value in span]
    else:
        parts = list(given) if isinstance(given, Sequence | np.ndarray) else [given]
    values = tuple(_check(name, kind, part) for part in parts)
    for value in values if len({str(value) for value in values}) < len(values) else ():
        if values.count(value) > 1:
            raise ValueError(f"{name} has the value {value!r} more than once")
    return values


def _check(name: str, kind: _Kind, given: Any) -> Any:
    try:
        value = kind.read(given)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        end = likeliest(given, ("yes", "no")) if kind.read is _flag else ""
        raise ValueError(f"{name} must be {kind.allowed}, got {given!r}{end}") from None
    if kind.least is not None and value < kind.least:
        raise ValueError(f"{name} must be {kind.allowed}, got {given!r}")
    if name in _NAMES and value not in _NAMES[name]:
        raise not_among(name, value, _NAMES[name])
    if name == "activation":
        activation_named(value)
    if name == "rule":
        initialise("zero", (1, 1, 1), "linear", value)  # refuses an unknown rule
    return value


def _read_range(name: str, kind: _Kind, given: Range) -> Range:
    low, high = _check(name, kind, given.low), _check(name, kind, given.high)
    if not low < high or (given.log and low <= 0):
        allowed = "0 < low < high" if given.log else "low < high"
        raise ValueError(f"{name} must be a range with {allowed}, got {low:g}..{high:g}")
    return Range(low, high, given.log)


def _span(name: str, text: str) -> range:
    try:
        numbers = [int(part) for part in text.split(":")]
        return range(numbers[0], numbers[0] + 1) if len(numbers) == 1 else range(*numbers)
    except (ValueError, TypeError):
        raise ValueError(f"{name} must be FIRST:END or FIRST:END:STEP, whole numbers, got {text!r}") from None


def _limit(count: int, subject: str) -> None:
    if not 1 <= count <= LARGEST:
        raise ValueError(f"{subject} has {count:,} instances; a sweep takes from 1 to {LARGEST:,}")


@dataclass(frozen=True)
class Plan:
    """All instances of a sweep, by their number; nothing is expanded.

    Attributes
    ----------
    axes : dict of str to tuple, range or Range
        The values of each option, in the order of `OPTIONS` with the seed last, where it varies fastest.
    draws : int or None
        How many instances are drawn; None: all of the grid.
    draw_seed : int
        Seed of the draws, and of the seeds that no option gives.
    what : str
        ``"verify"`` or ``"simulate"``.
    curves : bool
        Whether the recorded times and losses are kept.
    """

    axes: dict[str, Axis]
    draws: int | None = None
    draw_seed: int = 0
    what: str = "verify"
    curves: bool = False

    @cached_property
    def count(self) -> int:
        """How many instances there are."""
        if self.draws is not None:
            return self.draws
        return math.prod(len(axis) for axis in self.axes.values())

    def options(self, number: int) -> dict[str, Any]:
        """Return the options of an instance, numbered from 0; those that its method does not take are left out."""
        if self.draws is not None:
            chosen = {name: self._draw(name, axis, number) for name, axis in self.axes.items()}
        else:
            chosen, rest = {}, number
            for name, axis in reversed(self.axes.items()):
                rest, place = divmod(rest, len(axis))
                chosen[name] = axis[place]
        method = chosen.get("method", "flow")
        options = {name: chosen[name] for name in self.axes if method in USED_BY.get(name, METHODS)}
        if "seed" not in options:
            options["seed"] = self._derived_seed(options, number)
        return options

    def _draw(self, name: str, axis: Axis, number: int) -> Any:
        # each number and option has its own stream: neither more instances nor more options change what others draw
        spawn_key = (number, zlib.crc32(name.encode()))
        rng = np.random.default_rng(np.random.SeedSequence(self.draw_seed, spawn_key=spawn_key))
        if not isinstance(axis, Range):
            return axis[int(rng.integers(len(axis)))]
        whole = OPTIONS[name].read is _whole
        if not axis.log:
            return (
                int(rng.integers(int(axis.low), int(axis.high) + 1))
                if whole
                else float(rng.uniform(axis.low, axis.high))
            )
        high = axis.high + 1 if whole else axis.high
        value = min(math.exp(rng.uniform(math.log(axis.low), math.log(high))), axis.high)
        return int(max(value, axis.low)) if whole else max(value, axis.low)

    def _derived_seed(self, options: dict[str, Any], number: int) -> int:
        """Return a seed that the instance's own options decide (and, of samples, its number), not when it is run."""
        identity = json.dumps([sorted(options.items()), None if self.draws is None else number])
        digest = int.from_bytes(hashlib.sha256(identity.encode()).digest())
        state = np.random.SeedSequence([self.draw_seed, digest]).generate_state(1, np.uint64)
        return int(state[0]) >> 11  # a whole number that JSON's readers keep

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values; two plans are the same if these are."""
        axes: dict[str, Any] = {}
        for name, axis in self.axes.items():
            if isinstance(axis, Range):
                axes[name] = f"{axis.low!r}..{axis.high!r}{':log' if axis.log else ''}"
            elif isinstance(axis, range):
                axes[name] = f"{axis.start}:{axis.stop}:{axis.step}"
            else:
                axes[name] = list(axis)
        sample = None if self.draws is None else {"instances": self.draws}
        return {"what": self.what, "curves": self.curves, "sample": sample, "seed": self.draw_seed, "grid": axes}


def make_plan(
    grid: Mapping[str, Any],
    *,
    sample: int | None = None,
    sample_seed: int = 0,
    what: str = "verify",
    curves: bool = False,
) -> Plan:
    """Read and check a grid; see `fa_theory.sweep` for the arguments.

    Raises
    ------
    ValueError
        If an option or one of its values is not allowed, options contradict each other, or there are no instances or
        more than `LARGEST`.
    """
    for name in grid:
        if name not in OPTIONS:
            raise not_among("an option of a sweep", name, OPTIONS)
    if what not in WHAT:
        raise not_among("what", what, WHAT)
    if sample_seed < 0:
        raise ValueError(f"sample_seed must be at least 0, got {sample_seed}")
    given = {name: grid[name] for name in (*(name for name in OPTIONS if name != "seed"), "seed") if name in grid}
    axes = {name: read_axis(name, each) for name, each in given.items()}
    _check_together(axes)
    ranges = [name for name, axis in axes.items() if isinstance(axis, Range)]
    if sample is None and ranges:
        raise ValueError(f"{ranges[0]} is a range, which only samples can draw from: say how many (--sample K)")
    empty = [name for name, axis in axes.items() if not isinstance(axis, Range) and len(axis) == 0]
    if empty:
        raise ValueError(f"{empty[0]} has no value, so the grid has 0 instances; a sweep takes from 1 to {LARGEST:,}")
    plan = Plan(axes, sample, sample_seed, what, curves)
    _limit(plan.count, "the grid" if sample is None else "the sample")
    return plan


def _check_together(axes: dict[str, Axis]) -> None:
    given = axes.get("method", ("flow",))
    for name in USED_BY.keys() & axes.keys():
        users = [method for method in given if method in USED_BY[name]]
        several = isinstance(axes[name], Range) or len(axes[name]) > 1
        if not users or (several and len(users) < len(given)):
            why = "has several values, which" if users else "is an option that"
            methods = ", ".join(map(str, given))
            raise ValueError(f"{name} {why} only {' or '.join(USED_BY[name])} can take, got method {methods}")
    if "state" in axes:
        for name in _WITH_DATA:
            if name in axes:
                raise ValueError(f"{name} does not go with state, which holds data and weights already")
    if "data" in axes and "synthetic" in axes:
        raise ValueError("synthetic does not go with data: samples are drawn, or read from a file")
