"""The kernel: what is put in for a symbol has its signs, nothing is divided by what may vanish, facts can multiply."""

import pytest
import sympy as sp

from fa_theory.proofs.notation import N, d, i, indexed, m, n, t, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.proof import Proof

real, other = sp.symbols("s u", real=True)
positive = sp.Symbol("q", positive=True)
nonnegative = sp.Symbol("y", nonnegative=True)
f = sp.Function("f", real=True)


@pytest.fixture
def proof():
    return Derivation({"a": "any"})


def lemma(symbol):
    """Return the lemma that a symbol with a declared sign, times a square, has that sign."""
    return Proof("signs", "Signs", "", {}, "own", lambda each: each.at_most("x", 0, symbol, because=[symbol]), ())


@pytest.mark.parametrize(
    ("symbol", "key"),
    [
        (positive, positive),
        (indexed("c", positive=True)[i], indexed("c", positive=True)),
        (sp.Function("g", positive=True)(t), sp.Function("g", positive=True)),
    ],
)
def test_what_is_put_in_has_the_declared_sign(proof, symbol, key):
    make = (lambda value: value) if key == symbol else (lambda value: lambda _: value)
    for value in (sp.S.NegativeOne, sp.S.Zero, real, nonnegative, sp.I):
        with pytest.raises(StepFailed, match="signs that are declared"):
            proof.apply(lemma(symbol), {key: make(value)})
    assert proof.apply(lemma(symbol), {key: make(1 + real**2)}).claim.rhs == 1 + real**2


def test_what_is_put_in_for_a_schematic_symbol_has_its_sign(proof):
    c = indexed("c", positive=True)
    fact = proof.given("a", 0, "<=", c[i] * real, schematic=[c])
    with pytest.raises(ValueError, match="signs that are declared"):
        fact.at({c: lambda _: sp.Integer(-1)})
    with pytest.raises(ValueError, match="not shown to be defined"):
        proof.given("a", 0, "<=", x[i] ** 2, schematic=[x]).at({x: lambda _: 1 / real})


def test_a_matrix_is_put_in_with_the_declared_shape(proof):
    A = sp.MatrixSymbol("A", n, d)
    square = Proof(
        "shapes",
        "",
        "",
        {},
        "own",
        lambda each: each.at_most("x", 0, sp.Trace(A * A.T), because=[sp.Trace(A * A.T)]),
        (),
    )
    with pytest.raises(StepFailed, match="does not have the shape"):
        proof.apply(square, {A: sp.MatrixSymbol("S", m, N)})
    proof.apply(square, {A: sp.MatrixSymbol("S", m, N), n: m, d: N})


def test_nothing_is_divided_by_what_may_vanish(proof):
    zero = proof.given("a", real * other, "=", 0)
    below = proof.given("a", nonnegative * other, "<=", 0)
    for attempt in (
        lambda: proof.times("x", 1 / real, zero),
        lambda: proof.equal("x", other, 0, because=[(1 / real, zero)]),
        lambda: proof.define("x", sp.Symbol("z"), 1 / real),
        lambda: proof.equal("x", (real**2 - other**2) / (real - other), real + other),
        lambda: proof.times("x", sp.log(real), zero),
        lambda: proof.at_most("x", 0, 0, because=[(sp.sqrt(real), zero), (-sp.sqrt(real), zero)]),
    ):
        with pytest.raises(StepFailed, match="not shown to be defined"):
            attempt()
    with pytest.raises(StepFailed, match="not shown to be >= 0"):
        proof.times("x", 1 / nonnegative, below)
    assert proof.times("x", 1 / positive, zero).claim.rhs == 0


def test_what_an_assumption_divides_by_does_not_vanish(proof):
    quotient = proof.given("a", f(t) / real, "=", 1)
    assert proof.equal("x", f(t), real, because=[(real, quotient)]).claim.lhs == f(t)
    assert proof.times("x", 1 / real, quotient).assumptions == {"a"}


def test_a_fact_multiplies_a_fact(proof):
    small = proof.given("a", 1, "<=", f(t))
    large = proof.given("a", 2, "<", real)
    equation = proof.given("a", other, "=", 3)
    product = proof.at_most("x", real + 2 * f(t), 2 + real * f(t), because=[(small, large)])
    assert product.assumptions == {"a"}
    assert proof.times("x", large, small).claim.lhs == real - 2
    strictly = proof.given("a", 0, "<", f(t))
    proof.less("x", 0, (real - 2) * f(t), because=[(strictly, large)])
    with pytest.raises(StepFailed, match="nothing in it"):
        proof.less("x", 0, (real - 2) * (f(t) - 1), because=[(small, large)])
    with pytest.raises(StepFailed, match="no slack"):
        proof.times("x", equation, small)
    with pytest.raises(StepFailed, match="not shown that"):
        proof.at_most("x", 0, (real - 1) * (f(t) - 1), because=[(small, large)])


def test_the_reciprocal_of_a_positive_fact(proof):
    strictly = proof.given("a", 0, "<", f(t))
    inverse = proof.reciprocal("x", strictly)
    assert inverse.claim.rhs == 1 / f(t)
    bounded = proof.given("a", f(t) * real, "<=", f(t))
    assert proof.at_most("x", real, 1, because=[(inverse, bounded)]).claim.rhs == 1
    with pytest.raises(StepFailed, match="0 < c"):
        proof.reciprocal("x", proof.given("a", 0, "<=", f(t)))
    with pytest.raises(StepFailed, match="0 < c"):
        proof.reciprocal("x", proof.given("a", -1, "<", f(t)))
