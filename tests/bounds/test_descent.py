"""descent: the loss never rises from an aligned start, and dominance is at least what the start promises."""

from dataclasses import replace

import numpy as np
import pytest
from bound_instances import RULES, aligned, failing, own_alignment, regression, run, seeds, separable
from hypothesis import given
from hypothesis import strategies as st

from fa_theory.bounds import BOUNDS, Bound, descent
from fa_theory.dynamics import dissipation
from fa_theory.model import AdaptiveFeedback, DirectFeedback, Network, PotentialFeedback, Problem
from fa_theory.verification import assess_descent, dominance_along

ACTIVATIONS = ("linear", "relu", "leaky_relu:0.3")


@given(
    seeds,
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(RULES),
    st.sampled_from(ACTIVATIONS),
    st.sampled_from(["squared", "logistic", "exponential"]),
    st.booleans(),
)
def test_never_rises_and_dominance_is_as_promised(seed, n_samples, width, rule, activation, loss, biases):
    network = aligned(seed, 2, width, activation, rule, biases)
    problem = regression(seed, n_samples, 2) if loss == "squared" else separable(seed, n_samples, 2, loss)
    bound, trajectory = descent(network, problem), run(network, problem, time=0.5)
    assert bound.applicable, bound.failed
    verdict = assess_descent(bound, trajectory)
    assert verdict.verdict in ("holds", "undecided"), verdict
    measured = dominance_along(trajectory).feedback
    if measured is not None and "dominance" in bound.constants:
        assert measured >= bound.constants["dominance"] * (1 - 1e-6)


@given(seeds, st.integers(1, 3), st.sampled_from(["sign-fa", "backprop"]), st.sampled_from(ACTIVATIONS))
def test_sign_fa_and_backprop_descend_from_any_start(seed, width, rule, activation):
    rng = np.random.default_rng(seed)
    network = Network([rng.uniform(-2, 2, (width, 2)), rng.uniform(-0.5, 0.5, (1, width))], activation, rule)
    problem = regression(seed, 2, 2)
    bound = descent(network, problem)
    assert bound.applicable
    assert assess_descent(bound, run(network, problem, time=0.5)).verdict in ("holds", "undecided")


def test_dominance_constants_by_hand():
    # c = B v - 1/2 |w|^2 = (3.5, 0.75); over B^2 = (4, 1/4)
    W, V = [[1.0], [0.0]], [[2.0, 1.5]]
    problem = Problem([[1.0]], [1.0])
    bound = descent(Network([W, V], "relu", [[[2.0], [0.5]]]), problem)
    assert bound.constants["dominance"] == 3.5 / 4
    assert bound.constants["s"] == 4.25
    assert descent(Network([W, V], "relu", [DirectFeedback(np.array([[2.0], [0.5]]))]), problem).constants[
        "dominance"
    ] == (3.5 / 4)
    # sign-FA: c = |v| - 1/2 |w|^2 = (1.5, 1.5), M^2 = 1; a neuron at rest counts with zero
    assert descent(Network([W, V], "relu", "sign-fa"), problem).constants["dominance"] == 1.5
    resting = Network([W, [[2.0, 0.0]]], "relu", "sign-fa")
    assert descent(resting, problem).constants["dominance"] == 0.0
    assert descent(Network([W, V], "relu", "backprop"), problem).constants["dominance"] == 1.0


def test_dominance_leaves_out_neurons_without_feedback():
    network = Network([[[1.0], [0.0]], [[2.0, 1.5]]], "relu", [[[2.0], [0.0]]])
    bound = descent(network, Problem([[1.0]], [1.0]))
    assert bound.constants["dominance"] == 1.5 * 2.0 / 4 + 0.5 / 4  # c_1 = 4 - 1/2
    idle = Network([[[0.0]], [[1.0]]], "relu", [[[0.0]]])
    assert "dominance" not in descent(idle, Problem([[1.0]], [1.0])).constants


def test_dominance_is_not_promised_without_alignment_or_for_adafa():
    problem, V = Problem([[1.0]], [1.0]), np.array([[1.0, 5.0]])
    mixed = Network([[[2.0], [0.0]], V], "linear", [[[1.0], [1.0]]])
    bound = descent(mixed, problem)
    assert bound.applicable  # linear: s = -1 + 5
    assert "dominance" not in bound.constants
    assert failing(descent(Network(mixed.weights, "relu", mixed.feedback), problem)) == ["aligned start"]
    adaptive = Network([[[0.0], [0.0]], V], "relu", [AdaptiveFeedback(1.0, V.T + 0.1, V)])
    assert "dominance" not in descent(adaptive, problem).constants


def test_measured_dominance_at_one_state_by_hand():
    # x = 1, y = 0, w = 1, v = 2, B = 4: g = e = 2, G = v g = 4, F = B g = 8, so <G, F> / |F|^2 = 1/2
    network, problem = Network([[[1.0]], [[2.0]]], "linear", [[[4.0]]]), Problem([[1.0]], [0.0])
    measured = dominance_along(run(network, problem, time=0.0))
    assert measured.feedback == 0.5
    assert measured.gradient == 2.0  # <G, F> / |G|^2 = 32 / 16
    assert measured.failures == ()
    assert dissipation(network, problem).layers[0].alignment == 32.0


@given(seeds, st.sampled_from(RULES))
def test_alignment_of_each_rule_bounds_v_m_along_the_run(seed, rule):
    # THEORY, T11: v_i M_i >= c_i for all time, with the rule's own invariant
    network = aligned(seed, 2, 2, "leaky_relu:0.3", rule)
    c = own_alignment(network)
    np.testing.assert_allclose(descent(network, regression(seed, 2, 2)).constants["s"], c.sum(), rtol=1e-9)
    trajectory = run(network, regression(seed, 2, 2), time=1.0)
    for k in range(len(trajectory.t)):
        now = trajectory.network_at(k)
        assert np.all(now.weights[1][0] * now.matrices()[0][:, 0] >= c - 1e-5)


BASE = aligned(0, 2, 2, "relu")
DATA = regression(0, 2, 2)


@pytest.mark.parametrize(
    ("network", "problem", "names"),
    [
        (BASE, DATA, []),
        (Network(BASE.weights, "power:2", "backprop"), DATA, ["activation of degree one"]),
        (Network(BASE.weights, "tanh", "backprop"), DATA, ["activation of degree one"]),
        (
            Network(BASE.weights, "relu", [PotentialFeedback(lambda V: 9 * V.T, lambda V: 4.5 * (V**2).sum(axis=0))]),
            DATA,
            ["rule is fa, sign-fa, adafa or backprop"],
        ),
        (
            Network([BASE.weights[0], np.vstack([BASE.weights[1]] * 2)], "relu", "backprop"),
            regression(0, 2, 2, 2),
            ["scalar output"],
        ),
        (
            Network([*BASE.weights, np.ones((1, 1))], "relu", "backprop"),
            DATA,
            ["two layers"],
        ),
        (Network([BASE.weights[0], -BASE.weights[1]], "relu", BASE.feedback), DATA, ["aligned start"]),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(network, problem, names):
    bound = descent(network, problem)
    assert failing(bound) == names
    if names:
        verdict = assess_descent(bound, run(network, problem, time=0.1))
        assert verdict.verdict == "not_applicable"
        assert names[0] in verdict.detail
        assert verdict.margin < 0


def test_exactly_zero_invariants_are_aligned_and_rounding_is_undecided():
    zero = Network([[[0.0]], [[0.0]]], "relu", [[[1.0]]])
    assert descent(zero, Problem([[1.0]], [1.0])).applicable
    w = np.array([[0.3, 0.7]])
    touching = Network([w, [[np.sum(w**2) / 2 * (1 - 1e-16)]]], "relu", [[[1.0]]])
    (failure,) = descent(touching, Problem([[1.0, 1.0]], [1.0])).failed
    assert failure.holds is None
    assert descent(touching, Problem([[1.0, 1.0]], [1.0])).undecided


def test_a_loss_that_rises_between_two_times_is_refuted():
    network, problem = aligned(1, 2, 2), regression(1, 2, 2)
    bound, trajectory = descent(network, problem), run(network, problem, time=1.0)
    assert assess_descent(bound, trajectory).verdict == "holds"
    loss = trajectory.loss.copy()
    loss[5] = loss[4] * (1 + 1e-6)
    verdict = assess_descent(bound, replace(trajectory, loss=loss, error=np.full(len(loss), 1e-10)))
    assert verdict.verdict == "refuted"
    assert "rises" in verdict.detail
    loss[5] = loss[0] * (1 + 1e-6)
    verdict = assess_descent(bound, replace(trajectory, loss=loss, error=np.full(len(loss), 1e-10)))
    assert verdict.verdict == "refuted"
    assert "exceeds" in verdict.detail


def test_a_promise_of_more_dominance_than_there_is_is_refuted():
    network, problem = aligned(1, 2, 2), regression(1, 2, 2)
    bound, trajectory = descent(network, problem), run(network, problem, time=1.0)
    measured = dominance_along(trajectory).feedback
    promised = replace(bound, constants={**bound.constants, "dominance": 1.01 * measured})
    assert assess_descent(promised, trajectory).verdict == "refuted"


@pytest.mark.parametrize("calculate", BOUNDS)
def test_every_calculator_takes_every_kind_of_instance(calculate):
    rng = np.random.default_rng(0)
    for loss, Y in (("squared", [[0.5, -1.0]] * 3), ("cross_entropy", [[1.0, 0.0]] * 3)):
        for rule in ("backprop", "sign-fa"):
            weights = [rng.uniform(-1, 1, shape) for shape in ((3, 2), (4, 3), (2, 4))]
            for activation in ("linear", "tanh", "power:2", "relu"):
                bound = calculate(Network(weights, activation, rule), Problem(np.zeros((3, 2)), Y, loss))
                assert isinstance(bound, Bound)
                assert not bound.applicable
                assert all(np.isfinite(each.margin) for each in bound.assumptions)
