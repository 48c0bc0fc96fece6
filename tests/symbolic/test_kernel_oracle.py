"""The kernel against an oracle: random expressions worked out at small instances, by loops and explicit matrices."""

from itertools import product

import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st

from fa_theory.symbolic.equality import equal, is_nonnegative, is_positive, rules_from
from fa_theory.symbolic.rates import TIME, Rate
from fa_theory.symbolic.substitution import substitute
from fa_theory.symbolic.sums import canonical
from fa_theory.symbolic.words import combination, word_as_matrix

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
x, y = sp.IndexedBase("x", real=True), sp.IndexedBase("y", real=True)
w, p = sp.IndexedBase("w", real=True), sp.IndexedBase("p", positive=True)
s, q = sp.Symbol("s", real=True), sp.Symbol("q", positive=True)
SIZES = {n: 2, m: 3}

# index sums -----------------------------------------------------------------------------------------------------------

numbers = st.integers(-3, 3)
ATOMS = [x[i], x[j], y[i], y[j], w[i, j], w[j, i], w[i, i], p[i], p[j], s, q, n, m, sp.KroneckerDelta(i, j)]
LIMITS = [(i, 1, n), (j, 1, n), (i, 1, m), (j, 1, m), (j, 1, i), (i, 1, 2)]


def built(parts):
    def combine(kind, left, right, limit):
        match kind:
            case "add":
                return left + right
            case "subtract":
                return left - right
            case "multiply":
                return left * right
            case "square":
                return left**2
            case "exponential":
                return sp.exp(left)
        # the kernel refuses an index that runs twice
        index, _, high = limit
        running = {each for total in left.atoms(sp.Sum) for each in total.bound_symbols}
        return left if running & {index, high} else sp.Sum(left, limit)

    kinds = st.sampled_from(["add", "subtract", "multiply", "square", "sum", "sum", "sum"])
    return st.builds(combine, kinds, parts, parts, st.sampled_from(LIMITS))


expressions = st.recursive(st.sampled_from(ATOMS) | numbers.map(sp.Integer), built, max_leaves=4)


@st.composite
def tables(draw):
    def column():
        return {index: draw(numbers) for index in range(1, 4)}

    return {
        "x": column(),
        "y": column(),
        "w": {pair: draw(numbers) for pair in product(range(1, 4), repeat=2)},
        "p": {index: draw(st.integers(1, 4)) for index in range(1, 4)},
        "s": draw(numbers),
        "q": draw(st.integers(1, 4)),
        "i": draw(st.integers(1, 2)),
        "j": draw(st.integers(1, 2)),
    }


def value(expression, table, bound=None):
    """Work an expression out by loops, the indices being bound to numbers."""
    bound = {i: table["i"], j: table["j"]} if bound is None else bound
    match expression:
        case sp.Sum():
            *inner, (index, low, high) = expression.limits
            part = sp.Sum(expression.function, *inner) if inner else expression.function
            ends = int(value(low, table, bound)), int(value(high, table, bound))
            return sum((value(part, table, {**bound, index: at}) for at in range(ends[0], ends[1] + 1)), sp.S.Zero)
        case sp.Indexed():
            at = tuple(int(value(each, table, bound)) for each in expression.indices)
            return sp.sympify(table[str(expression.base)][at if len(at) > 1 else at[0]])
        case sp.KroneckerDelta():
            one, other = (value(each, table, bound) for each in expression.args)
            return sp.Integer(one == other)
        case sp.Symbol():
            found = bound.get(expression, SIZES.get(expression))
            return sp.Integer(table[expression.name]) if found is None else sp.Integer(found)
    return expression.func(*(value(each, table, bound) for each in expression.args)) if expression.args else expression


@given(expressions, tables())
def test_the_normal_form_keeps_the_value(expression, table):
    assert sp.expand(value(canonical(expression), table) - value(expression, table)) == 0


@given(expressions, expressions, tables())
def test_what_is_said_to_be_equal_is_equal(left, right, table):
    if equal(left, right):
        assert value(left, table) == value(right, table)
    assert not equal(left, left + q)
    assert equal(left * (left + right), left**2 + right * left)


@given(expressions, expressions, tables())
def test_equations_rewrite_to_what_is_equal(left, right, table):
    # x is given in terms of y and w, and w p in terms of y
    rules = rules_from([(x[i], y[i] * s - sp.Sum(y[j] ** 2 * i, (j, 1, n))), (w[i, j] * p[j], y[i] + y[j])])
    table["x"] = {at: table["y"][at] * table["s"] - at * sum(table["y"][b] ** 2 for b in (1, 2)) for at in (1, 2, 3)}
    table["p"] = dict.fromkeys((1, 2, 3), 1)
    table["w"] = {(a, b): table["y"][a] + table["y"][b] for a, b in table["w"]}
    assert sp.expand(value(canonical(left, rules), table) - value(left, table)) == 0
    if equal(left, right, rules):
        assert value(left, table) == value(right, table)


@given(expressions, tables())
def test_what_is_said_to_have_a_sign_has_it(expression, table):
    for each in (expression, expression**2, sp.Sum(expression**2 + p[i], (i, 1, n)), q * expression + q):
        if is_nonnegative(each):
            assert value(each, table) >= 0
        if is_positive(each):
            assert value(each, table) > 0


@given(expressions, expressions, tables())
def test_what_is_put_in_is_put_in(expression, body, table):
    # x_i := body(i) with every other free index fixed; nothing is captured
    put_in = substitute(expression, {x: lambda at: substitute_index(body, at)})
    taken = {at: value(body, table, {i: at, j: table["j"]}) for at in (1, 2, 3)}
    assert sp.expand(value(put_in, table) - value(expression, {**table, "x": taken})) == 0


def substitute_index(body, at):
    return substitute(body, {i: at})


@given(expressions, tables())
def test_the_rate_is_the_derivative(expression, table):
    moving = sp.Symbol("h")
    rates = {"x": 1, "y": -2, "w": 3, "p": 5}
    moved = {
        **table,
        **{name: {at: table[name][at] + rate * moving for at in table[name]} for name, rate in rates.items()},
    }

    followed = sp.diff(value(expression, moved), moving).subs(moving, 0)
    worked = canonical(Rate(expression))
    found = worked.replace(
        lambda each: type(each).__name__ == "IndexedRate", lambda each: sp.Integer(rates[str(each.args[0].base)])
    )
    assert sp.expand(value(found, table) - followed) == 0
    assert canonical(Rate(TIME * expression)) == canonical(expression + TIME * Rate(expression))


# matrices ------------------------------------------------------------------------------------------------------------

A, B = sp.MatrixSymbol("A", n, m), sp.MatrixSymbol("B", n, m)
S, a, b = sp.MatrixSymbol("S", n, n), sp.MatrixSymbol("a", n, 1), sp.MatrixSymbol("b", m, 1)
U = sp.MatrixSymbol("U", m, n)
SHAPES = {"A": (2, 3), "B": (2, 3), "S": (2, 2), "a": (2, 1), "b": (3, 1), "U": (3, 2)}


@st.composite
def products(draw, rows=None, cols=None):
    """Return a random product of matrices that fits."""
    letters = [each for base in (A, B, S, a, b, U) for each in (base, base.T)]
    word = [draw(st.sampled_from([each for each in letters if rows is None or each.rows == rows]))]
    for _ in range(draw(st.integers(0, 3))):
        word.append(draw(st.sampled_from([each for each in letters if each.rows == word[-1].cols])))
    if cols is not None and word[-1].cols != cols:
        word.append(
            draw(
                st.sampled_from([each for each in letters if (each.rows, each.cols) == (word[-1].cols, cols)] or [None])
            )
        )
        assume(word[-1] is not None)
    return draw(st.integers(-2, 2).filter(bool)) * sp.MatMul(*word)


@st.composite
def matrices(draw):
    found = {
        name: sp.Matrix(rows, cols, [draw(numbers) for _ in range(rows * cols)])
        for name, (rows, cols) in SHAPES.items()
    }
    found["U"] = draw(st.sampled_from([sp.Matrix([[1, 0], [0, 1], [0, 0]]), sp.Matrix([[3, 0], [4, 0], [0, 5]]) / 5]))
    return found


def matrix_value(expression, found):
    match expression:
        case sp.MatrixSymbol():
            return found[expression.name]
        case sp.Identity():
            return sp.eye(SIZES[expression.rows])
        case sp.ZeroMatrix():
            return sp.zeros(*(SIZES.get(each, each) for each in expression.shape))
        case sp.Transpose():
            return matrix_value(expression.arg, found).T
        case sp.Trace():
            return matrix_value(expression.arg, found).trace()
        case sp.MatMul():
            return sp.prod([matrix_value(each, found) for each in expression.args])
        case sp.MatAdd():
            first, *others = (matrix_value(each, found) for each in expression.args)
            return sum(others, start=first)
        case sp.MatPow():
            return matrix_value(expression.base, found) ** expression.exp
    if expression.args:
        return expression.func(*(matrix_value(each, found) for each in expression.args))
    return sp.sympify(SIZES.get(expression, expression))


ORTHONORMAL = [(U.T * U, sp.Identity(n))]


@given(products(rows=n, cols=n), products(rows=n, cols=n), matrices())
def test_words_keep_the_value_of_a_matrix(left, right, found):
    expression = (left + right.T) * S - right * (left - 2 * sp.Identity(n))
    rules = rules_from(ORTHONORMAL)
    worked = sp.zeros(2)
    for word, factor in combination(expression, rules.matrices).items():
        worked += matrix_value(canonical(factor, rules), found) * (
            matrix_value(word_as_matrix(word), found) if word else sp.eye(2)
        )
    assert worked == matrix_value(expression, found)
    assert not equal(left, left + U.T * A.T, rules)


@given(products(rows=n, cols=n), products(rows=m, cols=m), matrices())
def test_traces_keep_their_value(small, large, found):
    rules = rules_from(ORTHONORMAL)
    for part in (small, large, U * small * U.T):
        expression = sp.Trace(part) * sp.Trace(part.T) + 3 * sp.Trace(part + part.T)
        worked = canonical(expression, rules)
        assert sp.expand(matrix_value(worked, found) - matrix_value(expression, found)) == 0
        if is_nonnegative(sp.Trace(part)):
            assert matrix_value(sp.Trace(part), found) >= 0
        assert equal(sp.Trace(part), sp.Trace(part.T), rules)


@given(products(rows=n, cols=n), products(rows=n, cols=n), matrices())
def test_traces_that_are_said_to_be_equal_are_equal(left, right, found):
    rules = rules_from(ORTHONORMAL)
    if equal(sp.Trace(left), sp.Trace(right), rules):
        assert matrix_value(sp.Trace(left), found) == matrix_value(sp.Trace(right), found)
    if equal(left, right, rules):
        assert matrix_value(left, found) == matrix_value(right, found)
    assert equal(sp.Trace(left * right), sp.Trace(right * left), rules)
    assert not equal(sp.Trace(left), sp.Trace(left) + 1, rules)
