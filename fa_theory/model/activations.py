"""Activations phi, with their degree of homogeneity p: phi'(z) z = p phi(z) for every z."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from fa_theory.backend import Array, namespace, number_like
from fa_theory.choices import not_among


@dataclass(frozen=True)
class Activation:
    """An activation function with what the theory needs to know of it.

    Attributes
    ----------
    name : str
        The name by which `activation` finds it, for example ``"leaky_relu:0.2"``.
    function, derivative : callable
        phi and phi', elementwise, in any array namespace. At a kink phi' takes its value from the left.
    degree : int or None
        The degree p of positive homogeneity; None when phi is not homogeneous (tanh), and then no neuron law holds.
    slope : float or None
        For piecewise-linear phi(z) = max(z, slope z): the slope for z < 0 (1: linear, 0: ReLU). None otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import activation
    >>> phi = activation("leaky_relu:0.5")
    >>> phi.function(np.array([-2.0, 2.0])).tolist(), phi.derivative(np.array([-2.0, 2.0])).tolist()
    ([-1.0, 2.0], [0.5, 1.0])
    >>> phi.degree, phi.has_kink, phi.is_linear
    (1, True, False)
    """

    name: str
    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    degree: int | None
    slope: Any = None

    @property
    def has_kink(self) -> bool:
        """Whether phi' jumps at zero, so that a flow must be solved in Filippov's sense."""
        return self.slope is not None and self.slope != 1

    @property
    def is_linear(self) -> bool:
        """Whether phi is the identity."""
        return self.slope is not None and self.slope == 1


def _rectified(z: Array, slope: Any) -> Array:
    return z * _rectified_slope(z, slope)


def _rectified_slope(z: Array, slope: Any) -> Array:
    one = _ones(z)
    return namespace(z).where(z > 0, one, number_like(slope, z) * one)


def _identity(z: Array) -> Array:
    return z


def _ones(z: Array) -> Array:
    return number_like(1, z) * namespace(z).ones_like(z)


def _power(z: Array, degree: int) -> Array:
    return z**degree


def _power_slope(z: Array, degree: int) -> Array:
    return degree * z ** (degree - 1)


def _tanh(z: Array) -> Array:
    return namespace(z).tanh(z)


def _tanh_slope(z: Array) -> Array:
    return 1 - _tanh(z) ** 2


linear = Activation("linear", _identity, _ones, degree=1, slope=1)
"""phi(z) = z."""

tanh = Activation("tanh", _tanh, _tanh_slope, degree=None)
"""phi(z) = tanh z: not homogeneous, the negative control of the neuron law."""


def leaky_relu(slope: Any) -> Activation:
    """phi(z) = max(z, slope z), 0 < slope <= 1 (slope 1 is linear); a rational slope keeps exact arithmetic exact.

    Raises
    ------
    ValueError
        If the slope is outside (0, 1].

    Examples
    --------
    >>> from fractions import Fraction
    >>> import numpy as np
    >>> from fa_theory.model import leaky_relu
    >>> leaky_relu(0.5).function(np.array([-1.0, 3.0])).tolist()
    [-0.5, 3.0]
    >>> leaky_relu(Fraction(1, 5)).name, leaky_relu(1).name
    ('leaky_relu:1/5', 'linear')
    """
    if not 0 < slope <= 1:
        raise ValueError(f"leaky_relu slope must lie in (0, 1], got {slope} (use 'relu' for slope 0)")
    if slope == 1:
        return linear
    return Activation(
        f"leaky_relu:{slope}", partial(_rectified, slope=slope), partial(_rectified_slope, slope=slope), 1, slope
    )


relu = Activation("relu", partial(_rectified, slope=0), partial(_rectified_slope, slope=0), degree=1, slope=0)
"""phi(z) = max(z, 0)."""


def power(degree: int) -> Activation:
    """phi(z) = z**degree, homogeneous of that degree, which must be an integer >= 2.

    Raises
    ------
    ValueError
        If the degree is not an integer >= 2.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.model import power
    >>> phi, z = power(3), np.array([-2.0, 1.0])
    >>> (phi.derivative(z) * z == phi.degree * phi.function(z)).tolist()  # Euler's identity
    [True, True]
    """
    if not (2 <= degree < float("inf") and int(degree) == degree):
        raise ValueError(f"power degree must be an integer >= 2, got {degree}")
    degree = int(degree)
    return Activation(f"power:{degree}", partial(_power, degree=degree), partial(_power_slope, degree=degree), degree)


_PLAIN = {each.name: each for each in (linear, relu, tanh)}
_WITH_NUMBER: dict[str, Callable[[Any], Activation]] = {"leaky_relu": leaky_relu, "power": power}


def activation(name: str) -> Activation:
    """Find an activation by name: ``linear``, ``relu``, ``tanh``, ``leaky_relu:A`` or ``power:K``.

    A number may be a fraction: ``leaky_relu:1/5`` has an exact slope.

    Raises
    ------
    ValueError
        If there is none of that name, or its number is missing or out of range.

    Examples
    --------
    >>> from fa_theory.model import activation
    >>> activation("leaky_relu:0.2").slope, activation("power:2").degree, activation("tanh").degree
    (0.2, 2, None)
    >>> activation("swish")
    Traceback (most recent call last):
    ValueError: activation must be one of linear, relu, tanh, leaky_relu:A, power:K, got 'swish'
    """
    kind, _, number = name.partition(":")
    if kind in _PLAIN and not number:
        return _PLAIN[kind]
    if kind in _WITH_NUMBER and number:
        try:
            value = Fraction(number) if "/" in number else float(number)
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"activation {name!r}: {number!r} is not a number") from None
        return _WITH_NUMBER[kind](value)
    if kind in _WITH_NUMBER:
        raise ValueError(f"activation {name!r} needs a number, as in {kind}:{'0.2' if kind == 'leaky_relu' else '2'}")
    raise not_among("activation", name, ("linear", "relu", "tanh", "leaky_relu:A", "power:K"))


def as_activation(given: str | Activation) -> Activation:
    """Return an activation from its name or itself.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(given, Activation):
        return given
    if not isinstance(given, str):
        raise TypeError(f"activation must be a name or an Activation, got {given!r}")
    return activation(given)
