"""The kernel: induction from 0 and a step, and rules at a shifted index."""

import pytest
import sympy as sp

from fa_theory.proofs.notation import d, indexed, j, k
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.proof import Proof

K = sp.Symbol("K", integer=True, nonnegative=True)
D, W = indexed("D"), indexed("W")
ratio = sp.Symbol("rho", positive=True)


def step(claim=D[K] - ratio**K * D[0], extra=False):
    def derive(proof):
        shrinks = proof.given("shrinks", D[k + 1], "<=", ratio * D[k])
        bounded = proof.given("induction hypothesis", claim, "<=", 0)
        because = [(ratio, bounded), shrinks.at({k: K})]
        if extra:
            because.append((0, proof.given("extra", K, "<=", 5)))
        return proof.at_most("step", claim.subs(K, K + 1), 0, because=because)

    keys = ["shrinks", "induction hypothesis", *(["extra"] if extra else [])]
    return Proof("step", "Step", "", dict.fromkeys(keys, ""), "own", derive, ())


@pytest.fixture
def proof():
    return Derivation({"shrinks": "", "a": ""})


def test_a_geometric_bound_by_induction(proof):
    base = proof.equal("base", D[0] - ratio**0 * D[0], 0)
    (bound,) = proof.induct(step(), K, [base])
    assert bound.claim.lhs == D[K] - ratio**K * D[0]
    assert bound.assumptions == {"shrinks"}
    assert bound.at({K: 3}).claim.lhs == D[3] - ratio**3 * D[0]
    for value in (-1, sp.Rational(1, 2), k):
        with pytest.raises(ValueError, match="signs"):
            bound.at({K: value})


def test_an_induction_needs_its_base(proof):
    for base in ([], [proof.given("a", D[1] - D[0], "<=", 0)], [proof.given("a", D[0] - 2 * D[0], "<=", 0)]):
        with pytest.raises(StepFailed, match="hypothesis"):
            proof.induct(step(), K, base)


def test_an_induction_needs_its_step(proof):
    base = proof.equal("base", D[0] - ratio**0 * D[0], 0)

    def stuck(each):
        return each.given("induction hypothesis", D[K], "<=", 0)

    keys = {"induction hypothesis": ""}
    with pytest.raises(StepFailed, match="does not conclude"):
        proof.induct(Proof("stuck", "Stuck", "", keys, "own", stuck, ()), K, [base])
    with pytest.raises(StepFailed, match="more is assumed"):
        proof.induct(step(D[K], extra=True), K, [proof.given("a", D[0], "<=", 0)])


def test_the_counter_is_a_counter(proof):
    size = sp.Symbol("M", integer=True, positive=True)
    for counter in (size, k, sp.Symbol("q", nonnegative=True)):
        with pytest.raises(StepFailed, match="must be declared"):
            proof.induct(step(), counter, [proof.equal("base", D[0] - D[0], 0)])


def test_a_rule_at_the_next_step_leaves_the_step_alone(proof):
    moved = proof.given("a", W[k + 1, j], "=", W[k, j] - D[k])
    total = sp.Sum(W[k + 1, j], (j, 1, d))
    proof.equal("the sum moves", total, sp.Sum(W[k, j], (j, 1, d)) - d * D[k], using=[moved])
    with pytest.raises(StepFailed):
        proof.equal(
            "another step", sp.Sum(W[k + 2, j], (j, 1, d)), sp.Sum(W[k, j], (j, 1, d)) - d * D[k], using=[moved]
        )
    with pytest.raises(StepFailed):
        proof.equal("the steps summed", sp.Sum(W[k + 1, j], (k, 1, d)), sp.Sum(W[k, j], (k, 1, d)), using=[moved])
