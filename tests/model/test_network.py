"""Networks: what they accept, keep and refuse."""

from fractions import Fraction

import array_api_strict as strict
import numpy as np
import pytest
from flint import fmpq
from hypothesis import given

from fa_theory.model import FeedbackAlignment, Network, SignFeedback, relu
from fa_theory.testing import networks

W1, W2, B2 = np.ones((3, 2)), np.ones((1, 3)), np.ones((3, 1))


@given(networks())
def test_shapes(network):
    assert network.widths == (network.weights[0].shape[1], *(len(W) for W in network.weights))
    assert network.depth == len(network.biases) == len(network.feedback) + 1
    for layer, M in enumerate(network.matrices(), start=1):
        outputs = network.widths[-1] if network.feedback[layer - 1].direct else network.widths[layer + 1]
        assert M.shape == (network.widths[layer], outputs)


@pytest.mark.parametrize("xp", [np, strict])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kind_in_is_kind_out(xp, dtype):
    def of_kind(array):
        return xp.asarray(array, dtype=getattr(xp, dtype))

    network = Network([of_kind(W1), of_kind(W2)], "relu", [of_kind(B2)], [of_kind(np.zeros(3)), of_kind([0.5])])
    X = of_kind([[1.0, 2.0]])
    for array in (*network.weights, *network.biases, *network.matrices(), network.first_layer_inputs(X)):
        assert type(array) is type(X)
        assert array.dtype == X.dtype
    assert np.asarray(network.first_layer_inputs(X)).tolist() == [[1.0, 2.0, 1.0]]
    assert np.asarray(network.first_layer_weights()).tolist() == [[1.0, 1.0, 0.0]] * 3


def test_without_a_bias_the_first_layer_is_as_it_is():
    network = Network([W1, W2], "linear", "backprop", [None, [1.0]])
    assert network.first_layer_inputs(W1) is W1
    assert network.first_layer_weights() is W1


def test_integers_and_lists():
    network = Network([[[1, 2]], np.array([[3]])], "linear", [[[1]]], [[0], np.array([0])])
    assert {array.dtype for array in (*network.weights, *network.biases, *network.matrices())} == {np.dtype(float)}
    single = Network([W1.astype(np.float32), [[1, 2, 3]]], "linear", [[[1], [2], [0.1]]], [[1, 2, 3], None])
    assert single.weights[1].dtype == single.biases[0].dtype == single.matrices()[0].dtype == np.float32


def test_rationals():
    half = np.array([[Fraction(1, 2)]], dtype=object)
    network = Network([half, [[2]]], "leaky_relu:1/5", [[[3]]], [[1], None])
    assert all(
        isinstance(each.ravel()[0], Fraction) for each in (*network.weights, network.biases[0], *network.matrices())
    )
    exact = network.first_layer_inputs(half)
    assert exact.tolist() == [[Fraction(1, 2), 1]]
    with pytest.raises(ValueError, match="activation tanh has no exact rational values"):
        Network([half, half], "tanh", "backprop")
    with pytest.raises(ValueError, match="W2 must have the type of rational of W1, Fraction, got fmpq"):
        Network([half, np.array([[fmpq(1)]], dtype=object)], "linear", "backprop")


def test_the_representation_shows_the_numbers():
    assert repr(Network([[[0.125]], [[2]]], "relu", [[[3]]])) == (
        "Network([array([[0.125]]), array([[2.]])], 'relu', "
        "feedback=[FeedbackAlignment(B=array([[3.]]))], biases=[None, None])"
    )


def test_rule_names():
    assert Network([W1, W2], relu, "sign-fa").rule_name == "sign-fa"
    mixed = Network([np.eye(3), np.eye(3), W2], relu, [FeedbackAlignment(np.eye(3)), SignFeedback()])
    assert mixed.rule_name == "fa,sign-fa"


def test_moving_changes_the_copy_only():
    network = Network([W1, W2], "linear", [B2])
    moved = network.with_parameters(network.parameters._replace(weights=(2 * W1, W2)))
    assert moved.weights[0][0, 0] == 2.0
    assert network.weights[0][0, 0] == 1.0
    assert moved.feedback is network.feedback


NAN = np.array([[1.0, np.nan, 1.0]])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"weights": [W1]}, "weights must hold at least two layers, got 1"),
        ({"weights": []}, "weights must hold at least two layers, got 0"),
        ({"weights": [W1, W2.T]}, r"W2 must have 3 columns, one for each row of W1, got shape \(3, 1\)"),
        ({"weights": [W1, NAN]}, r"W2 must be finite, got nan at index \(0, 1\)"),
        ({"weights": [W1 * np.inf, W2]}, r"W1 must be finite, got inf at index \(0, 0\)"),
        ({"weights": [np.ones(3), W2]}, r"W1 must have 2 dimension\(s\), got shape \(3,\)"),
        ({"weights": [np.ones((3, 0)), W2]}, "W1 must not be empty"),
        ({"weights": [np.ones((0, 2)), np.ones((1, 0))]}, "W1 must not be empty"),
        ({"weights": [W1, W2.astype(np.float32)]}, "W2 must have the dtype of W1, float64, got float32"),
        ({"weights": [W1, strict.asarray(W2)]}, "W2 must have the library of W1, numpy, got array_api_strict"),
        ({"biases": [None]}, "biases must have one entry"),
        ({"biases": [[1.0, 2.0], None]}, r"b1 must have shape \(3,\), got \(2,\)"),
        ({"biases": [[[1.0, 2.0, 3.0]], None]}, r"b1 must have 1 dimension"),
        ({"biases": [None, [np.inf]]}, r"b2 must be finite, got inf at index \(0,\)"),
        ({"biases": [np.ones(3, np.float32), None]}, "b1 must have the dtype of W1, float64, got float32"),
        ({"feedback": [W2]}, r"B2 must have shape \(3, 1\), got \(1, 3\)"),
        ({"feedback": [B2, B2]}, "feedback must have one entry for each of 1 hidden layers, got 2"),
        ({"feedback": []}, "feedback must have one entry"),
        ({"feedback": [B2 * np.nan]}, "B2 must be finite"),
        ({"feedback": [B2.astype(np.float32)]}, "B2 must have the dtype of the weights, float64, got float32"),
        ({"feedback": [strict.asarray(B2)]}, "B2 must have the library of the weights"),
        ({"feedback": "fa"}, "rule fa needs 1 feedback matrices"),
        ({"feedback": "magic"}, "rule must be one of"),
        ({"activation": "magic"}, "activation must be one of"),
    ],
)
def test_bad_values(arguments, complaint):
    with pytest.raises(ValueError, match=f"^{complaint}"):
        Network(**{"weights": [W1, W2], "activation": "linear", "feedback": [B2], **arguments})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"weights": None}, "weights must be a sequence of arrays"),
        ({"weights": 3}, "weights must be a sequence of arrays"),
        ({"weights": "ab"}, "W1 must hold real numbers"),
        ({"weights": [W1, W2 * 1j]}, "W2 must hold real numbers"),
        ({"weights": [W1 > 0, W2]}, "W1 must hold real numbers"),
        ({"biases": 1.0}, "biases must be a sequence"),
        ({"feedback": None}, "feedback must be a rule's name, or a sequence"),
        ({"feedback": SignFeedback()}, "feedback must be a rule's name, or a sequence"),
        ({"feedback": B2}, "feedback must be a rule's name, or a sequence"),
        ({"feedback": ["sign-fa"]}, "B2 must hold real numbers"),
        ({"activation": 1}, "activation must be a name or an Activation, got 1"),
        ({"activation": None}, "activation must be a name or an Activation"),
    ],
)
def test_bad_types(arguments, complaint):
    with pytest.raises(TypeError, match=f"^{complaint}"):
        Network(**{"weights": [W1, W2], "activation": "linear", "feedback": [B2], **arguments})
