"""Claims of proofs evaluated at an instance: what indexed quantities and rates are is said by functions."""

import sympy as sp

from fa_theory.symbolic.rates import Rate


def evaluate(expression, plain, entries, rates=None):
    """Return the exact value of an expression of index sums.

    Parameters
    ----------
    expression : SymPy expression
        A side of a claim.
    plain : dict
        Symbols, and functions of time such as L(t) -> numbers.
    entries : dict of str to callable
        The value of each indexed quantity, by its name, as a function of its indices.
    rates : dict, optional
        What is differentiated, as it stands in the claim -> its rate.
    """
    expression = sp.sympify(expression).replace(
        lambda each: isinstance(each, Rate), lambda each: sp.sympify((rates or {})[each.arg])
    )

    def number(each, indices):
        if isinstance(each, sp.Sum):
            (index, low, high), *outer = reversed(each.limits)
            inner = sp.Sum(each.function, *reversed(outer)) if outer else each.function
            ends = (int(number(end, indices)) for end in (low, high))
            low, high = ends
            return sum((number(inner, indices | {index: value}) for value in range(low, high + 1)), start=sp.S.Zero)
        if isinstance(each, sp.Indexed):
            return sp.sympify(entries[str(each.base)](*(int(number(part, indices)) for part in each.indices)))
        if each in indices:
            return sp.Integer(indices[each])
        if each in plain:
            return sp.sympify(plain[each])
        if not each.args:
            return each
        return each.func(*(number(part, indices) for part in each.args))

    return number(expression, {})


def holds(claim, plain, entries, rates=None):
    """Tell whether a claim holds at an instance, in exact arithmetic."""
    left, right = (evaluate(side, plain, entries, rates) for side in (claim.lhs, claim.rhs))
    return bool({"=": sp.Eq, "<=": sp.Le, "<": sp.Lt}[claim.relation](left, right))
