"""Laws of users' own rules: right rules pass, wrong ones fail and say where, and the message can be run."""

# ruff: noqa: ARG005 - a rule is called with all that rules are called with, used or not
import traceback

import numpy as np
import pytest
from hypothesis import assume, given, settings
from own_rules import feedback_alignment, forgetful, gated, hurried, pasted, small, with_biases

import fa_theory as ft
from fa_theory.laws import neuron_law
from fa_theory.model import AdaptiveFeedback, DirectFeedback, PotentialFeedback
from fa_theory.testing import UndecidedError, assert_conserved, instances

few = settings(max_examples=8, deadline=None)


def failure(*arguments, **options):
    with pytest.raises(AssertionError) as caught:
        assert_conserved(*arguments, **options)
    return caught.value


@few
@given(instances(activation="linear", biases=False).filter(lambda drawn: drawn[0].rule_name != "dfa"))
def test_rules_with_a_potential_keep_the_neuron_law(drawn):
    assert_conserved(feedback_alignment, "neuron-law", *drawn)


@few
@given(instances(activation="linear", biases=False, rule="adafa:2", loss="squared"))
def test_and_the_matrix_law_in_linear_networks(drawn):
    # where all feedback starts at zero, the law's terms can be rounding alone, which decides nothing
    assume(any(np.any(B) for B in drawn[0].matrices()))
    assert_conserved(feedback_alignment, "matrix-law", *drawn)
    assert_conserved(feedback_alignment, "projection-law", *drawn)


def test_a_flow_that_leaves_the_floats_is_not_the_fault_of_a_rule_given_infinite_errors():
    network = ft.Network([[[-3.0]], [[3.0]], [[3.0]]], "linear", [[[1.0]], [[1.0]]])  # exp(27) at the start
    assert_conserved(feedback_alignment, "neuron-law", network, ft.Problem([[1.0]], [1.0], "exponential"))


@few
@given(instances(activation="leaky_relu:0.5", depth=2, biases=False, rule="sign-fa"))
def test_gates_keep_the_neuron_law(drawn):
    assert_conserved(gated(0.5), "neuron-law", *drawn, points=2)


@few
@given(instances(activation="linear", depth=2, biases=True, rule="fa"))
def test_biases_count(drawn):
    assert_conserved(with_biases, "neuron-law", *drawn)
    assert_conserved(with_biases, "matrix-law", *drawn)


def test_gates_break_the_matrix_law_off_its_diagonal():
    network, problem = small(activation="leaky_relu:0.5")
    error = failure(gated(0.5), "matrix-law", network, problem)
    assert "entry [0, 1] of the matrix of hidden layer 1" in str(error)
    assert_conserved(gated(1.0), "matrix-law", *small())


def test_a_wrong_rule_is_told_what_is_wrong_and_where():
    network, problem = small()
    error = failure(hurried, "neuron-law", network, problem)
    # twice the first layer's update leaves <w_0, F_0> over, computed here by hand
    e = problem.X @ network.weights[0].T @ network.weights[1].T - problem.Y
    first = -(e @ [[1.0, -2.0]]).T @ problem.X / 2
    rates = np.sum(network.weights[0] * first, axis=1)
    worst = int(np.argmax(abs(rates)))
    assert f"C of neuron {worst + 1} in hidden layer 1 (row {worst} of W1)" in str(error)
    assert f"at t = 0, C of neuron {worst + 1}" in str(error)
    assert f"changes at the rate {rates[worst]:.6g}\n" in str(error)
    assert "predicted: 0" in str(error)
    assert "tolerance: " in str(error)
    assert "numbers and samples x rounding 2.2e-16 x terms of size" in str(error)


@pytest.mark.parametrize("rule", ["fa", "sign-fa", "backprop"])
def test_the_message_is_code_that_fails_in_the_same_way(rule):
    error = failure(hurried, "neuron-law", *small(rule), time=0)
    assert str(pasted(error, hurried=hurried)) == str(error)


def test_so_are_those_of_networks_with_biases_and_other_feedback():
    def wrong(weights, X, e, feedback, biases):
        updates, others = with_biases(weights, X, e, feedback, biases)
        return updates, [2 * others[0], others[1]]

    network, problem = small()
    with_b = ft.Network(network.weights, "linear", network.feedback, [[0.5, 1.0], [0.25]])
    error = failure(wrong, "neuron-law", with_b, problem, time=0)
    assert str(pasted(error, wrong=wrong)) == str(error)
    first_only = ft.Network(network.weights, "linear", network.feedback, [[0.5, 1.0], None])
    partial = failure(
        lambda weights, X, e, biases, feedback: wrong(weights, X, e, feedback, [biases[0], np.zeros(1)]),
        "neuron-law",
        first_only,
        problem,
    )
    assert "biases = [np.array([0.5, 1.0]), None]" in str(partial)
    for feedback in (DirectFeedback([[1.0], [-2.0]]), AdaptiveFeedback(2.0, [[1.0], [-2.0]], network.weights[1])):
        other = ft.Network(network.weights, "linear", [feedback])
        error = failure(hurried, "neuron-law", other, problem, time=0)
        assert str(pasted(error, hurried=hurried)) == str(error)


def test_a_rule_that_goes_wrong_later_is_caught_later():
    network, problem = small()

    def lapses(weights, X, e, feedback):
        moved = abs(weights[0] - network.weights[0]).max() > 0.1
        return (hurried if moved else feedback_alignment)(weights, X, e, feedback)

    assert_conserved(lapses, "neuron-law", network, problem, time=0)
    error = failure(lapses, "neuron-law", network, problem, time=1.0, points=5)
    assert "at t = 0.25, C of neuron" in str(error)
    assert str(pasted(error, lapses=lapses)) == str(error).replace("at t = 0.25", "at t = 0")


@pytest.mark.parametrize(("size", "passes"), [(1e-15, True), (1e-9, False)])
def test_the_tolerance_is_that_of_rounding(size, passes):
    def nearly(weights, X, e, feedback):
        first, second = feedback_alignment(weights, X, e, feedback)
        return [first * (1 + size), second]

    if passes:
        assert_conserved(nearly, "neuron-law", *small())
    else:
        failure(nearly, "neuron-law", *small())


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_tolerance_is_relative(scale):
    network, problem = small()
    scaled = ft.Network([scale * W for W in network.weights], "linear", [scale * network.matrices()[0]])
    wide = ft.Problem(problem.X, scale**2 * problem.Y)
    assert_conserved(feedback_alignment, "neuron-law", scaled, wide, time=0)
    failure(hurried, "neuron-law", scaled, wide, time=0)


def test_large_terms_that_cancel_are_no_failure():
    network, _ = small()
    rng = np.random.default_rng(1)
    X = 1e4 + rng.standard_normal((50, 2))
    Y = X @ network.weights[0].T @ network.weights[1].T + 1e-8 * rng.standard_normal((50, 1))
    assert_conserved(feedback_alignment, "neuron-law", network, ft.Problem(X, Y), time=0)
    failure(hurried, "neuron-law", network, ft.Problem(X, Y + 1.0), time=0)


def test_quantities_of_ones_own():
    def neuron(weights, feedback):
        return (weights[0] ** 2).sum(axis=1) / 2 - (feedback[0] * weights[1].T).sum(axis=1)

    def parts(weights):
        return [weights[0][0] - 0.0 * weights[0][0], weights[1] * 0.0]

    network, problem = small()
    assert neuron(network.weights, network.matrices()).tolist() == neuron_law(network)[0].tolist()
    assert_conserved(feedback_alignment, neuron, network, problem)
    assert "neuron[" in str(failure(hurried, neuron, network, problem))
    error = failure(feedback_alignment, parts, network, problem)
    assert "does not conserve parts: at t = 0, parts[0][0] changes" in str(error)
    assert str(pasted(error, feedback_alignment=feedback_alignment, parts=parts)) == str(error)
    single = failure(feedback_alignment, lambda weights: weights[1].sum(), network, problem)
    assert "conserve quantity: at t = 0, quantity changes at" in str(single)


def test_a_potential_of_ones_own():
    cubic = PotentialFeedback(lambda W: (abs(W) * W).T, lambda W: (abs(W) ** 3).sum(axis=0) / 3, name="cubic", degree=3)
    network, problem = small()
    own = ft.Network(network.weights, "linear", [cubic])
    assert_conserved(feedback_alignment, "neuron-law", own, problem)
    error = failure(hurried, "neuron-law", own, problem)
    assert "rules = [...]  # your own: cubic" in str(error)


def test_feedback_that_a_rule_has_already_is_left_alone():
    from functools import partial

    network, problem = small()
    mine = partial(feedback_alignment, feedback=network.matrices())
    assert_conserved(mine, "neuron-law", network, problem)
    other = partial(feedback_alignment, feedback=[np.array([[1.0], [1.0]])])
    failure(other, "neuron-law", network, problem)


def test_projection_law_fails_with_weight_decay():
    network, _ = small()
    problem = ft.Problem([[1.0, 2.0]], [1.0])
    assert_conserved(feedback_alignment, "projection-law", network, problem)
    assert "of W1 (I - P_X)" in str(failure(forgetful, "projection-law", network, problem))


def test_what_is_not_finite_fails():
    def overflows(weights, X, e, feedback):
        return [F * np.inf for F in feedback_alignment(weights, X, e, feedback)]

    with np.errstate(invalid="ignore"):
        assert "updates that are not finite" in str(failure(overflows, "neuron-law", *small()))
        error = failure(feedback_alignment, lambda weights: weights[0] * np.nan, *small())
    assert "the quantity is not finite" in str(error)


def test_a_rough_quantity_is_undecided():
    with pytest.raises(UndecidedError, match=r"undecided: at t = 0, the rate of quantity\[0, 0\] is known only to"):
        assert_conserved(feedback_alignment, lambda weights: np.floor(1e9 * weights[0]) % 7, *small(), time=0)


def test_a_large_instance_is_not_printed():
    network = ft.initialise("gaussian", (3, 200, 1), "linear", "fa", seed=1)
    problem = ft.Problem(np.eye(3), [1.0, 2.0, 3.0])
    error = failure(hurried, "neuron-law", network, problem, time=0)
    assert "812 numbers are too many to print" in str(error)
    assert len(str(error)) < 1000


def test_rules_cannot_reach_into_the_state():
    def in_place(weights, X, e, feedback):
        updates = feedback_alignment(weights, X, e, feedback)
        for array in (*weights, X, e, *feedback):
            array *= 0
        return updates

    network, problem = small()
    assert_conserved(in_place, "neuron-law", network, problem)
    assert network.weights[0][0, 0] == 0.5


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda weights: None, "got None; if it changes its arrays in place"),
        (lambda weights: weights[:1], "must return one update for each of 2 weights, got list of length 1"),
        (lambda weights: weights[0], "must return one update for each of 2 weights, got ndarray"),
        (lambda weights: [weights[0].T[:1], weights[1]], r"update of W1 must have shape \(2, 2\), got \(1, 2\)"),
    ],
)
def test_what_a_rule_must_return(returned, message):
    with pytest.raises((TypeError, ValueError), match=message):
        assert_conserved(lambda weights, X, e: returned(weights), "neuron-law", *small())


def test_what_a_rule_must_return_with_biases():
    network, problem = small()
    biased = ft.Network(network.weights, "linear", network.feedback, [[0.5, 1.0], [0.25]])
    with pytest.raises(ValueError, match="takes none: give it a parameter named biases"):
        assert_conserved(feedback_alignment, "neuron-law", biased, problem)
    with pytest.raises(ValueError, match="must return a pair"):
        assert_conserved(lambda weights, X, e, biases: weights[:1], "neuron-law", biased, problem)
    with pytest.raises(ValueError, match="one update for each of 2 biases, got list of length 0"):
        assert_conserved(lambda weights, X, e, biases: (weights, []), "neuron-law", biased, problem)


def test_a_rule_that_can_take_biases_may_have_none():
    def either(weights, X, e, feedback, biases=None):
        assert biases is None
        return feedback_alignment(weights, X, e, feedback)

    assert_conserved(either, "neuron-law", *small())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": "no-law"}, "quantity must be one of neuron-law"),
        ({"quantity": 3}, "quantity must be a statement's id or a function, got int"),
        ({"time": -1.0}, "time must be a finite number >= 0, got -1"),
        ({"points": 0}, "points must be a whole number >= 1, got 0"),
        ({"network": small(activation="tanh")[0], "quantity": "neuron-law"}, "tanh is not homogeneous"),
        ({"problem": ft.Problem([[1.0]], [1.0])}, "network must have 1 inputs and 1 outputs"),
    ],
)
def test_arguments(change, message):
    network, problem = small()
    arguments = {"quantity": "neuron-law", "network": network, "problem": problem} | change
    with pytest.raises((TypeError, ValueError), match=message):
        assert_conserved(feedback_alignment, **arguments)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda weights, X, e, B: [], "rule must take weights, X, e and, .* got the parameter 'B'"),
        (lambda weights, feedback, X, e: [], "got the parameter 'feedback'"),
        (lambda weights, X, e, *, rate: [], "got the parameter 'rate'"),
        ("fa", "rule must be a function of weights, X and e, got str"),
    ],
)
def test_what_a_rule_may_ask_for(rule, message):
    with pytest.raises(TypeError, match=message):
        assert_conserved(rule, "neuron-law", *small())


def test_what_has_a_value_is_not_asked_for():
    def rule(weights, X, e, feedback, rate=2.0, *, scale=1.0):
        return [rate * scale * update for update in feedback_alignment(weights, X, e, feedback)]

    assert_conserved(rule, "neuron-law", *small())


def test_arguments_in_another_order():
    network, problem = small()
    with pytest.raises(TypeError, match=r"network must be a fa_theory.Network .* got Problem and Network"):
        assert_conserved(feedback_alignment, "neuron-law", problem, network)


def test_pytest_shows_the_message_without_the_assertions_own_lines():
    caught = failure(forgetful, "neuron-law", *small())
    frames = [
        frame for frame, _ in traceback.walk_tb(caught.__traceback__) if "fa_theory" in frame.f_globals["__name__"]
    ]
    assert [frame.f_locals["__tracebackhide__"] for frame in frames] == [True]
