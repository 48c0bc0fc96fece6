"""descent and its lemmas: wrong variants of the proofs must fail, and their conclusions hold at an instance."""

import pytest
import sympy as sp
from evaluation import evaluate, holds
from instances import MOVE
from mutants import assert_mutants_fail
from two_layer_instance import NEURONS, constants, network

from fa_theory.proofs.descent import PROOF, c, i, kappa, loss, start, t
from fa_theory.proofs.lemmas.rank_one_forms import PROOF as RANK_ONE
from fa_theory.proofs.lemmas.rank_one_forms import q, s, square

CLAIMS = [fact.claim for fact in PROOF.theorem().conclusions]
RULES = tuple(start)


def claims_of(rule):
    """Return the alignment, the bound, descent, the linear bound, linear descent and the dominance of a rule."""
    first = 1 + 5 * RULES.index(rule)
    return [*CLAIMS[first : first + 5], CLAIMS[16 + RULES.index(rule)]]


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "descent",
        [
            ("feedback that moves", 'proof.given("FA", rate(B[i]), "=", 0)', 'proof.given("FA", rate(B[i]), "=", 1)'),
            ("adaFA that unlearns", 'rate(B[i]), "=", kappa * rate(v[i]))', 'rate(B[i]), "=", -kappa * rate(v[i]))'),
            ("the constant's sign", "-own + over_neurons(C * share),", "-own - over_neurons(C * share),"),
            (
                "misaligned start",
                'proof.given(f"aligned start of {rule}", C, "<=", 0)',
                'proof.given(f"aligned start of {rule}", 0, "<=", C)',
            ),
            (
                "gates in the linear form",
                'proof.given("linear", theta[i, j], "=", 1)',
                'proof.given("linear", theta[i, j], "=", 2)',
            ),
            ("a mean that is doubled", "common = sp.Sum(over_samples(e[j]", "common = sp.Sum(2 * over_samples(e[j]"),
            ("sign-FA with the wrong sign", 'v[i], "=", sp.Abs(v[i]))', 'v[i], "=", -sp.Abs(v[i]))'),
            (
                "dominance for long signs",
                'proof.given("sign-FA", M[i] ** 2, "<=", 1)',
                'proof.given("sign-FA", M[i] ** 2, "<=", 2)',
            ),
            ("an assumption removed", '        "linear": r"', '        "affine": r"'),
        ],
    )


def test_wrong_proofs_of_lemma_two_layers_fail():
    assert_mutants_fail(
        "lemmas/two-layers",
        [
            ("a gradient that climbs", 'rate(v[i]), "=", -G[i])', 'rate(v[i]), "=", G[i])'),
            ("biases forgotten", "(k, 1, d)) + x0 * beta[i])", "(k, 1, d)))"),
            ("slopes forgotten", '"=", over_samples(e[j] * theta[i, j] * x0))', '"=", over_samples(e[j] * x0))'),
            ("missing 1/N", "return sp.Sum(summand, (j, 1, N)) / N", "return sp.Sum(summand, (j, 1, N))"),
            ("data that move", 'rate(x[j, k]), "=", 0)', 'rate(x[j, k]), "=", 1)'),
        ],
    )


def test_wrong_proofs_of_lemma_two_class_descent_fail():
    assert_mutants_fail(
        "lemmas/two-class-descent",
        [
            ("errors that add", "(rate(F[1, j]) - rate(F[2, j]))", "(rate(F[1, j]) + rate(F[2, j]))"),
            ("wrong scale", "root = sp.sqrt(2)", "root = sp.sqrt(3)"),
            (
                "feedback to the first output only",
                "apart, feedback = V[1, i] - V[2, i], B[i, 1] - B[i, 2]",
                "apart, feedback = V[1, i] - V[2, i], B[i, 1]",
            ),
            (
                "misaligned start",
                'proof.given("aligned start", C[i], "<=", 0)',
                'proof.given("aligned start", 0, "<=", C[i])',
            ),
        ],
    )


def test_wrong_proofs_of_lemma_rank_one_forms_fail():
    assert_mutants_fail(
        "lemmas/rank-one-forms",
        [
            ("tilted the other way", "tilt: sp.Expr = -q /", "tilt: sp.Expr = q /"),
            ("not orthogonal", "across = square * v[r] - s * b[r]", "across = square * v[r] - 2 * s * b[r]"),
            ("a positive multiple", '"=", -multiple * b[r])', '"=", multiple * b[r])'),
            ("any multiple", 'sp.Symbol("mu", nonnegative=True)', 'sp.Symbol("mu", real=True)'),
        ],
    )


@pytest.mark.parametrize("rule", RULES)
def test_the_split_at_an_instance(rule):
    net = network(1, rule)
    assert holds(CLAIMS[0], net.sizes, net.entries, {loss(t): net.speed})
    assert not holds(CLAIMS[0], net.sizes, net.entries, {loss(t): -net.speed})


@pytest.mark.parametrize("rule", RULES)
def test_the_alignment_follows_the_law(rule):
    net, constant = network(2, rule), str(start[rule])
    entries = net.moving | {constant: lambda at: constants(net, rule)[at - 1]}
    alignment = claims_of(rule)[0]
    for neuron in range(1, NEURONS + 1):
        gap = evaluate(alignment.lhs - alignment.rhs, net.sizes | {i: neuron, kappa: net.kappa}, entries)
        assert sp.expand(gap).coeff(MOVE, 0) == 0
        assert sp.expand(gap).coeff(MOVE, 1) == 0


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("linear", [False, True])
def test_the_bounds_at_an_aligned_instance(rule, linear):
    v, b = [[sp.Integer(p) for p in each] for each in ((9, -8, 40), (20, -30, 7))]
    if rule == "sign-FA":
        v = [100 * each for each in v]
    net = network(3, rule, slope=sp.Integer(1) if linear else sp.Rational(1, 5), kappa=sp.Rational(1, 9), v=v, b=b)
    found = constants(net, rule)
    assert max(found) <= 0
    entries = net.entries | {str(start[rule]): lambda at: found[at - 1]}
    rates = {loss(t): net.speed}
    _, bound, descent, linear_bound, linear_descent, dominance = claims_of(rule)
    for claim in [bound, descent, *([linear_bound, linear_descent] if linear else [])]:
        assert holds(claim, net.sizes, entries, rates)
        assert not holds(claim, net.sizes, entries, {loss(t): 1})
    feedback = [net.entries["M"](at) for at in range(1, NEURONS + 1)]
    best = min(-C / M**2 for C, M in zip(found, feedback, strict=True))
    assert holds(dominance, net.sizes | {c: best, kappa: net.kappa}, entries)
    assert not holds(dominance, net.sizes | {c: 1000 * best, kappa: 1000}, entries)


def test_the_form_of_lemma_rank_one_forms_at_an_instance():
    v, b = (1, 2, -3), (2, 0, 5)
    length, product = 29, 2 - 15
    plain = {square: length, s: product, q: length * 14 - product**2, sp.Symbol("m", integer=True, positive=True): 3}
    claim = RANK_ONE.theorem().conclusions[0].claim
    entries = {"v": lambda at: v[at - 1], "b": lambda at: b[at - 1]}
    assert holds(claim, plain, entries)
    across = [length * p - product * o for p, o in zip(v, b, strict=True)]
    tau = sp.Rational(length * 14 - product**2, 1 + product**2)
    u = [p - tau * o for p, o in zip(across, b, strict=True)]
    form = sum(p * o for p, o in zip(u, v, strict=True)) * sum(p * o for p, o in zip(u, b, strict=True))
    assert evaluate(claim.lhs, plain, entries) == form < 0
