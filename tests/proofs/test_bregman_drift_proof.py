"""bregman-drift: wrong variants of the proof must fail, and its conclusions hold at an instance."""

from itertools import product

import pytest
import sympy as sp
from instances import layer, moved, rationals, value
from mutants import assert_mutants_fail

from fa_theory.proofs.bregman_drift import PROOF, eta, i, kappa, p

ETA, KAPPA = sp.Rational(2, 3), sp.Rational(3, 2)


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "bregman-drift",
        [
            ("a step uphill", "w[i, k] - eta * F[i, k])", "w[i, k] + eta * F[i, k])"),
            ("the bias does not move", "bias[i] - eta * Fb[i])", "bias[i])"),
            ("the bias dropped from the square", "(k, 1, d)) + Fb[i] ** 2", "(k, 1, d))"),
            (
                "backprop's divergence without the half",
                "remainder = eta**2 / 2 * above(",
                "remainder = eta**2 * above(",
            ),
            ("adaFA's feedback against its rule", "B[i, r] + kappa * (v_next", "B[i, r] - kappa * (v_next"),
            ("entries that were zero not counted", "was_zero[i, r]) * size_after,", "0) * size_after,"),
            ("feedback transposed", 'given("FA", M[i, r], "=", B[i, r])', 'given("FA", M[r, i], "=", B[i, r])'),
            ("an assumption removed", '"step": r"', '"leap": r"'),
        ],
    )


def signs(v):
    return [[sp.sign(each) for each in column] for column in zip(*v, strict=True)]


RULES = {
    "FA": lambda _: rationals(5, 2, 2),
    "adaFA": lambda _: rationals(5, 2, 2),
    "backprop": lambda v: [list(column) for column in zip(*v, strict=True)],
    "sign-FA": signs,
}


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("rule", RULES)
def test_the_drift_is_exact_at_an_instance(rule, degree):
    (claim,) = [
        fact.claim for fact in PROOF.theorem().conclusions if rule in fact.assumptions and fact.claim.relation == "="
    ]
    net = layer(33, degree, RULES[rule])
    after = {f"{name}^+": moved(net.tables[name], net.tables[by], -ETA) for name, by in MOVES.items()}
    s, s_next = signs(net.v), signs(after["v^+"])
    before, behind = zip(*net.v, strict=True), zip(*after["v^+"], strict=True)
    grown = [
        [b + KAPPA * (new - old) for b, old, new in zip(*rows, strict=True)]
        for rows in zip(net.M, before, behind, strict=True)
    ]
    flips = [[int(x * y == -1) for x, y in zip(*rows, strict=True)] for rows in zip(s, s_next, strict=True)]
    zeros = [[int(x == 0) for x in row] for row in s]
    tables = net.tables | after | {"b": net.M, "b^+": grown, "s^+": s_next, "flipped": flips, "zero": zeros}
    for neuron in (1, 2):
        sizes = net.sizes | {i: neuron, eta: ETA, kappa: KAPPA, p: degree}
        assert value(claim.lhs, sizes, tables) == value(claim.rhs, sizes, tables) != 0
    if rule == "sign-FA":
        assert sum(map(sum, flips)) > 0


MOVES = {"w": "F", "beta": "F^b", "v": "G"}


def test_the_indicators_of_sign_fa_are_right_for_all_nine_pairs_of_signs():
    definitions = {str(step.claim.lhs): step.claim.rhs for step in PROOF.theorem().steps if step.kind == "definition"}
    for s, s_next in product((-1, 0, 1), repeat=2):
        tables = {"M": [[s]], "s^+": [[s_next]]}
        sizes = dict.fromkeys(definitions["flipped[i, r]"].free_symbols & {i, sp.Symbol("r", integer=True)}, 1)
        assert value(definitions["flipped[i, r]"], sizes, tables) == (s * s_next == -1)
        assert value(definitions["zero[i, r]"], sizes, tables) == (s == 0)
