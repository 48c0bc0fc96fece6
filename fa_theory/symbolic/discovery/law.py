"""A conserved function: a name, a formula to read, a formula to evaluate, and its exact polynomial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import gcd, lcm
from typing import Any

import numpy as np
from flint import fmpq

from fa_theory.symbolic.discovery.polynomials import Polynomial


@dataclass(frozen=True)
class Law:
    """A function of the parameters that is constant along the flow, for every data set and loss.

    Attributes
    ----------
    name : str
        Which law it is, neurons and layers counted from 1.
    statement : str or None
        The id of the statement of the theory that it is an instance of; None: found by the search.
    latex : str
        The formula in LaTeX; indices count from 1.
    python : str
        The formula as a Python expression in W1, b1, W2, ... and the feedback, NumPy as ``np``; indices count from 0.
    polynomial : Polynomial
        The exact polynomial, for the feedback that was drawn or given.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.symbolic.discovery import discover
    >>> law = discover("backprop", (2, 1, 1)).laws[0]
    >>> law.name, law.python
    ('neuron-law (neuron 1)', '0.5 * (W1[0] @ W1[0]) - 0.5 * (W2[:, 0] @ W2[:, 0])')
    >>> law.evaluate(W1=np.array([[3.0], [1.0]]), W2=np.array([[1.0, 1.0]]))
    4.0
    """

    name: str
    statement: str | None
    latex: str
    python: str
    polynomial: Polynomial = field(repr=False)

    def evaluate(self, **arrays: Any) -> float:
        """Return the value at one state.

        Parameters
        ----------
        **arrays
            The matrices that `python` names: the weights, and B2, ... or D2, ... where the law needs the feedback.

        Raises
        ------
        ValueError
            If one of them is missing.
        """
        try:
            # the expression was written by this package, not given by anybody
            return float(eval(self.python, {"np": np}, arrays))  # noqa: S307
        except NameError as error:
            raise ValueError(f"{error.name} must be given: the law is {self.python}") from None


def polynomial_law(name: str, polynomial: Polynomial, variables: Sequence[str], symbols: Sequence[str]) -> Law:
    """Write a polynomial that no statement names as a law, with whole coprime coefficients."""
    whole = _coprime(polynomial)
    return Law(name, None, _sum(whole, symbols, _power_latex, " "), _sum(whole, variables, _power_python, " * "), whole)


def _coprime(polynomial: Polynomial) -> Polynomial:
    exact = {monomial: fmpq(value) for monomial, value in polynomial.terms.items()}
    denominator = lcm(*(int(value.q) for value in exact.values()))
    numerators = {monomial: int((value * denominator).p) for monomial, value in exact.items()}
    first = next(iter(sorted(numerators)))
    divisor = gcd(*numerators.values()) * (1 if numerators[first] > 0 else -1)
    return Polynomial({monomial: value // divisor for monomial, value in sorted(numerators.items())})


def _power_latex(symbol: str, power: int) -> str:
    return symbol if power == 1 else f"{{{symbol}}}^{{{power}}}"


def _power_python(variable: str, power: int) -> str:
    return variable if power == 1 else f"{variable}**{power}"


def _sum(polynomial: Polynomial, names: Sequence[str], power: Any, times: str) -> str:
    text = ""
    for monomial, value in polynomial.terms.items():
        factors = [power(names[v], monomial.count(v)) for v in dict.fromkeys(monomial)]
        size = [] if abs(value) == 1 and factors else [str(abs(value))]
        text += (" - " if value < 0 else " + " if text else "") + times.join([*size, *factors])
    return text.removeprefix(" ")
