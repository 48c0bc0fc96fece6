"""What a claim ranges over: the indices that it is about, and whether it moves in time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from fa_theory.symbolic.rates import TIME, MatrixRate, Rate
from fa_theory.symbolic.sums import is_index


def free_indices(expression: Any) -> set[sp.Symbol]:
    """Return the indices for every value of which a claim about the expression is made."""
    labels = {each.label for each in expression.atoms(sp.IndexedBase)}
    return {each for each in expression.free_symbols - labels if is_index(each)}


def letters(expression: Any) -> set[Any]:
    """Return the symbols, matrices, indexed quantities and functions in an expression."""
    return set(expression.atoms(sp.Symbol, sp.MatrixSymbol, sp.IndexedBase)) | {
        each.func for each in expression.atoms(sp.Function)
    }


def named(expression: Any) -> set[Any]:
    """Return the letters that stand for one thing: neither indices nor time nor the functions that SymPy knows."""
    labels = {each.label for each in expression.atoms(sp.IndexedBase)}
    return {
        each
        for each in letters(expression) - labels - {TIME}
        if not is_index(each) and not str(getattr(each, "__module__", "")).startswith("sympy.functions")
    }


def may_move(expression: Any, still: Collection[Any] = (), moving: Collection[Any] = ()) -> bool:
    """Tell whether an expression may depend on time, `still` and `moving` being known not to, and to, depend on it."""
    expression = sp.sympify(expression)
    letters = expression.atoms(sp.MatrixSymbol, sp.IndexedBase) - set(still)
    named = expression.atoms(sp.Symbol) & {TIME, *moving}
    return bool(letters or named or expression.atoms(AppliedUndef)) or expression.has(Rate, MatrixRate, sp.Derivative)
