"""multi-output-decay: wrong variants fail; the rates and inequalities of the proof hold at an instance worked out."""

import sympy as sp
from matrix_instances import MOVE, rational_matrix, value
from mutants import assert_mutants_fail

from fa_theory.proofs.multi_output_decay import PROOF, N, d, m, n


def instance(outgoing):
    """Return what the proof speaks of at one network with rational square roots, computed from its definitions."""
    U = sp.Matrix([[2, -2], [1, 2], [2, 1]]) / 3
    S = sp.Matrix([[1, 1], [0, 2]])
    B, X = U * S, sp.Matrix([2, 1, 2]) / 3 * sp.Matrix([[3, 1]])
    W, V, Y = rational_matrix(2, 3, 2) / 3, outgoing(U, S), rational_matrix(3, 3, 2)
    E = X * W.T * V.T - Y
    moved = (W - MOVE * B * E.T * X / 3, V - MOVE * E.T * X * W.T / 3)
    projector = X * (X.T * X).pinv() * X.T

    def weighted(W, V):
        error = projector * (X * W.T * V.T - Y)
        return (error * S.T * S * error.T).trace() / 6

    def excess(W, V):
        error = projector * (X * W.T * V.T - Y)
        return (error * error.T).trace() / 6

    C = W * W.T - B * V - V.T * B.T
    assert (C - (moved[0] * moved[0].T - B * moved[1] - moved[1].T * B.T)).diff(MOVE).subs(MOVE, 0) == sp.zeros(3)
    return {
        "energy": weighted(W, V),
        "rate": sp.diff(weighted(*moved), MOVE).subs(MOVE, 0),
        "excess": excess(W, V),
        "alignment": -U.T * C * U,
        "lambda": sp.Rational(10, 3),
        "H": S.T * S,
        "matrices": {"B": B, "X": X, "W": W, "V": V, "E": E, "S": S, "C": C},
    }


def least(matrix):
    return min(matrix.eigenvals(), key=sp.N)


def test_the_weighted_error_decays_at_least_as_fast_as_said():
    found = instance(lambda U, S: 2 * S.T.inv() * U.T + rational_matrix(5, 2, 3) / 9)
    a_0 = least(found["alignment"]) / 2
    assert a_0 > 0
    assert sp.N(found["rate"] + 2 * a_0 * found["lambda"] * found["energy"]) < 0
    smallest, largest = sorted(found["H"].eigenvals(), key=sp.N)
    assert smallest * found["excess"] <= found["energy"] <= largest * found["excess"]


def test_the_rate_of_the_proof_is_that_of_the_network():
    found = instance(lambda *_: rational_matrix(6, 2, 3))
    (step,) = (each for each in PROOF.theorem().steps if each.name == "the weighted error moves")
    assert value(step.claim.rhs, {n: 3, m: 2, d: 2, N: 3}, found["matrices"]) == found["rate"]


def test_it_may_grow_where_nothing_is_aligned():
    found = instance(lambda U, S: -5 * S.T.inv() * U.T)
    assert least(found["alignment"]) < 0
    assert found["rate"] > 0


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "multi-output-decay",
        [
            ("wrong sign in the flow", 'rate(V), "=", -E.T * X', 'rate(V), "=", E.T * X'),
            ("missing 1/N", "-B * E.T * X / N),\n", "-B * E.T * X),\n"),
            ("swapped transpose", "square(Q.T * E * S.T) / (2 * N))", "square(Q.T * E * S) / (2 * N))"),
            ("C of the other sign", '"aligned", -U.T * C * U', '"aligned", U.T * C * U'),
            ("twice the rate", "-2 * a0 * eigenvalue * energy(t),", "-4 * a0 * eigenvalue * energy(t),"),
            ("basis not orthonormal", 'Q.T * Q, "=", sp.Identity(rank)', 'Q.T * Q, "=", 2 * sp.Identity(rank)'),
            ("no square of W", "            square(W * G * S.T) / N**2,\n", ""),
            ("condition number upside down", "high / low * (loss(0)", "low / high * (loss(0)"),
            ("an assumption removed", '        "fixed feedback": r"$\\dot B = 0$",\n', ""),
        ],
    )
