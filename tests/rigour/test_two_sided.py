"""The two-sided bounds in balls: against the calculators, quadrature for one neuron, and what floats leave open."""

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

import fa_theory as ft
from fa_theory import bounds
from fa_theory.model import Network, Problem
from fa_theory.rigour import ExactStart, balls, hitting_time_two_sided, separable_decay_two_sided, two_sided
from fa_theory.verification import enclosed
from tests.bounds.bound_instances import aligned, separable
from tests.rigour.test_enclosed_hitting_time import any_start, neuron

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=4)
@given(seeds, st.sampled_from(["linear", "leaky_relu:0.3"]), st.booleans())
def test_the_decay_agrees_with_the_calculator(seed, activation, biases):
    network = aligned(seed, 2, 3, activation, biases=biases)
    for loss in ("exponential", "logistic"):
        problem = separable(seed, 4, 2, loss)
        known = bounds.separable_decay_two_sided(network, problem)
        found = separable_decay_two_sided(ExactStart(network, problem))
        assert found.applicable is known.applicable is True
        times = np.array([0.0, 0.1, 1.0, 30.0, 1e4])
        # a cell more or less at the crossing is all the difference that rounding can make
        np.testing.assert_allclose(found.as_bound(known)(times), known(times), rtol=0.02)
        plain = bounds.separable_decay(network, problem)(times[3:])
        assert np.all(found.as_bound(known)(times)[3:] < plain)


@settings(max_examples=10)
@given(seeds, st.sampled_from([0.3, 1.0, 3.0]))
def test_the_time_agrees_with_the_calculator(seed, size):
    network, problem = any_start(seed, size=size)
    known = bounds.hitting_time_two_sided(network, problem)
    found = hitting_time_two_sided(ExactStart(network, problem)).as_bound(known)
    assert found.time == pytest.approx(known.time, rel=1e-9)
    assert found.time <= bounds.hitting_time(network, problem).time


def by_quadrature(s, start, count, delay, time):
    """The largest over tau of min(start exp(-I), count J exp(-I) / (time - delay tau)_+), Q = s + tau^2 / 2."""

    def total(tau):
        return s * tau + tau**3 / 6

    def smaller(tau):
        ratio = quad(lambda x: np.exp(total(x) - total(tau)), 0, tau)[0]
        left = time - delay * tau
        return min(start * np.exp(-total(tau)), count * ratio / left if left > 0 else np.inf)

    return max(smaller(tau) for tau in np.linspace(0, 4, 801))


@pytest.mark.parametrize("time", [0.3, 3.0, 30.0, 3000.0])
@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_one_neuron_stays_above_its_exact_value_and_near_it(time, loss):
    """w = 0, b = 1, x = y = 1: |w| >= tau and Q = v + tau^2 / 2; the loss at the start is 1 or log 2."""
    network, problem = neuron(v=0.75)
    problem = Problem(problem.X, problem.Y, loss)
    (value,) = separable_decay_two_sided(ExactStart(network, problem)).values((fmpq(*time.as_integer_ratio()),))
    exact = by_quadrature(0.75, 1.0, 1, 0 if loss == "exponential" else 1, time)
    exact = exact if loss == "exponential" else np.log1p(exact)
    assert exact * (1 - 1e-6) < float(value.mid()) < exact * 1.03


def test_the_time_of_one_misaligned_neuron_by_quadrature():
    """Q = tau^2 / 2 - 2 turns positive at 2; N = 1, so that epsilon_0 is from exp(I(tau)) expm1(epsilon)."""
    network, problem = neuron(v=-2.0)
    epsilon = 0.2
    found = hitting_time_two_sided(ExactStart(network, problem), epsilon)

    def total(tau):
        return tau**3 / 6 - 2 * tau

    def longest(tau):
        ratio = quad(lambda s: np.exp(total(s) - total(tau)), 2, tau)[0]
        before = max(np.log1p(np.exp(total(tau)) * np.expm1(epsilon)), epsilon)
        return 2 / (1 - np.exp(-before)) + (tau - 2) + ratio / np.expm1(epsilon)

    last = float(found.enclosed_constants()["tau"].mid())
    exact = max(longest(tau) for tau in np.linspace(2, last, 401))
    assert exact * (1 - 1e-9) < float(found.enclosed_time().mid()) < exact * 1.01


def test_few_cells_are_valid_and_looser(monkeypatch):
    network, problem = neuron(v=0.75)
    start, at = ExactStart(network, problem), (fmpq(3),)
    (fine,) = separable_decay_two_sided(start).values(at)
    time = hitting_time_two_sided(start, 0.1).enclosed_time()
    monkeypatch.setattr(two_sided, "_MOST_TERMS", 100)
    (coarse,) = separable_decay_two_sided(start).values(at)
    with ctx.workprec(200):
        assert fine < coarse < 2 * fine
        assert time < hitting_time_two_sided(start, 0.1).enclosed_time() < 2 * time


def test_a_hair_of_separation_is_enough():
    network = aligned(1, 2, 3)
    problem = Problem(np.array([[1.0, 1e-12], [1.0, -1e-12]]), np.array([1.0, -1.0]), "logistic")
    assert bounds.separable_decay_two_sided(network, problem).undecided
    found = separable_decay_two_sided(ExactStart(network, problem))
    assert found.applicable
    first, last = found.values((fmpq(0), fmpq(10) ** 40))
    assert last < first / 1000


def test_a_gain_that_no_float_holds_leaves_the_plain_bound():
    network, problem = neuron(v=1.0)
    small = Problem(problem.X * 1e-170, problem.Y, "exponential")
    found = separable_decay_two_sided(ExactStart(network, small))
    assert found.applicable
    (value,) = found.values((fmpq(10) ** 400,))
    assert 0 < value < arb(10) ** -59  # 1 / (1 + rho t), rho = 1e-340
    assert value < found.values((fmpq(10) ** 399,))[0]


def test_long_before_the_clock_can_run_the_start_is_the_bound():
    """At T = 1e-9 and N = 4 every cell but the first has N tau > T."""
    network, problem = aligned(1, 2, 3), separable(1, 4, 2, "logistic")
    found = separable_decay_two_sided(ExactStart(network, problem))
    zero, soon = found.values((fmpq(0), fmpq(1, 10**9)))
    assert soon <= zero
    assert abs(soon / zero - 1) < 1e-6


def test_an_epsilon_that_is_reached_at_once_takes_no_time():
    network, problem = any_start(2)
    assert hitting_time_two_sided(ExactStart(network, problem), 10.0).enclosed_time().is_zero()


def test_what_is_assumed_is_named():
    problem = separable(1, 4, 2, "logistic")
    found = separable_decay_two_sided(ExactStart(aligned(1, 2, 3, rule="sign-fa"), problem))
    assert [each.name for each in found.assumptions if not each.holds] == ["rule is fa"]
    mixed = Problem(np.array([[1.0, 1.0], [-1.0, -1.0]]), np.array([1.0, 1.0]), "logistic")
    assert not hitting_time_two_sided(ExactStart(aligned(1, 2, 3), mixed)).applicable


def test_the_rows_say_what_is_enclosed_and_a_wrong_curve_is_refuted(monkeypatch):
    network, problem = neuron(v=0.75)
    run = {"time": 1.0, "points": 3, "epsilon": 0.3, "rigorous": True}
    report = ft.verify(network, problem, **run)
    for name in ("separable-decay-two-sided", "hitting-time-two-sided"):
        row = report.verdict(name)
        assert row.evidence == "float-checked"
        assert "the bound is enclosed, the run is not: only the flow of two-layer" in row.detail
    real = enclosed.FLOW_BOUNDS["separable-decay-two-sided"]

    def too_fast(start):
        bound = real(start)
        return enclosed.replace(bound, curve=lambda t: bound.curve(1000 * t))

    monkeypatch.setitem(enclosed.FLOW_BOUNDS, "separable-decay-two-sided", too_fast)
    assert ft.verify(network, problem, **run).verdict("separable-decay-two-sided").verdict == "refuted"


def test_a_network_whose_feedback_is_zero_has_cells_of_one_width():
    network = Network([np.array([[1.0]]), np.array([[1.0]])], "linear", [np.array([[0.0]])])
    problem = Problem(np.array([[1.0]]), np.array([1.0]), "logistic")
    weights = two_sided._Weights.of(ExactStart(network, problem), (1.0,))
    ends = weights._replace(total=fmpq(1)).grid()
    assert ends[0] == 0
    # without anything that drives it no float is the end
    assert balls.float_of_sign(weights._replace(total=fmpq(0), size=[fmpq(0)]).grid()[-1]) > 1e300
    assert balls.float_of_sign(ends[1]) == pytest.approx(0.01 / 1.5)
