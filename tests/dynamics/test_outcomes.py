"""How runs end: blow-up, limits of accuracy, discrete steps, and data at the edge of what is sensible."""

import numpy as np
import pytest
from flow_oracles import RULES, draw_network, draw_problem
from scipy.optimize import brentq

import fa_theory as ft
from fa_theory.dynamics import METHODS, OUTCOMES, flow, minibatches
from fa_theory.model import Network, PotentialFeedback, Problem, initialise

ONE = np.ones((1, 1))


@pytest.mark.no_cover  # slow when traced; other flows walk the same branches
def test_a_flow_that_blows_up_ends_with_the_trajectory_so_far():
    """A rule of one's own, Psi = 1/2 (v - 1)^-2, with x = 1, y = 0, v(0) = 2, w(0) = 1, in closed form.

    The neuron law gives w = 1 / (v - 1), so dv/dt = -v w^2 = -v / (v - 1)^2: with T(v) the integral of (s - 1)^2 / s
    from v to 2, the state is v at time T(v), and w is infinite at v = 1, T(1) = log 2 - 1/2.
    """
    rule = PotentialFeedback(lambda W: -((W.T - 1) ** -3), lambda W: (W[0] - 1) ** -2 / 2)
    network = Network([[[1.0]], [[2.0]]], "linear", [rule])
    end = np.log(2) - 0.5
    run = flow(network, Problem(ONE, [0.0]), time=1.0, points=1001)
    assert run.outcome in ("diverged", "stalled")
    assert len(run.t) == len(run.loss) == len(run.error) == len(run.states)
    assert run.t[-1] == pytest.approx(end, abs=1.1e-3)
    assert run.t[-1] < end

    def time_at(v):
        return (2 - 4 + np.log(2)) - (v**2 / 2 - 2 * v + np.log(v))

    for t, loss, error in zip(run.t[1:], run.loss[1:], run.error[1:], strict=True):
        v = brentq(lambda v, t=t: time_at(v) - t, 1, 2, xtol=1e-15)
        assert loss == pytest.approx((v / (v - 1)) ** 2 / 2, rel=1e-9, abs=error)


def test_exponential_losses_overflow_into_an_outcome():
    """exp(700) is a float, and no step from there is one: w = 1, v = -700 moves by exp(700)."""
    network = Network([[[1.0]], [[-700.0]]], "linear", [ONE])
    for method in ("flow", "gd"):
        run = ft.simulate(network, Problem(ONE, [1.0], "exponential"), method=method, time=1.0, steps=10, step_size=1.0)
        assert run.outcome in ("diverged", "stalled", "accuracy_not_reached")
        assert len(run.t) == len(run.loss) == len(run.states) >= 1
        assert np.all(np.isfinite(run.loss))


@pytest.mark.parametrize("name", ["linear", "leaky_relu:0.2", "power:2"])
def test_gradient_descent_diverges_by_name(name):
    network, problem = draw_network(1, (3, 4, 2), name), draw_problem(1, 5, 3, 2)
    run = ft.simulate(network, problem, method="gd", steps=500, step_size=50.0)
    assert run.outcome == "diverged"
    assert np.all(np.isfinite(run.loss))
    assert len(run.loss) >= 1


def test_gradient_descent_by_hand():
    """f = v w x with x = 1, y = 3, b = 2: two steps of eta = 1/2, done on paper."""
    network = Network([[[1.0]], [[1.0]]], "linear", [2 * ONE])
    run = ft.simulate(network, Problem(ONE, [3.0]), method="gd", steps=2, step_size=0.5)
    # e = -2: w = 1 + 2, v = 1 + 1; e = 3: w = 3 - 3, v = 2 - 4.5
    assert run.loss.tolist() == [2.0, 4.5, 4.5]
    assert [float(W[0, 0]) for W in run.states[-1].weights] == [0.0, -2.5]


@pytest.mark.parametrize("method", METHODS)
def test_no_time_at_all(method):
    network, problem = draw_network(1, (2, 3, 1)), draw_problem(1, 4, 2, 1)
    run = ft.simulate(network, problem, method=method, time=0.0, steps=0, batch_size=2 if method == "sgd" else None)
    assert run.outcome == "completed"
    assert run.t.tolist() == [0.0]
    assert run.loss[0] == ft.simulate(network, problem, method="gd", steps=1).loss[0]


def test_sgd_is_decided_by_its_seed():
    network, problem = draw_network(1, (2, 3, 1)), draw_problem(1, 10, 2, 1)
    runs = [
        ft.simulate(network, problem, method="sgd", steps=50, step_size=0.1, batch_size=3, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert runs[0].loss.tobytes() == runs[1].loss.tobytes()
    assert runs[0].loss.tobytes() != runs[2].loss.tobytes()


@pytest.mark.parametrize(("n_samples", "batch_size"), [(6, 2), (7, 3), (5, 5), (4, 1)])
def test_an_epoch_takes_every_sample_at_most_once(n_samples, batch_size):
    batches, length = minibatches(n_samples, batch_size, seed=0), n_samples // batch_size
    for _ in range(20):
        epoch = np.concatenate([next(batches) for _ in range(length)])
        assert len(set(epoch.tolist())) == len(epoch) == length * batch_size
        assert set(epoch.tolist()) <= set(range(n_samples))


@pytest.mark.parametrize("rule", ["fa", "backprop", "adafa:1"])
@pytest.mark.parametrize("name", ["linear", "leaky_relu:0.5", "power:2"])
def test_midpoint_keeps_quadratic_invariants_at_large_steps(rule, name):
    """midpoint-exactness: the neuron law to solver tolerance, at steps that are far from accurate."""
    network, problem = draw_network(2, (2, 3, 1), name, rule, scale=0.5), draw_problem(2, 4, 2, 1)
    run = ft.simulate(network, problem, method="midpoint", steps=40, step_size=0.3)
    degree = network.activation.degree

    def law(now):
        return np.sum(now.weights[0] ** 2, axis=1) / 2 - degree * now.feedback[0].potential(now.weights[1])

    assert run.outcome == "completed"
    laws = np.asarray([law(run.network_at(k)) for k in range(len(run.t))])
    sizes = max(1.0, *(float(np.max(np.sum(state.weights[0] ** 2, axis=1))) for state in run.states))
    assert np.max(abs(laws - laws[0])) <= 1e-12 * sizes


def test_midpoint_is_of_second_order():
    network, problem = draw_network(2, (2, 3, 1), "linear"), draw_problem(2, 4, 2, 1)
    exact = flow(network, problem, time=1.0, points=2, accuracy=1e-10).loss[-1]
    errors = [
        abs(ft.simulate(network, problem, method="midpoint", steps=n, step_size=1 / n).loss[-1] - exact)
        for n in (20, 40)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_midpoint_says_when_a_step_cannot_be_solved():
    """On an attracting kink with a jump the midpoint equation has no solution, however short the step."""
    X = np.asarray([[1.0, 0.0], [0.6, 0.8]])
    network = Network([np.linalg.solve(X, [0.3, 0.5])[None, :], [[0.5]]], "leaky_relu:0.2", [ONE])
    run = ft.simulate(network, Problem(X, [-1.0, 2.0]), method="midpoint", steps=40, step_size=0.1)
    assert run.outcome in ("unsolved_step", "completed")
    assert len(run.t) == len(run.loss) == len(run.states)
    if run.outcome == "unsolved_step":
        assert run.t[-1] < 4.0


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("widths", [(1, 1, 1), (1, 3, 1), (3, 1, 2)])
@pytest.mark.parametrize("n_samples", [1, 3])
def test_small_instances(rule, widths, n_samples):
    for seed in range(3):
        network = draw_network(seed, widths, rule=rule)
        run = flow(network, draw_problem(seed, n_samples, widths[0], widths[-1]), time=2.0, points=5)
        assert run.outcome == "completed"


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_flows_scale_with_the_data(scale):
    """X -> s X, W_1 -> W_1 / s leaves the outputs as they are when time is measured in 1 / s^2 for W_1 alone.

    With v frozen out of the comparison that is not exact; but y -> s y, W_l -> s^(1/2) W_l, B -> s^(1/2) B, X the same
    scales the loss by s^2 and time by 1 / s exactly (two layers).
    """
    network, problem = draw_network(4, (2, 3, 1)), draw_problem(4, 4, 2, 1)
    root = scale**0.5
    rules = [root * rule.B for rule in network.feedback]
    scaled = Network([root * W for W in network.weights], network.activation, rules)
    run = flow(network, problem, time=2.0, points=5)
    same = flow(scaled, Problem(problem.X, scale * problem.Y), time=2.0 / scale, points=5)
    assert same.outcome == run.outcome == "completed"
    np.testing.assert_allclose(same.loss / scale**2, run.loss, rtol=1e-7, atol=1e-7 * run.loss[0])


def test_dead_relu_neurons_do_not_move():
    network = Network([[[-1.0, -1.0], [1.0, 0.5]], [[1.0, 1.0]]], "relu", [np.ones((2, 1))])
    run = flow(network, Problem([[1.0, 1.0], [2.0, 0.5]], [1.0, 2.0]), time=3.0, points=5)
    assert run.outcome == "completed"
    assert run.states[-1].weights[0][0].tolist() == [-1.0, -1.0]
    assert run.states[-1].weights[1][0, 0] == 1.0


def test_outcomes_are_sentences():
    assert all(text and text[0].islower() for text in OUTCOMES.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "euler"}, "method must be one of"),
        ({"time": -1.0}, "time must be a finite number"),
        ({"time": float("nan")}, "time must be a finite number"),
        ({"points": 1}, "points must be at least 2"),
        ({"accuracy": 0.0}, "accuracy must lie in"),
        ({"method": "gd", "step_size": 0.0}, "step_size must be a positive finite number"),
        ({"method": "gd", "steps": -1}, "steps must be a whole number"),
        ({"method": "sgd", "batch_size": 5}, "batch_size must lie in"),
        ({"method": "midpoint", "step_size": float("inf")}, "step_size must be a positive finite number"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        ft.simulate(draw_network(1, (2, 3, 1)), draw_problem(1, 4, 2, 1), **options)


@pytest.mark.parametrize("kind", ["zero", "small"])
def test_deep_starts_at_rest_wake_up(kind):
    """A deep network that starts at zero leaves its kinks at higher than first order in time: W_1 ~ t, W_2 ~ t^2."""
    network = initialise(kind, (2, 2, 2, 1), "leaky_relu:0.5", "fa", seed=2)
    run = flow(network, draw_problem(2, 2, 2, 1), time=0.5, points=5, accuracy=1e-6)
    assert run.outcome == "completed"
    assert np.max(abs(run.states[-1].weights[1])) > 1e-4
