"""exponential-decay: wrong variants of the proofs must fail, and the rates hold at the start of an instance."""

import pytest
import sympy as sp
from evaluation import evaluate
from instances import MOVE
from mutants import assert_mutants_fail
from two_layer_instance import SLOPE, constants, eigenvalues, network

from fa_theory.proofs.exponential_decay import PROOF, a, floor, high, least, loss, low, s, s_minus, s_plus, start, t

CLAIMS = [fact.claim for fact in PROOF.theorem().conclusions]
RULES = tuple(start)
ALIGNED = {"v": [9, -8, 40], "b": [20, -30, 7]}


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "exponential-decay",
        [
            ("the loss without its half", "total(e[j] ** 2) / (2 * N))", "total(e[j] ** 2) / N)"),
            ("misaligned start", 'start of {rule}", C[i], "<=", 0)', 'start of {rule}", 0, "<=", C[i])'),
            ("labels that move", 'rate(y[j]), "=", 0)', 'rate(y[j]), "=", 1)'),
            ("parts exchanged", "negative_part[i] - positive_part[i])", "positive_part[i] - negative_part[i])"),
            ("twice the linear rate", "            2 * s * least,", "            4 * s * least,"),
            ("an assumption removed", '        "squared loss": r"', '        "a loss": r"'),
        ],
    )


def test_wrong_proofs_of_lemma_gated_shares_fail():
    assert_mutants_fail(
        "lemmas/gated-shares",
        [
            ("gates above 1", 'theta[i, j], "<=", 1)', 'theta[i, j], "<=", 2)'),
            (
                "gates below a",
                'proof.given("slopes", a, "<=", theta[i, j])',
                'proof.given("slopes", theta[i, j], "<=", a)',
            ),
            ("the loss without its half", "total(e[j] ** 2) / (2 * N))", "total(e[j] ** 2) / N)"),
            ("eigenvalue without 1/N", '"least eigenvalue", low * N *', '"least eigenvalue", low *'),
            ("an assumption removed", '        "slopes": r"', '        "steps": r"'),
        ],
    )


def test_wrong_proofs_of_lemma_linear_excess_fail():
    assert_mutants_fail(
        "lemmas/linear-excess",
        [
            ("residual not orthogonal", 'total(r[j] * x[j, k]), "=", 0)', 'total(r[j] * x[j, k]), "=", 1)'),
            ("residual added", "        p[j] - r[j],", "        p[j] + r[j],"),
            ("error of the wrong sign", 'e[j], "=", f[j] - y[j])', 'e[j], "=", y[j] - f[j])'),
            ("biases that see nothing", "+ x0 * beta[i])", ")"),
            ("twice the excess", "total((e[j] + r[j]) ** 2) / (2 * N)", "total((e[j] + r[j]) ** 2) / N"),
        ],
    )


def rate_in(claim):
    """Return r in the claim q(t) <= q(0) exp(-r t)."""
    (exponential,) = claim.rhs.atoms(sp.exp)
    return -exponential.args[0] / t


def instance(rule, seed, slope=SLOPE, **start):
    if rule == "sign-FA" and "v" in start:
        start = {"v": [100 * each for each in start["v"]]}
    net = network(seed, rule, slope=sp.sympify(slope), kappa=sp.Rational(1, 9), **start)
    below, above = eigenvalues(net)
    c = [-each for each in constants(net, rule)]
    plain = {a: slope, low: below, least: below, high: above, s: sum(c)}
    plain |= {s_plus: sum(max(each, 0) for each in c), s_minus: sum(max(-each, 0) for each in c)}
    return net, c, plain


@pytest.mark.parametrize("rule", RULES)
def test_an_aligned_start_falls_at_the_rate(rule):
    aligned, mixed, _ = CLAIMS[3 * RULES.index(rule) : 3 * RULES.index(rule) + 3]
    net, c, plain = instance(rule, 3, **{key: [sp.Integer(p) for p in each] for key, each in ALIGNED.items()})
    assert min(c) >= 0
    for claim in (aligned, mixed):
        assert net.speed <= -evaluate(rate_in(claim), plain, {}) * net.loss
        assert evaluate(claim.rhs.subs(t, 0), plain | {loss(0): net.loss}, {}) == net.loss


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", [4, 5, 6])
def test_any_start_falls_at_the_rate_for_mixed_signs(rule, seed):
    _, mixed, _ = CLAIMS[3 * RULES.index(rule) : 3 * RULES.index(rule) + 3]
    net, c, plain = instance(rule, seed)
    assert min(c) < 0
    assert net.speed <= -evaluate(rate_in(mixed), plain, {}) * net.loss


@pytest.mark.parametrize("rule", RULES)
def test_linear_networks_ask_for_the_sum_only(rule):
    _, _, linear = CLAIMS[3 * RULES.index(rule) : 3 * RULES.index(rule) + 3]
    # as many inputs, with the bias, as samples: the labels can be fitted, the least loss is 0
    start = {"v": [sp.Integer(p) for p in (30, 30, -1)], "b": [sp.Integer(p) for p in (10, 10, 1)]}
    net, c, plain = instance(rule, 7, slope=1, **start)
    assert sum(c) > 0
    assert rule == "sign-FA" or min(c) < 0
    assert net.speed <= -evaluate(rate_in(linear), plain, {}) * net.loss
    assert linear.lhs.subs({loss(t): 0}) == -floor


def test_the_excess_loss_with_labels_that_cannot_be_fitted():
    # one input, no bias, three samples x = 1, 1, 2, labels 1, 3, 2: the best line has slope 8/6
    x, y = (1, 1, 2), (1, 3, 2)
    w, v, b = sp.Rational(1, 2), sp.Integer(3), sp.Integer(2)
    best = sp.Rational(sum(p * q for p, q in zip(x, y, strict=True)), sum(p**2 for p in x))

    def at(slope):
        return sum((slope * p - q) ** 2 for p, q in zip(x, y, strict=True)) / sp.Integer(6)

    g = sum((v * w * p - q) * p for p, q in zip(x, y, strict=True)) / 3
    fall = sp.diff(at((w - MOVE * b * g) * (v - MOVE * w * g)), MOVE).subs(MOVE, 0)
    rate = evaluate(rate_in(CLAIMS[2]), {s: b * v - w**2 / 2, least: sp.Rational(sum(p**2 for p in x), 3)}, {})
    assert fall <= -rate * (at(v * w) - at(best))
    assert fall > -rate * at(v * w)
