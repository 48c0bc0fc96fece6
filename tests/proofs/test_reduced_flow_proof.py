"""reduced-flow: wrong variants of the proof fail, and power series of a flow agree with the formulas."""

import sympy as sp
from matrix_instances import MOVE, assert_fails, assert_holds, rational_matrix, value
from mutants import assert_mutants_fail

from fa_theory.proofs.notation import N, d, n
from fa_theory.proofs.reduced_flow import PROOF

SIZES = {n: 3, d: 2, N: 2}
ORDER = 4


def network():
    return {
        "X": rational_matrix(1, 2, 2),
        "W_0": rational_matrix(2, 3, 2),
        "v_0": rational_matrix(3, 3, 1),
        "b": rational_matrix(4, 3, 1),
    }


def cut(matrix):
    return matrix.applyfunc(lambda each: sp.series(sp.expand(each), MOVE, 0, ORDER).removeO())


def errors(tables, W, v):
    # squared loss, targets (1, 2)
    return tables["X"] * W.T * v - sp.Matrix([1, 2])


def test_weights_along_the_flow_are_the_stated_functions_of_u():
    # the Picard iteration of the whole flow in (W, v, u), in powers of time, exact up to the order reached
    tables = network()
    W, v, u = tables["W_0"], tables["v_0"], sp.zeros(2, 1)
    for _ in range(ORDER):
        g = cut(tables["X"].T * errors(tables, W, v) / 2)
        W_rate, v_rate, u_rate = -tables["b"] * g.T, -cut(W * g), -g
        W, v, u = (
            start + rate.applyfunc(lambda each: sp.integrate(each, (MOVE, 0, MOVE)))
            for start, rate in ((tables["W_0"], W_rate), (tables["v_0"], v_rate), (sp.zeros(2, 1), u_rate))
        )
    W, v, u = (cut(each) for each in (W, v, u))
    assert u != sp.zeros(2, 1)
    for conclusion, series in zip(PROOF.theorem().conclusions, (W, v), strict=False):
        predicted = value(conclusion.claim.rhs, SIZES, tables | {"u": u}, move=MOVE)
        assert cut(predicted) == series


def test_weights_that_u_stands_for_solve_the_flow():
    tables = network()
    u = rational_matrix(5, 2, 1)
    W = tables["W_0"] + tables["b"] * u.T
    v = tables["v_0"] + tables["W_0"] * u + tables["b"] * (u.T * u)[0] / 2
    e = errors(tables, W, v)
    moving = u - MOVE * tables["X"].T * e / 2
    tables |= {"e": e, "u": moving, "W^u": tables["W_0"] + tables["b"] * moving.T}
    tables |= {"v^u": tables["v_0"] + tables["W_0"] * moving + tables["b"] * (moving.T * moving)[0] / 2}
    for law in PROOF.theorem().conclusions[3:]:
        assert_holds(law, SIZES, tables)
        assert_fails(law, SIZES, tables | {"e": 2 * e})


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "reduced-flow",
        [
            ("wrong sign", 'rate(u), "=", -g)', 'rate(u), "=", g)'),
            ("missing 1/N", 'rate(u), "=", -g)', 'rate(u), "=", -N * g)'),
            ("swapped transpose", 'rate(v), "=", -W * g)', 'rate(v), "=", -b * (g.T * W.T * b))'),
            ("dropped term", "second = v0 + W0 * u + half", "second = v0 + half"),
            ("wrong factor", "half = sp.Rational(1, 2)", "half = sp.Rational(1, 3)"),
            ("start assumption removed", "because=[kept, start], why", "because=[kept], why"),
            ("a start that moves", "using=[moving, *feedback, *origin, built]", "using=[moving, *feedback, built]"),
        ],
    )
