"""The rules of inference: which facts follow from which, checked by normal forms and declared signs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from fa_theory.symbolic.equality import (
    equal,
    in_order,
    is_matrix,
    is_nonnegative,
    is_positive,
    rules_from,
    undefined,
)
from fa_theory.symbolic.facts import Claim, Fact, claim, home_of
from fa_theory.symbolic.rates import Rate
from fa_theory.symbolic.scope import free_indices, letters
from fa_theory.symbolic.sums import Rules, canonical, require_limits
from fa_theory.symbolic.words import combination


class StepFailed(Exception):  # noqa: N818 - the name says what happened
    """A step that the machine could not check."""


def equation(name: str, claimed: Claim, because: Sequence[Any], using: Sequence[Fact]) -> Fact:
    """Return the fact lhs = rhs, where lhs - rhs is the sum of the multiples of equations named in `because`."""
    entries = [entry if isinstance(entry, tuple) else (sp.S.One, entry) for entry in because]
    for _, fact in entries:
        if fact.claim.relation != "=":
            raise StepFailed(f"{name}: only equations show an equation, got {fact.claim}")
    facts = [*using, *(fact for _, fact in entries)]
    require_defined(name, [claimed.lhs, claimed.rhs, *(multiplier for multiplier, _ in entries)], facts)
    difference = claimed.lhs - sum(
        (multiplier * (fact.claim.lhs - fact.claim.rhs) for multiplier, fact in entries), start=claimed.rhs
    )
    zero = sp.ZeroMatrix(*claimed.lhs.shape) if is_matrix(claimed.lhs) else sp.S.Zero
    _require(equal(difference, zero, _rules(using)), name, claimed)
    return resting_on(claimed, facts)


def inequality(name: str, claimed: Claim, because: Sequence[Any], using: Sequence[Fact]) -> Fact:
    """Return the fact lhs <= rhs or lhs < rhs, where rhs - lhs is the sum of the slacks named in `because`."""
    slack, facts, strict, multipliers = sp.S.Zero, list(using), False, []
    for entry in because:
        multiplier, fact = entry if isinstance(entry, tuple) else (sp.S.One, entry)
        if isinstance(fact, Fact):
            value, positive = _multiplier(name, multiplier, fact)
            slack += value * (fact.claim.rhs - fact.claim.lhs)
            strict = strict or (fact.claim.relation == "<" and positive)
            facts += [each for each in (multiplier, fact) if isinstance(each, Fact)]
        else:
            value = sp.sympify(multiplier) * sp.sympify(fact)
            if not is_nonnegative(value):
                raise StepFailed(f"{name}: {fact} is not shown to be >= 0")
            slack += value
            strict = strict or is_positive(value)
        multipliers.append(value)
    if claimed.relation == "<" and not strict:
        raise StepFailed(f"{name}: nothing in it is shown to be strictly positive")
    require_defined(name, [claimed.lhs, claimed.rhs, *multipliers], facts)
    _require(equal(claimed.rhs - claimed.lhs, slack, _rules(using)), name, claimed)
    return resting_on(claimed, facts)


def summed(name: str, fact: Fact, limits: Sequence[tuple[Any, Any, Any]]) -> Fact:
    """Return the fact added up over indices for every value of which it holds."""
    lhs, relation, rhs = fact.claim
    ranging = free_indices(lhs) | free_indices(rhs) | fact.schematic
    for index, *_ in limits:
        if index not in ranging and index in lhs.free_symbols | rhs.free_symbols:
            raise StepFailed(f"{name}: {index} stands for one thing and cannot be summed over")
    require_limits(limits)
    if relation != "=" and not all(in_order(limits)):
        raise StepFailed(f"{name}: the limits {limits} are not shown to be in order")
    relation = "=" if relation == "=" else "<="
    return resting_on(claim(sp.Sum(lhs, *limits), relation, sp.Sum(rhs, *limits)), [fact])


def multiplied(name: str, multiplier: Any, fact: Fact) -> Fact:
    """Return the fact multiplied by what is shown to be >= 0 (of any sign for an equation)."""
    lhs, relation, rhs = fact.claim
    value, positive = _multiplier(name, multiplier, fact)
    facts = [each for each in (multiplier, fact) if isinstance(each, Fact)]
    require_defined(name, [value], facts)
    return resting_on(claim(value * lhs, relation if relation != "<" or positive else "<=", value * rhs), facts)


def inverted(name: str, fact: Fact) -> Fact:
    """Return 0 < 1/c for a fact 0 < c."""
    lhs, relation, rhs = fact.claim
    if relation != "<" or lhs != 0:
        raise StepFailed(f"{name}: not of the form 0 < c: {fact.claim}")
    return resting_on(claim(0, "<", 1 / rhs), [fact])


def resting_on(claimed: Claim, facts: Sequence[Fact]) -> Fact:
    """Return a fact that inherits all that the facts rest on; what is schematic in one must be so in all to stay so."""
    empty: frozenset[Any] = frozenset()
    try:
        home = home_of(facts)
    except ValueError as wrong:
        raise StepFailed(str(wrong)) from wrong
    symbols = letters(claimed.lhs) | letters(claimed.rhs)
    fixed = set().union(*((letters(each.claim.lhs) | letters(each.claim.rhs)) - each.schematic for each in facts))
    return Fact(
        claimed,
        empty.union(*(fact.premises for fact in facts)),
        empty.union(*(fact.by_hand for fact in facts)),
        empty.union(*(fact.cites for fact in facts)),
        empty.union(*(fact.schematic for fact in facts)) & symbols - fixed,
        home,
    )


def _rules(using: Sequence[Fact]) -> Rules:
    for fact in using:
        if fact.claim.relation != "=":
            raise StepFailed(f"only equations can rewrite, got {fact.claim}")
    return rules_from((fact.claim.lhs, fact.claim.rhs) for fact in using)


def _multiplier(name: str, multiplier: Any, fact: Fact) -> tuple[Any, bool]:
    """Return what multiplies a fact, shown to be >= 0 unless the fact is an equation, and whether it is shown > 0."""
    if isinstance(multiplier, Fact):
        if multiplier.claim.relation == "=":
            raise StepFailed(f"{name}: an equation has no slack to multiply with: {multiplier.claim}")
        return multiplier.claim.rhs - multiplier.claim.lhs, multiplier.claim.relation == "<"
    multiplier = sp.sympify(multiplier)
    if fact.claim.relation != "=" and not is_nonnegative(multiplier):
        raise StepFailed(f"{name}: the multiplier {multiplier} is not shown to be >= 0")
    return multiplier, fact.claim.relation != "=" and is_positive(multiplier)


def require_defined(name: str, expressions: Sequence[Any], facts: Sequence[Fact]) -> None:
    """Require that what is divided by is shown to differ from 0, or is so in a fact that is used (roots, logs too)."""
    if doubtful := undefined(expressions, [side for fact in facts for side in fact.claim[::2]]):
        raise StepFailed(f"{name}: not shown to be defined, for it is not known that {', '.join(map(str, doubtful))}")


def require_continuous(name: str, change: Any) -> None:
    """Require that a quantity whose rate of change is used to bound it is put together without jumps."""
    try:
        for scalar in combination(change).values() if is_matrix(change) else [change]:
            canonical(scalar)
    except ValueError as wrong:
        raise StepFailed(f"{name}: {wrong}") from wrong


def require_possible_rates(name: str, claimed: Claim) -> None:
    """Require of a rate of change that is claimed that its quantity has no jumps, and moves unless the rate is 0."""
    for one, other in ((claimed.lhs, claimed.rhs), (claimed.rhs, claimed.lhs)):
        if isinstance(one, Rate):
            require_continuous(name, one)
            if canonical(one) == 0 != other:
                raise StepFailed(f"{name}: {one.arg} is constant in time, its rate cannot be {other}")


def _require(shown: bool, name: str, claimed: Claim) -> None:
    if not shown:
        raise StepFailed(f"{name}: not shown that {claimed.lhs} {claimed.relation} {claimed.rhs}")
