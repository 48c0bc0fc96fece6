"""gd-decay: wrong variants fail; exact runs obey what the proof says of every step, and its bound."""

from fractions import Fraction
from itertools import pairwise

import sympy as sp
from evaluation import evaluate
from mutants import assert_mutants_fail

from fa_theory.proofs.lemmas.attained_loss import PROOF as ATTAINED
from fa_theory.proofs.lemmas.gradient_step import rank
from fa_theory.proofs.notation import N, d

# rank-deficient data: the second input is twice the first, so that the span is one-dimensional
INPUTS = [[Fraction(1), Fraction(2)], [Fraction(2), Fraction(4)], [Fraction(-1), Fraction(-2)]]
TARGETS = [Fraction(1), Fraction(1, 2), Fraction(3)]
FEEDBACK = [Fraction(1), Fraction(2)]
FIRST, SECOND = [[Fraction(1, 10), Fraction(0)], [Fraction(0), Fraction(-1, 10)]], [Fraction(1), Fraction(1)]
SAMPLES, SPAN = 3, [Fraction(1), Fraction(2), Fraction(-1)]


def dot(left, right):
    return sum(a * b for a, b in zip(left, right, strict=True))


def run(eta, steps):
    """Return the numbers of each step of gradient descent with FA, by loops in rational arithmetic."""
    W, v = [row[:] for row in FIRST], SECOND[:]
    told = []
    for _ in range(steps):
        errors = [dot(v, [dot(row, x) for row in W]) - y for x, y in zip(INPUTS, TARGETS, strict=True)]
        g = [sum(e * x[a] for e, x in zip(errors, INPUTS, strict=True)) / SAMPLES for a in range(2)]
        z = [dot(row, g) for row in W]
        told.append(
            {
                "errors": errors,
                "excess": dot(errors, SPAN) ** 2 / dot(SPAN, SPAN) / (2 * SAMPLES),
                "law": dot(FEEDBACK, v) - sum(w * w for row in W for w in row) / 2,
                "beta": dot(FEEDBACK, v),
                "gradient": g,
                "W": [row[:] for row in W],
                "z": z,
            }
        )
        W = [[w - eta * b * part for w, part in zip(row, g, strict=True)] for row, b in zip(W, FEEDBACK, strict=True)]
        v = [out - eta * part for out, part in zip(v, z, strict=True)]
    return told


def step_size(c, excess, theta, mu, least, greatest):
    """Return the largest step size of the form 1 / 2^m that the statement allows, and check that there is one."""
    size = sp.sqrt(sum(w * w for row in FIRST for w in row))
    size_b = sp.sqrt(dot(FEEDBACK, FEEDBACK))
    radius = size + 2 * size_b * sp.sqrt(2 * excess / least) / ((2 - mu) * theta * c)
    for m in range(40):
        eta = sp.Rational(1, 2**m)
        paid = eta * size_b**2 * excess <= (2 - mu) * (1 - theta) * theta * c**2
        room = sp.Rational(3, 2) * radius**2 + c + eta * size_b * radius * sp.sqrt(2 * greatest * excess)
        if paid and sp.N(eta * greatest * room - mu) < 0:
            return eta
    raise AssertionError


def test_an_exact_run_stays_below_the_bound():
    (first,) = run(Fraction(0), 1)
    c, excess = sp.Rational(first["law"]), sp.Rational(first["excess"])
    assert c > 0
    eigenvalue, theta, mu = sp.Integer(10), sp.Rational(1, 2), sp.Integer(1)
    assert eigenvalue == sum(x * x for row in INPUTS for x in row) / sp.Integer(SAMPLES)
    eta = step_size(c, excess, theta, mu, eigenvalue, eigenvalue)
    told = run(Fraction(int(eta.p), int(eta.q)), 12)
    factor = Fraction(1) - Fraction(int(eta.p), int(eta.q)) * Fraction(1, 2) * Fraction(first["law"]) * 10
    assert 0 < factor < 1
    for k, each in enumerate(told):
        assert each["excess"] <= factor**k * first["excess"]
    assert told[-1]["excess"] < first["excess"]


def test_the_errors_and_the_law_move_as_the_proof_says():
    eta = Fraction(1, 50)
    told = run(eta, 4)
    for now, after in pairwise(told):
        back = [sum(now["W"][i][a] * now["z"][i] for i in range(2)) for a in range(2)]
        acted = [after["beta"] * g + w for g, w in zip(now["gradient"], back, strict=True)]
        for x, e, new in zip(INPUTS, now["errors"], after["errors"], strict=True):
            assert new == e - eta * dot(x, acted)
        drift = eta**2 * dot(FEEDBACK, FEEDBACK) * dot(now["gradient"], now["gradient"]) / 2
        assert after["law"] == now["law"] - drift
        assert dot(now["gradient"], now["gradient"]) == 20 * now["excess"]


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "gd-decay",
        [
            (
                "induction without its base",
                "kept = proof.induct(BOUNDED, K, base,",
                "kept = proof.induct(BOUNDED, K, base[:2],",
            ),
            (
                "excess of the wrong sign",
                "because=[decay, excess.at({k: K})",
                "because=[decay, (-1, excess.at({k: K}))",
            ),
            (
                "eigenvalues the wrong way round",
                '"eigenvalues", least, "<=", greatest',
                '"eigenvalues", greatest, "<=", least',
            ),
            (
                "least loss of the wrong sign",
                "because=[D[K], (-1, excess.at({k: K}))]",
                "because=[D[K], excess.at({k: K})]",
            ),
            ("a step too early", "falling.at({K: M}, schematic=[M])", "falling.at({K: M + 1}, schematic=[M])"),
            ("an assumption removed", '        "eigenvalues": r"$\\lambda_- \\le \\lambda_+$",\n', ""),
        ],
    )


def test_wrong_maps_of_least_loss_fail():
    assert_mutants_fail(
        "lemmas/attained-loss",
        [
            (
                "basis outside the span",
                '"=", total(X[j, a] * T[a, s], (a, d)))',
                '"=", total(x[j, a] * T[a, s], (a, d)))',
            ),
            ("not a projector", 'x[p, a], "=", total(Q[j, p]', 'x[p, a], "=", 2 * total(Q[j, p]'),
            ("dropped square", "because=[squared, again,", "because=[again,"),
            ("wrong sign", "total((mapped - y[j]) ** 2", "total((mapped + y[j]) ** 2"),
            (
                "targets along another basis",
                "return total(Q[o, index] * y[o], (o, N))",
                "return total(x[o, index] * y[o], (o, N))",
            ),
        ],
    )


def test_the_least_loss_is_that_of_the_normal_equations():
    """The data have rank 1: the least squared error is what the projection on SPAN leaves, by plain arithmetic."""
    unit = [part / sp.sqrt(dot(SPAN, SPAN)) for part in SPAN]
    best = dot(SPAN, TARGETS) / dot(SPAN, SPAN)
    claim = ATTAINED.theorem().conclusions[0].claim
    entries = {
        "X": lambda j, a: INPUTS[j - 1][a - 1],
        "y": lambda j: TARGETS[j - 1],
        "Q": lambda j, _: unit[j - 1],
        "u_*": lambda a: [best, 0][a - 1],
    }
    sizes = {N: SAMPLES, d: 2, rank: 1}
    left = sum((best * part - y) ** 2 for part, y in zip(SPAN, TARGETS, strict=True))
    for side in (claim.lhs, claim.rhs):
        assert sp.simplify(evaluate(side, sizes, entries) - sp.Rational(left.numerator, left.denominator)) == 0
    for worse in (best + Fraction(1, 9), best - 1):
        assert left < sum((worse * part - y) ** 2 for part, y in zip(SPAN, TARGETS, strict=True))


def test_wrong_steps_fail():
    assert_mutants_fail(
        "lemmas/gradient-step",
        [
            ("wrong sign", "W[k, i, a] - eta * b[i] * g[k, a]", "W[k, i, a] + eta * b[i] * g[k, a]"),
            ("missing 1/N", "total(X[j, a] * e[k, j], (j, N)) / N)", "total(X[j, a] * e[k, j], (j, N)))"),
            (
                "swapped transpose",
                "total(W[k, i, a] * g[k, a], (a, d)))\n    aligned",
                "total(W[k, a, i] * g[k, a], (a, d)))\n    aligned",
            ),
            (
                "half the drift",
                "law[k] - eta**2 * size_b**2 * gamma[k] ** 2 / 2,",
                "law[k] - eta**2 * size_b**2 * gamma[k] ** 2 / 4,",
            ),
        ],
    )


def test_wrong_bounds_fail():
    assert_mutants_fail(
        "lemmas/bounded-descent",
        [
            ("half the growth", "growth = 4 * size_b", "growth = 2 * size_b"),
            ("theta without its share", "nu * (1 - theta) * theta * c**2", "nu * theta * c**2"),
            ("no room for the last step", "largest = room * radius**2 + c + eta", "largest = room * radius**2 + eta"),
            ("twice the decay", "ratio = 1 - eta * nu", "ratio = 1 - 2 * eta * nu"),
            (
                "drift of the other sign",
                "law[k] - eta**2 * size_b**2 * gamma[k] ** 2 / 2)",
                "law[k] + eta**2 * size_b**2 * gamma[k] ** 2 / 2)",
            ),
        ],
    )


def test_wrong_geometry_fails():
    assert_mutants_fail(
        "lemmas/geometric-decay",
        [
            ("no sign of the ratio", 'proof.given("ratio", 0, "<=", rho)', 'proof.given("ratio", rho, "<=", 0)'),
            ("decay of one step only", "schematic=[M])", "schematic=[])"),
        ],
    )
