"""Claims of proofs put to the test: their value at one small instance, in exact rational arithmetic."""

import random
from types import SimpleNamespace

import sympy as sp

from fa_theory.proofs.notation import N, d, m, n, p
from fa_theory.symbolic.rates import Rate

MOVE = sp.Symbol("s", real=True)
"""Quantities that move are written q + MOVE * dq; rates are then derivatives at MOVE = 0."""


def value(expression, sizes, tables):
    """Return the value of an expression of index sums.

    Parameters
    ----------
    expression : SymPy expression
        A side of a claim.
    sizes : dict
        Plain symbols -> numbers, among them the symbolic ranges.
    tables : dict of str to nested lists
        The values of each indexed quantity, by its name.
    """

    def entry(indexed):
        found = tables[str(indexed.base)]
        for index in indexed.indices:
            found = found[int(index) - 1]
        return sp.sympify(found)

    def entries(each):
        return each.replace(lambda part: isinstance(part, sp.Indexed), entry)

    def rate_of(moving):
        return sp.diff(entries(moving.arg), MOVE)

    expression = sp.sympify(expression).xreplace(sizes)
    expression = expression.replace(lambda each: isinstance(each, sp.Sum), lambda each: each.doit())
    expression = expression.replace(lambda each: isinstance(each, Rate), rate_of)
    return sp.simplify(entries(expression).subs(MOVE, 0))


def rationals(seed, *shape):
    """Return nested lists of rational numbers of both signs, none of them zero."""
    chance = random.Random(seed)

    def build(shape):
        if not shape:
            return sp.Rational(chance.choice([-1, 1]) * chance.randint(1, 9), chance.randint(1, 7))
        return [build(shape[1:]) for _ in range(shape[0])]

    return build(shape)


def layer(seed, degree=1, feedback=None):
    """Return a hidden layer with random inputs and signals from above, and its update directions, worked out by loops.

    Leaky ReLU of slope 1/5 on the left for degree 1, else the power z^degree. `sizes` are the numbers to put in for
    the symbols, `tables` the quantities by the names that the proofs give them.
    """
    inputs, neurons, outputs, samples = 3, 2, 2, 3
    w, beta, v = rationals(seed, neurons, inputs), rationals(seed + 1, neurons), rationals(seed + 2, outputs, neurons)
    h, above = rationals(seed + 3, samples, inputs), rationals(seed + 4, samples, outputs)
    M = feedback(v) if feedback else rationals(seed + 5, neurons, outputs)

    def slope(z):
        return degree * z ** (degree - 1) if degree > 1 else sp.Rational(1 if z > 0 else sp.Rational(1, 5))

    z = [
        [sum(a * b for a, b in zip(w[i], h[j], strict=True)) + beta[i] for i in range(neurons)] for j in range(samples)
    ]
    active = [[slope(each) * each / degree for each in row] for row in z]
    delta = [
        [slope(z[j][i]) * sum(M[i][r] * above[j][r] for r in range(outputs)) for i in range(neurons)]
        for j in range(samples)
    ]

    def mean(term):
        return sum(term(j) for j in range(samples)) / sp.Integer(samples)

    F = [[mean(lambda j, i=i, k=k: delta[j][i] * h[j][k]) for k in range(inputs)] for i in range(neurons)]
    Fb = [mean(lambda j, i=i: delta[j][i]) for i in range(neurons)]
    G = [[mean(lambda j, i=i, r=r: above[j][r] * active[j][i]) for i in range(neurons)] for r in range(outputs)]
    tables = {"w": w, "beta": beta, "v": v, "h": h, "Delta": above, "M": M, "z": z, "F": F, "F^b": Fb, "G": G}
    return SimpleNamespace(sizes={d: inputs, n: neurons, m: outputs, N: samples, p: degree}, tables=tables, **tables)


def moved(start, direction, factor):
    """Return start + factor * direction, entry by entry."""
    if isinstance(start, list):
        return [moved(a, b, factor) for a, b in zip(start, direction, strict=True)]
    return start + factor * direction
