"""Rules written in other libraries: the kit hands them their own arrays, and counts with their precision."""

import importlib
from importlib.util import find_spec

import array_api_strict as strict
import numpy as np
import pytest
from own_rules import feedback_alignment, hurried, pasted, small

from fa_theory.testing import assert_bound, assert_conserved, assert_drift_identity, find_conserved

# torch and JAX are heavy, and looked at where they are
LIBRARIES = [
    name for name in ("array_api_strict", "torch", "jax.numpy") if find_spec(name.partition(".")[0]) is not None
]


@pytest.fixture(params=LIBRARIES)
def xp(request):
    return importlib.import_module(request.param)


def in_a_graph(weights, X, e, feedback):
    """FA whose updates require gradients, in a library whose arrays can."""
    tracked = [W.requires_grad_() if hasattr(W, "requires_grad_") else W for W in weights]
    return feedback_alignment(tracked, X, e, feedback)


def test_assertions_in_any_library(xp):
    kinds = set()

    def rule(weights, X, e, feedback):
        kinds.update(type(array).__module__.partition(".")[0] for array in (*weights, X, e, *feedback))
        return feedback_alignment(weights, X, e, feedback)

    def law(weights, feedback):
        return xp.sum(weights[0] ** 2, axis=1) / 2 - xp.sum(feedback[0] * weights[1].T, axis=1)

    network, problem = small()
    assert_conserved(rule, "neuron-law", network, problem, xp=xp)
    assert_conserved(rule, law, network, problem, xp=xp)
    assert_bound(rule, "exponential-decay", network, problem, xp=xp, points=5)
    assert_drift_identity(rule, network, problem, xp=xp)
    assert_drift_identity(in_a_graph, network, problem, xp=xp)
    found = find_conserved(rule, (1, 2, 1), xp=xp, degree=1)
    assert (len(found), found.evidence) == (1, "float-checked")
    assert kinds <= {"array_api_strict", "torch", "jaxlib", "jax"}
    assert "numpy" not in kinds
    with pytest.raises(AssertionError, match=f"xp={xp.__name__}"):
        assert_conserved(hurried, "neuron-law", network, problem, xp=xp)
    with pytest.raises(AssertionError, match="breaks bregman-drift"):
        assert_drift_identity(hurried, network, problem, xp=xp)


def test_single_precision_has_its_own_tolerance():
    def single(weights, X, e, feedback):
        arrays = [[strict.astype(array, strict.float32) for array in group] for group in (weights, [X, e], feedback)]
        return feedback_alignment(arrays[0], *arrays[1], arrays[2])

    def nearly(weights, X, e, feedback):
        first, second = single(weights, X, e, feedback)
        return [first * 1.02, second]

    network, problem = small()
    assert_conserved(single, "neuron-law", network, problem, xp=strict)
    assert_drift_identity(single, network, problem, xp=strict)
    for assertion in (assert_conserved, assert_drift_identity):
        arguments = ("neuron-law", network, problem) if assertion is assert_conserved else (network, problem)
        with pytest.raises(AssertionError, match=r"rounding 1\.2e-07"):
            assertion(nearly, *arguments, xp=strict)


def test_the_message_is_code_for_that_library():
    with pytest.raises(AssertionError) as caught:
        assert_conserved(hurried, "neuron-law", *small(), xp=strict, time=0)
    assert 'assert_conserved(hurried, "neuron-law", network, problem, time=0, xp=array_api_strict)' in str(caught.value)
    # the call of the rule on the NumPy arrays runs as it is; the assertion converts them
    assert str(pasted(caught.value, hurried=hurried, array_api_strict=strict)) == str(caught.value)


def test_networks_are_given_in_numpy():
    import fa_theory as ft

    network, problem = small()
    foreign = ft.Network([strict.asarray(W) for W in network.weights], "linear", [strict.asarray(np.ones((2, 1)))])
    with pytest.raises(TypeError, match="network must hold NumPy arrays, got Array; the library"):
        assert_conserved(hurried, "neuron-law", foreign, problem)
    from fractions import Fraction

    one = np.array([[Fraction(1)]], dtype=object)
    exact = ft.Network([one, one], "linear", [one]), ft.Problem(one, one)
    with pytest.raises(TypeError, match="network must hold floats, got exact rationals"):
        assert_conserved(hurried, "neuron-law", *exact)
