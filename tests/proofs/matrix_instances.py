"""Claims about matrices put to the test: their value at one small instance, in exact rational arithmetic."""

import random

import sympy as sp
from sympy.core.function import AppliedUndef

from fa_theory.symbolic.rates import MatrixRate, Rate

MOVE = sp.Symbol("s", real=True)
"""Matrices that move are written M + MOVE * dM; rates are then derivatives at MOVE = 0."""


def rational_matrix(seed, rows, cols):
    """Return a matrix of rational numbers, none of them zero."""
    chance = random.Random(seed)
    return sp.Matrix(rows, cols, lambda *_: sp.Rational(chance.choice([-1, 1]) * chance.randint(1, 9), 7))


def value(expression, sizes, tables, move=0):
    """Return the value of a matrix or scalar expression.

    Parameters
    ----------
    expression : SymPy expression
        A side of a claim.
    sizes : dict
        Plain symbols -> numbers.
    tables : dict of str to Matrix
        The value of each matrix (or function of time) by its name.
    move : SymPy expression
        The value of MOVE.
    """

    def worked(each):
        match each:
            case sp.MatrixSymbol():
                found = tables[each.name]
                assert tuple(sp.sympify(part).subs(sizes) for part in each.shape) == found.shape, each
                return found
            case AppliedUndef():
                return tables[each.func.__name__]
            case MatrixRate() | Rate() | sp.Derivative():
                return sp.diff(worked(each.args[0]), MOVE)
            case sp.Identity() | sp.ZeroMatrix():
                rows, cols = (int(sp.sympify(part).subs(sizes)) for part in each.shape)
                return sp.eye(rows) if isinstance(each, sp.Identity) else sp.zeros(rows, cols)
            case sp.Transpose():
                return worked(each.arg).T
            case sp.Inverse():
                return worked(each.arg).inv()
            case sp.Trace():
                return worked(each.arg).trace()
            case sp.MatMul():
                return sp.prod([worked(part) for part in each.args])
            case sp.MatAdd() | sp.Add():
                first, *rest = (worked(part) for part in each.args)
                return sum(rest, start=first)
            case sp.Mul() | sp.Pow():
                return each.func(*(worked(part) for part in each.args))
        return each.subs(sizes)

    result = worked(sp.sympify(expression)).subs(MOVE, move)
    return result.applyfunc(sp.simplify) if isinstance(result, sp.MatrixBase) else sp.simplify(result)


def assert_holds(fact, sizes, tables):
    """Assert that a concluded equation holds at the instance."""
    lhs, relation, rhs = fact.claim
    assert relation == "="
    assert value(lhs, sizes, tables) == value(rhs, sizes, tables)


def assert_fails(fact, sizes, tables):
    """Assert that an equation does not hold at the instance, so that it can fail at all."""
    assert value(fact.claim.lhs, sizes, tables) != value(fact.claim.rhs, sizes, tables)
