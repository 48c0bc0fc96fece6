"""Attacks on the kernel: each tries to have something false accepted, and must be refused.

What a step derives here is false in some instance, which the comment or the name says; the kernel must not accept it.
"""

import pytest
import sympy as sp

from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as gronwall_rate
from fa_theory.proofs.lemmas.gronwall import y as gronwall_y
from fa_theory.proofs.notation import N, d, i, indexed, j, k, m, n, t, v, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.equality import equal
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.proof import Proof
from fa_theory.symbolic.rates import rate
from fa_theory.symbolic.substitution import substitute

A, W = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("W", n, d)
s, u, c = sp.symbols("s u c", real=True)
positive, weak = sp.Symbol("q", positive=True), sp.Symbol("q0", nonnegative=True)
size, counter = sp.Symbol("K", integer=True, positive=True), sp.Symbol("K0", integer=True, nonnegative=True)
L = sp.Function("L", real=True)
norm = sp.Sum(w[i] ** 2, (i, 1, n))
delta = sp.KroneckerDelta(i, j)

REFUSED = (StepFailed, ValueError)


def lemma(derive, *keys, name="lemma"):
    return Proof(name, name, "", dict.fromkeys(keys, ""), "own", derive, ())


@pytest.fixture
def proof():
    return Derivation({"a": ""})


def decay(proof, function, speed):
    return proof.given("a", sp.Derivative(function, t), "<=", -speed * function)


# what a lemma is applied to ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("letter", "value"),
    [(positive, -1), (positive, weak), (weak, s), (s, sp.I), (s, sp.sqrt(u)), (size, positive), (size, counter)],
)
def test_a_value_that_a_letter_cannot_have(proof, letter, value):
    with pytest.raises(REFUSED):
        proof.apply(lemma(lambda each: each.at_most("x", 0, letter**2, because=[letter**2])), {letter: value})


def test_the_wrong_shape(proof):
    other = sp.MatrixSymbol("Y", m, d)
    small = proof.given("a", sp.Trace(other * other.T), "<=", n)
    with pytest.raises(REFUSED):
        proof.apply(lemma(lambda each: each.given("k", sp.Trace(W * W.T), "<=", n), "k"), {W: other}, {"k": small})


def test_one_time_is_not_all_times(proof):
    at_s = proof.given("a", L(s).diff(s), "<=", -L(s))
    with pytest.raises(REFUSED):
        proof.apply(GRONWALL, {gronwall_y: L, gronwall_rate: 1, t: s}, {"decay": at_s})


def test_a_function_that_treats_one_time_as_special(proof):
    slow = decay(proof, L(t), 1)
    values = {gronwall_y: lambda time: L(time) if time == t else sp.S.Zero, gronwall_rate: 1}
    with pytest.raises(REFUSED):
        proof.apply(GRONWALL, values, {"decay": slow})


@pytest.mark.parametrize(
    ("function", "speed", "values"),
    [
        (L(t), t, {gronwall_y: L, gronwall_rate: t}),
        (L(t), L(t), {gronwall_y: L, gronwall_rate: L(t)}),
        (L(t), w[1], {gronwall_y: L, gronwall_rate: w[1]}),
        (norm, 1, {gronwall_y: lambda _: norm, gronwall_rate: 1}),
        (t * L(t), 1, {gronwall_y: lambda time: t * L(time), gronwall_rate: 1}),
        (L(t), -1, {gronwall_y: L, gronwall_rate: 1}),
    ],
)
def test_gronwall_with_what_moves_or_grows(proof, function, speed, values):
    given = decay(proof, function, speed)
    with pytest.raises(REFUSED):
        proof.apply(GRONWALL, values, {"decay": given})


def test_a_constant_of_a_lemma_that_moves(proof):
    linear = lemma(lambda each: each.equal("x", rate(s * x[i]), s * rate(x[i])))
    again = lemma(lambda each: each.apply(linear, {}), name="again")
    proof.define("x", u, w[1])
    for each in (linear, again):
        for value in (w[i], t, u, L(t), norm):
            with pytest.raises(REFUSED):
                proof.apply(each, {s: value})
    schematic = proof.given("a", rate(s * x[i]), "=", s * rate(x[i]), schematic=[s])
    with pytest.raises(REFUSED):
        schematic.at({s: w[i]})


def test_one_index_is_not_every_index(proof):
    bounded = lemma(lambda each: each.sum_over("x", each.given("k", x[i], "<=", s), (i, 1, N)), "k")
    first = proof.given("a", x[1], "<=", s)
    with pytest.raises(REFUSED):
        proof.apply(bounded, {i: 1}, {"k": first})
    own = proof.given("a", x[i], "<=", w[i])
    with pytest.raises(REFUSED):
        proof.apply(bounded, {s: w[i]}, {"k": own})  # would bound the sum by N w_i


def test_one_value_is_not_every_value(proof):
    every = lemma(lambda each: each.given("k", s, "<=", u, schematic=[s]).at({s: 5}), "k")
    one = proof.given("a", s, "<=", u)
    for values in ({}, {s: u}, {s: 1}):
        with pytest.raises(REFUSED):
            proof.apply(every, values, {"k": one})
    itself = proof.given("a", s, "<=", s, schematic=[s])
    with pytest.raises(REFUSED):
        proof.apply(every, {u: s}, {"k": itself})  # would show 5 <= s
    assert proof.apply(every, {}, {"k": proof.given("a", s, "<=", u, schematic=[s])}).claim.lhs == 5


def test_a_hypothesis_about_what_the_lemma_defines(proof):
    def derive(each):
        defined = each.define("x", u, s + 1)
        return each.at_most("x", c, s + 1, because=[each.given("k", c, "<=", u), defined])

    other = proof.given("a", c, "<=", u)
    with pytest.raises(REFUSED):
        proof.apply(lemma(derive, "k"), {}, {"k": other})


def test_what_a_lemma_inherits_is_discharged_too(proof):
    inner = lemma(lambda each: each.given("k", s, "=", 1), "k")

    def derive(each):
        used = each.apply(inner, {s: sp.Integer(5)})
        return each.equal("x", u + 5, 2, because=[used, each.given("k", u, "=", 1)])

    one = proof.given("a", u, "=", 1)
    with pytest.raises(REFUSED):
        proof.apply(lemma(derive, "k", name="outer"), {}, {"k": one})


def test_a_conclusion_that_rests_on_what_is_not_declared():
    foreign = Derivation({"z": ""}).given("z", s, "=", 1)
    with pytest.raises(REFUSED):
        lemma(lambda each: each.equal("x", s, 1, because=[foreign])).theorem()


def test_nothing_is_captured(proof):
    with pytest.raises(REFUSED):
        proof.apply(lemma(lambda each: each.equal("x", sp.Derivative(s * u, u), s)), {s: u})
    with pytest.raises(REFUSED):
        proof.apply(lemma(lambda each: each.equal("x", sp.Derivative(s * u, u), s)), {u: s})
    rows = proof.given("a", sp.Sum(w[j, k], (k, 1, d)), "=", v[j])
    named = lemma(lambda each: each.given("k", x[j], "=", v[j]), "k")
    fact = proof.apply(named, {x: lambda row: sp.Sum(w[row, k], (k, 1, d))}, {"k": rows})
    assert not fact.at({j: k}).claim.lhs.has(w[k, k])
    at_k = substitute(x[k], {x: lambda row: sp.Sum(w[row, k], (k, 1, d))})
    assert equal(at_k, sp.Sum(w[k, j], (j, 1, d)))


# what is defined, and what stays constant ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "expression"),
    [
        (positive, sp.Integer(-1)),
        (indexed("q", nonnegative=True)[i], x[i]),
        (sp.Function("f", positive=True)(t), x[1]),
        (counter, positive),
        (t, sp.Integer(5)),
        (s, i + 1),
        (s, x[i]),
        (indexed("q")[i - i], x[i]),
        (indexed("q")[i * i], x[i]),
        (sp.MatrixSymbol("Z", n, d), x[i] * W),
        (s, s + 1),
        (L(0), x[1]),
    ],
)
def test_a_definition_that_would_claim_something(proof, symbol, expression):
    with pytest.raises(REFUSED):
        proof.define("x", symbol, expression)


def test_a_second_meaning(proof):
    proof.define("x", s, sp.Integer(1))
    with pytest.raises(REFUSED):
        proof.define("x", s, sp.Integer(2))
    with pytest.raises(REFUSED):
        proof.apply(lemma(lambda each: each.define("y", u, sp.Integer(-1))), {u: positive})


@pytest.mark.parametrize("value", [s, t, indexed("q", nonnegative=True)[i], L(t), x[i], indexed("q")[j]])
def test_a_constant_that_is_not_one(proof, value):
    still = proof.given("a", rate(x[i]), "=", 0)
    with pytest.raises(REFUSED):
        proof.constant("x", still, value)
    with pytest.raises(REFUSED):
        proof.constant("x", proof.given("a", rate(v[i]), "=", 1), indexed("C")[i])


def test_a_constant_cannot_be_said_to_move(proof):
    with pytest.raises(REFUSED):
        proof.given("a", rate(s), "=", 1)


@pytest.mark.parametrize("moving", [norm, sp.Trace(W * W.T), w[i]])
def test_the_derivative_by_time_of_what_moves_is_not_zero(proof, moving):
    with pytest.raises(REFUSED):
        proof.equal("x", sp.Derivative(moving, t), 0)


def test_time_is_not_constant_before_a_matrix(proof):
    with pytest.raises(REFUSED):
        proof.equal("x", rate(t * W), t * rate(W))


# equations and inequalities ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("multiplier", [1 / s, 1 / s**2, 1 / weak, sp.sqrt(s)])
def test_nothing_is_divided_by_what_may_be_zero(proof, multiplier):
    fact = proof.given("a", s * u, "=", s * c)
    for attempt in (
        lambda: proof.equal("x", u * s * multiplier, c * s * multiplier, because=[(multiplier, fact)]),
        lambda: proof.times("x", multiplier, fact),
        lambda: proof.at_most("x", u * s * multiplier, c * s * multiplier, because=[(multiplier, fact)]),
    ):
        with pytest.raises(REFUSED):
            attempt()


def test_a_singular_matrix_has_no_inverse(proof):
    other, zero = sp.MatrixSymbol("O", n, n), sp.ZeroMatrix(n, n)
    fact = proof.given("a", A * other, "=", zero)
    with pytest.raises(REFUSED):
        proof.equal("x", other, zero, because=[(sp.Inverse(A), fact)])


def test_multipliers_of_the_wrong_sign(proof):
    fact, strict = proof.given("a", s, "<=", u), proof.given("a", s, "<", u)
    for multiplier in (-1, c, -weak, w[i]):
        with pytest.raises(REFUSED):
            proof.at_most("x", multiplier * s, multiplier * u, because=[(multiplier, fact)])
        with pytest.raises(REFUSED):
            proof.times("x", multiplier, fact)
    with pytest.raises(REFUSED):
        proof.less("x", weak * s, weak * u, because=[(weak, strict)])
    assert proof.times("x", weak, strict).claim.relation == "<="


@pytest.mark.parametrize(
    "expression",
    [
        s,
        s**3,
        sp.sqrt(s),
        sp.log(positive),
        sp.Trace(A * A),
        sp.Trace(A),
        -sp.Sum(x[i] ** 2, (i, 1, n)),
        sp.Sum(x[i], (i, 1, n)),
        sp.Sum(x[i] ** 2, (i, 5, 1)),
        s**2 - 1,
        w[i] * v[i],
    ],
)
def test_what_is_not_shown_to_be_nonnegative(proof, expression):
    with pytest.raises(REFUSED):
        proof.at_most("x", 0, expression, because=[expression])


def test_an_empty_sum_is_not_positive(proof):
    total = sp.Sum(indexed("q", positive=True)[i], (i, 1, counter))
    with pytest.raises(REFUSED):
        proof.less("x", 0, total, because=[total])


@pytest.mark.parametrize(
    ("lhs", "rhs"),
    [
        (sp.Sum(x[i], (i, 1, n)) ** 2, sp.Sum(x[i] ** 2, (i, 1, n))),
        (sp.Sum(x[i] * w[j], (j, 1, i), (i, 1, n)), sp.Sum(x[i], (i, 1, n)) * sp.Sum(w[j], (j, 1, i))),
        (sp.Sum(x[i], (i, 1, n), (i, 1, m)), sp.Sum(x[i], (i, 1, m))),
        (sp.Sum(x[i], (i, 1, i)), sp.Sum(x[j], (j, 1, j))),
        (sp.Sum(x[i] + 1, (i, 1, sp.oo)), sp.Sum(x[i], (i, 1, sp.oo)) + sp.oo),
        (sp.Sum(1, (i, 1, n / 2)), n / 2),
        (sp.Sum(delta, (i, 1, n), (j, 1, m)), m),
        (sp.Sum(delta, (i, 1, n), (j, 1, m)), n),
        (sp.Sum(delta * x[i], (i, 1, n)), x[j]),
        (sp.Sum(sp.KroneckerDelta(i, n + 1) * x[i], (i, 1, n)), x[n + 1]),
        (sp.Sum(sp.KroneckerDelta(i, counter) * x[i], (i, 1, counter)), x[counter]),
        (sp.Sum(sp.exp(delta), (i, 1, n), (j, 1, n)), n * sp.E),
        (sp.exp(sp.Sum(x[i], (i, 1, n))), sp.Sum(sp.exp(x[i]), (i, 1, n))),
        (1 / sp.Sum(x[i] ** 2 + 1, (i, 1, n)), sp.Sum(1 / (x[i] ** 2 + 1), (i, 1, n))),
        (sp.sqrt(s**2), s),
        (sp.log(s**2), 2 * sp.log(s)),
        (sp.oo - sp.oo, 1),
        (sp.Trace(W * W.T) ** 2, sp.Trace(W * W.T * W * W.T)),
        (sp.Trace(W.T * A * W), sp.Trace(W.T * A.T * A * W)),
        (sp.Trace(sp.Identity(n)), d),
    ],
)
def test_equations_that_are_wrong(proof, lhs, rhs):
    with pytest.raises(REFUSED):
        proof.equal("x", lhs, rhs)


def test_the_identity_of_a_product_that_is_not_square(proof):
    U = sp.MatrixSymbol("U", n, m)
    orthonormal = proof.given("a", U.T * U, "=", sp.Identity(m))
    assert proof.equal("x", sp.Trace(U * U.T), m, using=[orthonormal]).claim.rhs == m
    with pytest.raises(REFUSED):
        proof.equal("x", sp.Trace(U * U.T), n, using=[orthonormal])
    with pytest.raises(REFUSED):
        proof.equal("x", U * U.T, sp.Identity(n), using=[orthonormal])


@pytest.mark.parametrize("one", [N, counter, sp.Integer(3), N - 1])
def test_an_equation_at_one_index_is_not_one_at_every_index(proof, one):
    single = proof.given("a", x[one], "=", 1)
    with pytest.raises(REFUSED):
        proof.equal("x", x[i], 1, using=[single])
    with pytest.raises(REFUSED):
        proof.equal("x", sp.Sum(x[i], (i, 1, N)), N, using=[single])
    for index in (counter, N):
        with pytest.raises(REFUSED):
            proof.sum_over("x", proof.given("a", x[index], "<=", index), (index, 1, 5))


def test_sums_of_inequalities_run_forwards(proof):
    fact = proof.given("a", x[i], "<=", w[i])
    for limits in ((i, 5, 1), (i, 1, counter - 2), (i, 1, j), (i, 1, i), (i, 1, sp.Rational(5, 2))):
        with pytest.raises(REFUSED):
            proof.sum_over("x", fact, limits)


def test_values_only_for_what_stands_for_any(proof):
    for letter, value in ((s, 2), (t, 0), (N, 3), (j, 3)):
        with pytest.raises(REFUSED):
            proof.given("a", s * x[i], "<=", t + N).at({letter: value})
    with pytest.raises(REFUSED):
        proof.given("a", sp.cos(2 * sp.pi * i) * x[i], "=", x[i]).at({i: sp.Rational(1, 2)})
    square = proof.given("a", sp.Trace(W * W.T), "<=", n, schematic=[n])
    with pytest.raises(REFUSED):
        square.at({n: m})
    with pytest.raises(REFUSED):
        proof.given("a", s, "<=", u, schematic=[s]).at({s: u}, schematic=[u])


def test_equations_that_rewrite_each_other_are_told_of(proof):
    there = proof.given("a", v[i], "=", sp.Sum(w[i, k] * x[k], (k, 1, d)))
    back = proof.given("a", x[k], "=", sp.Sum(w[i, k] * v[i], (i, 1, n)))
    with pytest.raises(RecursionError, match="without end"):
        proof.equal("x", sp.Sum(x[k], (k, 1, d)) ** 2, 1, using=[there, back])
