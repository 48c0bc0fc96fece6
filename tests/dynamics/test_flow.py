"""The flow where it crosses kinks but does not slide, against closed forms and independent integrators."""

import array_api_strict
import numpy as np
import pytest
from flow_oracles import RULES, draw_network, draw_problem, field, fixed_steps, leaky, loss_at, pack, unpack
from scipy.integrate import quad, solve_ivp

from fa_theory.dynamics import flow
from fa_theory.dynamics.flow import _losses as estimated_losses
from fa_theory.model import AdaptiveFeedback, FeedbackAlignment, Network, Problem, SignFeedback


def assert_error_is_honest(run, expected, accuracy, oracle_error=0.0):
    """The estimate covers the true error, and is not absurdly large."""
    true = np.abs(run.loss - expected)
    assert np.all(true <= run.error + oracle_error)
    assert np.all(run.error <= 1e4 * (np.max(true) + accuracy * run.loss[0]))
    assert run.outcome == "completed"
    assert np.all(run.error <= accuracy * run.loss[0])


@pytest.mark.parametrize("accuracy", [1e-5, 1e-8])
@pytest.mark.parametrize("seed", range(4))
def test_two_layer_linear_flow_is_the_reduced_flow(seed, accuracy):
    """reduced-flow: W_1 = W_1(0) + b u^T, v = v(0) + W_1(0) u + 1/2 b |u|^2, an ODE for u, d-dimensional."""
    d, n = 1 + seed, (1, 3, 7, 40)[seed]
    network, problem = draw_network(seed, (d, n, 1), "linear"), draw_problem(seed, 5, d, 1)
    (W, V), b, X, y = network.weights, network.feedback[0].B[:, 0], problem.X, problem.Y[:, 0]

    def errors(u):
        return X @ ((W + np.outer(b, u)).T @ (V[0] + W @ u + 0.5 * b * (u @ u))) - y

    run = flow(network, problem, time=3.0, points=31, accuracy=accuracy)
    oracle = solve_ivp(lambda _, u: -X.T @ errors(u) / 5, (0, 3), np.zeros(d), "DOP853", run.t, rtol=1e-13, atol=1e-13)
    expected = np.asarray([0.5 * np.mean(errors(u) ** 2) for u in oracle.y.T])
    assert_error_is_honest(run, expected, accuracy, 1e-11 * run.loss[0])
    u = oracle.y[:, -1]
    np.testing.assert_allclose(run.states[-1].weights[0], W + np.outer(b, u), atol=100 * accuracy)


def test_one_weight_of_each_kind_in_closed_form():
    """w = v = 0, b = x = 1: v = w^2/2, so dw/dt = y - w^3/2, and the time to reach w is an integral."""
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    y = 2.0
    run = flow(Network([zero, zero], "linear", [one]), Problem(one, [[y]]), time=1.5, points=4, accuracy=1e-10)
    for time, state in zip(run.t, run.states, strict=True):
        w = float(state.weights[0][0, 0])
        assert quad(lambda s: 1 / (y - s**3 / 2), 0, w, epsabs=1e-13)[0] == pytest.approx(time, abs=1e-8)
        assert float(state.weights[1][0, 0]) == pytest.approx(w**2 / 2, abs=1e-9)


def fixed_step_losses(network, problem, time, points, steps):
    """Losses by the classical Runge-Kutta method; adaFA's feedback is a state of its own, dB/dt = kappa (dW/dt)^T."""
    slope = network.activation.slope
    rules, weights = network.feedback, [np.asarray(W) for W in network.weights]
    like = [*weights, *(rule.B_start for rule in rules if isinstance(rule, AdaptiveFeedback))]
    depth = len(weights)

    def velocity(y):
        parts = unpack(y, like)
        now, own = parts[:depth], iter(parts[depth:])
        matrices = []
        for rule, W in zip(rules, now[1:], strict=True):
            if isinstance(rule, AdaptiveFeedback):
                matrices.append(next(own))
            elif isinstance(rule, SignFeedback):
                matrices.append(np.sign(W).T)
            else:
                matrices.append(W.T if rule.name == "backprop" else rule.B)
        direct = any(rule.direct for rule in rules)
        dW = field(now, problem.X, problem.Y, matrices, leaky(slope), direct)
        dB = [rule.kappa * dW[layer + 1].T for layer, rule in enumerate(rules) if isinstance(rule, AdaptiveFeedback)]
        return pack([*dW, *dB])

    states = fixed_steps(velocity, pack(like), time, steps)[:: steps // (points - 1)]
    return np.asarray([loss_at(unpack(y, like)[:depth], problem.X, problem.Y, slope) for y in states])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("depth", [2, 3])
def test_flow_without_events_is_the_classical_method(rule, depth):
    """Seeds are searched for runs without events; there fixed steps have order four, seen by halving them."""
    widths = (*(3, 4, 3, 2)[:depth], 1)
    for seed in range(100):
        network, problem = draw_network(seed, widths, rule=rule), draw_problem(seed, 2, 3, 1)
        run = flow(network, problem, time=0.5, points=6)
        if not run.events:
            break
    assert not run.events
    coarse, fine, finest = (fixed_step_losses(network, problem, 0.5, 6, n) for n in (50, 100, 400))
    gaps = np.max(np.abs(coarse - fine)), np.max(np.abs(fine - finest))
    assert gaps[0] > 8 * gaps[1] or gaps[0] < 1e-12
    assert_error_is_honest(run, finest, 1e-8, gaps[1] / 100 + 1e-14)


@pytest.mark.parametrize("rule", ["fa", "adafa:2", "backprop", "sign-fa"])
def test_flow_through_crossings_is_the_classical_method_with_tiny_steps(rule):
    """Across a kink fixed steps are only of second order, so many are taken, and halving them tells their error."""
    wanted = {"crossing", "sign change"} if rule == "sign-fa" else {"crossing"}
    for seed in range(300):
        network, problem = draw_network(seed, (2, 3, 1), rule=rule), draw_problem(seed, 4, 2, 1)
        run = flow(network, problem, time=1.0, points=5)
        if {event.kind for event in run.events} == wanted:
            break
    assert {event.kind for event in run.events} == wanted
    coarse, fine = (fixed_step_losses(network, problem, 1.0, 5, n) for n in (2000, 4000))
    gap = np.max(np.abs(coarse - fine))
    assert gap < (1e-4 if rule == "sign-fa" else 1e-6)  # where M itself jumps, the order is one
    np.testing.assert_allclose(run.loss, fine, rtol=0, atol=4 * gap + 1e-9)
    times = [event.time for event in run.events]
    assert times == sorted(times)
    assert all(0 < time < 1 for time in times)


def test_sign_feedback_keeps_its_law_through_sign_changes():
    """neuron-law: |v_i|_1 - 1/2 |w_i|^2 is constant, across sign changes too."""
    changes = 0
    for seed in range(12):
        network, problem = draw_network(seed, (2, 4, 2), rule="sign-fa"), draw_problem(seed, 3, 2, 2)
        run = flow(network, problem, time=2.0, points=21)
        changes += sum(event.kind == "sign change" for event in run.events)
        values, uncertainty = run.along(
            lambda now: np.sum(abs(now.weights[1]), axis=0) - np.sum(now.weights[0] ** 2, axis=1) / 2
        )
        assert np.all(abs(values - values[0]) <= uncertainty + uncertainty[0] + 1e-12)
    assert changes >= 5


@pytest.mark.parametrize("widths", [(3, 4, 1), (3, 3, 3, 2)])
def test_float32_runs_and_says_how_well(widths):
    """The float64 run of the same numbers is the reference."""
    double, problem = draw_network(1, widths), draw_problem(1, 4, widths[0], widths[-1])
    single = Network(
        [W.astype(np.float32) for W in double.weights],
        double.activation,
        [FeedbackAlignment(rule.B.astype(np.float32)) for rule in double.feedback],
    )
    rounded = Problem(problem.X.astype(np.float32), problem.Y.astype(np.float32))
    run = flow(single, rounded, time=2.0, points=11, accuracy=1e-4)
    exact = flow(double, problem, time=2.0, points=11)
    assert run.states[-1].weights[0].dtype == np.float32
    assert run.outcome == exact.outcome == "completed"
    assert np.all(abs(run.loss - exact.loss) <= run.error + 1e-5 * run.loss[0])
    with pytest.raises(ValueError, match=r"accuracy must lie in .* float32"):
        flow(single, rounded, time=1.0, accuracy=1e-8)


@pytest.mark.parametrize("rule", RULES)
def test_another_array_library_gives_the_same_numbers(rule):
    network, problem = draw_network(19, (2, 3, 2, 1), rule=rule), draw_problem(19, 5, 2, 1)
    strict = array_api_strict.asarray

    def moved(feedback):
        arrays = {key: strict(value) for key, value in vars(feedback).items() if isinstance(value, np.ndarray)}
        return type(feedback)(**{**vars(feedback), **arrays})

    other = Network([strict(W) for W in network.weights], network.activation, [moved(r) for r in network.feedback])
    run = flow(network, problem, time=2.0, points=5, accuracy=1e-6)
    same = flow(other, Problem(strict(problem.X), strict(problem.Y)), time=2.0, points=5, accuracy=1e-6)
    if rule == "fa":
        assert {event.kind for event in run.events} == {"crossing", "sliding starts", "sliding ends"}
    assert [event.kind for event in same.events] == [event.kind for event in run.events]
    np.testing.assert_allclose(same.loss, run.loss, rtol=1e-9)
    assert type(same.states[-1].weights[0]) is type(strict(problem.X))


def test_the_error_covers_two_runs_that_err_to_opposite_sides_of_the_minimum():
    """Their losses agree, and neither is the loss."""
    network, problem = Network([[[1.0]], [[1.0]]], "linear", [[[1.0]]]), Problem([[1.0]], [1.0])
    start = network.parameters
    above, below = (start._replace(weights=(start.weights[0], np.array([[v]]))) for v in (1.5, 0.5))
    losses, error = estimated_losses(network, problem, [start, above], [start, below])
    assert losses.tolist() == [0, 0.125]
    assert error[1] == pytest.approx(0.5)  # the second-order term of a step by 1
