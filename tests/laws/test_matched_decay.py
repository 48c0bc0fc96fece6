"""matched-decay: exact derivatives over the rationals, flows with matched and unmatched decay, and what it leaves."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_instances import (
    HOMOGENEOUS,
    QUARTIC,
    RULES,
    build,
    fraction_array,
    layers_with_law,
    loop_directions,
    loop_neuron_law,
    loop_potential,
    phi_and_slope,
    seeds,
    shapes,
)

import fa_theory as ft
from fa_theory.laws import decay_matches, matched_decay, matched_laws, neuron_law
from fa_theory.model import Network, PotentialFeedback, Problem, initialise
from fa_theory.statements import STATEMENTS
from fa_theory.verification import assess_matched_decay, matched_decay_drift

DEGREES = {"fa": 1, "dfa": 1, "sign-fa": 1, "backprop": 2, "adafa": 2, "potential": 4}


def exact_rate(network, X, errors, rates, layer, degree):
    """dC_i/dt for dW_l = -F_l - lambda_l W_l, with adaFA's D decaying at lambda_{l+1}, by loops."""
    F = loop_directions(network, X, errors)
    W, V, b = network.weights[layer], network.weights[layer + 1], network.biases[layer]
    dW = -np.array(F.weights[layer], dtype=object) - rates[layer] * W
    dV = -np.array(F.weights[layer + 1], dtype=object) - rates[layer + 1] * V
    half = (W * dW).sum(axis=1)
    if b is not None:
        half = half + b * (-np.array(F.biases[layer], dtype=object) - rates[layer] * b)
    rule = network.feedback[layer]
    psi = (rule.matrix(V) * dV.T).sum(axis=1)
    if rule.name.startswith("adafa"):
        psi = psi - rates[layer + 1] * (rule.D * V.T).sum(axis=1)
    return half - degree * psi


@given(
    seeds,
    shapes(max_depth=4, max_width=3),
    st.sampled_from(HOMOGENEOUS),
    st.sampled_from(RULES),
    st.booleans(),
    st.fractions(0, 2, max_denominator=4),
    st.fractions(-1, 1, max_denominator=4),
)
def test_the_derivative_is_minus_two_lambda_times_the_law_exactly_if_matched(
    seed, widths, name, rule, biases, rate, gap
):
    """With q lambda_{l+1} = 2 lambda_l + gap what is left is p gap Psi: the law decays if the gap is zero."""
    network = build(seed, widths, name, rule, biases, Fraction)
    rng = np.random.default_rng([seed, 1])
    X, errors = fraction_array(rng, (2, widths[0])), fraction_array(rng, (2, widths[-1]))
    p, q = phi_and_slope(name)[2], DEGREES[rule.partition(":")[0]]
    for layer in layers_with_law(network):
        rates = [Fraction(0)] * network.depth
        rates[layer], rates[layer + 1] = rate, (2 * rate + gap) / q
        found = exact_rate(network, X, errors, rates, layer, p)
        C, psi = loop_neuron_law(network, layer, p), loop_potential(network.feedback[layer], network.weights[layer + 1])
        assert found.tolist() == [-2 * rate * c + p * gap * each for c, each in zip(C, psi, strict=True)]


def rates_for(rule, depth, first=0.2):
    return [first * (2 / DEGREES[rule.partition(":")[0]]) ** layer for layer in range(depth)]


def run(network, rates, n_samples=3, **options):
    rng = np.random.default_rng(2)
    X, Y = rng.uniform(-1, 1, (n_samples, network.widths[0])), rng.uniform(-1, 1, (n_samples, network.widths[-1]))
    options = {"time": 2.0, "points": 11, "accuracy": 1e-7} | options
    return ft.simulate(network, Problem(X, Y), weight_decay=rates, **options)


@pytest.mark.parametrize("rule", ["fa", "sign-fa", "adafa:0.5", "adafa:0", "backprop", "dfa"])
@pytest.mark.parametrize(
    ("name", "widths"), [("linear", (2, 3, 1)), ("leaky_relu:0.25", (2, 3, 2, 1)), ("power:2", (2, 2, 1))]
)
def test_matched_decay_holds(rule, name, widths):
    network = initialise("gaussian", widths, name, rule, seed=3, biases=True)
    trajectory = run(network, rates_for(rule, network.depth))
    verdict = assess_matched_decay(trajectory)
    assert verdict.verdict == "holds", verdict
    assert verdict.evidence == "float-checked"
    # and it is a decay: the law is no constant
    start, end = (np.concatenate(neuron_law(trajectory.network_at(k))) for k in (0, -1))
    assert np.max(abs(end - start)) > 1e3 * matched_decay_drift(trajectory).tolerance[-1]


def test_the_closed_form_at_the_end():
    """FA, lambda = (0.2, 0.4): C_i(2) = exp(-0.8) C_i(0), by hand from the weights."""
    network = initialise("gaussian", (2, 3, 1), "leaky_relu:0.2", "fa", seed=1)
    trajectory = run(network, [0.2, 0.4])
    (W0, V0), (W, V) = network.weights, trajectory.states[-1].weights
    B = network.matrices()[0][:, 0]
    before, after = ((w**2).sum(axis=1) / 2 - B * v[0] for w, v in ((W0, V0), (W, V)))
    np.testing.assert_allclose(after, np.exp(-0.8) * before, atol=1e-7)
    np.testing.assert_allclose(matched_decay(network, (0.2, 0.4), 2.0)[0], np.exp(-0.8) * before, rtol=1e-14)


def test_sign_changes_and_sliding_under_decay():
    network = Network([[[2.0], [0.3]], [[0.5, 1.0]]], "linear", "sign-fa")
    trajectory = ft.simulate(network, Problem([[1.0]], [[-3.0]]), time=1.0, points=21, weight_decay=[0.25, 0.5])
    assert any(event.kind == "sign change" for event in trajectory.events)
    assert assess_matched_decay(trajectory).verdict == "holds"
    # x = 1 pushes w down to zero and x = -1 up from it (e M > 0 on both sides): the neuron slides
    sliding = Network([[[0.3]], [[1.0]]], "leaky_relu:0.2", [[[1.0]]])
    problem = Problem([[1.0], [-1.0]], [-1.0, -1.0])
    trajectory = ft.simulate(sliding, problem, time=1.0, points=21, weight_decay=[0.5, 1.0])
    assert any(event.kind == "sliding starts" for event in trajectory.events)
    verdict = assess_matched_decay(trajectory)
    assert verdict.verdict == "holds", (verdict, trajectory.events)


@pytest.mark.parametrize("rule", ["fa", "sign-fa", "adafa:0.5", "backprop"])
def test_unmatched_decay_is_not_applicable_and_does_not_decay_so(rule):
    network = initialise("gaussian", (2, 3, 1), "linear", rule, seed=3)
    matched = rates_for(rule, 2)
    trajectory = run(network, [matched[0], 1.1 * matched[1]])
    verdict = assess_matched_decay(trajectory)
    assert verdict.verdict == "not_applicable"
    assert verdict.detail.startswith("matched decay: layer 1: 2 lambda_l = 0.4, q lambda_l+1 = 0.44")
    assert verdict.margin == pytest.approx(-0.04)
    # the same run, told that its decay was matched
    lied = replace(trajectory, options=trajectory.options | {"weight_decay": matched})
    assert assess_matched_decay(lied).verdict == "refuted"


def test_only_matched_layers_are_judged_and_the_others_named():
    network = initialise("gaussian", (2, 3, 2, 1), "leaky_relu:0.2", "fa", seed=3)
    trajectory = run(network, [0.1, 0.2, 0.3])
    verdict = assess_matched_decay(trajectory)
    assert verdict.verdict == "holds"
    assert "layer(s) 1," in verdict.detail
    assert "not matched: layer 2: 2 lambda_l = 0.4, q lambda_l+1 = 0.3" in verdict.detail
    assert [match.matched for match in decay_matches(network, (0.1, 0.2, 0.3))] == [True, False]
    assert len(matched_laws(network, (0.1, 0.2, 0.3))) == 1


def test_a_users_rule_counts_with_its_degree():
    network = build(1, (2, 2, 1), "linear", "potential", False)
    assert [match.matched for match in decay_matches(network, (0.2, 0.1))] == [True]
    unknown = Network(network.weights, "linear", [replace(QUARTIC, degree=None)])
    (match,) = decay_matches(unknown, (0.2, 0.1))
    assert match.above is None
    assert not match.matched
    verdict = assess_matched_decay(run(unknown, [0.2, 0.1], time=0.1))
    assert (verdict.verdict, verdict.margin) == ("not_applicable", -1.0)
    assert "not homogeneous" in verdict.detail
    assert isinstance(QUARTIC, PotentialFeedback)


@pytest.mark.parametrize("method", ["gd", "midpoint"])
def test_discrete_steps_are_not_applicable(method):
    network = initialise("gaussian", (2, 3, 1), "linear", "fa", seed=3)
    verdict = assess_matched_decay(
        ft.simulate(network, Problem(np.eye(2), [1.0, 0.0]), method=method, steps=3, weight_decay=[0.1, 0.2])
    )
    assert verdict.detail == f"continuous-time flow: method {method}"


def test_without_decay_it_is_not_applicable():
    verdict = assess_matched_decay(
        ft.simulate(initialise("gaussian", (2, 3, 1), "linear", "fa"), Problem(np.eye(2), [1.0, 0.0]), time=0.1)
    )
    assert verdict.detail == "weight decay: none in this run"


@pytest.mark.parametrize(
    "options",
    [{"time": 1.0}, {"method": "gd", "steps": 20}, {"method": "sgd", "steps": 20}, {"method": "midpoint", "steps": 5}],
)
@pytest.mark.parametrize("rule", ["fa", "dfa", "sign-fa", "adafa:1"])
def test_under_decay_nothing_else_applies_and_nothing_is_refuted(rule, options):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 2))
    network = initialise("aligned", (2, 3, 1), "linear", rule, seed=1)
    report = ft.verify(network, Problem(X, X @ [1.0, -1.0]), points=5, weight_decay=[0.5, 1.0], **options)
    assert [verdict.id for verdict in report.verdicts] == list(STATEMENTS)
    for verdict in report.verdicts:
        if verdict.id == "matched-decay":
            assert verdict.verdict in ("holds", "not_applicable")
        else:
            assert verdict.verdict == "not_applicable"
            assert verdict.detail == "no weight decay: decay 0.5, 1"
            assert verdict.margin == -1.0
    for bound in report.bounds:
        assert not bound.applicable
        assert bound.failed[0].name == "no weight decay"
    assert report.to_json()["trajectory"]["options"]["weight_decay"] == [0.5, 1.0]
