"""How runs in steps are recorded: losses between the states, memory, divergence; and what takes the plain formulas."""

import tracemalloc
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from flow_oracles import draw_network, draw_problem

import fa_theory as ft
from fa_theory.dynamics import engine, gradient_descent, loss_of
from fa_theory.dynamics.engine import has_engine
from fa_theory.dynamics.steppers import PlainStepper, stepper
from fa_theory.model import FeedbackAlignment, Network, PotentialFeedback, Problem, squared


@pytest.mark.parametrize("method", ["gd", "sgd"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_losses_between_the_states(method, loss):
    """The losses of every step are those of runs that end at that step."""
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 12, 3, 1)
    problem = Problem(problem.X, np.sign(problem.Y), loss)
    options = {"method": method, "step_size": 0.05, "batch_size": 4 if method == "sgd" else None, "seed": 3}
    run = ft.simulate(network, problem, steps=9, points=3, loss_every=2, **options)
    np.testing.assert_allclose(run.loss_t, [0.0, 0.1, 0.2, 0.3, 0.4], rtol=1e-15)
    assert run.options["loss_every"] == 2
    for k, value in zip((0, 2, 4, 6, 8), run.losses, strict=True):
        end = ft.simulate(network, problem, steps=k, points=2, **options)
        assert value == pytest.approx(float(loss_of(end.network_at(-1), problem)), rel=1e-14)
    assert ft.simulate(network, problem, steps=9, points=3, **options).losses.size == 0


def test_one_loss_for_each_step_over_many_blocks():
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 200, 3, 1)
    run = ft.simulate(network, problem, method="gd", steps=1000, step_size=0.01, points=11, loss_every=1)
    assert len(run.losses) == 1001
    np.testing.assert_allclose(run.losses[::100], run.loss, rtol=1e-15)
    np.testing.assert_allclose(run.loss_t[::100], run.t, rtol=1e-14)


def test_sgd_runs_over_all_samples_at_recorded_points_only(monkeypatch):
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 12, 3, 1)
    counts = {}

    def count(self):
        counts[self.output.shape[-1]] = counts.get(self.output.shape[-1], 0) + 1
        return plain(self)

    plain = engine.Engine.forward
    monkeypatch.setattr(engine.Engine, "forward", count)
    ft.simulate(network, problem, method="sgd", steps=50, batch_size=4, points=3)
    assert counts == {12: 3, 4: 50}
    counts.clear()
    ft.simulate(network, problem, method="gd", steps=50, points=3, loss_every=1)
    assert counts == {12: 51}


def test_user_rules_take_the_plain_formulas():
    rule = PotentialFeedback(lambda W: W.T, lambda W: np.sum(W**2, axis=0) / 2)
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 12, 3, 1)
    own = Network(network.weights, network.activation, [rule])
    assert not has_engine(own, problem)
    assert isinstance(stepper([own], [problem], [0.1], (), None, [0]), PlainStepper)
    options = {"method": "gd", "steps": 30, "step_size": 0.05, "loss_every": 1}
    same = ft.simulate(Network(network.weights, network.activation, "backprop"), problem, **options)
    np.testing.assert_allclose(ft.simulate(own, problem, **options).losses, same.losses, rtol=1e-12)


def test_another_namespace_takes_the_plain_formulas_and_notes_losses_in_packs(monkeypatch):
    """Losses stay scalars of the namespace, packed ten at a time here, until a point is recorded."""
    xp = pytest.importorskip("array_api_strict")
    monkeypatch.setattr("fa_theory.dynamics.steppers._SCALARS", 10)
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 8, 3, 1)
    strict = Network([xp.asarray(W) for W in network.weights], "leaky_relu:0.2", [xp.asarray(network.feedback[0].B)])
    options = {"method": "gd", "steps": 50, "step_size": 0.05, "points": 3, "loss_every": 1}
    network = Network(network.weights, "leaky_relu:0.2", network.feedback)
    wanted = ft.simulate(network, problem, **options)
    run = ft.simulate(strict, Problem(xp.asarray(problem.X), xp.asarray(problem.Y)), **options)
    np.testing.assert_allclose(run.losses, wanted.losses, rtol=1e-12)
    np.testing.assert_allclose(run.loss, wanted.loss, rtol=1e-12)
    assert type(run.states[-1].weights[0]) is type(xp.ones(1))


def test_exact_rationals_take_the_plain_formulas():
    """x = 1, y = 0, w = 1, v = 1, b = 1, eta = 1/2: e = 1 leads to w = v = 1/2 and e = 1/4, all exact."""
    one = np.array([[Fraction(1)]])
    network, problem = Network([one, one], "linear", [one]), Problem(one, 0 * one)
    run = gradient_descent(network, problem, steps=1, step_size=Fraction(1, 2), points=2, loss_every=1)
    assert [W[0, 0] for W in run.states[-1].weights] == [Fraction(1, 2)] * 2
    assert run.losses.tolist() == run.loss.tolist() == [0.5, 1 / 32]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("loss_every", [None, 1, 7])
def test_a_run_that_diverges_between_points_ends_before_it(monkeypatch, plain, loss_every):
    """With w = v = b = x = 1, y = 0 the step of eta = 3 gives w = v = -2, then -14 and 22, and so on to infinity."""
    if plain:
        monkeypatch.setattr("fa_theory.dynamics.steppers.has_engine", lambda *_: False)
    network = Network([[[1.0]], [[1.0]]], "linear", [[[1.0]]])
    options = {"method": "gd", "step_size": 3.0, "steps": 4000, "loss_every": loss_every}
    run = ft.simulate(network, Problem([[1.0]], [0.0]), points=3, **options)
    assert run.outcome == "diverged"
    assert run.t.tolist() == [0.0]
    assert run.n_steps == 1000
    assert np.all(np.isfinite(run.losses))
    every = ft.simulate(network, Problem([[1.0]], [0.0]), points=4001, **options | {"loss_every": 1})
    assert every.outcome == "diverged"
    assert run.losses.tolist() == (every.losses[::loss_every].tolist() if loss_every else [])
    # weights beyond 1e30 end a run at a recorded point before its loss overflows
    assert every.loss.tolist() == every.losses[: len(every.loss)].tolist()
    assert 3 <= len(every.loss) < every.n_steps + 1 < 30


def test_weights_that_grow_where_the_loss_stays_finite():
    """A start beyond 1e30 in a dead neuron: the loss is finite, and the run is not completed."""
    network = Network([[[-1e31], [1.0]], [[1.0, 1.0]]], "relu", [np.ones((2, 1))])
    run = ft.simulate(network, Problem([[1.0]], [0.0]), method="gd", steps=3, step_size=0.1)
    assert run.outcome == "diverged"
    assert len(run.t) == 0


@pytest.mark.parametrize("loss_every", [0, -1, 1.5])
def test_loss_every_is_checked(loss_every):
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 12, 3, 1)
    with pytest.raises(ValueError, match="loss_every must be a whole number >= 1"):
        gradient_descent(network, problem, steps=3, step_size=0.1, loss_every=loss_every)
    with pytest.raises(ValueError, match="loss_every needs the method gd or sgd, got 'flow'"):
        ft.simulate(network, problem, loss_every=1)


def test_memory_does_not_grow_with_steps():
    """20,000 steps that record 1,000 losses keep these, 16 bytes each, and two states."""
    network, problem = draw_network(1, (3, 5, 1)), draw_problem(1, 20, 3, 1)
    tracemalloc.start()
    try:
        peaks = []
        for steps in (1000, 20_000):
            tracemalloc.reset_peak()
            start = tracemalloc.get_traced_memory()[0]
            run = ft.simulate(network, problem, method="gd", steps=steps, points=2, loss_every=steps // 1000)
            peaks.append(tracemalloc.get_traced_memory()[1] - start)
            assert len(run.losses) == 1001
    finally:
        tracemalloc.stop()
    # buffers of the noted outputs, 256 KB, come on top of what is recorded
    assert peaks[1] <= peaks[0] + 200_000
    assert peaks[1] <= 1_500_000


@pytest.mark.parametrize(("widths", "loss"), [((5, 4, 3), "squared"), ((5, 4, 4, 1), "logistic")])
def test_the_layout_of_the_weights_in_memory_makes_no_difference(widths, loss):
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((n, d)) for d, n in pairwise(widths)]
    feedback = [rng.standard_normal(W.shape).T for W in weights[1:]]
    problem = Problem(rng.standard_normal((9, 5)), np.sign(rng.standard_normal((9, widths[-1]))), loss)
    rows, columns = (
        ft.simulate(Network(layout, "leaky_relu:0.2", feedback), problem, method="gd", steps=5, step_size=0.1)
        for layout in (weights, [np.asfortranarray(W) for W in weights])
    )
    np.testing.assert_allclose(columns.loss, rows.loss, rtol=1e-13)


def test_a_subclass_of_a_rule_keeps_its_own_matrix():
    class Halved(FeedbackAlignment):
        def matrix(self, weight):  # noqa: ARG002 - the signature of all rules
            return self.B / 2

    rng = np.random.default_rng(0)
    X, W, V, B = (rng.standard_normal(shape) for shape in ((6, 3), (4, 3), (1, 4), (4, 1)))
    problem, run = Problem(X, X[:, 0]), {"method": "gd", "steps": 20, "step_size": 0.05}
    own = ft.simulate(Network([W, V], "linear", [Halved(B)]), problem, **run)
    np.testing.assert_allclose(own.loss, ft.simulate(Network([W, V], "linear", [B / 2]), problem, **run).loss)
    assert abs(own.loss[-1] - ft.simulate(Network([W, V], "linear", [B]), problem, **run).loss[-1]) > 1e-3


def test_a_loss_of_ones_own_is_not_taken_for_the_squared_loss_by_its_name():
    rng = np.random.default_rng(0)
    X, W, V, B = (rng.standard_normal(shape) for shape in ((6, 3), (4, 3), (1, 4), (4, 1)))
    tripled = replace(
        squared,
        value=lambda f, y: 3 * squared.value(f, y),
        derivative=lambda f, y: 3 * squared.derivative(f, y),
    )
    network, run = Network([W, V], "linear", [B]), {"method": "gd", "steps": 20}
    own = ft.simulate(network, Problem(X, X[:, 0], tripled), step_size=0.01, **run)
    plain = ft.simulate(network, Problem(X, X[:, 0]), step_size=0.03, **run)
    np.testing.assert_allclose(own.loss, 3 * plain.loss, rtol=1e-12)
