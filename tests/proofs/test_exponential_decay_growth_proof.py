"""exponential-decay-growth and its lemma: wrong variants must fail, and an instance falls as fast as it must."""

import pytest
import sympy as sp
from evaluation import evaluate
from mutants import assert_mutants_fail
from two_layer_instance import INPUTS, NEURONS, SAMPLES, SLOPE, constants, network

from fa_theory.proofs.exponential_decay_growth import (
    LAW,
    PROOF,
    RULES,
    least,
    loss,
    low,
    needed,
    needed_linear,
    s,
    speed,
    speed_linear,
    t,
)

FORMS = [fact.claim for fact in PROOF.theorem().conclusions]
START = {"v": [9, -8, 40], "b": [20, -30, 7]}


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "exponential-decay-growth",
        [
            ("misaligned start", 'start of {rule}", C[i], "<=", 0)', 'start of {rule}", 0, "<=", C[i])'),
            (
                "the error without N",
                '"labels", error(t) ** 2, "=", 2 * N * loss(t))',
                '"labels", error(t) ** 2, "=", 2 * loss(t))',
            ),
            (
                "the loss instead of the excess",
                'error_seen(t) ** 2, "=", 2 * N * (loss(t) - floor))',
                'error_seen(t) ** 2, "=", 2 * N * loss(t))',
            ),
            (
                "labels that are not all in the span",
                'labels_seen**2, "=", total((y[j] - r[j]) ** 2))',
                'labels_seen**2, "=", total(y[j] ** 2))',
            ),
            ("feedback of another size", 'm**2, "=", B[i] ** 2)', 'm**2, "=", 2 * B[i] ** 2)'),
            ("twice the linear rate", "2 * least * (s + growth_linear)", "4 * least * (s + growth_linear)"),
            ("an assumption removed", '        "sizes": r"', '        "a size": r"'),
        ],
    )


def test_wrong_proofs_of_lemma_weight_growth_fail():
    assert_mutants_fail(
        "lemmas/weight-growth",
        [
            ("slopes above 1", 'theta[i, j], "<=", 1)', 'theta[i, j], "<=", 2)'),
            (
                "the law with another sign",
                '"law", v[i] * M[i], "=", size - C[i])',
                '"law", v[i] * M[i], "=", size - 2 * C[i])',
            ),
            ("a gap that helps", 'f[j], "=", target[j] + gap[j])', 'f[j], "=", target[j] - 2 * gap[j])'),
            ("missing N", 'reach**2, "=", N * high)', 'reach**2, "=", high)'),
            ("feedback above b", 'least_b, "<=", feedback[i])', 'feedback[i], "<=", least_b)'),
            ("too large a z", "needed(t) * (labels - error(t)),", "needed(t) * (labels + error(t)),"),
            ("an assumption removed", '        "constants": r"', '        "a constant": r"'),
        ],
    )


def instance(rule, slope):
    """Return a network near labels that it nearly fits, and the numbers of the statement, rounded to the safe side."""
    start = {key: [sp.Integer(each) for each in values] for key, values in START.items()}
    if rule == "sign-FA":
        start["v"] = [100 * each for each in start["v"]]
    labels = [sp.S.Zero] * SAMPLES
    outputs = network(3, rule, slope=slope, labels=labels, **start).entries["e"]
    labels = [outputs(j + 1) * sp.Rational(10, 9) for j in range(SAMPLES)]
    net = network(3, rule, slope=slope, labels=labels, **start)
    X = sp.Matrix(SAMPLES, INPUTS + 1, lambda j, k: net.entries["x"](j + 1, k + 1) if k < INPUTS else 1)
    gram = X * X.T / SAMPLES
    values = sorted(sp.re(each) for each in gram.evalf().eigenvals(multiple=True))
    below = sp.Rational(str(values[0].round(12))) * sp.Rational(999, 1000)
    above = sp.Rational(str(values[-1].round(12))) * sp.Rational(1001, 1000)
    assert (gram - below * sp.eye(SAMPLES)).is_positive_definite
    assert (above * sp.eye(SAMPLES) - gram).is_positive_definite
    C = constants(net, rule)
    sizes = [abs(each) for each in start["b"]] if rule == "FA" else [sp.S.One] * NEURONS
    weights = sum(net.entries["w"](i, k) ** 2 for i in range(1, NEURONS + 1) for k in range(1, INPUTS + 1))
    weights += sum(net.entries["beta"](i) ** 2 for i in range(1, NEURONS + 1))
    room = sp.sqrt(sum(each**2 for each in labels)) - sp.sqrt(2 * SAMPLES * net.loss)
    straight = sp.sqrt(sum((p / q) ** 2 for p, q in zip(C, sizes, strict=True)))
    reach, cubic, z = sp.sqrt(SAMPLES * above), 1 / (2 * min(sizes)), sp.S.Zero
    for step in (sp.Rational(1, 2**power) for power in range(-3, 8)):
        more = z + step
        z = more if bool(reach * (cubic * more**3 + straight * more) <= room) else z
    return net, C, below, weights, z


@pytest.mark.parametrize("slope", [SLOPE, sp.S.One])
@pytest.mark.parametrize("rule", RULES)
def test_an_instance_falls_at_the_rate(rule, slope):
    net, C, below, weights, z = instance(rule, slope)
    assert max(C) < 0 < z
    assert weights >= z**2
    key = "linear speed" if slope == 1 else "speed"
    fact = PROOF.theorem().conclusions[3 * (2 * RULES.index(rule) + (slope == 1))]
    (told,) = (premise.claim for premise in fact.premises if premise.key == key)
    numbers = {low: below, least: below, s: -sum(C), needed(t): z, needed_linear(t): z, loss(t): net.loss}
    numbers |= {each: slope for each in told.rhs.free_symbols if each.name == "a"}
    numbers |= {each: 0 for each in told.rhs.free_symbols if each.name == "L^*"}
    assert net.speed <= -evaluate(told.rhs, numbers, {})


def test_all_forms_are_concluded():
    assert len(FORMS) == 6 * len(RULES)
    for falls in FORMS[::3]:
        assert falls.rhs in (-speed(t), -speed_linear(t))
    assert LAW == {"FA": 1, "sign-FA": 6}
