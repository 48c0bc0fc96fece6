"""Generalised decay against closed forms, the curves of separable-decay, and measured runs."""

import numpy as np
import pytest
from bound_instances import aligned, run, separable
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from fa_theory.bounds import generalised_decay, separable_decay
from fa_theory.bounds.separable_decay import logistic_primitive
from fa_theory.model import Network, Problem
from fa_theory.verification import assess_generalised_decay

TIMES = np.array([0.0, 0.3, 1.0, 2.5])

CLOSED = {  # g, Gamma, L(t) from L(0) = 2
    "linear": (lambda L: 3 * L, lambda L: -np.log(L) / 3, lambda t: 2 * np.exp(-3 * t)),
    "quadratic": (lambda L: L**2 / 2, lambda L: 2 / L, lambda t: 2 / (1 + t)),
    "three halves": (lambda L: L**1.5, lambda L: 2 / np.sqrt(L), lambda t: (2**-0.5 + t / 2) ** -2.0),
    "constant": (lambda _: 0.5, lambda L: -2 * L, lambda t: 2 - t / 2),
}


@pytest.mark.parametrize("case", CLOSED)
@pytest.mark.parametrize("with_primitive", [False, True])
def test_closed_forms(case, with_primitive):
    g, primitive, solution = CLOSED[case]
    bound = generalised_decay(g, 2.0, primitive=primitive if with_primitive else None)
    values, expected = bound(TIMES), solution(TIMES)
    np.testing.assert_allclose(values, expected, rtol=1e-9)
    assert np.all(values >= expected * (1 - 1e-14))  # on the side on which it holds


def test_extinction_in_finite_time():
    # g = sqrt(L): sqrt L = sqrt 2 - t/2, zero from t = 2 sqrt 2
    for primitive in (None, lambda L: -2 * np.sqrt(L)):
        bound = generalised_decay(np.sqrt, 2.0, primitive=primitive)
        assert bound([2.7])[0] == pytest.approx((np.sqrt(2) - 1.35) ** 2, rel=1e-7)
        assert bound([2.9])[0] <= 1e-280


@settings(max_examples=20)
@given(st.floats(0.05, 5), st.floats(0.1, 3), st.floats(0.5, 2.5), st.floats(0.01, 10))
def test_it_solves_the_comparison_equation(start, scale, power, time):
    def g(L):
        return scale * L**power / (1 + L)

    bound = generalised_decay(g, start)
    if power < 1 and bound([time])[0] < 1e-6 * start:
        return  # extinct, where no integrator goes
    expected = solve_ivp(lambda _, y: -g(max(y[0], 0.0)), (0, time), [start], rtol=1e-11, atol=1e-300).y[0, -1]
    np.testing.assert_allclose(bound([time])[0], expected, rtol=1e-7, atol=1e-13)


def test_a_rate_with_a_jump_is_integrated_too():
    # g = 1 above L = 1, then 1/4: from 2, L = 2 - t up to t = 1, then 1 - (t - 1) / 4
    bound = generalised_decay(lambda L: 1.0 if L > 1 else 0.25, 2.0)
    values = bound([0.5, 1.0, 3.0])
    np.testing.assert_allclose(values, [1.5, 1.0, 0.5], rtol=1e-6)
    assert np.all(values >= np.array([1.5, 1.0, 0.5]) * (1 - 1e-12))


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_it_gives_the_curves_of_separable_decay(loss):
    network, problem = aligned(3, 2, 3, "leaky_relu:0.5"), separable(3, 4, 2, loss)
    bound = separable_decay(network, problem)
    rho, start, N = bound.constants["rho"], bound.constants["start_loss"], 4

    def g(L):
        return rho * L**2 if loss == "exponential" else rho / N**2 * np.expm1(-N * L) ** 2

    times = [0.0, 1.0, 30.0, 1e3]
    np.testing.assert_allclose(generalised_decay(g, start)(times), bound(times), rtol=1e-8)
    if loss == "logistic":
        known = generalised_decay(g, start, primitive=lambda L: -N / rho * logistic_primitive(N * L))
        np.testing.assert_allclose(known(times), bound(times), rtol=1e-8)
    trajectory = run(network, problem, time=2.0)
    verdict = assess_generalised_decay(generalised_decay(g, start), g, trajectory)
    assert verdict.verdict == "holds", verdict

    def too_much(L):
        return 1e5 * g(L)

    verdict = assess_generalised_decay(generalised_decay(too_much, start), too_much, trajectory)
    assert verdict.verdict == "not_applicable"
    assert verdict.detail.startswith("dL/dt <= -g(L)")
    assert verdict.margin < 0


def test_a_premise_that_holds_with_equality():
    # x = v = w = b = 1, y = 0, fixed only in the first instant; g at half of the true rate of decay holds for ever
    network, problem = Network([[[1.0]], [[1.0]]], "linear", [[[1.0]]]), Problem([[1.0]], [0.0])
    # dL/dt = -(w^2 + v) e^2 <= -2 (w^2/2 - C) L ..., C = 1/2 - 1 = -1/2: at least L
    trajectory = run(network, problem, time=3.0)
    bound = generalised_decay(lambda L: L, 0.5)
    assert assess_generalised_decay(bound, lambda L: L, trajectory).verdict == "holds"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((lambda L: L, 0.0), "start must be a positive finite number, got 0.0"),
        ((lambda L: L, np.inf), "start must be a positive finite number"),
        ((lambda L: L - 0.5, 1.0), r"rate must be positive and finite on \(0, 1\]"),
        ((lambda _: np.nan, 1.0), "rate must be positive and finite"),
    ],
)
def test_bad_input_is_refused(arguments, named):
    with pytest.raises(ValueError, match=named):
        generalised_decay(*arguments)
    with pytest.raises(TypeError, match=r"rate must be a function of one loss, got 2\.0"):
        generalised_decay(2.0, 1.0)


@pytest.mark.parametrize("primitive", [np.log, lambda L: -2 * np.log(L), lambda L: 1 / L, lambda _: np.nan])
def test_a_primitive_of_something_else_is_refused(primitive):
    with pytest.raises(ValueError, match="primitive must have the derivative -1/rate"):
        generalised_decay(lambda L: L, 1.0, primitive=primitive)
