"""separable-decay and its lemmas: wrong variants must fail, and the speeds hold at the start of an instance."""

import mpmath
import pytest
import sympy as sp
from evaluation import evaluate
from instances import MOVE
from mutants import assert_mutants_fail

from fa_theory.proofs.lemmas.logistic_decay import Gamma, r
from fa_theory.proofs.separable_decay import PROOF, N, a, margin, risk, s, start, t

CLAIMS = [fact.claim for fact in PROOF.theorem().conclusions]
RULES = tuple(start)


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "separable-decay",
        [
            ("errors of the other sign", '"=", -y[j] * sigma[j])\n    means', '"=", y[j] * sigma[j])\n    means'),
            (
                "gates below a",
                'proof.given("slopes", a, "<=", theta[i, j])',
                'proof.given("slopes", theta[i, j], "<=", a)',
            ),
            ("no margin", '"margin", margin, "<=", distance)', '"margin", distance, "<=", margin)'),
            ("not the exponential", '"=", sp.exp(-y[j] * f[j]))', '"=", sp.exp(-2 * y[j] * f[j]))'),
            ("not the logistic loss", '"=", 1 - sp.exp(-losses[j]))', '"=", sp.exp(-losses[j]))'),
            ("labels that move", 'rate(y[j]), "=", 0)', 'rate(y[j]), "=", 1)'),
            ("missing 1/N", "-rho / N * (1 - sp.exp(", "-rho * (1 - sp.exp("),
            ("misaligned start", 'start of {rule}", C[i], "<=", 0)', 'start of {rule}", 0, "<=", C[i])'),
            ("an assumption removed", '        "margin": r"', '        "distance": r"'),
        ],
    )


@pytest.mark.parametrize(
    ("lemma", "mutations"),
    [
        (
            "comparison",
            [
                ("Gamma that falls", '"=", -y(t).diff(t))', '"=", y(t).diff(t))'),
                ("Gamma that grows", '"=", ybar(t) - y(t))', '"=", y(t) - ybar(t))'),
                ("g of no sign", 'proof.given("positive", 0, "<", g(t))', 'proof.given("positive", 0, "<=", g(t))'),
                ("the bound turned round", "        y(t),\n        ybar(t),", "        ybar(t),\n        y(t),"),
                ("Gamma without bound", 'Gamma(t), "<=", most)', 'most, "<=", Gamma(t))'),
            ],
        ),
        (
            "harmonic-decay",
            [
                ("the wrong primitive", "1 / (rho * y(t))", "1 / y(t)"),
                ("faster than shown", "growth = 1 + rho * y(0) * t", "growth = 1 + 2 * rho * y(0) * t"),
                ("growth", '"<=", -rho * y(t) ** power)', '"<=", rho * y(t) ** power)'),
            ],
        ),
        (
            "logistic-decay",
            [
                ("sigma of the other sign", "sp.log(q(of)) - sigma(of)) / r", "sp.log(q(of)) + sigma(of)) / r"),
                ("r forgotten", "- sigma(of)) / r", "- sigma(of))"),
                ("q without its square", "g = r * q(odds(t)) ** 2", "g = r * q(odds(t))"),
                ("another bound", "Gamma(bounding(t), sign)", "Gamma(2 * bounding(t), sign)"),
                ("odds ordered the wrong way", "        now,\n        then,\n", "        then,\n        now,\n"),
                ("odds of any sign", 'sp.Function("odds", positive=True)', 'sp.Function("odds", real=True)'),
            ],
        ),
        (
            "telescoping",
            [
                ("one step too few", "sp.Sum(s[layer], (layer, 1, last)),", "sp.Sum(s[layer], (layer, 1, last - 1)),"),
                ("steps of the other sign", '"=", s[layer])', '"=", -s[layer])'),
            ],
        ),
    ],
)
def test_wrong_proofs_of_lemmas_fail(lemma, mutations):
    assert_mutants_fail(f"lemmas/{lemma}", mutations)


def start_of(rule, loss_of):
    """Return dL/dt, L and s of a network with two hidden neurons, by the derivative of the loss of moved weights.

    Leaky ReLU of slope 1/5, samples (3, 4), (4, 3), (-5, 0) with labels 1, 1, -1: with u = (4, 3) / 5 the margin is 4.
    """
    slope, X, labels = sp.Rational(1, 5), [(3, 4), (4, 3), (-5, 0)], (1, 1, -1)
    w, v, b = [[sp.Rational(1, 10), sp.Rational(-1, 20)], [sp.Rational(-1, 8), sp.Rational(1, 10)]], [1, -2], [2, -3]
    kappa = sp.Rational(1, 4)
    M = [sp.sign(each) for each in v] if rule == "sign-FA" else b

    def margins(w, v):
        z = [[sum(p * q for p, q in zip(row, x, strict=True)) for row in w] for x in X]
        theta = [[1 if sp.sympify(each).subs(MOVE, 0) > 0 else slope for each in row] for row in z]
        h = [[p * q for p, q in zip(*rows, strict=True)] for rows in zip(z, theta, strict=True)]
        return theta, h, [y * sum(p * q for p, q in zip(row, v, strict=True)) for row, y in zip(h, labels, strict=True)]

    theta, h, m = margins(w, v)
    point = sp.Symbol("m")
    slopes = [sp.diff(loss_of(point), point).subs(point, each) for each in m]
    e = [y * each for y, each in zip(labels, slopes, strict=True)]
    g = [[sum(e[j] * theta[j][i] * X[j][k] for j in range(3)) / 3 for k in range(2)] for i in range(2)]
    G = [sum(e[j] * h[j][i] for j in range(3)) / 3 for i in range(2)]
    moved = (
        [[w[i][k] - MOVE * M[i] * g[i][k] for k in range(2)] for i in range(2)],
        [v[i] - MOVE * G[i] for i in range(2)],
    )
    total = sum(loss_of(each) for each in margins(*moved)[2]) / 3
    c = []
    for i in range(2):
        potential = {"FA": b[i] * v[i], "sign-FA": abs(v[i]), "adaFA": b[i] * v[i] - kappa / 2 * v[i] ** 2}[rule]
        c.append(potential - sum(each**2 for each in w[i]) / 2)
    assert min(c) > 0
    return (
        sp.diff(total, MOVE).subs(MOVE, 0),
        sum(loss_of(each) for each in m) / 3,
        {s: sum(c), a: slope, margin: 4, N: 3},
    )


@pytest.mark.parametrize("rule", RULES)
def test_the_exponential_loss_falls_at_the_speed(rule):
    bound = CLAIMS[4 * RULES.index(rule)]
    speed, loss, plain = start_of(rule, lambda m: sp.exp(-m))
    at_start = sp.diff(bound.rhs, t).subs(t, 0)
    assert speed <= evaluate(at_start, plain | {risk(0): loss}, {})
    assert evaluate(bound.rhs.subs(t, 0), plain | {risk(0): loss}, {}) == loss


@pytest.mark.parametrize("rule", RULES)
def test_the_logistic_loss_falls_at_the_speed(rule):
    claim = CLAIMS[4 * RULES.index(rule) + 1]
    speed, loss, plain = start_of(rule, lambda m: sp.log(1 + sp.exp(-m)))
    plain |= {risk(t): loss}
    left = evaluate(claim.lhs, plain, {}, {N * risk(t): 3 * speed})
    assert left <= evaluate(claim.rhs, plain, {})
    assert left > 100 * evaluate(claim.rhs, plain | {margin: 400}, {})


def test_the_primitive_is_the_integral_of_the_inverse_speed():
    rate, late, early = 0.3, 0.2, 3.0
    with mpmath.workdps(30):
        time = mpmath.quad(lambda sigma: 1 / (rate * (1 - mpmath.exp(-sigma)) ** 2), [late, early])
        after, before = (Gamma(sp.exp(sp.Float(each, 30)) - 1).subs(r, rate) for each in (late, early))
        # quadrature at 30 digits of a smooth function, and 15 digits of the numbers put in
        assert abs((after - before) - time) < 1e-12 * time
