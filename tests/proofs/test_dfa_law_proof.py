"""dfa-law: wrong variants of the proof fail, and its laws hold in networks worked out by loops."""

import sympy as sp
from instances import MOVE as ENTRY_MOVE
from instances import layer, moved, value
from matrix_instances import MOVE, assert_fails, assert_holds, rational_matrix
from mutants import assert_mutants_fail

from fa_theory.proofs.dfa_law import PROOF, q
from fa_theory.proofs.notation import N, d, i, m, n

SIZES = {n: 3, d: 2, m: 2, q: 2, N: 2}


def test_the_last_hidden_layer_obeys_the_neuron_law_of_fa():
    # a random layer whose signal from above is e and whose feedback is the fixed b, worked out by loops
    network = layer(3)
    fact = PROOF.theorem().conclusions[0]
    tables = {
        "w": moved(network.w, network.F, -ENTRY_MOVE),
        "beta": moved(network.beta, network.tables["F^b"], -ENTRY_MOVE),
        "v": moved(network.v, network.G, -ENTRY_MOVE),
    }
    for neuron in (1, 2):
        sizes = network.sizes | {i: neuron}
        assert value(fact.claim.lhs, sizes, tables | {"b": network.M}) == 0
        assert value(fact.claim.lhs, sizes, tables | {"b": moved(network.M, network.M, 1)}) != 0


def linear_layer(B, B_above):
    """Return a hidden layer of a linear network moving under DFA, worked out sample by sample."""
    W, V, beta = rational_matrix(1, 3, 2), rational_matrix(2, 2, 3), rational_matrix(3, 3, 1)
    H, E = rational_matrix(4, 2, 2), rational_matrix(5, 2, 2)
    W_rate, beta_rate, V_rate = sp.zeros(3, 2), sp.zeros(3, 1), sp.zeros(2, 3)
    for sample in range(2):
        h, e = H[sample, :].T, E[sample, :].T
        W_rate -= B * e * h.T / 2
        beta_rate -= B * e / 2
        V_rate -= B_above * e * (W * h + beta).T / 2
    return {
        "W": W + MOVE * W_rate,
        "V": V + MOVE * V_rate,
        "beta": beta + MOVE * beta_rate,
        "B": B,
        "B'": B_above,
        "B'^+": B_above.pinv(),
    }


def test_linear_layers_obey_the_matrix_law_where_null_spaces_are_nested():
    law, ranked = PROOF.theorem().conclusions[1:]
    invertible, singular = sp.Matrix([[1, 2], [3, 5]]), sp.Matrix([[1, 2], [2, 4]])
    for B, B_above in (
        (rational_matrix(6, 3, 2), invertible),
        (rational_matrix(7, 3, 2) * singular, singular),
    ):
        assert_holds(law, SIZES, linear_layer(B, B_above))
        assert_holds(ranked, SIZES, linear_layer(B, B_above))
    assert_fails(law, SIZES, linear_layer(rational_matrix(6, 3, 2), singular))


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "dfa-law",
        [
            ("wrong sign", "size - p * sp.Sum", "size + p * sp.Sum"),
            ("missing 1/N", "-B * E.T * H / N)", "-B * E.T * H)"),
            ("null space condition of another matrix", '"=", R * B_above)', '"=", R * B_above * 2 - B)'),
            ("not a pseudoinverse", 'B_above * pseudoinverse * B_above, "=", B_above)', 'B_above, "=", B_above)'),
            ("swapped order", "signal = E * B_above.T", "signal = 2 * E * B_above.T"),
            ("feedback that may move", "sp.ZeroMatrix(n, m), using=fixed", "sp.ZeroMatrix(n, m), using=fixed[1:]"),
            ("last layer's feedback may move", 'using=[fixed],\n        why="B_l', 'using=[],\n        why="B_l'),
        ],
    )
