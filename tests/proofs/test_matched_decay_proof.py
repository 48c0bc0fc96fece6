"""matched-decay: wrong variants of the proof must fail, and its conclusions hold at an instance."""

import pytest
import sympy as sp
from instances import MOVE, layer, moved, rationals, value
from mutants import assert_mutants_fail

from fa_theory.proofs.matched_decay import PROOF, i, kappa, rate

DECAY, KAPPA = sp.Rational(2, 3), sp.Rational(3, 2)


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "matched-decay",
        [
            ("growth instead of decay", "-F[i, k] - lam * w[i, k])", "-F[i, k] + lam * w[i, k])"),
            ("the degree forgotten", "because=[(-1, balance), (-p, falls)]", "because=[(-1, balance), (-1, falls)]"),
            ("half the rate", "start * sp.exp(-2 * lam * t)", "start * sp.exp(-lam * t)"),
            ("Euler with the wrong degree", 'along(M, v[r, i]), "=", q * Psi[i])', 'along(M, v[r, i]), "=", Psi[i])'),
            ("adaFA's feedback does not decay", "-kappa * G[r, i] - lam * B[i, r])", "-kappa * G[r, i])"),
            ("adaFA's square with the wrong sign", "v[r, i]) - kappa / 2", "v[r, i]) + kappa / 2"),
            ("an assumption removed", '"matched": r"', '"guessed": r"'),
        ],
    )


RULES = {
    "FA": (2, lambda _: rationals(5, 2, 2)),
    "adaFA": (1, lambda _: rationals(5, 2, 2)),
    "sign-FA": (2, lambda v: [[sp.sign(each) for each in column] for column in zip(*v, strict=True)]),
    "backprop": (1, lambda v: [list(column) for column in zip(*v, strict=True)]),
}


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("rule", RULES)
def test_the_quantity_falls_in_proportion_at_an_instance(rule, degree):
    matching, feedback = RULES[rule]
    (quantity,) = [fact.claim.lhs for fact in PROOF.theorem().conclusions if rule in fact.assumptions]
    net = layer(41, degree, feedback)
    directions = {"w": ("F", DECAY), "beta": ("F^b", DECAY), "v": ("G", matching * DECAY)}

    def moving(rates):
        tables = dict(net.tables)
        for name, (by, decay) in rates.items():
            tables[name] = moved(moved(net.tables[name], net.tables[by], -MOVE), net.tables[name], -MOVE * decay)
        driven = [[KAPPA * net.G[b][a] + DECAY * net.M[a][b] for b in range(2)] for a in range(2)]
        return tables | {"b": moved(net.M, driven, -MOVE) if rule == "adaFA" else net.M}

    for neuron in (1, 2):
        sizes = net.sizes | {i: neuron, kappa: KAPPA}
        now = value(quantity, sizes, moving(directions))
        assert value(rate(quantity), sizes, moving(directions)) == -2 * DECAY * now != 0
        unmatched = directions | {"v": ("G", 3 * DECAY)}
        assert value(rate(quantity), sizes, moving(unmatched)) != -2 * DECAY * now
