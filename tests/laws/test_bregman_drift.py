"""bregman-drift in exact rational arithmetic: equality, no tolerance."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st
from law_instances import (
    HOMOGENEOUS,
    RULES,
    build,
    exact_kinds,
    fraction_array,
    layers_with_law,
    loop_directions,
    loop_neuron_law,
    phi_and_slope,
    seeds,
    shapes,
)

from fa_theory.laws import bregman_drift, exact_array, exact_network, exact_number
from fa_theory.model import AdaptiveFeedback, DirectFeedback, FeedbackAlignment, Network, PotentialFeedback, tanh


def stepped(network, F, eta):
    """The weights and biases after one step, by hand."""
    weights = [W - eta * np.asarray(dW, dtype=object) for W, dW in zip(network.weights, F.weights, strict=True)]
    biases = [
        None if b is None else b - eta * np.asarray(db, dtype=object)
        for b, db in zip(network.biases, F.biases, strict=True)
    ]
    return weights, biases


def squared(F, layer, biases):
    """|F_l[i, :]|^2 with the bias part, by loops."""
    return [
        sum(x * x for x in row) + (F.biases[layer][i] ** 2 if biases else 0) for i, row in enumerate(F.weights[layer])
    ]


def divergence(rule, old, new, F_above):
    """Closed forms of D_Psi(v', v) for each neuron, as THEORY states them, in multiples that do not use Psi."""
    columns = range(old.shape[1])
    match rule.name.partition(":")[0]:
        case "fa" | "dfa":
            return [0 for _ in columns]
        case "backprop":
            return [sum((new[k, i] - old[k, i]) ** 2 for k in range(len(old))) / 2 for i in columns]
        case "adafa":
            return [rule.kappa * sum((new[k, i] - old[k, i]) ** 2 for k in range(len(old))) / 2 for i in columns]
    flipped = [sum(2 * abs(new[k, i]) for k in range(len(old)) if old[k, i] * new[k, i] < 0) for i in columns]
    zeros = [sum(abs(new[k, i]) for k in range(len(old)) if old[k, i] == 0) for i in columns]
    return [a + b for a, b in zip(flipped, zeros, strict=True)]


@given(
    seeds,
    shapes(max_depth=4, max_width=3),
    st.sampled_from(HOMOGENEOUS),
    st.sampled_from([rule for rule in RULES if rule != "potential"]),
    st.booleans(),
    exact_kinds,
    st.integers(1, 3),
)
def test_observed_equals_predicted_equals_the_closed_form(seed, widths, name, rule, biases, kind, n_samples):
    network = build(seed, widths, name, rule, biases, kind)
    rng = np.random.default_rng([seed, 1])
    X, errors = fraction_array(rng, (n_samples, widths[0]), kind), fraction_array(rng, (n_samples, widths[-1]), kind)
    eta, degree = kind(1, 4), phi_and_slope(name)[2]
    after, drifts = bregman_drift(network, X, errors, eta)
    F = loop_directions(network, X, errors)
    weights, new_biases = stepped(network, F, eta)
    for mine, theirs in zip(weights, after.weights, strict=True):
        assert np.array_equal(mine, theirs)
    for mine, theirs in zip(new_biases, after.biases, strict=True):
        assert (mine is None and theirs is None) or np.array_equal(mine, theirs)
    assert len(drifts) == len(layers_with_law(network))
    for layer, drift in zip(layers_with_law(network), drifts, strict=True):
        D = divergence(network.feedback[layer], network.weights[layer + 1], weights[layer + 1], F.weights[layer + 1])
        expected = [eta * eta * size / 2 - degree * gap for size, gap in zip(squared(F, layer, biases), D, strict=True)]
        before, later = loop_neuron_law(network, layer, degree), loop_neuron_law(after, layer, degree)
        assert drift.observed.tolist() == [b - a for a, b in zip(before, later, strict=True)]
        assert drift.observed.tolist() == expected
        assert drift.predicted.tolist() == expected
        if rule in ("fa", "dfa"):
            assert all(change >= 0 for change in drift.observed)


@given(seeds, shapes(max_depth=3, max_width=2), st.sampled_from(["linear", "relu", "power:2"]))
def test_a_users_own_potential(seed, widths, name):
    network = build(seed, widths, name, "potential", True, Fraction)
    rng = np.random.default_rng([seed, 1])
    X, errors = fraction_array(rng, (2, widths[0])), fraction_array(rng, (2, widths[-1]))
    _, drifts = bregman_drift(network, X, errors, Fraction(1, 8))
    for drift in drifts:
        assert drift.observed.tolist() == drift.predicted.tolist()


def one_neuron(rule, v, w=1, B=1):
    weights = [np.array([[Fraction(w)]], dtype=object), np.array([[Fraction(v)]], dtype=object)]
    feedback = rule if isinstance(rule, str) else [np.array([[Fraction(B)]], dtype=object)]
    return Network(weights, "linear", feedback)


@pytest.mark.parametrize(
    ("v", "expected"),
    [
        # x = 1, w = 1, e = 2, eta = 1: v' = v - 2, F_1 = sign(v) 2, 1/2 |F_1|^2 = 2 sign(v)^2
        (Fraction(5, 2), Fraction(2)),  # no flip: D = 0
        (Fraction(1, 2), Fraction(-1)),  # flips to -3/2: D = 3
        (Fraction(0), Fraction(-2)),  # was zero: M = 0, v' = -2, D = 2
        (Fraction(2), Fraction(2)),  # lands on zero: D = 0
    ],
)
def test_sign_changes_and_zeros_by_hand(v, expected):
    _, (drift,) = bregman_drift(
        one_neuron("sign-fa", v), np.array([[Fraction(1)]]), np.array([[Fraction(2)]]), Fraction(1)
    )
    assert drift.observed.tolist() == drift.predicted.tolist() == [expected]


def test_the_sum_over_a_minibatch_instead_of_the_mean_would_be_noticed():
    # x = (1, 1), e = (1, 1), w = 1, v = 1, B = 3: F_1 = 3 as a mean, so the drift is 9/2 (a sum would give 18)
    X = np.array([[Fraction(1)], [Fraction(1)]])
    _, (drift,) = bregman_drift(one_neuron(None, 1, B=3), X, X, Fraction(1))
    assert drift.observed.tolist() == drift.predicted.tolist() == [Fraction(9, 2)]


def test_tanh_is_refused():
    network = Network([[[1.0]], [[1.0]]], tanh, [[[1.0]]])
    with pytest.raises(ValueError, match="not homogeneous"):
        bregman_drift(network, np.array([[1.0]]), np.array([[1.0]]), 0.1)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_exact_number_is_the_float(value):
    assert exact_number(value) == fmpq(*value.as_integer_ratio())
    assert float(Fraction(int(exact_number(value).p), int(exact_number(value).q))) == value


def test_exact_array_keeps_shape_values_and_what_is_exact_already():
    array = np.array([[0.1, -2.5], [0.0, 1e-300]], dtype=float)
    rational = exact_array(array)
    assert rational.shape == (2, 2)
    assert rational.dtype == object
    for value, exact in zip(array.ravel(), rational.ravel(), strict=True):
        assert exact == fmpq(*float(value).as_integer_ratio())
    assert exact_array(rational) is rational
    assert exact_array(np.float32([0.1]))[0] == fmpq(*float(np.float32(0.1)).as_integer_ratio())


@pytest.mark.parametrize("rule", ["fa", "sign-fa", "adafa:0.1", "backprop", "dfa"])
def test_exact_network_is_the_same_network(rule):
    network = build(11, (2, 3, 2, 1), "leaky_relu:0.1", rule, True)
    exact = exact_network(network)
    assert exact.activation.slope == exact_number(0.1)
    assert [rule.name.partition(":")[0] for rule in exact.feedback] == [rule.partition(":")[0]] * 2
    for M, E in zip(network.matrices(), exact.matrices(), strict=True):
        np.testing.assert_allclose(E.astype(float), M, rtol=1e-15, atol=1e-15)
    for each in exact.feedback:
        match each:
            case AdaptiveFeedback():
                assert each.kappa == exact_number(0.1)
            case FeedbackAlignment() | DirectFeedback():
                assert each.B.dtype == object
    # over rationals the law is met with equality by a step of the converted network
    X, e = exact_array(np.ones((2, 2))), exact_array(np.array([[0.3], [-0.7]]))
    _, drifts = bregman_drift(exact, X, e, exact_number(0.1))
    for drift in drifts:
        assert np.array_equal(drift.observed, drift.predicted)


def test_exact_network_refuses_what_is_not_rational():
    with pytest.raises(ValueError, match="tanh has no exact"):
        exact_network(Network([[[1.0]], [[1.0]]], tanh, "backprop"))
    rule = PotentialFeedback(lambda W: W.T, lambda W: (W**2).sum(axis=0) / 2, name="backprop")
    with pytest.raises(ValueError, match="user's own"):
        exact_network(Network([[[1.0]], [[1.0]]], "linear", [rule]))
