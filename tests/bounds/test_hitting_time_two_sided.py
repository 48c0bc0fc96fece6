"""hitting-time-two-sided against its formula with fine quadrature, and real runs."""

import numpy as np
import pytest
from bound_instances import failing, run, seeds, separable
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import cumulative_trapezoid

from fa_theory.bounds import hitting_time, hitting_time_two_sided
from fa_theory.model import Network, max_margin


def any_start(seed, slope, size=1.0, n_samples=4, width=3):
    rng = np.random.default_rng([seed, 21])
    W, v = size * rng.standard_normal((width, 2)), size * rng.standard_normal((1, width))
    b = rng.choice([-1, 1], width) * rng.uniform(0.5, 1.5, width)
    return Network([W, v], f"leaky_relu:{slope}", [b[:, None]]), separable(seed, n_samples, 2, "logistic")


def by_quadrature(network, problem, epsilon, tau_end):
    """The largest time over tau on a fine grid, from the definitions of Q, I, J and the two losses before."""
    margin = max_margin(problem.X, problem.Y)
    u, gamma, a, N = margin.direction, margin.lower, network.activation.slope, problem.n_samples
    R = np.max(np.linalg.norm(problem.X, axis=1))
    W, v, b = network.weights[0], network.weights[1][0], network.feedback[0].B[:, 0]
    C = np.sum(W**2, axis=1) / 2 - b * v
    tau = np.linspace(0, tau_end, 40_001)
    low = np.maximum(np.sign(b) * (W @ u) + abs(b) * a * gamma * tau[:, None], 0) ** 2 / 2 - C
    Q = np.sum(np.where(low > 0, a**2 * gamma**2, R**2) * low, axis=1)
    integral = cumulative_trapezoid(Q, tau, initial=0)
    turn = int(np.argmax(Q >= 0))
    since = integral[turn:] - integral[turn]
    J = np.exp(-since) * cumulative_trapezoid(np.exp(since), tau[turn:], initial=0)
    eps_1 = np.log1p(np.expm1(N * epsilon) * np.exp(since)) / N
    eps_0 = np.maximum(np.log1p(np.expm1(eps_1) * np.exp(integral[turn])), epsilon)
    first = tau[turn] * N / (1 - np.exp(-N * eps_0))
    return np.max(first + N * (tau[turn:] - tau[turn]) + N * J / np.expm1(N * epsilon))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("slope", [0.5, 1.0])
@pytest.mark.parametrize("part", [0.5, 0.02])
def test_time_is_the_largest_over_tau(seed, slope, part):
    network, problem = any_start(seed, slope)
    epsilon = part * hitting_time(network, problem).constants["start_loss"]
    bound, plain = hitting_time_two_sided(network, problem, epsilon), hitting_time(network, problem, epsilon)
    expected = min(by_quadrature(network, problem, epsilon, plain.constants["tau"]), plain.time)
    assert expected * (1 - 1e-3) <= bound.time <= min(expected * 1.02, plain.time)


@given(seeds, st.sampled_from([0.4, 1.0]), st.sampled_from([0.1, 1.0]), st.sampled_from([0.7, 0.2]))
@settings(max_examples=8)
def test_the_loss_is_reached_by_then(seed, slope, size, part):
    network, problem = any_start(seed, slope, size)
    epsilon = part * hitting_time(network, problem).constants["start_loss"]
    bound = hitting_time_two_sided(network, problem, epsilon)
    assert bound.applicable, bound.failed
    trajectory = run(network, problem, min(bound.time, 60.0), points=121, accuracy=1e-5)
    assert bound.time > 60.0 or np.min(trajectory.loss) <= epsilon * (1 + 1e-4)


def test_small_losses_are_reached_much_earlier_but_not_at_once():
    network, problem = any_start(2, 1.0)
    epsilon = 0.01
    bound, plain = hitting_time_two_sided(network, problem, epsilon), hitting_time(network, problem, epsilon)
    assert bound.time < plain.time / 1.5
    trajectory = run(network, problem, bound.time / 100, accuracy=1e-5)
    assert np.min(trajectory.loss) > epsilon  # a time a hundred times shorter would be refuted


def test_the_rest_is_that_of_the_plain_form():
    network, problem = any_start(1, 0.5)
    bound, plain = hitting_time_two_sided(network, problem), hitting_time(network, problem)
    assert (bound.epsilon, bound.assumptions) == (plain.epsilon, plain.assumptions)
    assert bound([0.0, 1.0, 50.0]).tolist() == plain([0.0, 1.0, 50.0]).tolist()
    above = hitting_time_two_sided(network, problem, 2 * plain.constants["start_loss"])
    assert above.time == 0.0
    signed = Network(network.weights, network.activation, "sign-fa")
    assert failing(hitting_time_two_sided(signed, problem)) == ["rule is fa"]
    with pytest.raises(ValueError, match="epsilon must be a positive finite number, got -1"):
        hitting_time_two_sided(network, problem, -1.0)
