"""The vector fields and their brackets, against the package's numeric passes and against brute force in SymPy."""

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest
import sympy
from flint import fmpq, fmpq_mat

import fa_theory as ft
from fa_theory.dynamics import forward, update_directions
from fa_theory.model import AdaptiveFeedback, feedback_rules
from fa_theory.symbolic import discover
from fa_theory.symbolic.discovery.duals import bracket
from fa_theory.symbolic.discovery.lie import close_under_brackets
from fa_theory.symbolic.discovery.linear import rank
from fa_theory.symbolic.discovery.network_request import make_request
from fa_theory.symbolic.discovery.systems import MomentumSystem, joined, split

QUIET = lambda _message: None  # noqa: E731


def request(rule, widths, activation="linear", *, biases=False, seed=0, patterns=None, weights=None):
    return make_request(
        rule, widths, activation, biases=biases, seed=seed, feedback=None, weights=weights, patterns=patterns
    )


def fractions(matrix):
    return np.array([[Fraction(int(v.p), int(v.q)) for v in row] for row in matrix.tolist()], dtype=object)


@pytest.mark.parametrize("activation", ["linear", "relu", "leaky_relu:1/5"])
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("rule", ["fa", "backprop", "adafa:1/3", "dfa", "sign-fa"])
@pytest.mark.parametrize("widths", [(2, 3, 2), (2, 2, 3, 2)])
def test_the_numeric_update_of_a_data_set_is_the_sum_of_exact_fields(widths, rule, biases, activation):
    """`update_directions` in exact rationals shares no line with the symbolic fields."""
    rng = random.Random(1)
    depth = len(widths) - 1
    made = request(rule, widths, activation, biases=biases)
    system = made.system
    point = [fmpq(rng.choice((-1, 1)) * rng.randint(1, 9)) for _ in system.variables]
    parts = dict(zip([b.name for b in system.blocks], split(system.blocks, point), strict=True))
    weights = [fractions(parts[f"W{k}"]) for k in range(1, depth + 1)]
    shifts = [fractions(parts[f"b{k}"])[:, 0] for k in range(1, depth + 1)] if biases else None
    matrices = [fractions(matrix) for matrix in made.feedback]
    if rule.startswith("adafa"):
        matrices = [D + Fraction(1, 3) * W.T for D, W in zip(matrices, weights[1:], strict=True)]
        rules = [AdaptiveFeedback(Fraction(1, 3), B, W) for B, W in zip(matrices, weights[1:], strict=True)]
    elif rule == "sign-fa":
        rules = matrices  # the signs are held
    else:
        rules = feedback_rules(rule, weights, matrices)
    network = ft.Network(weights, activation, rules, shifts)
    X = np.array([[Fraction(rng.randint(-9, 9), 2) for _ in range(widths[0])] for _ in range(4)], dtype=object)
    errors = np.array([[Fraction(rng.randint(-9, 9), 3) for _ in range(widths[-1])] for _ in range(4)], dtype=object)
    passed = forward(network, X)
    F = update_directions(network, passed, errors)
    expected = [0] * len(point)
    for j in range(4):
        masks = None
        if activation != "linear":
            masks = tuple(
                fmpq_mat(n, n, [exact(s[j, i]) if i == k else 0 for i in range(n) for k in range(n)])
                for s, n in zip(passed.slopes, widths[1:-1], strict=True)
            )
        x = [*X[j], Fraction(1)] if biases else X[j]
        E = fmpq_mat(widths[-1], len(x), [exact(e * h) for e in errors[j] for h in x])
        field = joined(system.velocity(masks, E, split(system.blocks, point), lambda constant: constant))
        expected = [a + b / 4 for a, b in zip(expected, field, strict=True)]
    numeric = []
    for W, b in zip(F.weights, F.biases, strict=True):
        numeric += [-exact(v) for v in W.ravel()]
        numeric += [] if b is None else [-exact(v) for v in b]
    assert numeric == expected


def exact(value):
    value = Fraction(value)
    return fmpq(value.numerator, value.denominator)


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize(("widths", "activation"), [((2, 2, 1), "linear"), ((1, 2, 2, 1), "relu"), ((2, 2, 2), "relu")])
def test_values_polynomials_and_structured_fields_agree(widths, activation, biases):
    rng = random.Random(2)
    base = request("backprop", widths, activation, biases=biases).system
    for system in (base, MomentumSystem(base, fmpq(1, 2))):
        point = [rng.randint(-9, 9) for _ in system.variables]
        values = list(system.rows(point))
        assert values == [[p.at(point) for p in field] for field in system.polynomial_fields()]
        assert len(values) == system.size
        drawn = joined(system.random_field(rng)(split(system.blocks, point), lambda constant: constant))
        assert rank([*values, drawn]) == rank(values)


def sympy_backprop(widths):
    """The gradients of e.f(x) by SymPy, one field for each monomial in e and x."""
    variables, h = [], sympy.Matrix(sympy.symbols(f"x:{widths[0]}"))
    x = list(h)
    for layer, (k, n) in enumerate(itertools.pairwise(widths)):
        W = sympy.Matrix(n, k, sympy.symbols(f"w{layer}_:{n * k}"))
        variables += list(W)
        h = W * h
    fields = [[sympy.diff(f, v).coeff(each) for v in variables] for f in map(sympy.expand, h) for each in x]
    return variables, fields


def brute_force_rank(variables, fields, point):
    """Brackets of everything with everything until the rank has stood still twice."""
    place = dict(zip(variables, point, strict=True))
    span, ranks = [sympy.Matrix(f) for f in fields], []
    generators = list(span)
    newest = list(span)
    while len(ranks) < 3 or ranks[-1] != ranks[-3]:
        ranks.append(sympy.Matrix([list(f.subs(place)) for f in span]).rank())
        newest = [g.jacobian(variables) * f - f.jacobian(variables) * g for f in generators for g in newest]
        newest = [f.expand() for f in newest if any(f.expand())]
        span += newest
        if not newest:
            break
    return max(ranks[-1], sympy.Matrix([list(f.subs(place)) for f in span]).rank())


@pytest.mark.parametrize("widths", [(1, 1, 1), (2, 2, 1), (1, 2, 2), (2, 1, 2), (1, 1, 1, 1)], ids=str)
def test_the_rank_is_that_of_brute_force_in_sympy(widths):
    variables, fields = sympy_backprop(widths)
    point = [3, -2, 5, 7, -4, 1, 2, 9, -6, 8][: len(variables)]
    found = discover("backprop", widths=widths, degree=0)
    assert found.orbit_dimension == brute_force_rank(variables, fields, point)


@pytest.mark.parametrize(("n", "d", "m"), [(2, 1, 1), (2, 2, 2), (1, 2, 2), (3, 2, 2)])
def test_the_algebra_of_two_layer_fa_closes_with_the_dimension_of_law_completeness(n, d, m):
    """Fields M -> (-B M, -M W^T) and (0, K B^T), K skew: md + m(m-1)/2 of them, if d (or m) lets K be reached."""
    system = request("fa", (d, n, m)).system
    points = [[3 + k * k for k in range(len(system.variables))]]
    closure = close_under_brackets(system, points, 10**5, QUIET)
    assert closure.closed
    assert closure.dimension == m * d + m * (m - 1) // 2
    stopped = close_under_brackets(request("backprop", (2, 2, 2, 2)).system, [[1] * 12], 200, QUIET)
    assert not stopped.closed


def test_a_bracket_by_dual_numbers_is_the_bracket_by_sympy():
    system = request("fa", (2, 2, 2, 2)).system
    rng = random.Random(4)
    fields = [system.random_field(rng) for _ in range(3)]
    point = [rng.randint(-5, 5) for _ in system.variables]
    nested = bracket(fields[0], bracket(fields[1], fields[2]))
    value = joined(nested(split(system.blocks, point), lambda constant: constant))
    symbols = sympy.symbols(f"t:{len(point)}")
    matrices, start = [], 0
    for block in system.blocks:
        size = block.n_rows * block.n_columns
        matrices.append(sympy.Matrix(block.n_rows, block.n_columns, symbols[start : start + size]))
        start += size
    lift = lambda c: sympy.Matrix(c.nrows(), c.ncols(), [int(v.p) for v in c.entries()])  # noqa: E731
    one, two, three = (sympy.Matrix([v for part in f(matrices, lift) for v in part]) for f in fields)
    both = lambda f, g: g.jacobian(symbols) * f - f.jacobian(symbols) * g  # noqa: E731
    expected = both(one, both(two, three)).subs(dict(zip(symbols, point, strict=True)))
    assert [int(v.p) for v in value] == list(expected)
    assert any(expected)
