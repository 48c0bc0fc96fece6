"""Rates of change along a flow, as expressions that wait for the flow's equations."""

from __future__ import annotations

from typing import Any

import sympy as sp

TIME = sp.Symbol("t", nonnegative=True)
"""Time; every other plain symbol is constant along a flow."""


class Rate(sp.Expr):  # type: ignore[misc] # SymPy has no types
    """The time derivative of a scalar expression along the flow, not yet worked out."""

    is_commutative = True
    is_extended_real = True

    @property
    def arg(self) -> sp.Expr:
        """What is differentiated."""
        return self.args[0]

    def _latex(self, printer: Any) -> str:
        return rf"\frac{{d}}{{dt}} {_bracketed(printer.doprint(self.arg), self.arg)}"


class MatrixRate(sp.MatrixExpr):  # type: ignore[misc] # SymPy has no types
    """The time derivative of a matrix expression along the flow, not yet worked out."""

    @property
    def arg(self) -> sp.MatrixExpr:
        """What is differentiated."""
        return self.args[0]

    @property
    def shape(self) -> Any:
        """The shape of the argument."""
        return self.arg.shape

    def _eval_transpose(self) -> sp.MatrixExpr:
        return sp.Transpose(self)

    def _latex(self, printer: Any) -> str:
        return rf"\frac{{d}}{{dt}} {_bracketed(printer.doprint(self.arg), self.arg)}"


def rate(expression: Any) -> Any:
    """Return d/dt of a scalar or matrix expression along the flow; equations of the flow say what it is."""
    if getattr(expression, "is_Matrix", False):
        return MatrixRate(expression)
    return Rate(sp.sympify(expression))


def _bracketed(latex: str, argument: sp.Basic) -> str:
    atomic = isinstance(argument, sp.MatrixSymbol | sp.Symbol | sp.Indexed)
    return latex if atomic else rf"\left({latex}\right)"
