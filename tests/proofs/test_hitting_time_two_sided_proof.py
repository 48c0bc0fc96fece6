"""hitting-time-two-sided: wrong variants of the proof must fail, and its conclusions are attained or hold exactly."""

import sympy as sp
from mutants import assert_mutants_fail

from fa_theory.proofs.hitting_time_two_sided import PROOF, E, J, L, N, eps_0, t, tau


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "hitting-time-two-sided",
        [
            ("the loss rises", "rate(L(t)), -Q(t) * S(t) ** 2,", "rate(L(t)), Q(t) * S(t) ** 2,"),
            ("signs of Q exchanged", 'proof.given("Q <= 0", Q(t), "<=", 0)', 'proof.given("Q <= 0", 0, "<=", Q(t))'),
            ("I of any sign", 'proof.given("I <= 0", total(t), "<=", 0)', 'proof.given("I <= 0", 0, "<=", total(t))'),
            ("J by time", '"=", sp.exp(total(t)) * S(t))', '"=", sp.exp(total(t)))'),
            ("E of the loss, not of its sum", "(sp.exp(N * eps) - 1) * sp.exp(total(T)))", "(sp.exp(eps) - 1))"),
            ("no J", "t - share * tau(t) - share / E * J(t), t)", "t - share * tau(t), t)"),
            ("an assumption removed", '        "later": r"', '        "earlier": r"'),
        ],
    )


def test_the_clock_is_exact_for_one_sample_that_takes_all_it_must():
    # N = 1: S = 1 - exp(-L) = 1 / (1 + exp(I)) if expm1(L) = exp(-I). With Q = 1, I = tau from tau = 0:
    # dt = (1 + exp(tau)) dtau, and the bound is an equation at every end: E = expm1(L) exp(I) = 1
    claim = PROOF.theorem().conclusions[1].claim
    end = sp.Symbol("s", positive=True)
    really = sp.integrate(1 + sp.exp(end), (end, 0, end))
    at = {N: 1, E: 1, tau(t): end, tau(0): 0, J(t): sp.integrate(sp.exp(end), (end, 0, end)), J(0): 0}
    assert claim.lhs == t
    assert sp.simplify(claim.rhs.subs(at) - really) == 0


def test_a_growing_loss_was_not_small_before():
    # one sample, Q = -1 for one unit of tau: expm1(L) = exp(tau) / 4 grows to e / 4; it started at exactly epsilon_0
    claim = PROOF.theorem().conclusions[0].claim
    last = sp.log(1 + sp.E / 4)
    least = sp.log(1 + (sp.exp(last) - 1) * sp.exp(-1))
    assert (claim.lhs, claim.rhs) == (eps_0, L(t))
    assert sp.simplify(sp.exp(least) - 1 - sp.Rational(1, 4)) == 0
