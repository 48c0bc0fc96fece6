"""separable-decay-two-sided against its formula with fine quadrature, what weights really do, and random flows."""

from dataclasses import replace

import numpy as np
import pytest
from bound_instances import aligned, failing, own_alignment, run, seeds, separable
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import cumulative_trapezoid

from fa_theory.bounds import separable_decay, separable_decay_two_sided
from fa_theory.dynamics import forward
from fa_theory.model import Network, Problem, max_margin
from fa_theory.verification import assess_bound

LOSSES = ["exponential", "logistic"]


def by_quadrature(network, problem, time):
    """THEORY's maximum over tau (E3) on a fine grid, for a network without biases."""
    margin = max_margin(problem.X, problem.Y)
    u, gamma, a = margin.direction, margin.lower, network.activation.slope
    R, N = np.max(np.linalg.norm(problem.X, axis=1)), problem.n_samples
    W, b, s = network.weights[0], network.feedback[0].B[:, 0], own_alignment(network).sum()
    output = forward(network, problem.X).output
    start = float(problem.loss.mean(output, problem.Y))
    tau = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 20_000)])[:, None]
    towards = np.maximum(np.sign(b) * (W @ u) + abs(b) * a * gamma * tau, 0)
    low = np.maximum(towards, np.linalg.norm(W, axis=1) - abs(b) * R * tau)
    tau = tau[:, 0]
    integral = cumulative_trapezoid(a**2 * gamma**2 * (s + np.sum(low**2, axis=1) / 2), tau, initial=0)
    kept = integral < 300
    tau, integral = tau[kept], integral[kept]
    J = cumulative_trapezoid(np.exp(integral), tau, initial=0)
    if problem.loss.name == "exponential":
        second = J * np.exp(-integral) / time
        return np.max(np.minimum(start * np.exp(-integral), second))
    left = np.maximum(time - N * tau, 1e-300)
    second = np.where(time > N * tau, N * J * np.exp(-integral) / left, np.inf)
    return np.log1p(np.max(np.minimum(np.expm1(N * start) * np.exp(-integral), second))) / N


@given(seeds, st.integers(1, 4), st.integers(1, 3), st.sampled_from([0.4, 1.0]), st.sampled_from(LOSSES))
@settings(max_examples=12)
def test_curve_is_the_maximum_over_tau_or_the_plain_form(seed, n_samples, width, slope, loss):
    network = aligned(seed, 2, width, f"leaky_relu:{slope}", slack=0.1)
    problem = separable(seed, n_samples, 2, loss)
    bound, plain = separable_decay_two_sided(network, problem), separable_decay(network, problem)
    assert bound.applicable, bound.failed
    for time in (0.3, 5.0, 100.0):
        expected = min(by_quadrature(network, problem, time), plain(time)[0])
        found = bound(time)[0]
        assert found >= expected * (1 - 1e-3)  # the grid has errors of its own
        assert found <= expected * 1.06  # cells of 1 %, on the safe side


@given(
    seeds,
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["linear", "leaky_relu:0.3"]),
    st.sampled_from(LOSSES),
    st.booleans(),
    st.sampled_from([0.06, 1.0, 5.0]),
)
@settings(max_examples=15)
def test_never_violated_and_never_worse_than_the_plain_form(seed, n_samples, width, activation, loss, biases, slack):
    network = aligned(seed, 2, width, activation, biases=biases, slack=slack)
    problem = separable(seed, n_samples, 2, loss)
    bound, plain = separable_decay_two_sided(network, problem), separable_decay(network, problem)
    assert bound.applicable, bound.failed
    trajectory = run(network, problem, 4.0, accuracy=1e-6)
    assert assess_bound(bound, trajectory).verdict == "holds"
    assert np.all(bound(trajectory.t) <= plain(trajectory.t))


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_are_as_large_as_promised(loss):
    network, problem = aligned(5, 2, 3, "leaky_relu:0.5"), separable(5, 4, 2, loss)
    trajectory = run(network, problem, 20.0, points=401, accuracy=1e-6)
    speeds = []
    for k in range(len(trajectory.t)):
        f = forward(trajectory.network_at(k), problem.X).output
        e = np.exp(-problem.Y * f)
        speeds.append(np.mean(e if loss == "exponential" else e / (1 + e)))
    tau = cumulative_trapezoid(speeds, trajectory.t, initial=0)
    margin = max_margin(problem.X, problem.Y)
    b, W = network.feedback[0].B[:, 0], network.weights[0]
    for state, t in zip(trajectory.states, tau, strict=True):
        sizes = np.linalg.norm(state.weights[0], axis=1)
        assert np.all(sizes >= np.sign(b) * (W @ margin.direction) + abs(b) * 0.5 * margin.lower * t - 1e-3)
        assert np.all(sizes >= np.linalg.norm(W, axis=1) - abs(b) * margin.scale * t - 1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_late_it_is_much_sharper_and_a_loss_above_it_is_refuted(loss):
    network, problem = aligned(3, 2, 3, slack=0.06), separable(3, 4, 2, loss)
    bound, plain = separable_decay_two_sided(network, problem), separable_decay(network, problem)
    assert bound(100.0)[0] < plain(100.0)[0] / 3
    trajectory = run(network, problem, 10.0)
    assert assess_bound(bound, trajectory).verdict == "holds"
    early = replace(bound, curve=lambda t: bound(20 * t))
    assert assess_bound(early, trajectory).verdict == "refuted"


@pytest.mark.parametrize("loss", LOSSES)
def test_at_the_start_it_is_the_loss(loss):
    network, problem = aligned(3, 2, 3), separable(3, 4, 2, loss)
    bound = separable_decay_two_sided(network, problem)
    np.testing.assert_allclose(bound(0.0), bound.constants["start_loss"], rtol=1e-14)
    values = bound(np.geomspace(1e-3, 1e12, 60))
    assert np.all(np.diff(values) <= 0)
    assert np.all(values > 0)


def test_losses_beyond_floats_fall_back_on_the_plain_form():
    network, problem = Network([[[-30.0]], [[30000.0]]], "linear", [[[1.0]]]), Problem([[1.0]], [1.0], "logistic")
    times = [0.0, 1.0, 100.0]
    assert (
        separable_decay_two_sided(network, problem)(times).tolist() == separable_decay(network, problem)(times).tolist()
    )


@pytest.mark.parametrize("rule", ["sign-fa", "adafa:0.5"])
def test_other_rules_are_named(rule):
    network, problem = aligned(3, 2, 3, rule=rule), separable(3, 4, 2, "logistic")
    assert failing(separable_decay_two_sided(network, problem)) == ["rule is fa"]


def test_other_assumptions_are_those_of_the_plain_form():
    network, problem = aligned(3, 2, 3, "leaky_relu:0.5"), separable(3, 4, 2, "logistic")
    flipped = Network(network.weights, network.activation, [-network.feedback[0].B])
    assert failing(separable_decay_two_sided(flipped, problem)) == ["aligned start"]
    contradiction = Problem([[1.0, 0.0], [1.0, 0.0]], [1.0, -1.0], "logistic")
    assert failing(separable_decay_two_sided(network, contradiction)) == ["separable data"]
