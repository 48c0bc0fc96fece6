"""Whether a polynomial is conserved: identically in the parameters, over the rationals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fa_theory.symbolic.discovery.polynomials import Monomial, Polynomial, along
from fa_theory.symbolic.discovery.systems import NetworkSystem, System


def conserved(system: System, polynomials: Sequence[Polynomial]) -> list[bool]:
    """Return for each polynomial whether its derivative along every generator is the zero polynomial."""
    gradients = [polynomial.gradient() for polynomial in polynomials]
    holds = [True] * len(polynomials)
    for field in system.polynomial_fields():
        for k, gradient in enumerate(gradients):
            holds[k] = holds[k] and not along(gradient, field)
    return holds


def conserved_for_every_pattern(system: NetworkSystem, polynomials: Sequence[Polynomial]) -> list[bool]:
    """Return for each polynomial whether it is conserved under every activation pattern, reachable or not.

    The slope s of each hidden unit is a variable with (s - 1)(s - slope) = 0.
    """
    gradients = [polynomial.gradient() for polynomial in polynomials]
    holds = [True] * len(polynomials)
    first = len(system.variables)
    for field in system.polynomial_fields_of_every_pattern():
        for k, gradient in enumerate(gradients):
            holds[k] = holds[k] and not _with_two_slopes(along(gradient, field), first, system.slope)
    return holds


def _with_two_slopes(polynomial: Polynomial, first: int, slope: Any) -> Polynomial:
    """Replace s^2 by (1 + slope) s - slope for every variable s from `first` on, until no square is left."""
    terms: dict[Monomial, Any] = {}
    waiting = list(polynomial.terms.items())
    while waiting:
        monomial, value = waiting.pop()
        square = next((k for k, v in enumerate(monomial[:-1]) if v >= first and v == monomial[k + 1]), None)
        if square is None:
            terms[monomial] = terms.get(monomial, 0) + value
        else:
            once = monomial[:square] + monomial[square + 1 :]
            waiting += [(once, value * (1 + slope)), (once[:square] + once[square + 1 :], -value * slope)]
    return Polynomial(terms)
