"""neuron-identity: wrong variants of the proof must fail, and its conclusions hold at an instance."""

import pytest
from instances import MOVE, layer, moved, value
from mutants import assert_mutants_fail

from fa_theory.proofs.neuron_identity import PROOF, i, iota


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "neuron-identity",
        [
            ("wrong sign of the flow", 'rate(v[r, i]), "=", -G[r, i]', 'rate(v[r, i]), "=", G[r, i]'),
            ("missing 1/N", "over_samples(delta[j, i] * h[j, k])),", "N * over_samples(delta[j, i] * h[j, k])),"),
            ("bias dropped", "(k, 1, d)) + iota * bias[i])", "(k, 1, d)))"),
            ("feedback transposed", "feedback: sp.Expr = M[i, r]", "feedback: sp.Expr = M[r, i]"),
            (
                "the degree forgotten",
                "because=[gathered, spread, (-p, matched)]",
                "because=[gathered, spread, (-1, matched)]",
            ),
            ("an assumption removed", '"homogeneous": r"', '"smooth": r"'),
        ],
    )


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_conclusions_hold_at_an_instance(degree):
    net = layer(10 + degree, degree)
    identity, balance = (fact.claim for fact in PROOF.theorem().conclusions)
    moving = net.tables | {
        "w": moved(net.w, net.F, -MOVE),
        "beta": moved(net.beta, net.tables["F^b"], -MOVE),
        "v": moved(net.v, net.G, -MOVE),
    }
    sizes = net.sizes | {iota: 1, i: 2}
    assert value(balance.lhs, sizes, net.tables) == value(balance.rhs, sizes, net.tables) != 0
    assert value(identity.lhs, sizes, moving) == value(identity.rhs, sizes, moving) != 0
