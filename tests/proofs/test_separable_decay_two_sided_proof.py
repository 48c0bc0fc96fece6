"""separable-decay-two-sided and its lemma: wrong variants must fail, and the bounds hold along a run known exactly."""

import mpmath
import pytest
import sympy as sp
from mutants import assert_mutants_fail

from fa_theory.proofs.separable_decay_two_sided import PROOF, J, N, first, integral, largest, loss, second, t

CASES = [f"{kind}, {case}" for case in ("aligned", "linear") for kind in ("exponential", "logistic")]
CONCLUSIONS = dict(zip(CASES, PROOF.theorem().conclusions, strict=True))
W0, V0, B = sp.Rational(1, 2), sp.Rational(2, 5), sp.Rational(3, 2)


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "separable-decay-two-sided",
        [
            ("I with the wrong sign", 'integral(t).diff(t), "=", Q(t)', 'integral(t).diff(t), "=", -Q(t)'),
            ("J without exp(I)", 'J(t).diff(t), "=", sp.exp(integral(t)) * S(t))', 'J(t).diff(t), "=", S(t))'),
            ("missing N before J", "+ second(t) * N * J(t)", "+ second(t) * J(t)"),
            ("Q of any sign", 'proof.given("Q >= 0", 0, "<=", Q(t))', 'proof.given("Q >= 0", Q(t), "<=", 0)'),
            ("a clock that is too slow", 'tau(t).diff(t), "=", S(t))', 'tau(t).diff(t), "=", S(t) / N)'),
            ("J that starts below 0", "0) for each in (integral, J))", "-1) for each in (integral, J))"),
            ("late twice", 'begun(t), "<=", 1)', 'begun(t), "<=", 2)'),
            (
                "lateness that grows with t",
                "begun(t) * rate(t - delay * tau(t))",
                "begun(t) * rate(2 * t - delay * tau(t))",
            ),
            ("an assumption removed", '        "lateness": (', '        "later": ('),
        ],
    )


def test_wrong_lemmas_fail():
    assert_mutants_fail(
        "lemmas/margin-lengths",
        [
            ("weights against the signal", '"=", -B[i] * g[i, k])', '"=", B[i] * g[i, k])'),
            ("labels of any size", 'y[j] ** 2, "=", 1)', 'y[j] ** 2, "=", 2)'),
            ("more than a mean", 'weight_kept[i], "<=", 1)', 'weight_kept[i], "<=", 2)'),
            ("slopes above 1", 'gate[j, i], "<=", 1)', 'gate[j, i], "<=", 2)'),
            ("an assumption removed", '        "direction": r"', '        "a direction": r"'),
        ],
    )
    assert_mutants_fail(
        "lemmas/separable-drive",
        [
            ("weights against the signal", '"=", -B[i] * g[i, k])', '"=", B[i] * g[i, k])'),
            ("misaligned start", '"aligned start", C[i], "<=", 0)', '"aligned start", 0, "<=", C[i])'),
            (
                "twice the mean",
                '"=", over_samples(-y[j] * sigma[j] * h[j, i]))',
                '"=", 2 * over_samples(-y[j] * sigma[j] * h[j, i]))',
            ),
            (
                "slopes that differ",
                'proof.given("linear", gate[j, i], "=", 1)',
                'proof.given("linear", gate[j, i], "=", a)',
            ),
            ("an assumption removed", '        "rate": r"', '        "a rate": r"'),
        ],
    )


def run(kind, tau):
    """Return L(0), L, I, J and the time at tau for one linear neuron at one sample x = y = u = 1.

    Here R = gamma = a = N = 1; w = w0 + b tau and v = v0 + w0 tau + b tau^2 / 2 whatever the loss, and Q = v b.
    """

    def output(at):
        return (V0 + W0 * at + B * at**2 / 2) * (W0 + B * at)

    def area(at):
        return B * (V0 * at + W0 * at**2 / 2 + B * at**3 / 6)

    # Q is s and half the square of w, in all
    assert V0 * B - W0**2 / 2 + (W0 + B * tau) ** 2 / 2 == B * (V0 + W0 * tau + B * tau**2 / 2)
    slowness = {"exponential": mpmath.exp, "logistic": lambda f: 1 + mpmath.exp(f)}[kind]
    value = {"exponential": lambda f: mpmath.exp(-f), "logistic": lambda f: mpmath.log1p(mpmath.exp(-f))}[kind]
    end = mpmath.mpf(tau.p) / tau.q
    gathered = mpmath.quad(lambda at: mpmath.exp(area(at)), [0, end])
    time = mpmath.quad(lambda at: slowness(output(at)), [0, end])
    return [sp.Float(str(each), 15) for each in (value(V0 * W0), value(output(end)), area(end), gathered, time)]


@pytest.mark.parametrize("tau", [sp.Rational(1, 4), sp.Integer(1), sp.Rational(5, 2)])
@pytest.mark.parametrize("case", CASES)
def test_the_bounds_along_a_run(case, tau):
    kind = case.split(",")[0]
    fact = CONCLUSIONS[case]
    start, now, area, gathered, time = run(kind, tau)
    (told,) = (p.claim for p in fact.premises if p.key == f"{kind}: U" and p.claim.relation == "<=")
    assert told.rhs == fact.claim.rhs == largest(t)

    def bound(one, other, area=area):
        numbers = {loss(0): start, integral(t): area, J(t): gathered, N: 1, first(t): one, second(t): other}
        return told.lhs.subs(numbers).evalf()

    current = fact.claim.lhs.subs({loss(t): now, N: 1}).evalf()
    late = time if kind == "exponential" else time - tau
    assert late > 0
    assert current < bound(1, 0)
    assert current < bound(0, 1 / late)
    # twice the rate would be too much at first
    assert (current > bound(1, 0, 2 * area)) == (tau < 1)
