"""projection-law: wrong variants of the proof fail, and the laws hold in networks worked out by loops."""

import sympy as sp
from evaluation import holds
from matrix_instances import MOVE, assert_fails, assert_holds, rational_matrix
from mutants import assert_mutants_fail

from fa_theory.proofs.lemmas.carried_signal import PROOF as CARRIED_SIGNAL
from fa_theory.proofs.lemmas.carried_signal import counter
from fa_theory.proofs.notation import N, d, i, j, m, n
from fa_theory.proofs.projection_law import PROOF, r, step

SIZES = {n: 3, d: 3, m: 1, N: 2, r: 1, step: sp.Rational(1, 3)}


def test_no_rule_leaves_the_data():
    # two layers, ReLU by hand, squared loss, a feedback that is anything: W moves by signal x samples
    X, W, v = rational_matrix(1, 2, 3), rational_matrix(2, 3, 3), rational_matrix(3, 1, 3)
    rows, W_rate = [], sp.zeros(3, 3)
    for sample in range(2):
        x = X[sample, :].T
        z = W * x
        error = (v * z.applyfunc(lambda each: sp.Max(each, 0)))[0] - 1
        rows.append([error * (7 if z[neuron] > 0 else 0) * (neuron - 1) for neuron in range(3)])
        W_rate -= sp.Matrix(rows[-1]) * x.T / 2
    tables = {"X": X, "X^+": X.pinv(), "W": W + MOVE * W_rate, "Delta": sp.Matrix(rows)}
    law, one_step = PROOF.theorem().conclusions[:2]
    assert_holds(law, SIZES, tables)
    assert_holds(one_step, SIZES, tables | {"W": W})
    assert_fails(law, SIZES, tables | {"W": W + MOVE * (W_rate - W)})


def test_linear_fa_stays_in_the_range_of_its_feedback():
    # three layers 3 -> 3 -> 2 -> 1, B_2 B_3 = (2, 0, 0) after a rotation: a basis with rational entries
    rotation = sp.Matrix([[3, 4, 0], [-4, 3, 0], [0, 0, 5]]) / 5
    B3 = sp.Matrix([2, 1])
    B2 = rotation * sp.Matrix([[1, 0], [0, 0], [1, -2]])
    U = rotation[:, 0]
    assert B2 * B3 == 2 * U
    X, W, beta = rational_matrix(1, 2, 3), rational_matrix(2, 3, 3), rational_matrix(3, 3, 1)
    errors = [sp.Rational(2, 3), -5]
    W_rate = -sum((B2 * (B3 * errors[j]) * X[j, :] / 2 for j in range(2)), start=sp.zeros(3, 3))
    beta_rate = -sum((B2 * (B3 * errors[j]) / 2 for j in range(2)), start=sp.zeros(3, 1))
    tables = {"U": U, "W": W + MOVE * W_rate, "beta": beta + MOVE * beta_rate}
    for law in PROOF.theorem().conclusions[2:4]:
        assert_holds(law, SIZES, tables)
        assert_fails(law, SIZES, tables | {"U": rotation[:, 1]})


def test_the_signal_is_carried_through_any_number_of_layers():
    widths, samples = {1: 2, 2: 3, 3: 2, 4: 2}, 2
    feedback = {layer: rational_matrix(layer, widths[layer - 1], widths[layer]) for layer in (2, 3, 4)}
    signal, product = {4: rational_matrix(9, samples, 2)}, {2: feedback[2]}
    for layer in (3, 2, 1):
        signal[layer] = sp.zeros(samples, widths[layer])
        for sample in range(samples):
            signal[layer][sample, :] = (feedback[layer + 1] * signal[layer + 1][sample, :].T).T
    for layer in (3, 4):
        product[layer] = product[layer - 1] * feedback[layer]
    claim = CARRIED_SIGNAL.theorem().conclusions[0].claim
    entries = {
        "n": lambda at: widths[at],
        "K": lambda at, row, column: product[at][row - 1, column - 1],
        "Delta": lambda at, sample, neuron: signal[at][sample - 1, neuron - 1],
    }
    for above in (0, 1, 2):
        for sample, neuron in ((1, 1), (2, 2)):
            assert holds(claim, {counter: above, j: sample, i: neuron}, entries)
    swapped = entries | {"K": lambda at, row, column: product[at][column - 1, row - 1]}
    assert not holds(claim, {counter: 2, j: 1, i: 1}, swapped)


def test_wrong_inductions_fail():
    assert_mutants_fail(
        "lemmas/carried-signal",
        [
            ("products in another order", "K[layer, i, s] * B[layer + 1, s, q]", "K[layer, s, i] * B[layer + 1, s, q]"),
            ("no layer further", "through(K, reached + 1),", "through(K, reached + 2),"),
            ("the hypothesis at another layer", "product.at({layer: reached})", "product.at({layer: reached + 1})"),
            ("another start", 'K[2, i, q], "=", B[2, i, q]', 'K[2, i, q], "=", 2 * B[2, i, q]'),
            ("induction without its base", "proof.induct(STEP, counter, [start])", "proof.induct(STEP, counter, [])"),
        ],
    )


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "projection-law",
        [
            ("the wrong projector", "off_data = sp.Identity(d) - P", "off_data = sp.Identity(d) - 2 * P"),
            ("samples that move", "using=[moving, *still, penrose]", "using=[moving, penrose]"),
            ("not a pseudoinverse", 'X * pseudoinverse * X, "=", X)', 'X * pseudoinverse * X, "=", 2 * X)'),
            ("decay hidden in the flow", "- lam * W)", "- W)"),
            ("a basis that is not normal", 'U.T * U, "=", sp.Identity(r)', 'U.T * U, "=", 2 * sp.Identity(r)'),
            ("another signal", '"linear FA", Delta, "=", E * K.T', '"linear FA", Delta, "=", E * K.T + Delta / 2'),
            ("feedback that may move", "using = [*moving, sent, still, kept]", "using = [*moving, sent, kept]"),
            ("range assumption removed", "because=[(U * U.T - sp.Identity(n), spanned)],", ""),
        ],
    )
