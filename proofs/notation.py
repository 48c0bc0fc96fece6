"""The symbols that the proofs share: sizes, indices, weights, data and time."""

from __future__ import annotations

from typing import Any

import sympy as sp

from fa_theory.symbolic.rates import TIME

__all__ = [
    "B",
    "C",
    "N",
    "a",
    "alpha",
    "d",
    "dphi",
    "e",
    "h",
    "i",
    "j",
    "k",
    "m",
    "n",
    "p",
    "phi",
    "r",
    "square",
    "t",
    "v",
    "w",
    "x",
]

t = TIME

# sizes: inputs, hidden neurons, outputs, samples
d, n, m, N = sp.symbols("d n m N", integer=True, positive=True)

# indices: hidden neuron, sample, input, output
i, j, k, r = sp.symbols("i j k r", integer=True)

p = sp.Symbol("p", positive=True)
a = sp.Symbol("a", positive=True)
alpha = sp.Symbol("alpha", nonnegative=True)


def indexed(name: str, **signs: bool) -> sp.IndexedBase:
    """Return a real indexed quantity."""
    return sp.IndexedBase(name, real=True, **signs)


def square(matrix: sp.MatrixExpr) -> sp.Expr:
    """Return the sum of the squares of a matrix."""
    return sp.Trace(matrix.T * matrix)


w, v, B, C, x, h, e = (indexed(name) for name in ("w", "v", "b", "C", "x", "h", "e"))


class dphi(sp.Function):  # type: ignore[misc]
    """phi', the derivative of the activation."""

    is_extended_real = True

    def _latex(self, printer: Any) -> str:
        return rf"\varphi'({printer.doprint(self.args[0])})"


class phi(sp.Function):  # type: ignore[misc]
    """phi, an activation of which nothing is known but what a proof assumes."""

    is_extended_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:  # noqa: ARG002 - SymPy's signature
        """Return phi', the only derivative."""
        return dphi(self.args[0])

    def _latex(self, printer: Any) -> str:
        return rf"\varphi({printer.doprint(self.args[0])})"
