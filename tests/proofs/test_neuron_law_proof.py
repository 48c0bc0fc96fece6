"""neuron-law: wrong variants of the proof must fail, and its conclusions hold at an instance."""

import pytest
import sympy as sp
from instances import MOVE, layer, moved, rationals, value
from mutants import assert_mutants_fail

from fa_theory.proofs.neuron_law import PROOF, i, kappa, rate


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "neuron-law",
        [
            ("the degree forgotten", "because=[identity, (-p, chain)]", "because=[identity, (-1, chain)]"),
            ("feedback transposed", 'feedback = proof.given("FA", M[i, r]', 'feedback = proof.given("FA", M[r, i]'),
            ("feedback that moves", 'rate(B[i, r]), "=", 0)', 'rate(B[i, r]), "=", 1)'),
            ("backprop without the half", "(r, 1, m)) / 2\n", "(r, 1, m))\n"),
            (
                "adaFA's square with the wrong sign",
                "rate(along(B, v[r, i]) - squares)",
                "rate(along(B, v[r, i]) + squares)",
            ),
            ("adaFA without its offset", "p * (squares + along(D, v[r, i]))", "p * squares"),
            ("the bound's sign", '            -indexed("C^FA")[i] / p,', '            indexed("C^FA")[i] / p,'),
            ("an assumption removed", '"potential": r"', '"nothing": r"'),
        ],
    )


def conclusion(named):
    (found,) = [
        fact.claim.lhs
        for fact in PROOF.theorem().conclusions
        if fact.claim.relation == "=" and str(fact.claim.rhs) == f"{named}[i]"
    ]
    return found


RULES = {
    "C^FA": lambda _: rationals(5, 2, 2),
    "C^ada": lambda _: rationals(5, 2, 2),
    "C^sign": lambda v: [[sp.sign(each) for each in column] for column in zip(*v, strict=True)],
    "C^bp": lambda v: [list(column) for column in zip(*v, strict=True)],
}


def test_the_laws_of_all_rules_are_concluded():
    rights = {str(fact.claim.rhs) for fact in PROOF.theorem().conclusions}
    assert {f"{name}[i]" for name in (*RULES, "C")} <= rights


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("rule", RULES)
def test_the_law_does_not_move_at_an_instance(rule, degree):
    net = layer(20, degree, RULES[rule])
    speed = sp.Rational(3, 2)
    offset = [[net.M[a][b] - speed * net.v[b][a] for b in range(2)] for a in range(2)]
    moving = net.tables | {
        "w": moved(net.w, net.F, -MOVE),
        "beta": moved(net.tables["beta"], net.tables["F^b"], -MOVE),
        "v": moved(net.v, net.G, -MOVE),
        "b": net.M,
        "D": offset,
    }
    if rule == "C^ada":
        moving["b"] = [[net.M[a][b] - speed * MOVE * net.G[b][a] for b in range(2)] for a in range(2)]
    law = rate(conclusion(rule))
    for neuron in (1, 2):
        assert value(law, net.sizes | {i: neuron, kappa: speed}, moving) == 0
        backwards = moving | {"v": moved(net.v, net.G, MOVE)}
        assert value(law, net.sizes | {i: neuron, kappa: speed}, backwards) != 0
