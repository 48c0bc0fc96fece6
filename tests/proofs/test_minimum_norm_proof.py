"""minimum-norm: wrong variants of the proof fail, and weights that fit are as stated."""

from matrix_instances import assert_fails, assert_holds, rational_matrix, value
from mutants import assert_mutants_fail

from fa_theory.proofs.minimum_norm import PROOF
from fa_theory.proofs.notation import N, d, m, n

SIZES = {n: 2, d: 3, m: 2, N: 2}


def limit(start):
    """Return what the claims are about for first-layer weights that converge and fit: W_inf = W_0 + M X, exactly."""
    X, Y, A = rational_matrix(1, 2, 3), rational_matrix(2, 2, 2), rational_matrix(3, 2, 2)
    # the updates of the first layer are combinations of samples; those that fit solve A (W_0 + M X) X^T = Y^T
    M = (A.inv() * Y.T - start * X.T) * (X * X.T).inv()
    return {"X": X, "Y": Y, "A": A, "W_0": start, "W_inf": start + M * X, "X^+": X.pinv()}


def test_the_end_to_end_map_is_as_stated():
    tables = limit(rational_matrix(4, 2, 3))
    formula, from_row_space = PROOF.theorem().conclusions[:2]
    assert_holds(formula, SIZES, tables)
    assert_fails(formula, SIZES, tables | {"W_0": rational_matrix(5, 2, 3)})
    assert_fails(from_row_space, SIZES, tables)


def test_from_the_row_space_it_is_the_least_of_all_that_fit():
    tables = limit(rational_matrix(6, 2, 2) * rational_matrix(1, 2, 3))
    _, from_row_space, spread, least, only = PROOF.theorem().conclusions
    assert_holds(from_row_space, SIZES, tables)
    X, end = tables["X"], tables["A"] * tables["W_inf"]
    null = X.nullspace()[0]
    for other in (end, end + rational_matrix(7, 2, 1) * null.T):
        assert other * X.T == tables["Y"].T
        assert_holds(spread, SIZES, tables | {"G": other, "Z": other - end})
        sides = [value(side, SIZES, tables | {"G": other}) for side in (least.claim.lhs, least.claim.rhs)]
        assert sides[0] < sides[1] if other != end else sides[0] == sides[1]
        assert sides[1] == sum(entry**2 for entry in other)
        (assert_holds if sides[1] <= sides[0] else assert_fails)(only, SIZES, tables | {"G": other})


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "minimum-norm",
        [
            ("swapped transpose", "interpolant = Y.T * pseudoinverse.T", "interpolant = (pseudoinverse * Y).T * 2"),
            ("the fit removed", "using=[fits],\n        why=", "using=[],\n        why="),
            ("wrong sign", "residual = X * Winf.T * A.T - Y", "residual = X * Winf.T * A.T + Y"),
            ("another start", 'given("start", start, "=", W0 * off_data)', 'given("start", start, "=", W0)'),
            (
                "the other map need not fit",
                'given("other map", X * G.T, "=", Y)',
                'given("other map", X * G.T, "=", X * G.T)',
            ),
            ("dropped square", "squared(A * Winf) + squared(Gap)", "squared(A * Winf)"),
            ("the limit not taken", "(A, limit), (A, started)", "(A, started)"),
            ("a limit that moves", '"limit", rate(Winf), "=", sp.ZeroMatrix(n, d)', '"limit", rate(Winf), "=", Winf'),
            ("weights that come near once only", '(k**2 + 1) * distance(tau[k]), "<=", 1', 'distance(tau[k]), "<=", 1'),
            ("another map may be larger", '"as small", squared(G), "<=",', '"as small", squared(G) / 2, "<=",'),
            (
                "the projection law not used",
                'proof.differentiated("its rate", ahead), law]',
                'proof.differentiated("its rate", ahead)]',
            ),
        ],
    )
