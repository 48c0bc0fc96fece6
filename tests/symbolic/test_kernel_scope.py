"""The kernel: names keep the indices and the motion in time of what they name, and 1 x 1 matrices are numbers."""

import pytest
import sympy as sp

from fa_theory.proofs.notation import N, d, h, i, indexed, j, k, m, n, t, v, w
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.equality import equal
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.proof import Proof
from fa_theory.symbolic.rates import rate

c, c2 = sp.symbols("c c2", real=True)
L = sp.Function("L", real=True)
W = sp.MatrixSymbol("W", n, d)
x, y = sp.MatrixSymbol("x", d, 1), sp.MatrixSymbol("y", d, 1)
b = sp.MatrixSymbol("b", n, 1)


@pytest.fixture
def proof():
    return Derivation({"a": "any"})


def test_a_constant_keeps_the_index_of_what_is_conserved(proof):
    still = proof.given("a", rate(w[i, k]), "=", 0)
    for value in (c, indexed("K")[i], indexed("K")[j, k], indexed("K")[1, 2], W):
        with pytest.raises(StepFailed, match="lacks an index"):
            proof.constant("start", still, value)
    assert proof.constant("start", still, indexed("K")[i, k]).claim.rhs == indexed("K")[i, k]


def test_a_definition_keeps_the_indices_of_what_it_names(proof):
    for symbol in (c, indexed("q")[j], indexed("q")[i**2], indexed("q")[1]):
        with pytest.raises(StepFailed, match="lacks an index"):
            proof.define("name", symbol, v[i])
    proof.define("name", indexed("q")[i], v[i])
    proof.define("total", c, sp.Sum(v[i], (i, 1, n)))


def test_a_function_of_time_is_defined_once_and_for_all_times(proof):
    with pytest.raises(StepFailed, match="cannot be given a meaning"):
        proof.define("name", L(0), v[1])
    proof.define("name", L(t), v[1])
    with pytest.raises(StepFailed, match="a meaning already"):
        proof.define("again", L(t), v[2])


def test_a_plain_symbol_that_names_what_moves_is_not_differentiated(proof):
    proof.define("the loss", c, L(t))
    proof.define("twice the loss", c2, 2 * c)
    for symbol in (c, c2):
        with pytest.raises(StepFailed, match="cannot be differentiated"):
            proof.equal("wrong", rate(symbol), 0)


def test_the_symbols_of_a_lemma_about_rates_are_constant_in_time(proof):
    def linear(lemma):
        return lemma.equal("linear", rate(c * h[i]), c * rate(h[i]), because=[lemma.given("a", c, "=", c)])

    lemma = Proof("scope-lemma", "Lemma", "", {"a": ""}, "own", linear, ())
    proof.define("moves", c2, L(t))
    for moving in (L(t), t, v[1], c2, sp.Trace(W * W.T)):
        with pytest.raises(StepFailed, match="constant in time"):
            proof.apply(lemma, at={c: moving})
    proof.apply(lemma, at={c: 3 * c})


def test_what_stands_for_one_thing_is_not_summed_over(proof):
    bound = proof.given("a", c, "<=", v[i])
    with pytest.raises(StepFailed, match="stands for one thing"):
        proof.sum_over("wrong", bound, (c, 1, n))
    proof.sum_over("right", bound, (i, 1, n))


def test_an_equation_can_be_differentiated_an_inequality_not(proof):
    named = proof.define("half the size", L(t), sp.Sum(w[i, k] ** 2, (i, 1, n), (k, 1, d)) / 2)
    moved = proof.differentiated("its rate", named)
    proof.equal("worked out", L(t).diff(t), sp.Sum(w[i, k] * rate(w[i, k]), (i, 1, n), (k, 1, d)), because=[moved])
    with pytest.raises(StepFailed, match="only equations"):
        proof.differentiated("wrong", proof.given("a", L(t), "<=", 1))


def test_scalar_coefficients_move_with_the_product_rule():
    assert equal(rate(t * W), W + t * rate(W))
    assert not equal(rate(t * W), t * rate(W))
    assert equal(rate(sp.Trace(W * W.T) * b), 2 * sp.Trace(W * rate(W).T) * b + sp.Trace(W * W.T) * rate(b))
    assert equal(rate(c * W), c * rate(W))


def test_one_by_one_matrices_are_numbers():
    assert equal(x.T * y, y.T * x)
    assert equal(b * (x.T * y), sp.Trace(x * y.T) * b)
    assert equal(W * x * (y.T * x) * b.T, sp.Trace(y.T * x) * W * x * b.T)
    assert equal(sp.Trace(b * (x.T * y) * b.T), sp.Trace(x * y.T) * sp.Trace(b * b.T))
    assert equal(sp.Trace(x * y.T * x * y.T), sp.Trace(x * y.T) ** 2)
    assert not equal(x * y.T, y * x.T)
    assert not equal(b * (x.T * y), b * (x.T * x))
    assert not equal(W * sp.MatrixSymbol("S", d, m), sp.MatrixSymbol("R", n, m))
    assert equal(sp.Trace(sp.Identity(N)) * b, N * b)
