"""multi-output-decay-projection: wrong variants fail; its inequality holds at an instance worked out."""

import sympy as sp
from matrix_instances import MOVE, rational_matrix
from mutants import assert_mutants_fail


def test_the_weighted_error_decays_at_least_as_fast_as_said():
    # three hidden neurons, two outputs: U reaches two of three directions
    U = sp.Matrix([[2, -2], [1, 2], [2, 1]]) / 3
    S = sp.Matrix([[1, 1], [0, 2]])
    B, X = U * S, sp.Matrix([2, 1, 2]) / 3 * sp.Matrix([[3, 1]])
    W, Y = rational_matrix(2, 3, 2) / 3, rational_matrix(3, 3, 2)
    V = sp.Rational(3, 2) * S.T.inv() * U.T + rational_matrix(5, 2, 3) / 9
    E = X * W.T * V.T - Y
    q = sp.Matrix([2, 1, 2]) / 3

    def weighted(W, V):
        error = q.T * (X * W.T * V.T - Y) * S.T
        return (error * error.T).trace() / 6

    moved = (W - MOVE * B * E.T * X / 3, V - MOVE * E.T * X * W.T / 3)
    outside = sp.eye(3) - U * U.T
    K = W.T * outside * W
    assert (moved[0].T * outside * moved[0] - K).expand() == sp.zeros(2)
    alignment = -U.T * (W * W.T - B * V - V.T * B.T) * U
    a_0 = min(alignment.eigenvals(), key=sp.N) / 2
    mu = (q.T * X * (a_0 * sp.eye(2) + K) * X.T * q)[0] / 3
    rate = sp.diff(weighted(*moved), MOVE).subs(MOVE, 0)
    assert sp.N(rate + 2 * mu * weighted(W, V)) < 0
    # and not without what stays being limited to what B cannot reach
    assert sp.N(mu) > sp.N(a_0 * (q.T * X * X.T * q)[0] / 3) > 0


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "multi-output-decay-projection",
        [
            ("wrong sign in the flow", 'rate(V), "=", -E.T * X', 'rate(V), "=", E.T * X'),
            ("missing 1/N", "-B * E.T * X / N),\n", "-B * E.T * X),\n"),
            ("C of the other sign", '"alignment", -U.T * C * U', '"alignment", U.T * C * U'),
            ("twice the rate", "-2 * mu * energy(t),\n", "-4 * mu * energy(t),\n"),
            ("K counted from all of W", "REACHED = U * U.T", "REACHED = U * U.T / 2"),
            ("no square of W", "            square(W.T * B * G.T) / (2 * N**2),\n", ""),
            ("Q that does not span the data", 'Q * Q.T * X, "=", X', 'Q * Q.T * X, "=", 2 * X'),
            ("an assumption removed", '        "fixed feedback": r"$\\dot B = 0$",\n', ""),
        ],
    )
