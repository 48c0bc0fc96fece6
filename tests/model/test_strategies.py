"""The strategies keep their promises and shrink to instances that can be read."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from fa_theory.bounds import exponential_decay, separable_decay
from fa_theory.model import max_margin
from fa_theory.testing import activations, aligned_instances, arrays, entries, instances, networks, problems


@given(networks(depth=3, activation="relu", rule="fa", biases=True))
def test_what_is_given_is_kept(network):
    assert (network.depth, network.activation.name, network.rule_name) == (3, "relu", "fa")
    assert all(b is not None for b in network.biases)


@given(networks(widths=(2, 3, 1), biases=False))
def test_widths_are_kept(network):
    assert network.widths == (2, 3, 1)
    assert network.biases == (None, None)


@given(instances(exact=True))
def test_exact_instances_hold_fractions(instance):
    network, problem = instance
    arrays_ = (problem.X, problem.Y, *network.weights, *(b for b in network.biases if b is not None))
    assert all(isinstance(each, Fraction) for array in arrays_ for each in array.ravel())
    assert problem.loss.name == "squared"


@pytest.mark.parametrize("loss", ["squared", "logistic", "exponential", "cross_entropy"])
@given(st.data())
def test_networks_and_problems_fit(loss, data):
    network, problem = data.draw(instances(loss=loss, depth=2))
    assert problem.loss.name == loss
    assert network.widths[0] == problem.X.shape[1]
    assert network.widths[-1] == problem.Y.shape[1]


@pytest.mark.parametrize("loss", ["squared", "logistic", "exponential"])
@given(st.data())
def test_aligned_instances_meet_every_assumption(loss, data):
    network, problem = data.draw(aligned_instances(loss=loss))
    bound = (exponential_decay if loss == "squared" else separable_decay)(network, problem)
    assert all(assumption.holds for assumption in bound.assumptions), bound.assumptions


@pytest.mark.parametrize("separable", [True, False])
def test_both_kinds_of_data_are_drawn(separable):
    find(problems(loss="logistic"), lambda problem: (max_margin(problem.X, problem.Y).lower > 0) == separable)


def test_shrunk_instances_are_small():
    network, problem = find(instances(depth=2), lambda instance: instance[0].weights[0].any())
    assert network.widths == (1, 1, 1)
    assert problem.n_samples == 1
    assert abs(network.weights[0]).tolist() == [[1.0]]
    assert network.activation.name == "linear"


@pytest.mark.parametrize("exact", [False, True])
def test_entries(exact):
    assert find(entries(nonzero=True, exact=exact), lambda x: x > 0.5) == 1


def test_single_precision_holds_the_entries():
    @given(arrays((4, 4)))
    def check(array):
        assert (array.astype(np.float32) == array).all()

    check()


def test_tanh_only_on_request():
    find(activations(homogeneous=False), lambda phi: phi.name == "tanh")

    @given(activations())
    def check(phi):
        assert phi.degree is not None

    check()
