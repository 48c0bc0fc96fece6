"""Admissible starts meet what statements assume, and files are what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_rules import feedback_alignment, gated

from fa_theory.bounds import BOUNDS
from fa_theory.laws import count_laws, feedback_pairs, has_quadratic_laws
from fa_theory.model import load_state
from fa_theory.statements import STATEMENTS
from fa_theory.testing import assert_bound, feedback, instances, networks, problems, starts_for, state_files
from fa_theory.verification.further_laws import included_kernels

few = settings(max_examples=3, deadline=None)
CALCULATORS = {calculate.__name__.replace("_", "-"): calculate for calculate in BOUNDS}


@pytest.mark.parametrize("statement", CALCULATORS)
@few
@given(st.data())
def test_bounds_apply(statement, data):
    network, problem = data.draw(starts_for(statement))
    assert CALCULATORS[statement](network, problem).applicable


@pytest.mark.parametrize("statement", sorted(set(STATEMENTS) - set(CALCULATORS)))
@few
@given(st.data())
def test_laws_have_what_they_assume(statement, data):
    network, _ = data.draw(starts_for(statement))
    assert network.activation.degree is not None
    if statement in ("matrix-law", "law-completeness", "dfa-law", "reduced-flow", "minimum-norm"):
        assert network.activation.is_linear
    if statement == "law-completeness":
        assert count_laws(network).complete
    if statement == "dfa-law":
        assert included_kernels(feedback_pairs(network)).holds
    if statement == "midpoint-exactness":
        assert has_quadratic_laws(network)
    if statement == "matched-decay":
        assert all(rule.degree is not None and not rule.direct for rule in network.feedback)


@pytest.mark.parametrize("statement", CALCULATORS)
@settings(max_examples=2, deadline=None)
@given(st.data())
def test_feedback_alignment_keeps_every_bound(statement, data):
    network, problem = data.draw(starts_for(statement))
    phi = network.activation
    rule = feedback_alignment if phi.is_linear else gated(float(phi.slope))
    assert_bound(rule, statement, network, problem, points=2)


@pytest.mark.parametrize(
    ("strategy", "fixed", "message"),
    [
        (instances, {"depth": -3}, "depth must be a whole number >= 2, got -3"),
        (networks, {"depth": "2"}, "depth must be a whole number >= 2, got '2'"),
        (networks, {"widths": (2,)}, r"widths must be .* at least three whole numbers >= 1, got \(2,\)"),
        (problems, {"n_inputs": -1}, "n_inputs must be a whole number >= 1, got -1"),
        (problems, {"n_samples": 0}, "n_samples must be a whole number >= 1, got 0"),
        (instances, {"n_samples": 1.5}, "n_samples must be a whole number >= 1, got 1.5"),
        (state_files, {"n_outputs": 0}, "n_outputs must be a whole number >= 1, got 0"),
        (problems, {"loss": "logistic", "n_outputs": 2}, "n_outputs must be 1 for the loss logistic, got 2"),
        (problems, {"loss": "cross_entropy", "n_outputs": 1}, "n_outputs must be >= 2 for the loss cross_entropy"),
        (problems, {"loss": "sqared"}, r"loss must be .* got 'sqared'; did you mean 'squared'\?"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(strategy, fixed, message):
    with pytest.raises((TypeError, ValueError), match=message):
        strategy(**fixed)


@few
@given(problems(n_inputs=2.0, n_samples=5, n_outputs=3), networks(depth=3), instances(depth=2.0, n_samples=1))
def test_what_is_fixed_is_drawn(problem, network, instance):
    assert (problem.X.shape, problem.Y.shape) == ((5, 2), (5, 3))
    assert (network.depth, instance[0].depth, len(instance[1].X)) == (3, 2, 1)


def test_an_unknown_statement_is_refused():
    with pytest.raises(ValueError, match=r"got 'seperable-decay'; did you mean 'separable-decay'\?"):
        starts_for("seperable-decay")
    with pytest.raises(ValueError, match=r"statement must be one of neuron-identity, .* got 'neuron-laws'"):
        starts_for("neuron-laws")


@few
@given(state_files())
def test_state_files_hold_what_they_say(tmp_path_factory, file):
    path = tmp_path_factory.mktemp("state") / "state.npz"
    path.write_bytes(file.content)
    state = load_state(path)
    assert file.broken is None
    assert np.array_equal(state.X, file.problem.X)
    assert all(np.array_equal(*pair) for pair in zip(state.weights, file.network.weights, strict=True))


@settings(max_examples=40, deadline=None)
@given(state_files(valid=False))
def test_broken_state_files_are_refused(tmp_path_factory, file):
    path = tmp_path_factory.mktemp("state") / "state.npz"
    path.write_bytes(file.content)
    with pytest.raises(ValueError, match=r"state\.npz"):
        load_state(path)


@few
@given(feedback([np.ones((2, 3)), np.ones((1, 2))]))
def test_feedback_fits(rules):
    (rule,) = rules
    assert rule.matrix(np.ones((1, 2))).shape == (2, 1)
