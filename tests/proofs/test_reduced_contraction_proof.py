"""reduced-contraction: wrong variants fail; the linear map of a network with biases, and runs of it, agree."""

import numpy as np
import pytest
import sympy as sp
from matrix_instances import rational_matrix, value
from mutants import assert_mutants_fail
from scipy.integrate import solve_ivp

from fa_theory.proofs.lemmas.reduced_contraction import PROOF, slope, u
from fa_theory.proofs.notation import N, d, m, n

SIZES = {n: 3, d: 3, m: 2, N: 2}
U = sp.Matrix(sp.symbols("u_1:4"))


def network():
    """Return two inputs and three neurons without biases, and an output bias, which sees a third input 1."""
    picked = sp.Matrix([[1, 0], [0, 1], [0, 0]])
    W = rational_matrix(2, 3, 2)
    return {
        "W_0": W.row_join(sp.zeros(3, 1)),
        "v_0": rational_matrix(3, 3, 1),
        "b": rational_matrix(4, 3, 1),
        "J": picked,
        "R": sp.Matrix([0, 0, 1]),
        "r": sp.Matrix([0, 0, sp.Rational(2, 7)]),
    }


def linear_map(tables):
    """Return theta(u) from the outputs of the network at three inputs: f(x) = v.(W x) + c, c moved by u_3."""
    moved = U[:2, :]
    W = tables["W_0"][:, :2] + tables["b"] * moved.T
    v = tables["v_0"] + tables["W_0"][:, :2] * moved + tables["b"] * (moved.T * moved)[0] / 2
    bias = tables["r"][2] + U[2]
    return sp.Matrix([*(v.T * W), bias])


def test_the_slope_is_the_jacobian_of_the_network_and_its_mean_the_integral():
    tables = network()
    jacobian = linear_map(tables).jacobian(U)
    start, shift = rational_matrix(5, 3, 1), rational_matrix(6, 3, 1)
    assert value(slope(u), SIZES, tables | {"u": start}) == jacobian.subs(dict(zip(U, start, strict=True)))

    s = sp.Symbol("s")
    along = (shift.T * jacobian.subs(dict(zip(U, start + s * shift, strict=True))) * shift)[0]
    mean = PROOF.theorem().conclusions[3].claim
    tables |= {"u": start, "q": shift}
    assert value(mean.lhs, SIZES, tables) == value(mean.rhs, SIZES, tables) == sp.integrate(along, (s, 0, 1))


def run(outgoing, defect, shift, seconds=1.0):
    """Return how far a path with a defect is from the solution, in both norms, and what the lemma bounds it with."""
    X = np.array([[1.0, 0.4], [0.2, 0.9], [-0.5, 0.3]])
    W, b, v = np.array([[0.4, -0.2], [0.1, 0.3]]), np.array([1.0, -0.5]), np.asarray(outgoing)
    S = X.T @ X / 3
    goal = np.array([0.6, -0.8])

    def theta(u):
        return (W + np.outer(b, u)).T @ (v + W @ u + b * (u @ u) / 2)

    def both(_, state):
        w, p = state[:2], state[2:]
        return np.concatenate([goal - theta(S @ w), goal - theta(S @ p) - defect])

    ends = solve_ivp(both, (0, seconds), [0, 0, *shift], rtol=1e-10, atol=1e-12).y[:, -1]
    apart = ends[2:] - ends[:2]
    C = np.sum(W**2) / 2 - b @ v
    eigenvalue = np.linalg.eigvalsh(S)[-1]
    begun = np.sqrt(shift @ S @ shift) + np.sqrt(eigenvalue) * np.linalg.norm(defect) * seconds
    return np.sqrt(apart @ S @ apart), np.linalg.norm(S @ apart), begun, max(C, 0) * eigenvalue, np.sqrt(eigenvalue)


@pytest.mark.parametrize("defect", [(0.0, 0.0), (0.02, -0.01)])
def test_a_path_with_a_defect_stays_as_near_as_said_and_misaligned_ones_go_apart(defect):
    shift = np.array([0.03, 0.02])
    near, near_in_u, begun, mu, root = run((2.0, -1.0), np.array(defect), shift)
    assert mu == 0
    assert near < begun
    assert near_in_u < root * begun
    far, far_in_u, begun, mu, root = run((-2.0, 1.0), np.array(defect), shift)
    assert mu > 0
    assert begun < far < begun * np.exp(mu)
    assert far_in_u < root * begun * np.exp(mu)


def test_the_bound_needs_no_tube_and_the_tube_all():
    *_, bounded, in_u, lasts = PROOF.theorem().conclusions
    for fact in (bounded, in_u):
        assert {"alignment", "defect", "largest eigenvalue", "step"} <= fact.assumptions
        assert "tube" not in fact.assumptions
    assert lasts.assumptions == PROOF.assumptions.keys()


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "lemmas/reduced-contraction",
        [
            ("not the mean", "(2 + middle)", "(3 + middle)"),
            ("weights without the half", "half * b * at.T * P * at", "b * at.T * P * at"),
            ("a flow up the gradient", "chi(t) * (goal - network(S * w))", "chi(t) * (network(S * w) - goal)"),
            ("inputs that are stretched", 'J.T * J, "=", sp.Identity(m)', 'J.T * J, "=", 2 * sp.Identity(m)'),
            ("a defect that counts half", "sp.sqrt(eigenvalue) * k\n", "sp.sqrt(eigenvalue) * k / 2\n"),
            ("a tube as wide as the bound", 'eigenvalue * most**2, "<", reach**2', 'most**2, "<", reach**2'),
            ("growth at the rate kappa", "mu, gap = kappa * eigenvalue,", "mu, gap = kappa,"),
        ],
    )


def test_wrong_proofs_of_gronwall_with_a_defect_fail():
    assert_mutants_fail(
        "lemmas/gronwall-defect",
        [
            ("growth at twice the rate", "sign * rate * y(t) + defect", "2 * rate * y(t) + defect"),
            ("twice the defect", "sign * rate * y(t) + defect", "sign * rate * y(t) + 2 * defect"),
            ("a rate of any sign", '"mu k", nonnegative=True', '"mu k", real=True'),
            ("no growth of the defect", "(y(0) + defect * t)", "y(0) + defect * t"),
        ],
    )
