"""hitting-time in balls: against the calculator, closed forms of one neuron, and instances that floats leave open."""

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_theory as ft
from fa_theory import bounds
from fa_theory.model import Network, Problem
from fa_theory.rigour import ExactStart, UndecidedError, balls, hitting_time
from fa_theory.rigour.comparison import Comparison, Course
from fa_theory.rigour.zeros import increasing_zero
from fa_theory.verification import enclosed
from tests.bounds.bound_instances import separable


def any_start(seed, width=3, size=1.0, activation="leaky_relu:0.4", biases=False, dead=False):
    """A start of any alignment on separable data; `dead`: the first neuron gets no feedback."""
    rng = np.random.default_rng([seed, 3])
    W, V = size * rng.uniform(-1, 1, (width, 2)), size * rng.uniform(-1, 1, (1, width))
    B = rng.choice([-1, 1], (width, 1)) * rng.uniform(0.3, 1.5, (width, 1))
    if dead:
        B[0] = 0
    given_biases = [rng.uniform(-1, 1, width), np.zeros(1)] if biases else None
    return Network([W, V], activation, [B], given_biases), separable(seed, 4, 2, "logistic")


def neuron(v, w=0.0, b=1.0):
    """One neuron on one sample x = y = 1: with u = 1 both gamma and R are 1, and Q = (w + b tau)_+^2 / 2 - C."""
    network = Network([np.array([[w]]), np.array([[v]])], "linear", [np.array([[b]])])
    return network, Problem(np.array([[1.0]]), np.array([1.0]), "logistic")


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 3.0]), st.booleans(), st.booleans())
def test_the_enclosure_agrees_with_the_calculator(seed, size, biases, dead):
    network, problem = any_start(seed, size=size, biases=biases, dead=dead)
    epsilon = bounds.hitting_time(network, problem).constants["start_loss"] / 3
    known = bounds.hitting_time(network, problem, epsilon)
    found = hitting_time(ExactStart(network, problem), epsilon)
    assert found.applicable is known.applicable is True
    ours = found.as_bound(known)
    assert ours.epsilon == known.epsilon
    assert ours.time == pytest.approx(known.time, rel=1e-9)
    times = np.array([0.0, 1e-3, 0.3, 10.0, known.time, 1e3 * known.time])
    np.testing.assert_allclose(ours(times), known(times), rtol=known.rounding + 1e-12)
    assert {"gamma", "R", "Q", "turn", "growth", "tau"} <= found.enclosed_constants().keys() & known.constants.keys()
    for name in found.enclosed_constants().keys() & known.constants.keys():
        middle = float(found.enclosed_constants()[name].mid())
        assert middle == pytest.approx(known.constants[name], rel=1e-9, abs=1e-12)


def test_one_aligned_neuron_solves_a_cubic():
    """w = 0, b v = c: Q = c + tau^2 / 2, and expm1 L = exp(-c tau - tau^3 / 6) as expm1 L(0) = 1."""
    network, problem = neuron(v=0.75)
    start, epsilon = ExactStart(network, problem), 0.01
    found = hitting_time(start, epsilon)
    constants = found.enclosed_constants()
    assert constants["turn"].is_zero()
    with ctx.workprec(400):
        tau, goal = constants["tau"], -arb(epsilon).expm1().log()
        ends = [t * fmpq(3, 4) + t**3 / 6 for t in (tau.lower(), tau.upper())]
        assert ends[0] <= goal <= ends[1]
        assert (tau / (1 - (-arb(epsilon)).exp())).overlaps(found.enclosed_time())
        (value,) = found.values((fmpq(0),))
        assert value.overlaps(arb(2).log())


def test_one_misaligned_neuron_turns_at_a_known_tau():
    """w = 0, b v = -c: Q = tau^2 / 2 - c turns positive at sqrt(2 c), after a growth of (2 c)^(3/2) / 3."""
    network, problem = neuron(v=-2.0)
    constants = hitting_time(ExactStart(network, problem), 0.5).enclosed_constants()
    with ctx.workprec(400):
        assert constants["turn"].contains(2)
        assert constants["growth"].contains(arb(8) / 3)
        assert constants["turn"].rel_accuracy_bits() > 100


def test_a_strong_feedback_turns_early():
    """b = 64, C = 128: (64 tau)^2 / 2 = 128 at 1/4."""
    network, problem = neuron(v=-2.0, b=64.0)
    constants = hitting_time(ExactStart(network, problem), 0.5).enclosed_constants()
    assert constants["turn"].contains(fmpq(1, 4))


def test_a_time_and_a_turn_that_are_powers_of_two_are_found():
    network, problem = neuron(v=-2.0)
    course = Course(Comparison(ExactStart(network, problem), (1.0,)), arb(2).log(), 1)
    # log expm1 L = 8/3 at the turn; at tau = 4 the integral of Q is 64/6 - 8 = 8/3
    assert course.tau_of((-(arb(8) / 3)).exp().log1p()).contains(4)


def test_a_hair_of_separation_and_any_feedback_will_do():
    X, y = np.array([[1.0, 1e-12], [1.0, -1e-12]]), np.array([1.0, -1.0])
    network, _ = any_start(1)
    problem = Problem(X, y, "logistic")
    assert bounds.hitting_time(network, problem).applicable is False
    assert bounds.hitting_time(network, problem).undecided
    found = hitting_time(ExactStart(network, problem))
    assert found.applicable
    ours = found.as_bound(bounds.hitting_time(network, problem))
    assert ours.epsilon == float(bounds.hitting_time(network, problem).constants["start_loss"]) / 2
    assert ours.time > 1e12


def test_what_is_assumed_is_decided():
    network, problem = any_start(1)
    B = np.zeros((3, 1))
    dead = hitting_time(ExactStart(Network(network.weights, "leaky_relu:0.4", [B]), problem))
    assert not dead.applicable
    assert "largest |b_i|" in dead.assumptions[-1].detail
    mixed = Problem(np.array([[1.0, 1.0], [-1.0, -1.0]]), np.array([1.0, 1.0]), "logistic")
    assert hitting_time(ExactStart(network, mixed)).assumptions[-2].holds is False
    with pytest.raises(ValueError, match="epsilon must be a positive finite number, got -1"):
        hitting_time(ExactStart(network, problem), -1.0)


def test_an_epsilon_that_is_reached_at_once():
    network, problem = any_start(2)
    found = hitting_time(ExactStart(network, problem), 10.0)
    assert found.enclosed_time().is_zero()
    assert "settled" not in found.enclosed_constants()


def test_what_a_ball_does_not_tell_is_undecided():
    network, problem = neuron(v=-2.0)
    course = Course(Comparison(ExactStart(network, problem), (1.0,)), arb(1, 0.125), 1)
    with pytest.raises(UndecidedError, match="loss at the start"):
        course.tau_of(arb(1))
    with pytest.raises(UndecidedError, match="at which the loss settles"):
        course.at(balls.rational(float(course.settled(course.turn).mid())))
    with pytest.raises(UndecidedError, match="signs at the ends"):
        increasing_zero(lambda x: x, arb(1), arb(2))
    with pytest.raises(UndecidedError, match="is not certain"):
        increasing_zero(lambda x: x - arb(3, 0.01), arb(1), arb(8))
    with pytest.raises(UndecidedError, match="not told from the turn"):
        course._after_turn(lambda _: arb(1))


@pytest.mark.parametrize("root", [1e-30, 0.37, 1e30])
def test_zeros_far_from_both_ends_are_found(root):
    found = increasing_zero(lambda x: (x / arb(root)).log() * (1 + x), arb(1e-40), arb(1e40))
    assert found.contains(arb(root))


def test_the_row_says_what_is_enclosed_and_a_wrong_time_is_refuted(monkeypatch):
    network, problem = neuron(v=0.75)
    run = {"time": 1.0, "points": 3, "epsilon": 0.3, "rigorous": True}
    report = ft.verify(network, problem, **run)
    row = report.verdict("hitting-time")
    assert row.evidence == "float-checked"
    assert "the bound is enclosed, the run is not: only the flow of two-layer" in row.detail
    assert "loss 0.3 promised by" in row.detail
    real = enclosed.HITTING_TIMES["hitting-time"]

    def too_fast(start, epsilon):
        bound = real(start, epsilon)
        return enclosed.replace(bound, curve=lambda t: bound.curve(10**6 * t))

    monkeypatch.setitem(enclosed.HITTING_TIMES, "hitting-time", too_fast)
    assert ft.verify(network, problem, **run).verdict("hitting-time").verdict == "refuted"
