"""linear-decay-growth: wrong variants fail; what stays, the rate and the level hold at an instance worked out."""

import sympy as sp
from matrix_instances import MOVE, rational_matrix
from mutants import assert_mutants_fail

W, X = rational_matrix(2, 3, 2) / 3, rational_matrix(5, 4, 2)
y, b = rational_matrix(3, 4, 1), sp.Matrix([2, 1, 2])
v = sp.Matrix([1, 2, 1])
N = 4
size = b.dot(b)
e = X * W.T * v - y
moved = (W - MOVE * b * e.T * X / N, v - MOVE * W * X.T * e / N)


def kept(W):
    return W.T * (sp.eye(3) - b * b.T / size) * W


def law(W, v):
    return b.dot(v) - (W.T * b).dot(W.T * b) / (2 * size)


def rest(W, v):
    return size * W.T * v - kept(W) * W.T * b - b.dot(v) * W.T * b


def still(quantity):
    return sp.diff(quantity, MOVE).subs(MOVE, 0)


def test_three_things_stay():
    assert still(law(*moved)) == 0
    assert kept(moved[0]).expand() == kept(W)
    assert still(rest(*moved)).expand() == sp.zeros(2, 1)


def test_the_rate_is_at_least_what_it_says():
    projector = X * (X.T * X).inv() * X.T

    def excess(W, v):
        error = projector * (X * W.T * v - y)
        return error.dot(error) / (2 * N)

    w_squared = (W.T * b).dot(W.T * b) / size
    form = (law(W, v) + w_squared / 2) * sp.eye(2) + kept(W)
    g = X.T * e / N
    rate = still(excess(*moved))
    assert rate < -(g.T * form * g)[0] < 0
    assert rate == -(g.T * (b.dot(v) * sp.eye(2) + W.T * W) * g)[0]


def test_the_level_of_a_smaller_w_is_below_the_loss_and_that_of_a_larger_one_need_not_be():
    a, K, p = law(W, v), kept(W), W.T * b
    assert a > 0
    projector = X * (X.T * X).inv() * X.T
    h = projector * (size * y - X * rest(W, v))
    error = projector * e
    assert size * error == X * (K + b.dot(v) * sp.eye(2)) * p - h
    z = sp.sqrt(p.dot(p) / size)  # |w| itself: the tightest z with |w| <= z
    for c in (-error, h, X * sp.Matrix([1, 0])):
        top = ((a + z**2 / 2) * sp.eye(2) + K) * X.T * c
        slack = sp.sqrt(size) * z * sp.sqrt(top.dot(top)) + size * sp.sqrt(c.dot(c) * error.dot(error)) - c.dot(h)
        assert sp.N(slack) >= 0


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "linear-decay-growth",
        [
            ("wrong sign in the flow", 'rate(v), "=", -W * G', 'rate(v), "=", W * G'),
            ("missing 1/N", 'rate(W), "=", -b * G.T / N', 'rate(W), "=", -b * G.T'),
            ("twice the rate", "        -2 * mu * excess(t),\n", "        -4 * mu * excess(t),\n"),
            ("b.v counted twice in r", "- unseen * W.T * b - W.T * b * b.T * v)", "- unseen * W.T * b)"),
            ("|w|^2 whole in the level", "highest = a + z**2 / 2", "highest = a + z**2 / 4"),
            ("|b| for |b|^2", "beta * z * reach + beta**2 * length", "beta * z * reach + beta * length"),
            ("K of any sign", '"kept", K, "=", R_K * R_K.T', '"kept", K, "=", -R_K * R_K.T'),
            ("an assumption removed", '        "aligned": r"$a > 0$",\n', ""),
        ],
    )
