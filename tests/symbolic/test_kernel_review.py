"""The kernel: what a review has shown that it once accepted and must not, each beside what it must accept."""

import itertools

import pytest
import sympy as sp

from fa_theory.proofs.notation import B, C, N, d, i, indexed, j, k, m, n, t, v, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.equality import undefined
from fa_theory.symbolic.facts import Fact, claim
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.proof import Control, Proof, check
from fa_theory.symbolic.rates import rate

s, u, c, c2, z = sp.symbols("s u c c2 z", real=True)
counter = sp.Symbol("K", integer=True, nonnegative=True)
y = indexed("y")
L, G = sp.Function("L", real=True), sp.Function("G", real=True)


@pytest.fixture
def proof():
    return Derivation({"a": "", "b": ""})


def lemma(derive, *keys, controls=()):
    # a name of its own: theorems are kept by the function that derives them
    return Proof("lemma", "Lemma", "", dict.fromkeys(keys, ""), "own", derive, controls)


NAMES = lemma(lambda each: each.define("x", c, s))
NAMES_NEXT = lemma(lambda each: each.define("x", c, s + 1))
KEEPS = lemma(lambda each: each.constant("x", each.given("a", rate(y[1]), "=", 0), c), "a")


def test_what_a_lemma_defines_is_not_in_what_is_put_in(proof):
    for at in ({s: c}, {s: c + 1}, {c: s}, {s: z, c: z}):
        with pytest.raises(StepFailed, match="new symbol"):
            proof.apply(NAMES_NEXT, at)
    assert proof.apply(NAMES_NEXT, {s: z}).claim == claim(c, "=", z + 1)


def test_what_a_lemma_defines_gets_different_symbols(proof):
    def derive(each):
        first, second = each.define("x", c, sp.Integer(1)), each.define("y", c2, sp.Integer(2))
        return each.equal("z", c2 - c, 1, because=[second, (-1, first)])

    with pytest.raises(StepFailed, match="all different"):
        proof.apply(lemma(derive), {c: z, c2: z})
    assert proof.apply(lemma(derive), {c: z, c2: u}).claim.lhs == u - z


def test_what_a_lemma_defines_does_not_swallow_an_index(proof):
    with pytest.raises(StepFailed, match="not one for every"):
        proof.apply(NAMES, {s: w[i]})
    fact = proof.given("a", rate(w[i, 1]), "=", 0)
    with pytest.raises(StepFailed, match="not one for every"):
        proof.apply(KEEPS, {y: lambda q: w[i, q]}, {"a": fact})
    held = proof.apply(KEEPS, {y: lambda q: w[2, q]}, {"a": fact.at({i: 2})})
    assert held.claim == claim(w[2, 1], "=", c)


def test_what_a_lemma_defines_by_what_moves_is_not_differentiated(proof):
    fact = proof.apply(NAMES, {s: x[1]})
    with pytest.raises(StepFailed, match="cannot be differentiated"):
        proof.differentiated("d", fact)


def test_what_a_lemma_defines_for_one_value_does_not_stand_for_every_value(proof):
    def derive(each):
        named, zero = each.define("x", c, s), each.given("a", u * s, "=", 0)
        return each.equal("y", c, s + u * s, because=[named, (-1, zero)])

    fact = proof.apply(lemma(derive, "a"), {}, {"a": proof.given("a", u * s, "=", 0, schematic=[s])})
    assert not fact.schematic
    with pytest.raises(ValueError, match="stands for one thing"):
        fact.at({s: 0})


def test_a_function_that_a_lemma_defines_gets_no_sign(proof):
    negative = lemma(lambda each: each.define("x", L(t), -sp.Integer(1)))
    with pytest.raises(StepFailed, match="signs that are declared"):
        proof.apply(negative, {L: sp.Function("P", positive=True)})
    assert proof.apply(negative, {L: G}).claim.lhs == G(t)


def test_a_matrix_that_a_lemma_defines_is_new_at_its_size_here(proof):
    Z, Y = sp.MatrixSymbol("Z", n, n), sp.MatrixSymbol("Y", n, n)
    first, second = sp.MatrixSymbol("F", m, m), sp.MatrixSymbol("S", m, m)
    resized = lemma(lambda each: each.define("x", Z, Y))
    assert proof.apply(resized, {n: m, Y: first}).claim.lhs == sp.MatrixSymbol("Z", m, m)
    with pytest.raises(StepFailed, match="new symbol"):
        proof.apply(resized, {n: m, Y: second})


def test_facts_are_used_where_they_were_established(proof):
    foreign = Derivation({}).define("x", s, sp.Integer(1))
    own = proof.define("x", s, sp.Integer(2))
    forged = Fact(claim(0, "=", 1))
    borrowed = Fact(claim(0, "=", 1), home=proof.vocabulary)
    for wrong in (foreign, forged, borrowed):
        with pytest.raises(StepFailed, match="has established"):
            proof.equal("x", wrong.claim.lhs, wrong.claim.rhs, because=[wrong])
        with pytest.raises(StepFailed, match="has established"):
            proof.at_most("x", 0, 1, because=[1, (0, wrong), (0, own)])
        with pytest.raises(StepFailed, match="has established"):
            proof.by_hand("x", 1, "=", 2, using=[wrong], why="")
    with pytest.raises(ValueError, match="no derivation"):
        forged.at({})
    for wrong in (foreign, forged, borrowed):
        assert "has established" in check(lemma(lambda _, wrong=wrong: wrong)).failure


def test_an_index_cannot_be_given_a_meaning(proof):
    with pytest.raises(StepFailed, match="cannot be given a meaning"):
        proof.define("x", k, sp.Integer(5))
    with pytest.raises(StepFailed, match="cannot be given a meaning"):
        proof.constant("x", proof.equal("x", rate(sp.Integer(2)), 0), k)
    with pytest.raises(ValueError, match="name of an index"):
        proof.define("x", c, sp.IndexedBase("k", integer=True)[k])


def test_an_indexed_quantity_has_always_as_many_indices(proof):
    proof.constant("x", proof.given("a", rate(w[i, 1]), "=", 0), C[i])
    with pytest.raises(StepFailed, match="same number of indices"):
        proof.given("b", rate(C[1, 2]), "=", 1)
    for value in (B[1], B[i, i], B[i + 1]):
        with pytest.raises(StepFailed, match="must be letters"):
            proof.define("x", value, 1)


@pytest.mark.parametrize(
    "moving",
    [
        sp.KroneckerDelta(L(t), 0),
        sp.floor(L(t)),
        sp.sign(L(t)),
        sp.Sum(1, (i, 1, sp.floor(L(t)))),
        x[sp.floor(L(t))],
        sp.Max(L(t), 0),
    ],
)
def test_what_jumps_has_no_rate(proof, moving):
    with pytest.raises((StepFailed, ValueError), match="rate of"):
        proof.equal("r", rate(moving), 0)
    with pytest.raises(StepFailed, match="rate of"):
        proof.constant("c", proof.given("a", rate(moving), "=", 0), c)


def test_a_matrix_that_jumps_is_not_constant(proof):
    Z, Q = sp.MatrixSymbol("Z", n, n), sp.MatrixSymbol("Q", n, n)
    for factor in (sp.floor(L(t)), L(t)):
        still = proof.given("a", rate(factor * Z), "=", sp.ZeroMatrix(n, n))
        if factor == L(t):
            assert proof.constant("c", still, Q).claim.rhs == Q
        else:
            with pytest.raises(StepFailed, match="rate of"):
                proof.constant("c", still, Q)


def test_what_does_not_jump_has_a_rate(proof):
    widths = sp.IndexedBase("n", integer=True, positive=True)
    total = sp.Sum(x[i] * sp.KroneckerDelta(i, j), (i, 1, widths[k]))
    assert proof.equal("r", rate(total), sp.Sum(rate(x[i]) * sp.KroneckerDelta(i, j), (i, 1, widths[k])))
    assert proof.equal("r", rate(sp.Abs(x[1])), sp.sign(x[1]) * rate(x[1]))


def test_a_lemma_about_times_takes_constants_for_constants(proof):
    def derive(each):
        fact = each.given("a", L(t), "<=", s)
        return each.cite("start", L(0), "<=", s, theorem="at the start", using=[fact])

    with pytest.raises(StepFailed, match="constant in time"):
        proof.apply(lemma(derive, "a"), {s: G(t)}, {"a": proof.given("a", L(t), "<=", G(t))})


def test_what_moves_is_not_put_in_for_a_constant(proof):
    proof.define("u", u, x[1])
    with pytest.raises(ValueError, match="constant in time"):
        proof.given("a", rate(s), "=", 0, schematic=[s]).at({s: u})
    with pytest.raises(ValueError, match="constant in time"):
        proof.given("b", rate(L(t) - L(0)), "=", rate(L(t)), schematic=[L]).at({L: lambda _: u})
    with pytest.raises(ValueError, match="constant in time"):
        proof.given("b", rate(x[i]), "=", 0).at({i: sp.floor(L(t))})


def test_a_constant_is_not_assumed_to_move(proof):
    for sides in ((1, rate(s)), (rate(s), 1)):
        with pytest.raises(StepFailed, match="constant in time"):
            proof.given("a", sides[0], "=", sides[1])


def test_a_known_root_is_no_known_reciprocal(proof):
    root, product = proof.given("a", sp.sqrt(s), "=", u), proof.given("b", s * c, "=", 0)
    with pytest.raises(StepFailed, match="not shown to be defined"):
        proof.equal("c", c, 0, because=[(1 / s, product), (0, root)])
    logarithm = proof.given("a", sp.log(s), "=", u)
    assert proof.equal("c", c, 0, because=[(1 / s, product), (0, logarithm)])


def test_a_root_has_a_rate_where_it_is_positive_only(proof):
    loss = sp.Function("loss", nonnegative=True)
    with pytest.raises(StepFailed, match="not shown to be defined"):
        proof.equal("x", sp.sqrt(loss(t)) * rate(sp.sqrt(loss(t))), rate(loss(t)) / 2)


def test_a_reciprocal_known_under_a_sum_is_known_there_only(proof):
    total = sp.Sum(1 / x[i], (i, 1, N))
    known, product = proof.given("a", total, "=", s), proof.given("b", x[i] * v[i], "=", 0)
    with pytest.raises(StepFailed, match="not shown to be defined"):
        proof.equal("v", v[i], 0, because=[(1 / x[i], product), (0, known)])
    same, longer = sp.Sum(1 / x[j], (j, 1, N)), sp.Sum(1 / x[j], (j, 0, N))
    assert proof.equal("same", same, s, because=[known])
    assert undefined([longer], [total])
    assert not undefined([longer], [1 / x[j]])


def test_functions_with_poles_are_not_taken_for_defined(proof):
    for pole in (sp.tan(s) * sp.cos(s), sp.gamma(s), sp.zeta(s)):
        with pytest.raises(StepFailed, match="is defined"):
            proof.equal("x", pole, pole)
    assert proof.equal("x", sp.tan(s) ** 2, z**2, because=[(sp.tan(s) + z, proof.given("a", sp.tan(s), "=", z))])


def test_a_premise_that_divides_is_established_by_what_divides(proof):
    def derive(each):
        told, product = each.given("a", (s**2 + s) / s, "=", u), each.given("b", s * c, "=", 0)
        return each.equal("c", c, 0, because=[(1 / s, product), (0, told)])

    facts = {"a": proof.given("a", z + 1, "=", u), "b": proof.given("b", z * c, "=", 0)}
    with pytest.raises(StepFailed, match="not shown that"):
        proof.apply(lemma(derive, "a", "b"), {s: z}, facts)
    facts["a"] = proof.given("a", (z + z**2) / z, "=", u)
    assert proof.apply(lemma(derive, "a", "b"), {s: z}, facts).claim == claim(c, "=", 0)


def test_a_bound_letter_has_no_sign(proof):
    total = sp.Sum(counter, (counter, -5, -1))
    with pytest.raises(StepFailed, match="not shown to be >= 0"):
        proof.at_most("x", 0, sp.Sum(i, (i, -5, -1)), because=[total])
    with pytest.raises(ValueError, match="without a sign"):
        proof.equal("x", total, -15)
    step = proof.given("a", 0, "<=", s * counter, schematic=[counter])
    with pytest.raises(ValueError, match="without a sign"):
        proof.sum_over("x", step, (counter, -5, -1))


def test_rules_divide_by_rational_numbers_only(proof):
    hidden = sp.Sum(sp.KroneckerDelta(i, 9), (i, 1, 3))
    zero = proof.given("a", hidden * x[1], "=", 0)
    with pytest.raises(ValueError, match="rational"):
        proof.equal("x", x[1], 0, using=[zero])
    Z, Y = sp.MatrixSymbol("Z", n, d), sp.MatrixSymbol("Y", n, d)
    with pytest.raises(ValueError, match="one product"):
        proof.equal("x", Z, 0 * Y, using=[proof.given("a", hidden * Z, "=", 0 * Y)])
    assert proof.equal("x", x[1], s / 3, using=[proof.given("b", 3 * x[1], "=", s)])


def test_rules_do_not_reach_bound_symbols(proof):
    fact = proof.given("a", s, "=", 5)
    for bound in (sp.Integral(s, (s, 0, 1)), sp.Product(s, (i, 1, n))):
        with pytest.raises(ValueError, match="bound by sums"):
            proof.equal("x", bound, bound.subs(s, 5) if isinstance(bound, sp.Product) else 5, using=[fact])


def test_symbols_commute(proof):
    a, b = sp.symbols("a b", commutative=False)
    with pytest.raises(ValueError, match="do not commute"):
        proof.given("a", a, "=", b)


def test_a_callable_is_worked_out_once(proof):
    count = itertools.count(1)
    same = lemma(lambda each: each.equal("x", y[1] + y[2], y[2] + y[1]))
    fact = proof.apply(same, {y: lambda _: sp.Integer(next(count))})
    assert fact.claim.lhs == fact.claim.rhs == 2


def test_an_indexed_quantity_with_two_indices_is_renamed(proof):
    def derive(each):
        return each.constant("x", each.given("a", rate(w[i, k]), "=", 0), y[i, k])

    fact = proof.apply(lemma(derive, "a"), {w: v, y: x}, {"a": proof.given("a", rate(v[i, k]), "=", 0)})
    assert fact.claim == claim(v[i, k], "=", x[i, k])


def test_a_proof_that_breaks_down_is_a_failed_proof():
    def broken(_):
        raise TypeError("no such thing")

    def sound(each):
        return each.equal("x", s, s)

    assert check(lemma(broken)).failure == "no such thing"
    found = check(lemma(sound, controls=(Control("wrong", broken),)))
    assert "broke down with TypeError: no such thing" in found.failure


def test_what_a_lemma_assumes_is_listed_once(proof):
    def derive(each):
        return each.times("x", s, each.given("a", sp.Sum(w[i, k] * y[k], (k, 1, d)), "=", y[i]))

    facts = [proof.apply(lemma(derive, "a"), {s: value}) for value in (z, u, c)]
    both = proof.equal("x", facts[0].claim.lhs + facts[1].claim.lhs, (z + u) * y[i], because=facts[:2])
    assert len(both.premises | facts[2].premises) == 1
    told = proof.apply(lemma(derive, "a"), {y: lambda q: x[q] * z + k * 0, s: k})
    assert told.claim.lhs == k * sp.Sum(w[i, k] * x[k] * z, (k, 1, d))


def test_a_name_shared_with_an_indexed_quantity_ties_nothing(proof):
    e = indexed("s")
    with pytest.raises(StepFailed, match="stands for"):
        proof.cite("x", e[i] * s, "=", 0, theorem="any", using=[proof.given("a", e[i], "=", 0)])
