"""What the kernel's normal forms and claims are not defined for is refused by name, never worked on wrongly."""

import pytest
import sympy as sp

from fa_theory.proofs.notation import N, d, i, indexed, j, k, m, n, t, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.equality import equal, is_nonnegative, rules_from, vanishes
from fa_theory.symbolic.facts import claim
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.proof import Proof
from fa_theory.symbolic.rates import rate
from fa_theory.symbolic.substitution import substitute
from fa_theory.symbolic.sums import canonical, require_limits, scalar_rule
from fa_theory.symbolic.words import ShapeError, combination, matrix_rule, require_same_shape, trace_of_words

A, W = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("W", n, d)
C = sp.MatrixSymbol("C", n, n)
s, u = sp.symbols("s u", real=True)
L, f = sp.Function("L", real=True), sp.Function("f", real=True)
Z = indexed("Z")


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: matrix_rule(A + C, A), "one product"),
        (lambda: matrix_rule(s * A, A), "one product"),
        (lambda: trace_of_words(W), "not square"),
        (lambda: require_same_shape(A, W), "differ"),
        (lambda: combination(W * A), "cannot multiply"),
        (lambda: combination(sp.HadamardProduct(A, C)), "not a matrix expression"),
        (lambda: combination(rate(A.inv())), "rate of an inverse"),
        (lambda: combination((A + C).inv()), "only a matrix symbol has an inverse"),
        (lambda: equal(A[0, 0], 0), "IndexedBase"),
    ],
)
def test_matrices(work, message):
    with pytest.raises(ValueError, match=message):
        work()


def test_rules_without_end():
    swapped = [matrix_rule(A * C, C * A * A), matrix_rule(C * A, A * C * C)]
    with pytest.raises(RecursionError, match="a product without end"):
        combination(A * C, swapped)
    with pytest.raises(RecursionError, match="a trace without end"):
        trace_of_words(A * C, swapped)


def test_a_rule_that_says_nothing_ends():
    assert combination(A * C, [matrix_rule(A * C, A * C)]) == combination(A * C)


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: scalar_rule(sp.sqrt(2) * w[i], x[i]), "rational factor"),
        (lambda: scalar_rule((w[i] + x[i]) ** 2, x[i]), "without sums"),
        (lambda: scalar_rule(sp.Integer(2), x[i]), "without sums"),
        (lambda: scalar_rule(w[i], x[j]), "an index that its left side"),
        (lambda: canonical(sp.Derivative(L(t) * t, (t, 2))), "only first derivatives"),
        (lambda: canonical(sp.Derivative(rate(s) * u, u)), "not known to the normal form"),
        (lambda: require_limits([(i, 1)]), "needs limits"),
        (lambda: vanishes(1.5 * s), "floating-point"),
        (lambda: is_nonnegative(1.5 * s**2), "floating-point"),
        (lambda: claim(s, ">", u), "relation must be one of"),
        (lambda: claim(0.5, "=", u), "floating-point"),
        (lambda: claim(sp.oo, "=", u), "infinite"),
        (lambda: claim(A, "<=", C), "only claimed to be equal"),
        (lambda: substitute(sp.Integral(f(s), (s, 0, u)), {u: s}), "captured"),
    ],
)
def test_sums_and_claims(work, message):
    with pytest.raises(ValueError, match=message):
        work()


def test_what_is_no_letter_is_not_put_in():
    with pytest.raises(TypeError, match="nothing can be put in for"):
        substitute(s, {s + u: 1})


def test_a_sum_over_too_many_indices():
    indices = [sp.Symbol(f"i{each}", integer=True) for each in range(9)]
    ring = sp.Mul(*(Z[a, b] for a, b in zip(indices, [*indices[1:], indices[0]], strict=True)))
    with pytest.raises(ValueError, match="a sum over 9 indices at once"):
        canonical(sp.Sum(ring, *((each, 1, N) for each in indices)))


def test_an_index_that_stands_twice_in_a_rule_matches_itself_only():
    diagonal = rules_from([(Z[k, k], sp.Integer(1))])
    assert equal(Z[i, i], 1, diagonal)
    assert not equal(Z[i, j], 1, diagonal)


def test_a_derivative_of_a_real_function_is_real():
    assert is_nonnegative(sp.Derivative(L(s), s) ** 2)
    assert not is_nonnegative(sp.Derivative(sp.Function("h")(s), s) ** 2)


# steps ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def proof():
    return Derivation({"a": "", "b": ""})


def test_only_equations_show_or_rewrite_equations(proof):
    below = proof.given("a", s, "<=", u)
    with pytest.raises(StepFailed, match="only equations show"):
        proof.equal("x", s, u, because=[below])
    with pytest.raises(StepFailed, match="only equations can rewrite"):
        proof.equal("x", s, u, using=[below])


def test_a_lemma_is_given_its_own_assumptions_only(proof):
    below = proof.given("a", s, "<=", u)
    bare = Proof("bare", "Bare", "", {}, "own", lambda each: each.equal("x", s - s, 0), ())
    with pytest.raises(StepFailed, match="has no assumption other"):
        proof.apply(bare, {}, {"other": below})


def test_a_strict_inequality_establishes_the_weak_one_and_not_the_reverse(proof):
    def needs(relation):
        def derive(each):
            known = each.given("k", m, relation, n)
            return each.at_most("x", m, n, because=[known])

        return Proof(f"needs {relation}", "Needs", "", {"k": ""}, "own", derive, ())

    strict, weak = proof.given("a", m, "<", n), proof.given("b", m, "<=", n)
    proof.apply(needs("<="), {}, {"k": strict})
    with pytest.raises(StepFailed, match="k"):
        proof.apply(needs("<"), {}, {"k": weak})


def test_an_induction_step_without_a_hypothesis(proof):
    counter = sp.Symbol("K", integer=True, nonnegative=True)
    bare = Proof("bare step", "Bare", "", {}, "own", lambda each: each.equal("x", s - s, 0), ())
    with pytest.raises(StepFailed, match="nothing is assumed under"):
        proof.induct(bare, counter, [])


def test_an_induction_is_not_about_rates(proof):
    counter = sp.Symbol("K", integer=True, nonnegative=True)

    def derive(each):
        return each.given("induction hypothesis", rate(Z[counter]), "<=", 0)

    moving = Proof("moving step", "Moving", "", {"induction hypothesis": ""}, "own", derive, ())
    with pytest.raises(StepFailed, match="rates of change"):
        proof.induct(moving, counter, [])


def test_a_word_of_the_wrong_kind_is_an_error_of_shape():
    assert issubclass(ShapeError, ValueError)
    assert trace_of_words(W.T * W) == trace_of_words(W * W.T)
