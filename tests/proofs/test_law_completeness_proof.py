"""law-completeness: wrong variants of the proof fail, and its counts agree with ranks over the rationals."""

from itertools import combinations

import pytest
import sympy as sp
from matrix_instances import assert_fails, assert_holds, rational_matrix
from mutants import assert_mutants_fail

from fa_theory.proofs.law_completeness import PROOF, laws
from fa_theory.proofs.law_completeness import s as step
from fa_theory.proofs.lemmas.gated_completeness import rank as directions_of_gated
from fa_theory.proofs.notation import N, d, m, n

KNOWN = {(2, 2, 1): 4, (3, 2, 1): 7, (2, 2, 2): 3, (3, 2, 2): 7, (3, 3, 2): 8, (4, 2, 3): 11}


def number_of_laws(shape):
    (claimed,) = [fact.claim.rhs for fact in PROOF.theorem().conclusions if fact.claim.lhs == laws]
    return claimed.subs(dict(zip((n, d, m), shape, strict=True)))


@pytest.mark.parametrize("shape", KNOWN, ids=str)
def test_the_number_of_laws_is_the_rank_of_their_gradients_and_what_the_fields_leave(shape):
    rows, cols, outputs = shape
    W, V = (sp.Matrix(a, b, sp.symbols(f"{name}:{a * b}")) for name, a, b in (("W", rows, cols), ("V", outputs, rows)))
    weights = [*W, *V]
    B = rational_matrix(3, rows, outputs)
    off_range = sp.eye(rows) - B * (B.T * B).inv() * B.T
    law = sp.Matrix([*(W * W.T - B * V - V.T * B.T), *(off_range * W)])
    at = dict(zip(weights, [*rational_matrix(1, rows, cols), *rational_matrix(2, outputs, rows)], strict=True))
    gradients = law.jacobian(weights).xreplace(at)

    # the fields of data sets, each one sample x with an error e, and their brackets by differentiation
    samples = [
        (rational_matrix(k, cols, 1), rational_matrix(50 + k, outputs, 1)) for k in range(10, 12 + cols * outputs)
    ]
    fields = [sp.Matrix([*(-B * e * x.T), *(-e * x.T * W.T)]) for x, e in samples]
    brackets = [
        right.jacobian(weights) * left - left.jacobian(weights) * right
        for left, right in combinations(fields[: outputs + 1], 2)
    ]
    spanned = sp.Matrix([list(each.xreplace(at)) for each in (*fields, *brackets)])
    assert gradients.rank() == number_of_laws(shape) == KNOWN[shape]
    assert gradients.cols - spanned.rank() == KNOWN[shape]
    assert gradients * spanned.T == sp.zeros(gradients.rows, spanned.rows)


@pytest.mark.parametrize(
    ("weights", "feedback"),
    [([[1, 2], [2, -1]], [[1], [3]]), ([[1, 2], [2, -1], [1, 5]], [[1, 2], [3, 1], [1, 1]])],
    ids=["two neurons", "three neurons, two outputs"],
)
def test_gated_networks_have_one_law_per_neuron(weights, feedback):
    neurons, inputs, outputs = len(weights), len(weights[0]), len(feedback[0])
    found = directions_of_gated(sp.Matrix(weights), sp.Matrix(feedback))
    assert neurons * (inputs + outputs) - found == neurons


def test_the_equations_hold_at_an_instance():
    rotation = sp.Matrix([[3, 4, 0], [-4, 3, 0], [0, 0, 5]]) / 5
    U, P = rotation[:, :2], sp.Matrix([[1, 2], [3, 5]])
    B = U * P
    W, M, S = rational_matrix(1, 3, 2), rational_matrix(2, 2, 2), rational_matrix(3, 2, 2)
    K = S - S.T
    sizes = {n: 3, d: 2, m: 2, N: 2, step: 5}
    # a direction that keeps both laws, and its coordinates
    tables = {"W": W, "B": B, "U": U, "P": P, "T": P.inv(), "B^+": P.inv() * U.T, "M": M, "S": S}
    tables |= {"dW": -B * M, "dV": -M * W.T + K * B.T, "M_0": M, "K": K, "R": K * B.T}
    tables |= {"M_1": rational_matrix(4, 2, 2), "M_2": rational_matrix(5, 2, 2)}
    named = {str(fact.claim.lhs): fact for fact in PROOF.theorem().conclusions}
    for direction in ("dW", "dV", "K.T"):
        assert_holds(named[direction], sizes, tables)
        assert_fails(named[direction], sizes, tables | {"M_0": 2 * M, "K": S})
    bracket = PROOF.theorem().conclusions[3]
    assert_holds(bracket, sizes, tables)
    for fact in PROOF.theorem().conclusions[8:12]:
        assert_holds(fact, sizes, tables)


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "law-completeness",
        [
            ("fields of another rule", "return -move * weights.T", "return move * weights.T"),
            (
                "a field that depends on time",
                '"fixed field", rate(S), "=", sp.ZeroMatrix(m, m)',
                '"fixed field", rate(S), "=", S',
            ),
            ("brackets along another field", "using=[*fixed, along]", "using=fixed"),
            ("a number that is introduced by nothing", "introduces=[gated_laws]", "introduces=[]"),
            ("missing 1/N", "-Delta.T * X * W.T / N)", "-Delta.T * X * W.T)"),
            ("symmetric instead of skew", "return square - square.T", "return square + square.T"),
            ("swapped transpose", "B * along_V - along_V.T * B.T", "2 * B * along_V"),
            ("basis of another range", '"=", B * T)', '"=", B * T + U)'),
            ("no left inverse", 'left_inverse * B, "=", sp.Identity(m)', 'left_inverse * B, "=", 2 * sp.Identity(m)'),
            ("the K of a direction", "-left_inverse * R.T if", "left_inverse * R.T if"),
            ("another count", "because=[complete, (-1, counted)]", "because=[complete, counted]"),
            ("the matrix law not kept", "because=[(-1, kept_matrix)]", "because=[]"),
        ],
    )


def test_wrong_proofs_of_the_lemma_fail():
    assert_mutants_fail(
        "lemmas/gated-completeness",
        [
            ("wrong sign", "        -w * beta.T,\n", "        w * beta.T,\n"),
            ("the same slope on both sides", "slope: sp.Expr = 1 - gamma", "slope: sp.Expr = sp.S.One"),
            ("samples that do not span", "using=[spans]", "using=[]"),
            ("the multiple", "-dot(beta, b) / b_squared", "dot(beta, b) / b_squared"),
            ("others that differ", "across, other_side,", "2 * across, other_side,"),
            ("lengths not given", "using=[factor, *lengths]", "using=[factor]"),
        ],
    )
