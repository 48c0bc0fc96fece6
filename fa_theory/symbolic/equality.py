"""Whether two expressions are equal for every size and every value, decided by normal forms without any number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import sympy as sp

from fa_theory.symbolic.rates import MatrixRate, Rate
from fa_theory.symbolic.sums import IndexedRate, Rules, canonical, is_index, is_known_function, scalar_rule
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
    numerator = sp.expand(sp.fraction(sp.together(expression))[0])
    if numerator == 0 or numerator.is_polynomial():
        return bool(numerator == 0)  # a polynomial that is not zero stays so, however it is simplified
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
            indices = all(is_index(limit[0]) for limit in expression.limits)
            return indices and is_nonnegative(expression.function) and all(in_order(expression.limits))
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


def in_order(limits: Iterable[Any]) -> Iterator[bool]:
    """Tell for each limit whether its number of terms is shown to be >= 0; an index is at least its lower limit."""
    limits = [tuple(limit) for limit in limits]
    least = {index: low + sp.Dummy(integer=True, nonnegative=True) for index, low, _ in limits}
    yield from (is_nonnegative(sp.expand(sp.sympify(high - low + 1).subs(least))) for _, low, high in limits)


def is_nonzero(expression: Any) -> bool:
    """Tell whether an expression is shown to differ from 0 by declared signs alone."""
    expression = sp.sympify(expression)
    if expression.is_Mul:
        return all(is_nonzero(each) for each in expression.args)
    return bool(expression.is_nonzero) or is_positive(expression) or is_positive(-expression)


_KINDS = ("integer", "rational", "irrational", "even", "odd", "prime", "composite", "zero", "imaginary")


def has_signs_of(value: Any, pattern: sp.Expr) -> bool:
    """Tell whether a value is shown to have every sign, and be of every kind, that is declared for a letter."""
    shown: dict[str, Callable[[], bool]] = {
        "positive": lambda: is_positive(value),
        "nonnegative": lambda: is_nonnegative(value),
        "negative": lambda: is_positive(-value),
        "nonpositive": lambda: is_nonnegative(-value),
        "nonzero": lambda: is_nonzero(value),
        "extended_real": lambda: _real(value),
        **{kind: partial(getattr, value, f"is_{kind}") for kind in _KINDS},
    }
    return not is_matrix(value) and all(holds() for sign, holds in shown.items() if getattr(pattern, f"is_{sign}"))


class Condition(NamedTuple):
    """What an expression needs to be defined: what must be true of a term, for every value of the indices bound."""

    term: Any
    needs: str
    bound: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.term} {self.needs}"

    @property
    def renamed(self) -> Condition:
        """With names for the bound indices that do not depend on those chosen."""
        names = {limit[0]: sp.Symbol(f"_{k}", integer=True) for k, limit in enumerate(self.bound)}
        return Condition(self.term.xreplace(names), self.needs, tuple(each.xreplace(names) for each in self.bound))


_NONZERO, _NONNEGATIVE, _POSITIVE, _DEFINED = "differs from 0", "is >= 0", "is > 0", "is defined"
_SMOOTH = (sp.exp, sp.log, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh, sp.atan)
_TOTAL = (*_SMOOTH, sp.Abs, sp.sign, sp.Max, sp.Min, sp.floor, sp.ceiling, sp.KroneckerDelta, sp.Piecewise)


def undefined(expressions: Iterable[Any], told: Iterable[Any] = ()) -> set[Condition]:
    """Return what the expressions need to be defined that no sign shows and that what is told does not need as well."""
    known = set().union(*(_conditions(sp.sympify(each)) for each in told))
    known |= {Condition(each.term, needs, each.bound) for each in known if each.needs == _POSITIVE for needs in _SIGNS}
    inside = {each.renamed for each in known}
    needed = set().union(*(_conditions(sp.sympify(each)) for each in expressions))
    return {each for each in needed if each._replace(bound=()) not in known and each.renamed not in inside}


_SIGNS = (_NONZERO, _NONNEGATIVE)


def _conditions(expression: Any, differentiated: bool = False) -> set[Condition]:
    """Return what is divided by, or has a root or logarithm taken, without a declared sign that makes it fine."""
    differentiated = differentiated or isinstance(expression, Rate | MatrixRate | sp.Derivative)
    found = set().union(*(_conditions(each, differentiated) for each in expression.args))
    if bound := set(getattr(expression, "bound_symbols", ())):
        limits = tuple(expression.args[1:])
        found = {
            each._replace(bound=(*limits, *each.bound)) if each.term.free_symbols & bound else each for each in found
        }
    match expression:
        case sp.Inverse():
            found.add(Condition(expression.arg, _NONZERO))
        case sp.log() if not is_positive(expression.args[0]):
            found.add(Condition(expression.args[0], _POSITIVE))
        case sp.Pow():
            base, exponent = expression.args
            if exponent.is_integer and not (exponent.is_nonnegative or is_nonzero(base)):
                found.add(Condition(base, _NONZERO))
            elif not exponent.is_integer and not is_positive(base):
                if differentiated or not exponent.is_nonnegative:
                    found.add(Condition(base, _POSITIVE))
                elif not is_nonnegative(base):
                    found.add(Condition(base, _NONNEGATIVE))
        case sp.Function() if is_known_function(expression) and not isinstance(expression, _TOTAL):
            found.add(Condition(expression, _DEFINED))
    return found


def _gram_rotation(word: Any) -> bool:
    return any(is_gram(word[k:] + word[:k]) for k in range(len(word)))


def _real(expression: Any) -> bool:
    match expression:
        case sp.Trace():
            return True
        case sp.Sum():
            return _real(expression.function)
        case sp.Derivative():
            return _real(expression.expr)
        case sp.Add() | sp.Mul():
            return all(_real(each) for each in expression.args)
        case sp.Pow() if expression.exp.is_integer:
            return _real(expression.base)
    return bool(expression.is_extended_real)


def _with_unknowns(expression: sp.Expr) -> sp.Expr:
    """Replace sums, traces, derivatives and indexed quantities by symbols of the same sign."""
    unknowns: dict[sp.Basic, sp.Dummy] = {}

    def unknown(each: sp.Basic) -> sp.Dummy:
        sign: dict[str, bool] = {"positive": True} if each.is_positive else {"real": True}
        return unknowns.setdefault(each, sp.Dummy(**sign))

    kinds = (sp.Sum, sp.Trace, sp.Derivative, sp.Indexed, IndexedRate, MatrixRate)
    return expression.replace(lambda each: isinstance(each, kinds), unknown)
