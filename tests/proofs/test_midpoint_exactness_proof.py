"""midpoint-exactness: wrong variants of the proof must fail, and its conclusions hold at an instance."""

import pytest
import sympy as sp
from instances import rationals, value
from mutants import assert_mutants_fail

from fa_theory.proofs.midpoint_exactness import PROOF, N, d, i, kappa, m, p

KAPPA, STEP = sp.Rational(3, 2), sp.Rational(5, 4)


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "midpoint-exactness",
        [
            ("the gradient of half of Q", "((A + A.T) * x + c)", "(A * x + c)"),
            ("a step uphill", 'start["v"][r, i] - s * G[r, i])', 'start["v"][r, i] + s * G[r, i])'),
            ("the bias does not move", '"=", start["beta"][i] - s * Fb[i])', '"=", start["beta"][i])'),
            ("missing 1/N", "-feedback * Delta.T * H / N", "-feedback * Delta.T * H"),
            ("no transpose in the matrix law", "return each + each.T", "return 2 * each"),
            ("adaFA's feedback taken at the start", "(1 - middle) * fixed_0 + middle * fixed_1", "fixed_0"),
            ("backprop's feedback at the start", 'M[i, r], "=", v[r, i])', 'M[i, r], "=", v_0)'),
            ("an assumption removed", '"invariant": r"', '"variant": r"'),
        ],
    )


@pytest.mark.parametrize("rule", ["FA", "adaFA", "backprop"])
def test_a_step_of_a_linear_network_keeps_both_laws(rule):
    # loss linear in the outputs, so that the midpoint equation is linear and can be solved in rational numbers
    W_0, V_0, H = (sp.Matrix(rationals(seed, 2, 2)) for seed in (1, 2, 3))
    beta_0, Delta, B_0 = sp.Matrix(rationals(4, 2)), sp.Matrix(rationals(5, 2, 2)), sp.Matrix(rationals(6, 2, 2))
    ends = [
        sp.Matrix(2, columns, sp.symbols(f"{name}:{2 * columns}")) for name, columns in (("w", 2), ("v", 2), ("u", 1))
    ]
    W_1, V_1, beta_1 = ends
    W, V, beta = (W_0 + W_1) / 2, (V_0 + V_1) / 2, (beta_0 + beta_1) / 2
    ones = sp.ones(2, 1)
    B_1 = B_0 + KAPPA * (V_1 - V_0).T if rule == "adaFA" else B_0
    feedback = V.T if rule == "backprop" else (B_0 + B_1) / 2
    equations = [
        W_1 - W_0 + STEP * feedback * Delta.T * H / 2,
        beta_1 - beta_0 + STEP * feedback * Delta.T * ones / 2,
        V_1 - V_0 + STEP * Delta.T * (H * W.T + ones * beta.T) / 2,
    ]
    unknowns = [each for end in ends for each in end]
    solved = sp.solve([each for equation in equations for each in equation], unknowns, dict=True)[0]
    W_1, V_1, beta_1, B_1 = (each.subs(solved) for each in (W_1, V_1, beta_1, B_1))

    def law(W, beta, V, B):
        potential = V.T * V if rule == "backprop" else B * V + (B * V).T
        return W * W.T + beta * beta.T - potential + (KAPPA * V.T * V if rule == "adaFA" else sp.zeros(2, 2))

    assert law(W_1, beta_1, V_1, B_1) == law(W_0, beta_0, V_0, B_0)
    assert W_1 != W_0

    (claim,) = [fact.claim for fact in PROOF.theorem().conclusions if {rule, "homogeneous"} <= fact.assumptions]
    named = {"w_0": W_0, "w_1": W_1, "v_0": V_0, "v_1": V_1, "b_0": B_0, "b_1": B_1, "b": B_0}
    tables = {name: table.tolist() for name, table in named.items()} | {"beta_0": list(beta_0), "beta_1": list(beta_1)}
    for neuron in (1, 2):
        sizes = {d: 2, m: 2, N: 2, p: 1, i: neuron, kappa: KAPPA}
        assert (
            value(claim.lhs, sizes, tables)
            == value(claim.rhs, sizes, tables)
            == law(W_0, beta_0, V_0, B_0)[neuron - 1, neuron - 1] / 2
        )
