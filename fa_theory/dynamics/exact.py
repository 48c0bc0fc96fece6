"""Gradient descent over exact rationals: what it accepts, and how large its numbers become.

A step is a polynomial in the weights, so that the numbers of digits grow by a factor with every step: by about
1 + sqrt(2) in two layers under FA, where F_1 is of degree one in each layer and F_2 of degree two in W_1 (p = 1).
"""

from __future__ import annotations

from typing import Any

from fa_theory.backend import is_exact, is_rational
from fa_theory.model import Network, Parameters

MAX_BITS = 100_000
"""The default limit on numerators and denominators; the next step from there takes seconds even in small networks."""


def check_exact(network: Network, method: str, step_size: Any, rates: tuple[float, ...]) -> None:
    """Raise ValueError unless a run of this method from an exact network stays exact.

    The loss and the activation's kind are looked at where problem and network are made; adaFA's kappa counts as the
    rational that it is.
    """
    if method not in ("gd", "sgd"):
        raise ValueError(f"method must be gd or sgd where weights and X are exact rationals, got {method!r}")
    for name, number in (("step_size", step_size), ("the slope of leaky_relu", network.activation.slope)):
        if number is not None and not is_rational(number):
            raise ValueError(
                f"{name} must be an exact rational (int, Fraction or fmpq) where weights and X are, "
                f"got {type(number).__name__} {number!r}"
            )
    if rates:
        raise ValueError(f"weight_decay must be 0 where weights and X are exact rationals, got {rates}")


def size_in_bits(parameters: Parameters) -> int:
    """Return the largest number of bits in a numerator or denominator of exact weights, biases and shares.

    Raises
    ------
    ValueError
        If an entry is not an exact rational.

    Examples
    --------
    >>> from fractions import Fraction
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import size_in_bits
    >>> network = ft.Network([[[Fraction(3, 8)]], [[Fraction(-5)]]], "linear", "backprop")
    >>> size_in_bits(network.parameters)  # of the denominator 8
    4
    """
    parts = (*parameters.weights, *(b for b in parameters.biases if b is not None), *parameters.shares)
    return max(_bits(entry) for part in parts for entry in (part.ravel().tolist() if is_exact(part) else [part]))


def check_size(parameters: Parameters, step: int, max_bits: int) -> None:
    """Raise ValueError if an exact number has more than `max_bits` bits after that many steps; floats have no size."""
    if not is_exact(parameters.weights[0]):
        return
    bits = size_in_bits(parameters)
    if bits > max_bits:
        raise ValueError(
            f"max_bits is {max_bits}, and after {step} steps the largest exact number has {bits} bits, "
            "growing by a factor with every step; take fewer steps or raise max_bits"
        )


def _bits(entry: Any) -> int:
    if not is_rational(entry):
        raise ValueError(f"parameters must be exact rationals to have a size in bits, got {type(entry).__name__}")
    if type(entry).__name__ == "fmpq":
        return max(int(entry.p.bit_length()), int(entry.q.bit_length()))
    return max(int(entry.numerator).bit_length(), int(entry.denominator).bit_length())
