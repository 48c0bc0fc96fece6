"""Facts about a rate of change that keeps its sign, and what may be concluded from them."""

import pytest
import sympy as sp

from fa_theory.proofs.notation import i, indexed, k, t
from fa_theory.symbolic.derivation import MONOTONE, Derivation
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.rates import rate

w, start = indexed("w"), indexed("w_0")
L = sp.Function("L", real=True)


def derivation():
    return Derivation({"sign": "a rate keeps its sign"})


def test_what_falls_stays_below_its_start_and_what_rises_above():
    proof = derivation()
    falling = proof.given("sign", rate(w[i]), "<=", 0)
    bound = proof.monotone("falls", falling, start[i])
    assert bound.claim == (w[i], "<=", start[i])
    assert bound.assumptions == {"sign"}
    assert MONOTONE in bound.cites
    rising = proof.given("sign", 0, "<", rate(L(t) - 2 * t))
    assert proof.monotone("rises", rising, sp.Symbol("L_0")).claim == (sp.Symbol("L_0"), "<=", L(t) - 2 * t)


def test_the_value_at_the_start_does_not_move():
    proof = derivation()
    bound = proof.monotone("falls", proof.given("sign", rate(w[i]), "<=", 0), start[i])
    assert bound.claim.rhs == start[i]
    proof.define("twice the start", sp.Symbol("D"), 2 * start[1])
    proof.equal("does not move", rate(sp.Symbol("D")), 0)


def test_other_forms_are_refused():
    for lhs, relation, rhs in (
        (rate(w[i]), "=", 0),
        (rate(w[i]), "<=", 1),
        (1, "<=", rate(w[i])),
        (w[i], "<=", 0),
        (rate(w[i]), "<=", w[i]),
    ):
        proof = derivation()
        with pytest.raises(StepFailed, match="not of the form"):
            proof.monotone("wrong", proof.given("sign", lhs, relation, rhs), start[i])


def test_the_start_must_be_new_and_carry_the_indices():
    proof = derivation()
    falling = proof.given("sign", rate(w[i]), "<=", 0)
    with pytest.raises(StepFailed, match="lacks an index"):
        proof.monotone("wrong", falling, sp.Symbol("c"))
    with pytest.raises(StepFailed, match="has a meaning already"):
        proof.monotone("wrong", falling, w[i])
    with pytest.raises(StepFailed, match="lacks an index"):
        proof.monotone("wrong", falling, start[k])
