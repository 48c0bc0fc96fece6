"""Start states: what `aligned` promises for every rule, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fa_theory.model import INITIALISATIONS, Network, initialise
from fa_theory.testing import activations, feedback_names

WIDTHS = st.lists(st.integers(1, 5), min_size=3, max_size=5)


def constants(network, layer):
    """C_i written out from the definition with loops, apart from the package's own potentials."""
    p, W, V = network.activation.degree, network.weights[layer], network.weights[layer + 1]
    rule = network.feedback[layer]
    values = []
    for i in range(len(W)):
        v = V[:, i]
        match rule.name.partition(":"):
            case ("backprop", _, _):
                potential = sum(v**2) / 2
            case ("sign-fa", _, _):
                potential = sum(abs(v))
            case ("adafa", _, kappa):
                D = rule.B_start[i] - float(kappa) * rule.W_start[:, i]
                potential = float(kappa) / 2 * sum(v**2) + sum(D * v)
            case _:
                potential = sum(rule.B[i] * v)
        values.append(sum(W[i] ** 2) / 2 - p * potential)
    return np.array(values)


@given(
    WIDTHS, activations(), feedback_names(), st.booleans(), st.sampled_from([1e-6, 0.5, 1.0, 30.0]), st.integers(0, 99)
)
def test_aligned(widths, phi, rule, biases, alignment, seed):
    network = initialise("aligned", widths, phi, rule, seed=seed, biases=biases, alignment=alignment)
    layers = [len(widths) - 3] if rule == "dfa" else range(len(widths) - 2)
    for layer in layers:
        size = np.sum(network.weights[layer] ** 2, axis=1) / 2 + alignment
        gap = abs(constants(network, layer) + alignment / widths[layer + 1])
        assert np.all(gap <= 1e-13 * size * (1 + float(rule.partition(":")[2] or 0)))
    assert network.widths == tuple(widths)


@pytest.mark.parametrize("kind", INITIALISATIONS)
@given(WIDTHS, feedback_names(), st.booleans())
def test_every_kind_is_a_valid_network_and_repeats(kind, widths, rule, biases):
    one, two = (initialise(kind, widths, "leaky_relu:0.2", rule, seed=4, biases=biases) for _ in range(2))
    assert isinstance(one, Network)
    for left, right in zip((*one.weights, *one.matrices()), (*two.weights, *two.matrices()), strict=True):
        assert left.tobytes() == right.tobytes()
    assert all((b is not None and not b.any()) if biases else b is None for b in one.biases)


def test_sizes():
    wide = (400, 300, 200)
    gaussian, small, zero = (initialise(kind, wide).weights for kind in ("gaussian", "small", "zero"))
    assert np.std(gaussian[1]) * np.sqrt(300) == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(small[1], gaussian[1] / 100, rtol=1e-15)
    assert not any(W.any() for W in zero)
    B = initialise("zero", wide).matrices()[0]
    assert 0.5 <= np.min(abs(B)) <= np.max(abs(B)) <= 1.5
    assert np.mean(B > 0) == pytest.approx(0.5, abs=0.02)


def test_seeds_differ():
    assert (
        initialise("gaussian", (2, 2, 1), seed=1).weights[0] != initialise("gaussian", (2, 2, 1), seed=2).weights[0]
    ).all()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"kind": "xavier"}, "init must be one of aligned, small, zero, gaussian, got 'xavier'"),
        ({"widths": (2, 1)}, r"widths must be at least three positive integers .*got \(2, 1\)"),
        ({"widths": (2, 0, 1)}, "widths must be"),
        ({"alignment": 0.0}, "alignment must be a positive finite number, got 0.0"),
        ({"alignment": np.nan}, "alignment must be"),
        ({"alignment": np.inf}, "alignment must be"),
        ({"activation_name": "tanh"}, "an aligned start needs a homogeneous activation, got tanh"),
        ({"rule": "hebb"}, "rule must be one of"),
        ({"rule": "adafa:-1"}, "kappa must be"),
        ({"seed": -1}, "seed must be a whole number >= 0, got -1"),
    ],
)
def test_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        initialise(**{"kind": "aligned", "widths": (2, 3, 1), **arguments})


@pytest.mark.parametrize("arguments", [{"widths": (2, 2.5, 1)}, {"widths": ("2", 2, 1)}, {"activation_name": 3}])
def test_refused_types(arguments):
    with pytest.raises(TypeError):
        initialise(**{"kind": "aligned", "widths": (2, 3, 1), **arguments})


def test_tanh_has_the_other_starts():
    assert initialise("small", (2, 3, 1), "tanh").activation.name == "tanh"
