"""Whether two expressions are equal for every size and every value, decided by normal forms without any number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sympy as sp

from fa_theory.symbolic.rates import MatrixRate
from fa_theory.symbolic.sums import Rules, canonical, scalar_rule
from fa_theory.symbolic.words import combination, is_gram, matrix_rule, require_same_shape, trace_of_words


def is_matrix(expression: Any) -> bool:
    """Tell whether an expression is a matrix."""
    return bool(getattr(expression, "is_Matrix", False))


def rules_from(equations: Iterable[tuple[Any, Any]]) -> Rules:
    """Return the rules that rewrite the left side of each equation, one product, to the right side."""
    equations = list(equations)
    return Rules(
        tuple(matrix_rule(left, right) for left, right in equations if is_matrix(left)),
        tuple(scalar_rule(left, right) for left, right in equations if not is_matrix(left)),
    )


def equal(lhs: Any, rhs: Any, rules: Rules | None = None) -> bool:
    """Tell whether the normal forms of both sides agree; False means "not shown", not "different".

    Raises
    ------
    ShapeError
        If one side is a matrix and the other is not, or shapes do not fit for every size.
    """
    rules = rules or Rules()
    if not is_matrix(lhs) and not is_matrix(rhs):
        return vanishes(canonical(sp.sympify(lhs) - sp.sympify(rhs), rules))
    require_same_shape(lhs, rhs)
    left, right = combination(lhs, rules.matrices), combination(rhs, rules.matrices)
    return all(
        vanishes(canonical(left.get(word, sp.S.Zero) - right.get(word, sp.S.Zero), rules))
        for word in left.keys() | right.keys()
    )


def vanishes(expression: sp.Expr) -> bool:
    """Tell whether a canonical scalar is shown to be zero, sums and traces taken as independent unknowns."""
    if expression == 0:
        return True
    expression = _with_unknowns(expression)
    if expression.has(sp.Float):
        raise ValueError(f"floating-point numbers have no place in a proof: {expression}")
    if sp.expand(sp.fraction(sp.together(expression))[0]) == 0:
        return True
    return bool(sp.simplify(sp.expand_log(expression)) == 0)


def is_nonnegative(expression: Any) -> bool:
    """Tell whether an expression is shown to be >= 0: squares, products and sums of such, by declared signs alone."""
    expression = sp.sympify(expression)
    if expression.has(sp.Float):
        raise ValueError(f"floating-point numbers have no place in a proof: {expression}")
    match expression:
        case sp.Add() | sp.Mul():
            if all(is_nonnegative(each) for each in expression.args):
                return True
        case sp.Pow() if expression.exp.is_integer and (expression.exp / 2).is_integer:
            return _real(expression.base) and (bool(expression.exp.is_positive) or is_positive(expression.base**2))
        case sp.Pow():
            base, exponent = expression.args
            signed = is_nonnegative(base) if exponent.is_positive else is_positive(base)
            return signed and bool(exponent.is_real)
        case sp.Sum():
            return is_nonnegative(expression.function) and all(_in_order(expression.limits))
        case sp.Trace():
            words = trace_of_words(expression.arg)
            return all(is_nonnegative(value) and (not word or _gram_rotation(word)) for word, value in words.items())
    return bool(expression.is_nonnegative)


def is_positive(expression: Any) -> bool:
    """Tell whether an expression is shown to be > 0 by declared signs alone."""
    expression = sp.sympify(expression)
    if expression.is_Add:
        return is_nonnegative(expression) and any(is_positive(each) for each in expression.args)
    if expression.is_Mul:
        return all(is_positive(each) for each in expression.args)
    if expression.is_Pow and is_positive(expression.base):
        return bool(expression.exp.is_real)
    return bool(expression.is_positive)


def _in_order(limits: Iterable[Any]) -> Iterator[bool]:
    """Tell for each limit whether its number of terms is shown to be >= 0; an index is at least its lower limit."""
    limits = [tuple(limit) for limit in limits]
    least = {index: low + sp.Dummy(integer=True, nonnegative=True) for index, low, _ in limits}
    yield from (is_nonnegative(sp.expand((high - low + 1).subs(least))) for _, low, high in limits)


def _gram_rotation(word: Any) -> bool:
    return any(is_gram(word[k:] + word[:k]) for k in range(len(word)))


def _real(base: sp.Expr) -> bool:
    if isinstance(base, sp.Sum):
        return _real(base.function)
    if isinstance(base, sp.Trace):
        return True
    if isinstance(base, sp.Add | sp.Mul):
        return all(_real(each) for each in base.args)
    return bool(base.is_real)


def _with_unknowns(expression: sp.Expr) -> sp.Expr:
    """Replace sums, traces, derivatives and indexed quantities by symbols of the same sign."""
    unknowns: dict[sp.Basic, sp.Dummy] = {}

    def unknown(each: sp.Basic) -> sp.Dummy:
        sign: dict[str, bool] = {"positive": True} if each.is_positive else {"real": True}
        return unknowns.setdefault(each, sp.Dummy(**sign))

    kinds = (sp.Sum, sp.Trace, sp.Derivative, sp.Indexed, MatrixRate)
    return expression.replace(lambda each: isinstance(each, kinds), unknown)
