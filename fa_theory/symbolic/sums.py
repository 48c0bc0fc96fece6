"""Normal form of scalar expressions with sums over indices of symbolic range.

Every sum is split into its terms, every term into factors that share no bound index, and the bound indices are named
in one canonical way; traces and rates are worked out on the way. What is left is an expression of which equal ones,
as polynomials in canonical sums, are equal for every size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from fa_theory.symbolic.rates import TIME, MatrixRate, Rate
from fa_theory.symbolic.words import MatrixRule, reject_elements, trace_of_words, word_as_matrix

Limit = tuple[sp.Expr, sp.Expr]

_MOST_INDICES = 6
_DEEPEST = 60


@dataclass(frozen=True)
class ScalarRule:
    """An equation that rewrites the product of `factors` to `rhs`, for every value of the index `variables`."""

    factors: tuple[sp.Expr, ...]
    rhs: sp.Expr
    variables: frozenset[sp.Symbol]


@dataclass(frozen=True)
class Rules:
    """Equations to rewrite with: of matrices, and of scalars."""

    matrices: tuple[MatrixRule, ...] = ()
    scalars: tuple[ScalarRule, ...] = ()


@dataclass(frozen=True)
class _Term:
    """A product of factors summed over bound indices."""

    factors: tuple[sp.Expr, ...] = ()
    bound: dict[sp.Symbol, Limit] = field(default_factory=dict)

    def times(self, other: _Term) -> _Term:
        return _Term(self.factors + other.factors, {**self.bound, **other.bound})


@cache
def is_index(symbol: Any) -> bool:
    """Tell whether a symbol stands for any index: integer symbols without a sign do; sizes and counters do not."""
    return isinstance(symbol, sp.Symbol) and symbol.assumptions0 == sp.Dummy(integer=True).assumptions0


def scalar_rule(lhs: sp.Expr, rhs: sp.Expr) -> ScalarRule:
    """Return the rule that rewrites lhs, a product of symbols, indexed quantities, functions or rates, to rhs.

    The integer symbols without a sign among the indices of lhs stand for any index; in k + 1, k stands for itself.
    """
    factors = tuple(base for factor in sp.Mul.make_args(lhs) for base in _repeated(factor) if not base.is_number)
    coefficient = sp.Mul(*(factor for factor in sp.Mul.make_args(lhs) if factor.is_number))
    if not factors or any(isinstance(each, sp.Add | sp.Sum | sp.Trace) for each in factors):
        raise ValueError(f"a rule must rewrite one product without sums, got {lhs}")
    variables = frozenset(
        index for each in factors for indexed in each.atoms(sp.Indexed) for index in indexed.indices if is_index(index)
    )
    loose = {index for each in rhs.atoms(sp.Indexed) for index in each.indices} & rhs.free_symbols - lhs.free_symbols
    if any(is_index(index) for index in loose):
        raise ValueError(f"the right side of a rule has an index that its left side {lhs} lacks: {rhs}")
    return ScalarRule(factors, rhs / coefficient, variables)


def canonical(expression: Any, rules: Rules | None = None) -> sp.Expr:
    """Return the normal form of a scalar expression.

    Raises
    ------
    ShapeError
        If matrices in it do not fit.
    RecursionError
        If the rules rewrite without end.
    """
    expression = sp.sympify(expression)
    reject_elements(expression)
    rules = rules or Rules()
    total = sp.S.Zero
    for term in _rewritten_terms(expression, rules):
        total += _named(term)
    return sp.expand(total)


def with_fresh_indices(expression: sp.Basic) -> sp.Basic:
    """Rename the bound index of every sum, so that nothing put in for a free symbol is captured."""

    def renamed(total: sp.Sum) -> sp.Sum:
        fresh = {limit[0]: sp.Dummy(limit[0].name, integer=True) for limit in total.limits}
        return sp.Sum(
            total.function.xreplace(fresh),
            *((fresh[i], low.xreplace(fresh), high.xreplace(fresh)) for i, low, high in total.limits),
        )

    return expression.replace(lambda each: isinstance(each, sp.Sum), renamed)


def _repeated(factor: sp.Expr) -> list[sp.Expr]:
    if isinstance(factor, sp.Pow) and factor.exp.is_Integer and factor.exp > 0:
        return [factor.base] * int(factor.exp)
    return [factor]


def _rewritten_terms(expression: sp.Expr, rules: Rules) -> Iterator[_Term]:
    pending = [(term, 0) for term in _terms(expression, rules)]
    while pending:
        term, depth = pending.pop()
        changed = next((each for rule in rules.scalars if (each := _apply(rule, term)) is not None), None)
        if changed is None:
            yield term
            continue
        if depth == _DEEPEST:
            raise RecursionError(f"the equations rewrite a product without end: {sp.Mul(*term.factors)}")
        rest, replacement = changed
        pending += [(rest.times(each), depth + 1) for each in _terms(replacement, rules)]


def _terms(expression: sp.Expr, rules: Rules) -> Iterator[_Term]:
    match expression:
        case sp.Add():
            for part in expression.args:
                yield from _terms(part, rules)
        case sp.Mul():
            yield from _products([expression.args[0], sp.Mul(*expression.args[1:])], rules)
        case sp.Pow() if expression.exp.is_Integer and expression.exp > 1:
            yield from _products([expression.base] * int(expression.exp), rules)
        case sp.Sum():
            yield from _summed(expression, rules)
        case sp.Trace():
            for word, value in trace_of_words(expression.arg, rules.matrices).items():
                atom = sp.Trace(word_as_matrix(word)) if word else sp.S.One
                yield from (_Term((atom,)).times(each) for each in _terms(value, rules))
        case Rate():
            yield from _rate_terms(expression.arg, rules)
        case sp.Derivative():
            yield from _derivative_terms(expression, rules)
        case _:
            yield _Term((_with_canonical_arguments(expression, rules),))


def _derivative_terms(expression: sp.Derivative, rules: Rules) -> Iterator[_Term]:
    """Differentiate by time along the flow, by another symbol with everything else held fixed."""
    inner, variables = expression.expr, expression.variables
    if set(variables) == {TIME}:
        if isinstance(inner, AppliedUndef) and inner.args == (TIME,):
            yield _Term((expression,))
        elif len(variables) == 1:
            yield from _rate_terms(inner, rules)
        else:
            raise ValueError(f"only first derivatives by time are known to the normal form, got {expression}")
        return
    plain = all(isinstance(each, sp.Symbol) for each in variables) and TIME not in variables
    if not plain or inner.has(Rate, MatrixRate, sp.MatrixExpr):
        raise ValueError(f"the derivative {expression} is not known to the normal form")
    worked = expression.doit()
    yield from [_Term((worked,))] if isinstance(worked, sp.Derivative) else _terms(worked, rules)


def _with_canonical_arguments(expression: sp.Expr, rules: Rules) -> sp.Expr:
    if not expression.args or isinstance(expression, sp.Indexed | sp.KroneckerDelta | IndexedRate):
        return expression
    arguments = [
        each if not isinstance(each, sp.Expr) or getattr(each, "is_Matrix", False) else canonical(each, rules)
        for each in expression.args
    ]
    return expression.func(*arguments)


def _products(factors: Sequence[sp.Expr], rules: Rules) -> Iterator[_Term]:
    partial = [_Term()]
    for factor in factors:
        # worked out anew for each occurrence, so that no two factors share a bound index
        partial = [term.times(each) for term in partial for each in _fresh_copies(factor, rules)]
    yield from partial


def _fresh_copies(factor: sp.Expr, rules: Rules) -> list[_Term]:
    return list(_terms(factor, rules))


def require_limits(limits: Sequence[Any]) -> None:
    """Raise ValueError unless each index of a sum runs once, over whole numbers, and as far as indices outside say."""
    if any(len(limit) != 3 for limit in limits):
        raise ValueError(f"a sum needs limits (index, low, high), got {limits}")
    indices = [index for index, _, _ in limits]
    if not all(isinstance(index, sp.Symbol) for index in indices) or len(set(indices)) < len(indices):
        raise ValueError(f"the indices of a sum must be different symbols, got {indices}")
    for k, (index, *ends) in enumerate(limits):
        for end in map(sp.sympify, ends):
            if not end.is_integer:
                raise ValueError(f"the limits of {index} must be integers, got {end}")
            if end.free_symbols & {*indices[: k + 1]}:
                raise ValueError(f"the limit {end} of {index} depends on an index inside")


def _summed(total: sp.Sum, rules: Rules) -> Iterator[_Term]:
    require_limits([tuple(limit) for limit in total.limits])
    fresh = {limit[0]: sp.Dummy(limit[0].name, integer=True) for limit in total.limits}
    bound = {fresh[index]: (low.xreplace(fresh), high.xreplace(fresh)) for index, low, high in total.limits}
    for term in _terms(total.function.xreplace(fresh), rules):
        yield _Term(term.factors, {**bound, **term.bound})


def _rate_terms(expression: sp.Expr, rules: Rules) -> Iterator[_Term]:
    """Differentiate along the flow: the product rule on each term, the chain rule on functions."""
    for term in _terms(expression, Rules()):
        for k, factor in enumerate(term.factors):
            rest = _Term((*term.factors[:k], *term.factors[k + 1 :]), term.bound)
            for each in _terms(_rate_of_factor(factor), rules):
                yield rest.times(each)


def _rate_of_factor(factor: sp.Expr) -> sp.Expr:
    if factor == TIME:
        return sp.S.One
    if factor.is_number or isinstance(factor, sp.Symbol | sp.KroneckerDelta):
        return sp.S.Zero
    match factor:
        case sp.Indexed():
            return IndexedRate(factor)
        case sp.Trace():
            return sp.Trace(MatrixRate(factor.arg))
        case sp.Pow() if factor.exp.is_number:
            return factor.exp * factor.base ** (factor.exp - 1) * Rate(factor.base)
        case AppliedUndef() | sp.Function():
            return sp.Add(*(factor.fdiff(k) * Rate(each) for k, each in enumerate(factor.args, start=1)))
    raise ValueError(f"the rate of {factor} is not known to the normal form")


class IndexedRate(sp.Expr):  # type: ignore[misc] # SymPy has no types
    """The rate of an indexed quantity: a letter of its own, which equations of the flow rewrite."""

    is_commutative = True
    is_extended_real = True


def _apply(rule: ScalarRule, term: _Term) -> tuple[_Term, sp.Expr] | None:
    """Take the rule's factors out of a term once, if they are there; return the rest and what replaces them."""
    flat = [base for factor in term.factors for base in _repeated(factor)]
    found = _match_all(list(rule.factors), flat, {}, rule.variables)
    if found is None:
        return None
    used, binding = found
    rest = tuple(factor for k, factor in enumerate(flat) if k not in used)
    replacement = with_fresh_indices(rule.rhs).xreplace(binding)
    return _Term(rest, term.bound), replacement


def _match_all(
    patterns: list[sp.Expr], factors: list[sp.Expr], binding: dict[Any, Any], variables: frozenset[sp.Symbol]
) -> tuple[frozenset[int], dict[Any, Any]] | None:
    if not patterns:
        return frozenset(), binding
    for k, factor in enumerate(factors):
        extended = _match(patterns[0], factor, binding, variables)
        if extended is None:
            continue
        others: list[Any] = [*factors[:k], None, *factors[k + 1 :]]
        rest = _match_all(patterns[1:], others, extended, variables)
        if rest is not None:
            return rest[0] | {k}, rest[1]
    return None


def _match(
    pattern: Any, expression: Any, binding: dict[Any, Any], variables: frozenset[sp.Symbol]
) -> dict[Any, Any] | None:
    if expression is None:
        return None
    if pattern in variables:
        if binding.get(pattern, expression) != expression:
            return None
        return {**binding, pattern: expression}
    if isinstance(pattern, Rate):
        pattern = _rate_of_factor(pattern.arg)
    if pattern == expression:
        return binding
    if not pattern.args or pattern.func != expression.func or len(pattern.args) != len(expression.args):
        return None
    for one, other in zip(pattern.args, expression.args, strict=True):
        extended = _match(one, other, binding, variables)
        if extended is None:
            return None
        binding = extended
    return binding


def _named(term: _Term) -> sp.Expr:
    """Return a term with its bound indices contracted, counted and named canonically, one sum for each component."""
    product, bound = sp.Mul(*term.factors), dict(term.bound)
    for index in list(bound):
        deltas = (each for each in sp.Mul.make_args(product) if isinstance(each, sp.KroneckerDelta))
        delta = next((each for each in deltas if index in each.args), None)
        if delta is None or len(delta.args) != 2:
            continue
        other = next(arg for arg in delta.args if arg != index)
        low, high = bound[index]
        least = 0 if other in bound and bound[other] == (low, high) else 1 if other in (low, high) else None
        if least is None or not sp.expand(high - low + 1 - least).is_nonnegative:
            continue  # what is picked out may lie outside
        product = sp.Mul(*(f for f in sp.Mul.make_args(product) if f != delta)).xreplace({index: other})
        del bound[index]
        bound = {each: tuple(end.xreplace({index: other}) for end in limit) for each, limit in bound.items()}
    while unused := bound.keys() - product.free_symbols - _in_limits(bound.values()):
        low, high = bound.pop(min(unused, key=str))
        product *= high - low + 1
    return sp.Mul(*_components(sp.Mul.make_args(product), bound))


def _in_limits(limits: Iterable[Limit]) -> set[sp.Basic]:
    return set().union(*(part.free_symbols for limit in limits for part in limit))


def _components(factors: Iterable[sp.Expr], bound: dict[sp.Symbol, Limit]) -> Iterator[sp.Expr]:
    groups: list[tuple[set[sp.Symbol], list[sp.Expr]]] = []
    for factor in factors:
        indices = factor.free_symbols & bound.keys()
        if not indices:
            yield factor
            continue
        while more := _in_limits(bound[index] for index in indices) & bound.keys() - indices:
            indices |= more  # how far one index runs depends on another
        touching = [group for group in groups if group[0] & indices]
        groups = [group for group in groups if not group[0] & indices]
        merged = (indices.union(*(g[0] for g in touching)), [factor, *(f for g in touching for f in g[1])])
        groups.append(merged)
    for indices, members in groups:
        yield _canonical_sum(sp.Mul(*members), {index: bound[index] for index in indices})


def _canonical_sum(product: sp.Expr, bound: dict[sp.Symbol, Limit]) -> sp.Expr:
    if len(bound) > _MOST_INDICES:
        raise ValueError(f"a sum over {len(bound)} indices at once is more than the {_MOST_INDICES} that are handled")
    # numbers beyond those of sums inside, which would else capture these
    taken = [
        int(each.name[1:]) for each in product.atoms(sp.Symbol) if each.name[:1] == "_" and each.name[1:].isdigit()
    ]
    first = 1 + max(taken, default=-1)
    best: tuple[str, sp.Expr] | None = None
    for order in permutations(bound):
        if any(_in_limits([bound[index]]) & {*order[:k]} for k, index in enumerate(order)):
            continue  # how far an index runs may depend on those outside it only
        names = {index: sp.Symbol(f"_{k}", integer=True) for k, index in enumerate(order, start=first)}
        limits = [(names[index], *(part.xreplace(names) for part in bound[index])) for index in order]
        candidate = sp.Sum(product.xreplace(names), *limits)
        key = str(candidate)
        if best is None or key < best[0]:
            best = key, candidate
    assert best is not None
    return best[1]
