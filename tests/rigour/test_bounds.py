"""Enclosed bounds: against the calculators, closed forms in rationals, and instances made to break them."""

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx, fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_theory as ft
from fa_theory import bounds
from fa_theory.model import Network, Problem, feedback_rules
from fa_theory.rigour import (
    FLOW_BOUNDS,
    ExactStart,
    balls,
    descent,
    exponential_decay,
    gd_decay,
    multi_output_decay,
    separable_decay,
)
from fa_theory.rigour.separable import infeasibility, logistic_primitive, logistic_solution
from tests.bounds.bound_instances import RULES, aligned, regression, separable
from tests.rigour.exact_checks import contains

PLAIN = ("descent", "exponential-decay", "separable-decay", "multi-output-decay")
TIMES = np.array([0.0, 0.1, 1.0, 30.0])


def neuron(w, v, b, slope="linear", X=((1.0,),), y=(1.0,), loss="squared"):
    """A network with one hidden neuron, over the rationals."""
    network = Network([np.array([w], dtype=float), np.array([[v]])], slope, [np.array([[b]])])
    return ExactStart(network, Problem(np.array(X, dtype=float), np.array(y, dtype=float), loss))


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from(RULES), st.booleans(), st.sampled_from(["linear", "leaky_relu:0.3"]))
def test_enclosures_agree_with_the_calculators(seed, rule, biases, activation):
    network = aligned(seed, 4, 3, activation, rule, biases)
    for problem in (
        regression(seed, 3, 4),
        separable(seed, 5, 4, "exponential"),
        separable(seed, 5, 4, "logistic"),
    ):
        start = ExactStart(network, problem)
        for bound in bounds.all_bounds(network, problem):
            if bound.id not in PLAIN or bound.undecided:
                continue
            enclosed = FLOW_BOUNDS[bound.id](start)
            assert enclosed.applicable == bound.applicable
            if bound.applicable:
                ours, theirs = enclosed.as_bound(bound)(TIMES), bound(TIMES)
                drift = 1e-9 * (1 + (bound.rate or 0.0) * TIMES)
                assert np.all(abs(ours - theirs) <= (bound.rounding + drift) * theirs)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_the_exponential_rate_of_one_neuron_is_rational(seed):
    rng = np.random.default_rng(seed)
    w, v, b, x, y = (float(each) for each in rng.uniform(0.1, 1, 5))
    b *= 8
    start = neuron([w], v, b, X=[[x]], y=[y])
    c = Fraction(b) * Fraction(v) - Fraction(w) ** 2 / 2
    bound = exponential_decay(start)
    assert bound.applicable == (c > 0)
    if c > 0:
        rate = 2 * c * Fraction(x) ** 2
        assert contains(bound.enclosed_constants()["rate"], fmpq(rate.numerator, rate.denominator))
        loss = (Fraction(v) * Fraction(w) * Fraction(x) - Fraction(y)) ** 2 / 2
        (value,) = bound.values((fmpq(0),))
        assert [float(one) for one in bound.values([0, 0.5])] == [float(value), float(bound.values([fmpq(1, 2)])[0])]
        assert contains(value, fmpq(loss.numerator, loss.denominator))


@pytest.mark.parametrize(
    ("w", "v", "b", "exact"),
    [
        ([1.0, 2.0**-28], 1.0, 0.5, -(Fraction(2) ** -57)),
        ([1 - 2.0**-53], 1 - 2.0**-53, 0.5, Fraction(2) ** -54 - Fraction(2) ** -107),
    ],
)
def test_an_alignment_within_rounding_of_zero_is_decided(w, v, b, exact):
    assert 0 < abs(exact) < 1e-16
    start = neuron(w, v, b, "leaky_relu:0.5", X=[[1.0] * len(w)])
    assert start.c == (fmpq(exact.numerator, exact.denominator),)
    floating = bounds.descent(start.floats, start.problem).assumptions[-1]
    decided = descent(start).assumptions[-1]
    assert floating.holds is None
    assert decided.holds is (exact > 0)
    assert (decided.margin > 0) is (exact > 0)


def test_a_rate_below_the_smallest_float_is_positive():
    start = neuron([1e-170, 0.0], 1e-170, 1.0, X=[[1e-160, 0.0]])
    bound = exponential_decay(start)
    assert bound.applicable
    rate = bound.enclosed_constants()["rate"]
    assert 0 < rate < arb(10) ** -480
    assert balls.lower_float(rate) == 0
    late, later = bound.values((fmpq(10) ** 480, fmpq(10) ** 500))
    assert later < late < start.excess


def test_an_exponential_loss_that_no_float_holds():
    start = neuron([-100.0], 100.0, 1e6, X=[[1.0]], y=[1.0], loss="exponential")
    bound = separable_decay(start)
    assert bound.applicable
    loss = bound.enclosed_constants()["start"]
    assert loss.log().contains(10**4)
    assert balls.upper_float(loss) == math.inf
    (value,) = bound.values((fmpq(1),))  # 1 / (rho t), rho = s, up to 1e-4000
    assert abs(value * start.s - 1) < 1e-15


@pytest.mark.parametrize("sigma", [1e-30, 1e-3, 1.0, 50.0, 1e6])
@pytest.mark.parametrize("part", [1e-12, 0.5, 2.0, 1e12])
def test_the_inverted_primitive_is_bracketed_by_the_primitive(sigma, part):
    with ctx.workprec(512):
        elapsed = arb(sigma) * arb(part)
        found = logistic_solution(arb(sigma), elapsed)
        goal = logistic_primitive(arb(sigma)) - elapsed
        assert logistic_primitive(found.lower()) <= goal <= logistic_primitive(found.upper())
        assert found.rel_accuracy_bits() > 200


def test_the_logistic_solution_obeys_its_equation():
    sigma, step = arb(2), arb((1, -60))
    with ctx.workprec(400):
        before, after = logistic_solution(sigma, arb(1)), logistic_solution(sigma, arb(1) + step)
        q = 1 - (-before).exp()
        assert abs((before - after) / step / (q * q) - 1) < arb((1, -50))


def test_a_margin_that_floats_leave_open_is_decided():
    X, y = [[1.0, 1e-12], [1.0, -1e-12]], [1.0, -1.0]
    network = aligned(1, 2, 3)
    start = ExactStart(network, Problem(np.array(X), np.array(y), "logistic"))
    assert bounds.separable_decay(network, start.problem).assumptions[5].holds is None
    bound = separable_decay(start)
    assert bound.applicable
    gamma = bound.enclosed_constants()["gamma"]
    assert abs(gamma / arb(1e-12) - 1) < 1e-6


def test_data_that_no_direction_separates_have_an_exact_certificate():
    X, y = np.array([[1.0, 1.0], [-1.0, -1.0], [0.1, 3.0]]), np.array([1.0, 1.0, 1.0])
    start = ExactStart(aligned(1, 2, 3), Problem(X, y, "logistic"))
    weights = infeasibility(start, ft.model.max_margin(X, y))
    assert weights is not None
    assert sum(weights.values(), fmpq(0)) == 1
    assert min(weights.values()) > 0
    for k in range(2):
        assert sum((a * balls.rational(float(y[j] * X[j, k])) for j, a in weights.items()), fmpq(0)) == 0
    verdict = separable_decay(start).assumptions[5]
    assert verdict.holds is False
    assert "exact convex combination" in verdict.detail


def test_the_largest_step_size_is_certified_and_a_hair_more_is_not_applicable():
    network, problem = aligned(3, 3, 4), regression(3, 6, 3)
    start = ExactStart(network, problem)
    certified = bounds.gd_decay(network, problem).step_size
    assert gd_decay(start, certified).applicable
    above = gd_decay(start, certified * (1 + 1e-6))
    assert not above.applicable
    assert any("step size" in each.name and each.holds is not True for each in above.assumptions)
    report = ft.verify(network, problem, method="gd", steps=5, step_size=certified * (1 + 1e-6), rigorous=True)
    assert report.verdict("gd-decay").verdict == "not_applicable"


def test_mixed_signs_decide_between_rate_and_none():
    X = np.eye(2)
    W, B = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0], [1.0]])

    def rate(v):
        network = Network([W, np.array([v])], "leaky_relu:0.5", [B])
        return exponential_decay(ExactStart(network, Problem(X, np.ones(2))))

    # c = v - 1/2, lambda = 1/2: the rate is 2 (c_1 / 4 + c_2) / 2
    assert rate([2.5, 0.25]).enclosed_constants()["rate"].contains(fmpq(1, 4))
    assert not rate([1.5, 0.25]).applicable
    assert not rate([1.25, 0.25]).applicable


def test_a_network_without_rational_values_is_refused():
    network = Network([np.ones((2, 1)), np.ones((1, 2))], "tanh", "backprop")
    with pytest.raises(ValueError, match="tanh"):
        ExactStart(network, Problem(np.ones((1, 1)), np.ones(1)))


def test_deep_networks_and_other_losses_are_told_what_fails():
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((3, 3)) for _ in range(3)]
    network = Network(weights, "linear", feedback_rules("backprop", weights, ()))
    start = ExactStart(network, Problem(np.eye(3), np.eye(3), "cross_entropy"))
    for calculate in FLOW_BOUNDS.values():
        bound = calculate(start)
        assert not bound.applicable
        assert bound.assumptions[0].holds is False


def test_a_condition_that_53_bits_cannot_evaluate_is_decided_at_more():
    """The eigenvalues of this Gram matrix cannot be certified at flint's standing precision."""
    X = np.array([[1.0, 2.0**-26, 0.0], [1.0, -(2.0**-26), 0.0], [1.0, 0.0, 2.0**-40]])
    network = aligned(3, 3, 4)
    step_size = bounds.gd_decay(network, Problem(X, np.ones(3))).step_size
    bound = gd_decay(ExactStart(network, Problem(X, np.ones(3))), (step_size or 1e-30) / 2)
    assert bound.assumptions[-1].holds is not None
    decay = exponential_decay(ExactStart(network, Problem(X, np.ones(3))))
    assert decay.enclosed_constants()["lambda"] < 2.0**-80


def test_data_of_zeros_span_nothing():
    start = ExactStart(aligned(1, 2, 3), Problem(np.zeros((2, 2)), np.array([1.0, -2.0])))
    assert start.in_span(start.errors) == fmpq_mat(1, 1)
    assert start.best_fit == [[fmpq(0)], [fmpq(0)]]
    assert not exponential_decay(start).applicable


def test_a_feedback_that_is_not_positive_definite_gives_no_multi_output_rate():
    network = Network([np.ones((2, 2)), np.eye(2)], "linear", [np.array([[1.0, 0.0], [0.0, -1.0]])])
    bound = multi_output_decay(ExactStart(network, Problem(np.eye(2), np.eye(2))))
    assert not bound.applicable
    assert "not positive definite, exactly" in bound.assumptions[-1].detail


def test_gd_decay_says_which_step_size_it_needs():
    network, problem = aligned(3, 3, 4), regression(3, 6, 3)
    bound = gd_decay(ExactStart(network, problem), 1e3)
    assert not bound.applicable
    assert bound.assumptions[-1].holds is not True
