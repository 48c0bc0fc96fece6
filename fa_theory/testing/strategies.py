"""Strategies for numbers, arrays, activations and rules."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fa_theory.model import Activation, leaky_relu, linear, power, relu, tanh

Host = np.ndarray[Any, Any]

_LARGEST = 1000


@cache
def _numbers(bound: int, denominators: tuple[int, ...]) -> tuple[Fraction, ...]:
    """Return all fractions of these denominators and at most this size, easiest to read first: 0, 1, -1, 2, ..."""
    found = {Fraction(n, d) for d in denominators for n in range(-bound * d, bound * d + 1)}
    return tuple(sorted(found, key=lambda each: (each.denominator, abs(each), each < 0)))


def entries(bound: int = 2, *, nonzero: bool = False, exact: bool = False) -> st.SearchStrategy[Any]:
    """Draw a number of size at most `bound`: an eighth of an integer, or a fraction of denominator at most 6.

    Shrinks towards what is easy to read: small whole numbers, then halves, and so on.

    Parameters
    ----------
    bound : int
        The largest size, from 1 to 1000.
    nonzero : bool
        Whether zero is left out.
    exact : bool
        Whether the number is a `fractions.Fraction` instead of a float.

    Examples
    --------
    >>> from hypothesis import find
    >>> from fa_theory.testing import entries
    >>> find(entries(), lambda number: number > 0), find(entries(exact=True), lambda number: number < 0)
    (1.0, Fraction(-1, 1))
    """
    if not 1 <= bound <= _LARGEST or int(bound) != bound:
        raise ValueError(f"bound must be a whole number from 1 to {_LARGEST}, got {bound}")
    numbers = _numbers(int(bound), (1, 2, 3, 4, 5, 6) if exact else (1, 2, 4, 8))[nonzero:]
    # zero is not filtered out: where a filter refuses, Hypothesis gives up a simpler instance
    return st.sampled_from(numbers if exact else tuple(map(float, numbers)))


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], elements: st.SearchStrategy[Any] | None = None) -> Host:
    """Draw an array of a shape; of dtype object if the elements are fractions (default: `entries`, as float64).

    Examples
    --------
    >>> from hypothesis import find
    >>> from fa_theory.testing import arrays
    >>> find(arrays((2, 2)), lambda array: array[0, 1] > 0).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    elements = entries() if elements is None else elements
    drawn = draw(st.lists(elements, min_size=prod(shape), max_size=prod(shape)))
    return np.array(drawn, dtype=object if any(isinstance(each, Fraction) for each in drawn) else float).reshape(shape)


def activations(*, homogeneous: bool = True, exact: bool = False) -> st.SearchStrategy[Activation]:
    """Draw linear, leaky ReLU, ReLU or a power; tanh too unless `homogeneous`; with exact slopes if `exact`.

    Examples
    --------
    >>> from hypothesis import find
    >>> from fa_theory.testing import activations
    >>> find(activations(), lambda phi: phi.has_kink).name
    'leaky_relu:0.2'
    >>> find(activations(homogeneous=False), lambda phi: phi.degree is None).name
    'tanh'
    """
    slopes = [Fraction(1, 5), Fraction(1, 2)] if exact else [0.2, 0.5]
    choices = [linear, *map(leaky_relu, slopes), relu, power(2), power(3)]
    return st.sampled_from(choices if homogeneous else [*choices, tanh])


def feedback_names(*, direct: bool = True) -> st.SearchStrategy[str]:
    """Draw a rule's name: fa, sign-fa, adafa:K for some K, backprop, and dfa if `direct`.

    Examples
    --------
    >>> from hypothesis import find
    >>> from fa_theory.testing import feedback_names
    >>> find(feedback_names(), lambda name: ":" in name), find(feedback_names(), lambda name: name.startswith("d"))
    ('adafa:0', 'dfa')
    """
    return st.sampled_from(["fa", "sign-fa", "adafa:0", "adafa:0.5", "adafa:2", "backprop", *["dfa"] * direct])
