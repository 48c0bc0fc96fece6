"""hitting-time and its lemmas: wrong variants of the proofs must fail, and the conclusions hold at instances."""

from fractions import Fraction

import pytest
import sympy as sp
from instances import value
from mutants import assert_mutants_fail

from fa_theory.proofs.hitting_time import PROOF, N, above, eps, eps_before, last, t
from fa_theory.proofs.lemmas.alignment_drive import R, a, gamma, n, power
from fa_theory.proofs.lemmas.gated_mean import PROOF as GATED_MEAN
from fa_theory.proofs.lemmas.gated_mean import S, d, i


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "hitting-time",
        [
            ("the loss falls faster", "-factor * Q(t) * S(t) ** 2,", "-2 * factor * Q(t) * S(t) ** 2,"),
            ("a tangent that is too steep", "+ Q_at_last * (tau(t) - last)", "+ Q_at_last * (2 * tau(t) - last)"),
            (
                "Lbar above epsilon",
                '"tau_eps", most, "<=", (sp.exp(N * eps) - 1)',
                '"tau_eps", most, "<=", sp.exp(N * eps)',
            ),
            ("a clock of half the speed", "pace = 1 - sp.exp(-N * eps)", "pace = 2 - 2 * sp.exp(-N * eps)"),
            ("missing N", "weight * N * last / pace", "weight * last / pace"),
            (
                "the loss of now for that of before",
                '"the time from which on L <= epsilon", eps_before,',
                '"the time", eps,',
            ),
            (
                "less growth",
                'proof.given("integrals", -K, "<=", first(t))',
                'proof.given("integrals", K, "<=", first(t))',
            ),
            ("an assumption removed", '        "until then": r"', '        "until": r"'),
        ],
    )


@pytest.mark.parametrize(
    ("lemma", "mutations"),
    [
        (
            "alignment-drive",
            [
                ("weights against the signal", '"=", B[i] * g[i, k])', '"=", -B[i] * g[i, k])'),
                ("no square in the ramp", '"=", ramp[i] * least)', '"=", least)'),
                ("the law without its half", "(ramp[i] ** 2 / 2 - C[i]))", "(ramp[i] ** 2 - C[i]))"),
                ("the slope forgotten", "power = sp.Sum(a**2 * gamma**2", "power = sp.Sum(gamma**2"),
                ("the radius forgotten", "- R**2 * minus[i], (i", "- R * minus[i], (i"),
                ("another loss", "sp.log(1 + sp.exp(-y[j] * f[j])))\n    deriv", "sp.exp(-y[j] * f[j]))\n    deriv"),
                ("missing 1/N", '"=", over_samples(losses[j]))', '"=", N * over_samples(losses[j]))'),
            ],
        ),
        (
            "two-phases",
            [
                ("signs of Q exchanged", 'before(t) * Q(t), "<=", 0)', '0, "<=", before(t) * Q(t))'),
                ("I_2 from the start", 'before(t) * sp.exp(second(t)), "=", before(t))', 'before(t), "=", before(t))'),
                ("I_1 without its sign", '"=", before(t) * Q(t) * S(t))', '"=", -before(t) * Q(t) * S(t))'),
                ("more growth", "(sp.exp(L(0)) - 1) * sp.exp(K))", "(sp.exp(L(0)) - 1) * sp.exp(-K))"),
                ("more than a mean", '1 - sp.exp(-N * L(t)), "<=", factor', '2 - sp.exp(-N * L(t)), "<=", factor'),
                ("an assumption removed", '        "beyond": (', '        "more": ('),
            ],
        ),
        (
            "late-clock",
            [
                (
                    "a loss that grows",
                    'sp.Derivative(falling(t), t), "<=", 0)',
                    '0, "<=", sp.Derivative(falling(t), t))',
                ),
                ("growth beyond K", '-K, "<=", first(t))', 'K, "<=", first(t))'),
                ("a clock that starts late", 'tau(0), "=", 0)', 'tau(0), "=", 1)'),
                ("no growth", "(sp.exp(eps) - 1) * sp.exp(-K))", "(sp.exp(eps) - 1))"),
                ("an assumption removed", '        "low": r"', '        "lower": r"'),
            ],
        ),
        (
            "gated-mean",
            [
                ("gates from below", 'theta[j, i], "<=", 1)', '1, "<=", theta[j, i])'),
                (
                    "u of any length",
                    'proof.given("margin", sp.Sum(u[k] ** 2, (k, 1, d)), "=", 1)',
                    'proof.given("margin", sp.Sum(u[k] ** 2, (k, 1, d)), "=", 2)',
                ),
                ("labels of any size", 'y[j] ** 2, "=", 1)', 'y[j] ** 2, "=", 2)'),
                ("the slope forgotten", "        (a * gamma * S) ** 2,\n", "        (gamma * S) ** 2,\n"),
            ],
        ),
        (
            "logistic-mean",
            [
                (
                    "losses of any sign",
                    'proof.given("losses", 0, "<=", losses[j])',
                    'proof.given("losses", losses[j], "<=", 0)',
                ),
                ("the mean in place of the sum", "1 - sp.exp(-N * L),", "1 - sp.exp(-L),"),
                ("the sum in place of the mean", "        1 - sp.exp(-L),\n", "        1 - sp.exp(-N * L),\n"),
            ],
        ),
        (
            "exp-order",
            [
                (
                    "order turned",
                    "        sp.exp(x),\n        sp.exp(y),\n",
                    "        sp.exp(y),\n        sp.exp(x),\n",
                ),
                ("inverse turned", "        x,\n        y,\n", "        y,\n        x,\n"),
            ],
        ),
    ],
)
def test_wrong_lemmas_fail(lemma, mutations):
    assert_mutants_fail(f"lemmas/{lemma}", mutations)


def test_the_length_of_a_gated_mean_at_an_instance():
    # u = (3/5, 4/5), margin 1, slope 1/3
    u, labels, samples = (Fraction(3, 5), Fraction(4, 5)), (1, -1, 1), ((3, 1), (-1, -3), (Fraction(5, 3), 0))
    sizes, gates = (Fraction(1, 2), Fraction(1, 7), Fraction(2, 3)), (1, Fraction(1, 3), Fraction(1, 2))
    margin = min(y * (u[0] * x[0] + u[1] * x[1]) for y, x in zip(labels, samples, strict=True))
    radius = max(x[0] ** 2 + x[1] ** 2 for x in samples)
    rows = list(zip(labels, sizes, gates, samples, strict=True))
    mean = [sum(y * s * g * x[c] for y, s, g, x in rows) / 3 for c in range(2)]
    numbers = {S: sp.Rational(sum(sizes) / 3), a: sp.Rational(1, 3), gamma: sp.Rational(margin), d: 2, i: 1}
    assert margin == 1
    forward, long, short = (fact.claim for fact in GATED_MEAN.theorem().conclusions)
    tables = {"g": [[sp.Rational(each) for each in mean]], "u": [sp.Rational(each) for each in u]}
    numbers[R] = sp.sqrt(sp.Rational(radius))
    for claim in (forward, long, short):
        assert 0 < value(claim.lhs, numbers, tables) < value(claim.rhs, numbers, tables)


def test_one_linear_neuron_at_one_sample():
    # x = y = u = 1, so R = gamma = a = N = 1: in the time tau, w = w0 + b tau v = v0 + w0 tau + b tau^2 / 2 exactly,
    # and Lambda = log expm1(L) = -v w. It starts misaligned: v b < 0.
    tau = sp.Symbol("tau", nonnegative=True)
    w0, v0, b = sp.Rational(1, 2), sp.Integer(-2), sp.Integer(1)
    w, v = w0 + b * tau, v0 + w0 * tau + b * tau**2 / 2
    low = (w0 + b * tau) ** 2 / 2 - (w0**2 / 2 - b * v0)
    powers = [
        value(power, {n: 1, a: 1, gamma: 1, R: 1}, {"low^+": [max(at, 0)], "low^-": [max(-at, 0)]})
        for at in (low.subs(tau, each) for each in (0, 1, 2, 5))
    ]
    assert powers == [(v * b).subs(tau, each) for each in (0, 1, 2, 5)]
    assert powers[0] < 0
    assert powers[-1] > 0
    Lambda, bound = -v * w, -v0 * w0 - sp.integrate(low, (tau, 0, tau))
    slack = sp.Poly(sp.expand(bound - Lambda), tau)
    assert all(coefficient >= 0 for coefficient in slack.all_coeffs())
    assert slack.degree() > 0

    # the clock: t = int (1 + exp(-Lambda)) dtau; Lambda rises before it falls, so it is largest at the end
    end = sp.Integer(4)
    elapsed = sp.Integral(1 + sp.exp(v * w), (tau, 0, end)).evalf()
    claim = PROOF.theorem().conclusions[3].claim
    at_end = sp.log(1 + sp.exp(-(v * w).subs(tau, end)))
    allowed = claim.rhs.subs({N: 1, eps: at_end, last: end}).evalf()
    assert claim.lhs == t
    assert elapsed < allowed

    # for good from a later time on: the loss may grow before the turn
    turn = next(root for root in sp.solve(low, tau) if root.is_real and root >= 0)
    K = -sp.integrate(low, (tau, 0, turn))
    at_end_before = sp.log(1 + sp.exp(-(v * w).subs(tau, end) - K))
    claim = PROOF.theorem().conclusions[4].claim
    for_good = claim.rhs.subs({N: 1, eps_before: at_end_before, last: end, above(t): 1}).evalf()
    assert claim.lhs == above(t) * t
    assert allowed < for_good
