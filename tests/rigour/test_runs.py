"""Enclosed runs against exact rationals, the integrator, and Taylor series of the unreduced equations in mpmath."""

from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from flint import arb, ctx, fmpq

import fa_theory as ft
from fa_theory.dynamics import forward, minibatches, take_step, update_directions
from fa_theory.laws import exact_array, exact_network
from fa_theory.model import Network, Problem, feedback_rules
from fa_theory.rigour import ExactStart, balls, reduced_flow, steps
from tests.bounds.bound_instances import RULES, aligned, regression, separable
from tests.rigour.exact_checks import contains


def random_network(seed, widths, activation, rule, biases=False):
    rng = np.random.default_rng(seed)
    weights = [rng.uniform(-1, 1, (n, m)) for m, n in pairwise(widths)]
    matrices = [rng.uniform(-1, 1, W.T.shape) for W in weights[1:]]
    matrices = matrices if rule.partition(":")[0] in ("fa", "adafa", "dfa") else ()
    given = [rng.uniform(-1, 1, n) for n in widths[1:]] if biases else None
    return Network(weights, activation, feedback_rules(rule, weights, matrices), given)


def exact_losses(network, problem, eta, count, batches=None):
    """The squared loss after each step, in rationals, by the package's own passes over object arrays."""
    exact, X, Y = exact_network(network), exact_array(problem.X), exact_array(problem.Y)
    eta, losses = fmpq(*eta.as_integer_ratio()), []
    for step in range(count + 1):
        f = forward(exact, X).output
        losses.append(sum(((f - Y) ** 2).ravel().tolist(), fmpq(0)) / (2 * len(X)))
        chosen = slice(None) if batches is None or step == count else list(batches[step])
        passed = forward(exact, X[chosen])
        change = update_directions(exact, passed, passed.output - Y[chosen])
        exact = exact.with_parameters(take_step(exact.parameters, change, eta))
    return losses


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("activation", ["linear", "relu", "leaky_relu:0.25", "power:2"])
@pytest.mark.parametrize("biases", [False, True])
def test_steps_contain_the_exact_run(rule, activation, biases):
    network, problem = random_network(4, (2, 3, 1), activation, rule, biases), regression(4, 3, 2)
    found, _ = steps.enclosed_losses(ExactStart(network, problem), 0.25, (0, 1, 2))
    for ball, exact in zip(found, exact_losses(network, problem, 0.25, 2), strict=True):
        assert contains(ball, exact)
        assert ball.rel_accuracy_bits() >= balls.ACCURACY


@pytest.mark.parametrize("rule", ["fa", "dfa", "backprop"])
def test_steps_of_a_deep_network_on_minibatches_contain_the_exact_run(rule):
    network = random_network(5, (2, 2, 2, 1), "leaky_relu:0.5", "fa" if rule == "dfa" else rule)
    if rule == "dfa":
        B = [np.array([[1.0], [-0.5]]), np.array([[0.5], [2.0]])]
        network = Network(network.weights, "leaky_relu:0.5", feedback_rules("dfa", network.weights, B))
    problem = regression(5, 4, 2)
    drawn = minibatches(4, 2, 0)
    batches = [next(drawn).tolist() for _ in range(2)]
    found, _ = steps.enclosed_losses(ExactStart(network, problem), 0.5, (0, 1, 2), batches)
    for ball, exact in zip(found, exact_losses(network, problem, 0.5, 2, batches), strict=True):
        assert contains(ball, exact)
    other, _ = steps.enclosed_losses(ExactStart(network, problem), 0.5, (0, 1, 2), batches[::-1])
    assert not contains(other[1], exact_losses(network, problem, 0.5, 1, batches)[1])


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_steps_of_other_losses_meet_the_float_run(loss):
    network, problem = aligned(6, 3, 4, "leaky_relu:0.2"), separable(6, 5, 3, loss)
    run = ft.simulate(network, problem, method="gd", steps=20, step_size=0.1, points=21)
    found, excess = steps.enclosed_losses(ExactStart(network, problem), 0.1, tuple(range(21)))
    assert excess is None
    for ball, value, error in zip(found, run.loss, run.error, strict=True):
        assert abs(float(ball) - value) <= error


def test_cross_entropy_steps_meet_the_float_run():
    network = random_network(7, (3, 4, 3), "relu", "fa")
    problem = Problem(np.eye(3), np.eye(3), "cross_entropy")
    run = ft.simulate(network, problem, method="gd", steps=10, step_size=0.5, points=11)
    found, _ = steps.enclosed_losses(ExactStart(network, problem), 0.5, tuple(range(11)))
    for ball, value, error in zip(found, run.loss, run.error, strict=True):
        assert abs(float(ball) - value) <= error


def test_the_excess_does_not_cancel():
    network, problem = aligned(8, 2, 3), regression(8, 6, 2)
    start = ExactStart(network, problem)
    loss, excess = steps.enclosed_losses(start, 0.125, (0, 40))
    assert contains(excess[0], start.excess)
    with ctx.workprec(256):
        for total, part in zip(loss, excess, strict=True):
            assert (total - part).overlaps(arb(start.floor))
            assert part.rel_accuracy_bits() >= balls.ACCURACY


@pytest.mark.parametrize("biases", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_the_flow_meets_the_integrator(biases, scale):
    rng = np.random.default_rng(9)
    W, V, B = scale * rng.standard_normal((3, 2)), rng.standard_normal((1, 3)), rng.standard_normal((3, 1))
    given = [rng.standard_normal(n) if has else None for n, has in zip((3, 1), biases, strict=True)]
    network, problem = Network([W, V], "linear", [B], given), regression(9, 5, 2)
    run = ft.simulate(network, problem, time=2.0, points=5, accuracy=1e-9)
    found, excess = reduced_flow.enclosed_losses(
        ExactStart(network, problem), [fmpq(*t.as_integer_ratio()) for t in run.t]
    )
    for ball, value, error in zip(found, run.loss, run.error, strict=True):
        assert abs(float(ball) - value) <= error
    assert all(part <= whole for part, whole in zip(excess, found, strict=True))


@pytest.mark.parametrize(("w", "v", "b", "y"), [(0.5, 1.0, 1.0, 2.0), (-2.0, -1.0, 1.0, 3.0), (1.5, -2.0, 0.5, -1.0)])
def test_the_flow_contains_the_taylor_solution_of_the_unreduced_equations(w, v, b, y):
    """The second start is THEORY's descent counterexample: C > 0, and the loss rises 32-fold."""
    network = Network([np.array([[w]]), np.array([[v]])], "linear", [np.array([[b]])])
    found, _ = reduced_flow.enclosed_losses(
        ExactStart(network, Problem([[1.0]], [y])), (fmpq(0), fmpq(1, 2), fmpq(3, 2))
    )
    with mpmath.workdps(40):
        solution = mpmath.odefun(lambda _, s: [-b * (s[0] * s[1] - y), -s[0] * (s[0] * s[1] - y)], 0, [w, v])
        for ball, t in zip(found, (0, 0.5, 1.5), strict=True):
            a, c = solution(t)
            exact = (a * c - y) ** 2 / 2
            with ctx.workprec(200):
                assert ball.overlaps(arb(mpmath.nstr(exact, 35)) * (1 + arb(0, arb(10) ** -28)))
                assert ball.rel_accuracy_bits() >= balls.ACCURACY


def test_a_flow_from_its_end_stays():
    network = Network([np.array([[1.0, 2.0]]), np.array([[0.5]])], "linear", [np.array([[2.0]])])
    problem = Problem([[1.0, 0.0], [0.0, 1.0]], [0.5, 1.0])
    found, excess = reduced_flow.enclosed_losses(ExactStart(network, problem), (fmpq(0), fmpq(100)))
    assert all(value.is_zero() for value in (*found, *excess))


def test_data_of_deficient_rank_have_a_floor_that_is_exact():
    X, y = np.array([[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]]), np.array([1.0, 0.0, 2.0])
    network = aligned(10, 2, 3)
    start = ExactStart(network, Problem(X, y))
    x = [Fraction(1), Fraction(2), Fraction(-1)]
    along = sum(a * Fraction(b) for a, b in zip(x, y, strict=True))
    floor = (Fraction(5) - along**2 / 6) / 6
    assert start.floor == fmpq(floor.numerator, floor.denominator)
    run = ft.simulate(network, start.problem, time=1.0, points=3)
    found, _ = reduced_flow.enclosed_losses(start, [balls.rational(t) for t in run.t.tolist()])
    for ball, value, error in zip(found, run.loss, run.error, strict=True):
        assert abs(float(ball) - value) <= error


def test_too_many_steps_are_an_error(monkeypatch):
    monkeypatch.setattr(reduced_flow, "_MAX_STEPS", 1)
    start = ExactStart(aligned(11, 2, 3), regression(11, 4, 2))
    with ctx.workprec(128), pytest.raises(balls.UndecidedError, match="1 steps are not enough"):
        list(reduced_flow._System.of(start).excess_at((fmpq(0), fmpq(50))))
