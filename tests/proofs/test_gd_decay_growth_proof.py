"""gd-decay-growth: wrong variants fail; one exact step of a network does what the proof says."""

import sympy as sp
from matrix_instances import rational_matrix
from mutants import assert_mutants_fail

W, X = rational_matrix(2, 3, 2) / 3, rational_matrix(5, 4, 2)
y, b, v = rational_matrix(3, 4, 1), sp.Matrix([2, 1, 2]), sp.Matrix([1, 2, 1])
N, eta, size = 4, sp.Rational(1, 300), 9
e = X * W.T * v - y
g = X.T * e / N
later = (W - eta * b * g.T, v - eta * W * g)


def kept(W):
    return W.T * (sp.eye(3) - b * b.T / size) * W


def law(W, v):
    return b.dot(v) - (W.T * b).dot(W.T * b) / (2 * size)


def test_one_step_exactly():
    after = X * later[0].T * later[1] - y
    A = b.dot(later[1]) * sp.eye(2) + W.T * W
    assert after == e - eta * X * A * g
    assert kept(later[0]) == kept(W)
    assert law(*later) == law(W, v) - eta**2 * size * g.dot(g) / 2


def test_the_factor_bounds_the_step():
    gram = X.T * X / N
    w = later[0].T * b
    form = (law(*later) + w.dot(w) / (2 * size)) * sp.eye(2) + kept(W)
    A = b.dot(later[1]) * sp.eye(2) + W.T * W
    # X A X^T / N and A X^T X / N have the same non-zero eigenvalues
    least = min(sp.N(each, 30) for each in (form * gram).eigenvals())
    largest = max(sp.N(each, 30) for each in (A * gram).eigenvals())
    assert sp.re(least) > 0
    assert eta * sp.re(largest) < 1
    projector = X * (X.T * X).inv() * X.T
    before, after = projector * e, projector * (X * later[0].T * later[1] - y)
    assert sp.N(after.dot(after)) <= sp.N((1 - eta * sp.re(least)) ** 2 * before.dot(before))


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "gd-decay-growth",
        [
            ("wrong sign in the step", 'W_, "=", W - eta * b', 'W_, "=", W + eta * b'),
            ("missing 1/N", "v - eta * outgoing * G / N", "v - eta * outgoing * G"),
            ("old outgoing weights in A", "sp.Trace(b.T * v_) * sp.Identity(d)", "sp.Trace(b.T * v) * sp.Identity(d)"),
            ("w before the step", "square(W_.T * b) / beta**2)\n    form", "square(W.T * b) / beta**2)\n    form"),
            ("only one end of the factor", "            (1 / (2 * N * gap), other),\n", ""),
            ("a factor of first order", "(1 - eta * low) ** 2", "(1 - 2 * eta * low) ** 2"),
            ("no feedback size", 'b.T * b, "=", beta**2', 'b.T * b, "=", 2 * beta**2'),
            ("an assumption removed", '        "step size": r"the two conditions on $\\eta$",\n', ""),
        ],
    )
