"""matrix-law: wrong variants of the proof fail, and its laws hold in a three-layer network worked out by loops."""

import pytest
import sympy as sp
from instances import MOVE as ENTRY_MOVE
from instances import layer, moved
from instances import value as entry_value
from matrix_instances import MOVE, assert_fails, assert_holds, rational_matrix, value
from mutants import assert_mutants_fail

from fa_theory.proofs.matrix_law import PROOF
from fa_theory.proofs.notation import N, alpha, d, i, m, n
from fa_theory.symbolic.rates import rate

KAPPA = sp.Rational(3, 2)


def layer_in_motion(feedback, feedback_rate):
    """Return a hidden layer with its neighbour above, two samples, moving along the update directions of a rule."""
    W, V = rational_matrix(1, 3, 2), rational_matrix(2, 2, 3)
    beta, H, Delta = rational_matrix(3, 3, 1), rational_matrix(4, 2, 2), rational_matrix(5, 2, 2)
    M = feedback(V)
    W_rate, beta_rate, V_rate = sp.zeros(3, 2), sp.zeros(3, 1), sp.zeros(2, 3)
    for sample in range(2):
        h, above = H[sample, :].T, Delta[sample, :].T
        W_rate -= M * above * h.T / 2
        beta_rate -= M * above / 2
        V_rate -= above * (W * h + beta).T / 2
    tables = {"W": W + MOVE * W_rate, "V": V + MOVE * V_rate, "beta": beta + MOVE * beta_rate}
    return tables | {"H": H, "Delta": Delta, "1": sp.ones(2, 1)}, M + MOVE * feedback_rate(V_rate), V


SIZES = {n: 3, d: 2, m: 2, N: 2, alpha: KAPPA}


def fixed(_):
    return sp.zeros(3, 2)


def sign(V):
    return V.T.applyfunc(sp.sign)


@pytest.mark.parametrize(
    ("conclusion", "name", "feedback", "feedback_rate"),
    [
        (0, "B", lambda _: rational_matrix(6, 3, 2), fixed),
        (1, "B", lambda V: V.T, lambda V_rate: V_rate.T),
        (3, "S", sign, fixed),
    ],
    ids=["FA", "backprop", "sign-FA"],
)
def test_the_law_holds_at_an_instance_of_its_rule_only(conclusion, name, feedback, feedback_rate):
    fact = PROOF.theorem().conclusions[conclusion]

    for moving, motion, judge in (
        (feedback, feedback_rate, assert_holds),
        (lambda _: rational_matrix(8, 3, 2), fixed, assert_fails),
    ):
        tables, M, V = layer_in_motion(moving, motion)
        judge(fact, SIZES, tables | {name: M if judge is assert_holds else feedback(V)})


def test_the_diagonal_of_sign_fa_does_not_move_at_an_instance():
    """A layer worked out by loops; its activation is leaky ReLU, of degree 1 as a linear one is."""
    diagonal = PROOF.theorem().conclusions[4].claim
    assert str(diagonal.rhs) == "2*C^sign[i]"
    for feedback, kept in (
        (None, False),
        (lambda v: [[sp.sign(each) for each in row] for row in zip(*v, strict=True)], True),
    ):
        net = layer(20, 1, feedback)
        tables = {
            "w": moved(net.w, net.F, -ENTRY_MOVE),
            "beta": moved(net.tables["beta"], net.tables["F^b"], -ENTRY_MOVE),
            "v": moved(net.v, net.G, -ENTRY_MOVE),
        }
        for neuron in (1, 2):
            assert (entry_value(rate(diagonal.lhs), net.sizes | {i: neuron}, tables) == 0) == kept


def test_adafa_keeps_its_law_and_not_that_of_fa():
    tables, A, V = layer_in_motion(lambda _: rational_matrix(6, 3, 2), lambda V_rate: KAPPA * V_rate.T)
    D = rational_matrix(6, 3, 2) - KAPPA * V.T
    law = PROOF.theorem().conclusions[2].claim.lhs
    assert value(rate(law), SIZES, tables | {"D": D}) == sp.zeros(3, 3)
    assert_fails(PROOF.theorem().conclusions[0], SIZES, tables | {"B": A})


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "matrix-law",
        [
            ("wrong sign of an update", 'rate(V), "=", -Delta.T', 'rate(V), "=", Delta.T'),
            ("missing 1/N", "-feedback * Delta.T * H / N", "-feedback * Delta.T * H"),
            ("bias dropped from the layer above", "(H * W.T + ones * bias.T) / N", "(H * W.T) / N"),
            ("swapped transpose", "(incoming(with_bias) - B * V - V.T * B.T)", "(incoming(with_bias) - 2 * B * V)"),
            (
                "feedback that may move",
                '*flow(proof, "FA", B), fixed],\n        why',
                '*flow(proof, "FA", B)],\n        why',
            ),
            ("adaFA twice as fast", '"=", kappa * rate(V).T', '"=", 2 * kappa * rate(V).T'),
            ("backprop with another law", "rate(incoming() - V.T * V)", "rate(incoming() - 2 * V.T * V)"),
            ("the law of another rule", "SIGN_LAW = 7", "SIGN_LAW = 3"),
            ("the diagonal of another degree", "{p: sp.S.One}", "{p: sp.Integer(2)}"),
            ("half the diagonal", "because=[(2, law)]", "because=[law]"),
            ("signs that may change", 'flow(proof, "sign-FA", S), constant]', 'flow(proof, "sign-FA", S)]'),
        ],
    )
