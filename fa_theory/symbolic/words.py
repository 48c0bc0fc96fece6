"""Normal form of matrix expressions of symbolic shape: linear combinations of words in matrices and transposes.

A word is a product of letters, a letter a matrix or its transpose. Two expressions with the same normal form are
equal for every size. Equations of matrices rewrite words from left to right, in traces also across their ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

from fa_theory.symbolic.rates import MatrixRate, Rate

Letter = tuple[sp.MatrixExpr, bool]
"""A matrix without further structure, and whether it is transposed."""

Word = tuple[Letter, ...]
Combination = dict[Word, sp.Expr]
MatrixRule = tuple[Word, Combination]

_REWRITES = 500


class ShapeError(ValueError):
    """A product or sum of matrices whose shapes do not fit, whatever the sizes."""


def combination(expression: sp.MatrixExpr, rules: Iterable[MatrixRule] = ()) -> Combination:
    """Return the normal form of a matrix expression: word -> coefficient, zero coefficients left out.

    Raises
    ------
    ShapeError
        If shapes do not fit, or a kind of expression is not known.
    RecursionError
        If the rules rewrite without end.
    """
    rules = tuple(rules)
    return _rewritten(_expand(expression), [*rules, *_transposed_rules(rules), *_inverse_rules(expression)])


def matrix_rule(lhs: sp.MatrixExpr, rhs: sp.MatrixExpr) -> MatrixRule:
    """Return the rule that rewrites lhs, one word with a numeric coefficient, to rhs."""
    require_same_shape(lhs, rhs)
    left = _expand(lhs)
    if len(left) != 1:
        raise ValueError(f"a rule must rewrite one product of matrices, got {lhs}")
    ((word, coefficient),) = left.items()
    if not word or not coefficient.is_Rational:
        raise ValueError(f"a rule must rewrite one product of matrices, got {lhs}")
    return word, {other: value / coefficient for other, value in _expand(rhs).items()}


def trace_of_words(argument: sp.MatrixExpr, rules: Iterable[MatrixRule] = ()) -> dict[Word, sp.Expr]:
    """Return the trace as canonical cyclic word -> coefficient; the empty word stands for the number one."""
    if sp.expand(argument.rows - argument.cols) != 0:
        raise ShapeError(f"the trace of a matrix that is not square: {argument}")
    rules = tuple(rules)
    rules = (*rules, *_transposed_rules(rules), *_inverse_rules(argument))
    result: Combination = {}
    pending = [(word, value if word else value * argument.rows) for word, value in _expand(argument).items()]
    for _ in range(_REWRITES):
        if not pending:
            return {word: value for word, value in result.items() if value != 0}
        word, value = pending.pop()
        step = next(_cyclic_steps(word, rules), None)
        if step is None:
            first, *others = _numbers_around(word)
            _add(result, cyclic_canonical(first), value * sp.Mul(*(sp.Trace(word_as_matrix(each)) for each in others)))
        else:
            pending += [(other, value * factor) for other, factor in step.items()]
    raise RecursionError("the rules rewrite a trace without end")


def _numbers_around(word: Word) -> list[Word]:
    """Split a closed word where it is 1 x 1: its trace is the product of those of the parts."""
    start = next((k for k in range(len(word)) if _size_at(word, k) == 1), 0)
    return numbers_apart(word[start:] + word[:start])[0] or [word]


def cyclic_canonical(word: Word) -> Word:
    """Return the first in order of all rotations of a word and of its transpose: all have the same trace."""
    candidates = [each[k:] + each[:k] for each in (word, transposed(word)) for k in range(len(word))]
    return min(candidates, key=_sort_key, default=word)


def transposed(word: Word) -> Word:
    """Return the word of the transpose."""
    return tuple((matrix, not flag) for matrix, flag in reversed(word))


def word_as_matrix(word: Word) -> sp.MatrixExpr:
    """Return a word that is not empty as a product."""
    return sp.MatMul(*(matrix.T if flag else matrix for matrix, flag in word)).doit(deep=False)


def require_same_shape(lhs: sp.MatrixExpr, rhs: sp.MatrixExpr) -> None:
    """Raise ShapeError unless both have the same shape for every size."""
    if any(sp.expand(a - b) != 0 for a, b in zip(lhs.shape, rhs.shape, strict=True)):
        raise ShapeError(f"shapes {lhs.shape} of {lhs} and {rhs.shape} of {rhs} differ")


def is_gram(word: Word) -> bool:
    """Tell whether a word is Z Z^T for some word Z, so that its trace is a sum of squares."""
    half, odd = divmod(len(word), 2)
    return not odd and half > 0 and word[half:] == transposed(word[:half])


def _sort_key(word: Word) -> list[tuple[str, bool]]:
    return [(str(matrix), flag) for matrix, flag in word]


def _add(into: Combination, word: Word, value: sp.Expr) -> None:
    total = sp.expand(into.get(word, sp.S.Zero) + value)
    if total == 0:
        into.pop(word, None)
    else:
        into[word] = total


def _expand(expression: Any) -> Combination:
    result: Combination = {}
    for word, value in _terms(expression):
        _add(result, word, value)
    return result


def _terms(expression: Any) -> Iterator[tuple[Word, sp.Expr]]:
    match expression:
        case sp.MatAdd() | sp.Add():
            for part in expression.args:
                require_same_shape(part, expression.args[0])
                yield from _terms(part)
        case sp.MatMul():
            scalar, matrices = _factors(expression)
            yield from _product([_expand(each) for each in matrices], scalar)
        case sp.MatPow() if not isinstance(expression, sp.Inverse) and expression.exp.is_Integer and expression.exp > 0:
            yield from _product([_expand(expression.base)] * int(expression.exp), sp.S.One)
        case sp.Transpose():
            for word, value in _terms(expression.arg):
                yield transposed(word), value
        case sp.Identity():
            yield (), sp.S.One
        case sp.ZeroMatrix():
            return
        case MatrixRate():
            yield from _rate_terms(expression)
        case sp.MatrixSymbol() | sp.Inverse():
            yield ((expression, False),), sp.S.One
        case _:
            raise ShapeError(f"not a matrix expression that the normal form knows: {expression!r}")


def _factors(product: sp.MatMul) -> tuple[sp.Expr, list[sp.MatrixExpr]]:
    scalars = [arg for arg in product.args if not getattr(arg, "is_Matrix", False)]
    matrices = [arg for arg in product.args if getattr(arg, "is_Matrix", False)]
    for left, right in pairwise(matrices):
        if sp.expand(left.cols - right.rows) != 0:
            raise ShapeError(f"{left} of shape {left.shape} cannot multiply {right} of shape {right.shape}")
    return sp.Mul(*scalars), matrices


def _product(factors: list[Combination], scalar: sp.Expr) -> Iterator[tuple[Word, sp.Expr]]:
    partial: list[tuple[Word, sp.Expr]] = [((), scalar)]
    for factor in factors:
        partial = [(word + more, value * other) for word, value in partial for more, other in factor.items()]
    yield from partial


def _rate_terms(rate: MatrixRate) -> Iterator[tuple[Word, sp.Expr]]:
    """Differentiate word by word with the product rule."""
    if isinstance(rate.arg, sp.MatrixSymbol):
        yield ((rate, False),), sp.S.One
        return
    for word, value in _expand(rate.arg).items():
        if not value.is_number:
            yield word, Rate(value)
        for k, (matrix, flag) in enumerate(word):
            if isinstance(matrix, sp.Inverse):
                raise ShapeError(f"the rate of an inverse is not known to the normal form: {matrix}")
            yield (*word[:k], (MatrixRate(matrix), flag), *word[k + 1 :]), value


def _transposed_rules(rules: Iterable[MatrixRule]) -> list[MatrixRule]:
    return [(transposed(word), {transposed(w): value for w, value in rhs.items()}) for word, rhs in rules]


def _inverse_rules(expression: sp.MatrixExpr) -> list[MatrixRule]:
    rules: list[MatrixRule] = []
    for inverse in expression.atoms(sp.Inverse):
        if not isinstance(inverse.arg, sp.MatrixSymbol):
            raise ShapeError(f"only a matrix symbol has an inverse in the normal form, got {inverse}")
        one: Combination = {(): sp.S.One}
        for flag in (False, True):
            a, b = (inverse, flag), (inverse.arg, flag)
            rules += [((a, b), one), ((b, a), one)]
    return rules


def _rewritten(start: Combination, rules: list[MatrixRule]) -> Combination:
    result: Combination = {}
    pending = list(start.items())
    for _ in range(_REWRITES * max(len(pending), 1)):
        if not pending:
            return result
        word, value = pending.pop()
        step = next(_steps(word, rules), None)
        if step is None:
            numbers, rest = numbers_apart(word)
            step = {rest: sp.Mul(*(sp.Trace(word_as_matrix(each)) for each in numbers))} if numbers else None
        if step is None:
            _add(result, word, value)
        else:
            pending += [(other, value * factor) for other, factor in step.items()]
    raise RecursionError("the rules rewrite a product without end")


def numbers_apart(word: Word) -> tuple[list[Word], Word]:
    """Split off the 1 x 1 parts of a word, which are numbers and commute with everything; return the rest too."""
    ends = [k for k in range(len(word) + 1) if _size_at(word, k) == 1]
    return [word[a:b] for a, b in pairwise(ends)], word[: ends[0]] + word[ends[-1] :] if ends else word


def _size_at(word: Word, position: int) -> Any:
    """Return how many rows what begins at a position of a word has; at its end, how many columns it has."""
    if position == len(word):
        return _size_at(transposed(word[-1:]), 0) if word else None
    matrix, flag = word[position]
    return matrix.cols if flag else matrix.rows


def _steps(word: Word, rules: Iterable[MatrixRule]) -> Iterator[Combination]:
    for left, right in rules:
        if right == {left: sp.S.One}:
            continue
        for k in range(len(word) - len(left) + 1):
            if word[k : k + len(left)] == left:
                yield {word[:k] + middle + word[k + len(left) :]: value for middle, value in right.items()}


def _cyclic_steps(word: Word, rules: Iterable[MatrixRule]) -> Iterator[Combination]:
    for k, (matrix, flag) in enumerate(word):
        size = matrix.cols if flag else matrix.rows
        for step in _steps(word[k:] + word[:k], rules):
            # the trace of the identity that is left is its size, which only this rotation knows
            yield {other: value if other else value * size for other, value in step.items()}


def reject_elements(expression: sp.Basic) -> None:
    """Raise ShapeError on entries A[i, j] of matrix symbols: sums over indices are written with IndexedBase."""
    found = expression.atoms(MatrixElement)
    if found:
        raise ShapeError(f"write sums over indices with IndexedBase, not with entries of matrices: {found.pop()}")
