"""midpoint-exactness: equality over the rationals, midpoint runs at large steps, and rules and methods that drift."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_instances import HOMOGENEOUS, build, exact_kinds, fraction_array, seeds, shapes

import fa_theory as ft
from fa_theory.dynamics import forward, take_step, update_directions
from fa_theory.laws import has_quadratic_laws, matrix_law, neuron_law, quadratic_laws, steepest_quadratic_law
from fa_theory.model import Network, Parameters, Problem, initialise
from fa_theory.verification import assess_midpoint_exactness, law_drift, midpoint_drift

QUADRATIC = ("fa", "adafa:0.5", "adafa:3", "backprop", "dfa")


def ends(network, X, errors, half):
    """y = m - h f and y' = m + h f: one midpoint step of size 2 h, made from its midpoint."""
    F = update_directions(network, forward(network, X), errors)
    return [network.with_parameters(take_step(network.parameters, F, side * half)) for side in (-1, 1)]


@given(
    seeds,
    shapes(max_depth=4, max_width=3),
    st.sampled_from(HOMOGENEOUS),
    st.sampled_from(QUADRATIC),
    st.booleans(),
    exact_kinds,
    st.integers(1, 40),
)
def test_a_midpoint_step_keeps_the_laws_exactly(seed, widths, name, rule, biases, kind, size):
    network = build(seed, widths, name, rule, biases, kind)
    rng = np.random.default_rng([seed, 1])
    X, errors = fraction_array(rng, (2, widths[0]), kind), fraction_array(rng, (2, widths[-1]), kind)
    before, after = ends(network, X, errors, kind(size, 4))
    for old, new in zip(quadratic_laws(before), quadratic_laws(after), strict=True):
        assert old.tolist() == new.tolist()
    assert len(quadratic_laws(network)) == (2 if name == "linear" else 1) * len(neuron_law(network))


def exact_one(rule, v, W=((1,), (2,)), name="linear"):
    weights = [np.array([[Fraction(x) for x in row] for row in W]), np.array([[Fraction(x) for x in v]])]
    feedback = rule if isinstance(rule, str) else [np.array([[Fraction(x)] for x in rule], dtype=object)]
    return Network([each.astype(object) for each in weights], name, feedback)


def test_sign_fa_drifts_in_a_step_across_a_sign_change_by_hand():
    """x = 1, e = 1, w = (1, 2), v = (1, 1), h = 3/2: f = -(w, v's w), so v_2 goes from 4 to -2 while w_2^2 / 2 - |v_2|
    goes from 49/8 - 4 to 1/8 - 2, and v_1 from 5/2 to -1/2."""
    network = exact_one("sign-fa", (1, 1))
    one = np.array([[Fraction(1)]])
    before, after = ends(network, one, one, Fraction(3, 2))
    old, new = neuron_law(before)[0].tolist(), neuron_law(after)[0].tolist()
    assert old == [Fraction(25, 8) - Fraction(5, 2), Fraction(49, 8) - 4]
    assert new == [Fraction(1, 8) - Fraction(1, 2), Fraction(1, 8) - 2]
    # without a sign change in the step it does not drift
    before, after = ends(network, one, one, Fraction(1, 4))
    assert neuron_law(before)[0].tolist() == neuron_law(after)[0].tolist()


def test_gating_moves_the_matrix_law_off_the_diagonal_in_a_midpoint_step():
    network = exact_one((1, 2), (1, 1), W=((1,), (-2,)), name="relu")
    X = np.array([[Fraction(1)], [Fraction(-3)]])
    before, after = ends(network, X, np.array([[Fraction(1)], [Fraction(2)]]), Fraction(1, 2))
    difference = matrix_law(after)[0] - matrix_law(before)[0]
    assert difference[0, 0] == difference[1, 1] == 0
    assert difference[0, 1] != 0


def midpoint_run(network, steps=10, step_size=0.2, seed=0):
    rng = np.random.default_rng([seed, 2])
    X, Y = rng.uniform(-1, 1, (3, network.widths[0])), rng.uniform(-1, 1, (3, network.widths[-1]))
    return ft.simulate(network, Problem(X, Y), method="midpoint", steps=steps, step_size=step_size, points=steps + 1)


@pytest.mark.parametrize("rule", ["fa", "adafa:0.5", "backprop", "dfa"])
@pytest.mark.parametrize(("name", "widths"), [("linear", (2, 3, 2, 2)), ("linear", (2, 3, 1)), ("relu", (2, 3, 1))])
def test_runs_at_large_steps_hold(rule, name, widths):
    network = initialise("gaussian", widths, name, rule, seed=4, biases=True)
    trajectory = midpoint_run(network)
    verdict = assess_midpoint_exactness(trajectory)
    assert verdict.verdict == "holds", verdict
    assert verdict.evidence == "float-checked"


def test_the_laws_are_kept_far_better_than_the_loss():
    trajectory = midpoint_run(initialise("gaussian", (2, 3, 1), "linear", "fa", seed=4), step_size=0.3)
    assert np.max(trajectory.error) > 1e6 * np.max(midpoint_drift(trajectory).drift)


def test_sign_fa_is_not_applicable_and_drifts_at_sign_changes():
    network = Network([[[2.0], [0.3]], [[0.5, 1.0]]], "linear", "sign-fa")
    trajectory = ft.simulate(
        network, Problem([[1.0]], [[-3.0]]), method="midpoint", steps=20, step_size=0.05, points=21
    )
    verdict = assess_midpoint_exactness(trajectory)
    assert verdict.verdict == "not_applicable"
    assert "quadratic" in verdict.detail
    drift = law_drift(trajectory, lambda now: neuron_law(now)[0], 4.0)
    crossed = np.array([np.any(state.weights[1] < 0) for state in trajectory.states])
    assert crossed.any()
    first = int(np.argmax(crossed))
    assert np.all(drift.drift[:first] <= drift.tolerance[:first])
    assert drift.drift[first] > 1e6 * drift.tolerance[first]


@pytest.mark.parametrize("method", ["flow", "gd", "sgd"])
def test_other_methods_are_not_applicable(method):
    network = build(1, (2, 3, 1), "linear", "fa", False)
    options = {"time": 0.1, "points": 3} if method == "flow" else {"steps": 2}
    verdict = assess_midpoint_exactness(ft.simulate(network, Problem(np.eye(2), [1.0, 0.0]), method=method, **options))
    assert verdict.verdict == "not_applicable"
    assert verdict.detail == f"midpoint rule: method {method}"


def explicit_midpoint(network, problem, steps, h):
    """The explicit midpoint rule, of second order as well, which keeps no quadratic invariant."""
    states, now = [network.parameters], network
    for _ in range(steps):
        middle = now
        for step in (h / 2, h):
            passed = forward(middle, problem.X)
            F = update_directions(middle, passed, problem.loss.derivative(passed.output, problem.Y))
            middle = now.with_parameters(take_step(now.parameters, F, step))
        now = middle
        states.append(now.parameters)
    return tuple(states)


@pytest.mark.parametrize("name", ["linear", "leaky_relu:0.25"])
def test_other_rules_under_the_midpoint_rules_name_are_refuted(name):
    network = build(3, (2, 3, 1), name, "fa", False)
    trajectory = midpoint_run(network, steps=10, step_size=0.05)
    assert assess_midpoint_exactness(trajectory).verdict == "holds"
    states = explicit_midpoint(network, trajectory.problem, 10, 0.05)
    # the two rules agree to second order
    assert np.max(abs(states[-1].weights[0] - trajectory.states[-1].weights[0])) < 1e-2
    changed = replace(trajectory, states=states, shadow=states)
    assert assess_midpoint_exactness(changed).verdict == "refuted"


def test_a_weight_off_by_a_billionth_is_refuted():
    trajectory = midpoint_run(build(3, (2, 3, 1), "linear", "fa", False))
    W, V = trajectory.states[7].weights
    states = list(trajectory.states)
    states[7] = Parameters((W + 1e-9, V), (None, None))
    changed = replace(trajectory, states=tuple(states), shadow=tuple(states))
    assert assess_midpoint_exactness(changed).verdict == "refuted"


@given(seeds, shapes(max_depth=3, max_width=3), st.sampled_from(HOMOGENEOUS), st.sampled_from(QUADRATIC), st.booleans())
def test_no_law_is_steeper_than_the_steepest(seed, widths, name, rule, biases):
    network = build(seed, widths, name, rule, biases)
    rng = np.random.default_rng(seed)
    small = 1e-6
    moved = network.with_parameters(
        Parameters(
            tuple(W + small * rng.choice([-1, 1], W.shape) for W in network.weights),
            tuple(None if b is None else b + small * rng.choice([-1, 1], b.shape) for b in network.biases),
        )
    )
    steepest = steepest_quadratic_law(network)
    for old, new in zip(quadratic_laws(network), quadratic_laws(moved), strict=True):
        # second order: the laws are quadratic with coefficients of at most 2 (and 3 for kappa) in few entries
        assert np.max(abs(new - old)) <= small * steepest + 100 * small**2 + 1e-14 * (1 + np.max(abs(old)))


def test_a_users_rule_and_tanh_have_no_quadratic_laws():
    sign = build(1, (2, 2, 1), "linear", "sign-fa", False)
    assert not has_quadratic_laws(sign)
    with pytest.raises(ValueError, match="quadratic potentials, got sign-fa"):
        quadratic_laws(sign)
    with pytest.raises(ValueError, match="not homogeneous"):
        quadratic_laws(Network([[[1.0]], [[1.0]]], "tanh", "backprop"))


def test_a_run_that_ends_early_says_so():
    trajectory = midpoint_run(build(3, (2, 3, 1), "linear", "fa", False))
    assert (
        "ended early: unsolved_step" in assess_midpoint_exactness(replace(trajectory, outcome="unsolved_step")).detail
    )
