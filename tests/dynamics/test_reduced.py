"""reduced-flow against the full equations integrated independently, at widths up to 10^5."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import fa_theory as ft
from fa_theory.dynamics import has_reduced_flow, reduced_flow
from fa_theory.dynamics.reduced import _by_series, _Field, _integrate
from fa_theory.dynamics.series import has_series
from fa_theory.model import Parameters
from fa_theory.verification import assess_reduced_flow

LOSSES = ("squared", "logistic", "exponential")


def instance(seed, d=3, n=4, N=5, loss="squared", hidden=False, output=False):
    rng = np.random.default_rng(seed)
    X, Y = rng.uniform(-1, 1, (N, d)), rng.uniform(-2, 2, N)
    W, v, B = rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, (1, n)), rng.uniform(-1.5, 1.5, (n, 1))
    biases = [rng.uniform(-1, 1, n) if hidden else None, rng.uniform(-1, 1, 1) if output else None]
    return ft.Network([W, v], "linear", [B], biases), ft.Problem(X, Y if loss == "squared" else np.sign(Y), loss)


def full_flow(network, problem, times):
    """FA written out for all weights, by Radau: (W, b1, v, b2) at the times, and the losses."""
    X, y = problem.X, problem.Y[:, 0]
    (W, v), (b1, b2), B = network.weights, network.biases, network.feedback[0].B[:, 0]
    n, d = W.shape
    parts = [W.ravel(), np.zeros(n) if b1 is None else b1, v[0], np.zeros(1) if b2 is None else b2]
    cuts = np.cumsum([each.size for each in parts])[:-1]

    def pieces(state):
        W, b1, v, b2 = np.split(state, cuts)
        return W.reshape(n, d), b1, v, b2

    def outputs(state):
        W, b1, v, b2 = pieces(state)
        return (X @ W.T + b1) @ v + b2

    def velocity(_, state):
        W, first, _v, _last = pieces(state)
        f = outputs(state)
        match problem.loss.name:
            case "squared":
                e = f - y
            case "logistic":
                e = -y / (1 + np.exp(y * f))
            case _:
                e = -y * np.exp(-y * f)
        e = e / len(y)
        moves = (
            np.outer(B, e @ X),
            B * e.sum() * (b1 is not None),
            e @ (X @ W.T + first),
            [e.sum() * (b2 is not None)],
        )
        return -np.concatenate([np.ravel(each) for each in moves])

    states = solve_ivp(velocity, (0, times[-1]), np.concatenate(parts), "Radau", times, rtol=1e-9, atol=1e-11).y.T
    f = np.stack([outputs(state) for state in states])
    loss = {
        "squared": lambda: (f - y) ** 2 / 2,
        "logistic": lambda: np.log1p(np.exp(-y * f)),
        "exponential": lambda: np.exp(-y * f),
    }[problem.loss.name]()
    return [pieces(state) for state in states], loss.mean(axis=1)


@given(
    st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 5), st.sampled_from(LOSSES), st.booleans(), st.booleans()
)
@settings(max_examples=30)
def test_it_is_the_full_flow(seed, d, n, loss, hidden, output):
    network, problem = instance(seed, d, n, loss=loss, hidden=hidden, output=output)
    times = np.linspace(0, 3, 4)
    states, losses = full_flow(network, problem, times)
    reduced = reduced_flow(network, problem, 3.0, 4)
    assert reduced.outcome == "completed"
    np.testing.assert_allclose(reduced.loss, losses, rtol=1e-6, atol=1e-8)
    for k, (W, b1, v, b2) in enumerate(states):
        weights, biases, _ = reduced.parameters(k)
        np.testing.assert_allclose(weights[0], W, atol=1e-6)
        np.testing.assert_allclose(weights[1][0], v, atol=1e-6)
        assert [b is None for b in biases] == [not hidden, not output]
        if hidden:
            np.testing.assert_allclose(biases[0], b1, atol=1e-6)
        if output:
            np.testing.assert_allclose(biases[1], b2, atol=1e-6)


@pytest.mark.parametrize("copies", [1, 10, 25_000])
def test_the_width_does_not_matter(copies):
    """Every neuron copied k times, all weights divided by sqrt(k): an isometry of the hidden layer, the same flow."""
    network, problem = instance(7)
    full = ft.simulate(network, problem, time=4.0, points=9)
    W, v, B = network.weights[0], network.weights[1], network.feedback[0].B
    root = np.sqrt(copies)
    wide = ft.Network(
        [np.repeat(W, copies, axis=0) / root, np.repeat(v, copies, axis=1) / root],
        "linear",
        [np.repeat(B, copies, axis=0) / root],
    )
    reduced = reduced_flow(wide, problem, 4.0, 9)
    assert reduced.u.shape == (9, 3)
    assert np.all(abs(reduced.loss - full.loss) <= full.error + reduced.error + 1e-9 * full.loss)
    assert reduced.parameters(8).weights[0].shape == (4 * copies, 3)
    last = reduced.parameters(8).weights[1][0, :: max(copies, 1)] * root
    np.testing.assert_allclose(last, full.states[8].weights[1][0], atol=1e-7)


def test_the_error_estimate_covers_the_error():
    for seed in range(5):
        network, problem = instance(seed, output=True)
        coarse = reduced_flow(network, problem, 5.0, 11, accuracy=1e-5)
        fine = reduced_flow(network, problem, 5.0, 11, accuracy=1e-12)
        assert np.all(abs(coarse.loss - fine.loss) <= coarse.error + fine.error)
        assert coarse.error.max() > 1e-9  # it says that it is coarse


def test_the_loss_can_grow_where_the_invariant_is_positive():
    # THEORY, section D: 32-fold and more on the way
    network, problem = ft.Network([[[-2.0]], [[-1.0]]], "linear", [[[1.0]]]), ft.Problem([[1.0]], [3.0])
    reduced = reduced_flow(network, problem, 10.0, 401)
    assert 32 < reduced.loss.max() / reduced.loss[0] < 35


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"activation": "leaky_relu:0.5"}, "leaky_relu:0.5"),
        ({"feedback": "sign-fa"}, "sign-fa"),
        ({"feedback": "backprop"}, "backprop"),
    ],
)
def test_other_networks_are_refused(change, named):
    network, problem = instance(1)
    other = ft.Network(**{"weights": network.weights, "activation": "linear", "feedback": network.feedback, **change})
    assert not has_reduced_flow(other)
    with pytest.raises(ValueError, match=f"network must have two layers.*{named}"):
        reduced_flow(other, problem, 1.0)


def test_bad_arguments_are_refused():
    network, problem = instance(1)
    with pytest.raises(ValueError, match="time"):
        reduced_flow(network, problem, -1.0)
    with pytest.raises(ValueError, match="points"):
        reduced_flow(network, problem, 1.0, 1)
    with pytest.raises(ValueError, match="accuracy must lie in"):
        reduced_flow(network, problem, 1.0, accuracy=2.0)


def test_no_time_at_all():
    network, problem = instance(1)
    reduced = reduced_flow(network, problem, 0.0)
    assert (reduced.t.tolist(), reduced.outcome) == ([0.0], "completed")
    np.testing.assert_array_equal(reduced.parameters(0).weights[0], network.weights[0])


def test_too_stiff_a_flow_ends_by_name(monkeypatch):
    monkeypatch.setattr("fa_theory.dynamics.reduced._MAX_STEPS", 200)
    network, problem = instance(1)
    reduced = reduced_flow(network, ft.Problem(1e6 * problem.X, problem.Y), 10.0, 3)
    assert reduced.outcome == "too_many_steps"
    assert len(reduced.t) < 3


@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_is_judged_by_it(loss):
    network, problem = instance(3, loss=loss, hidden=True, output=True)
    trajectory = ft.simulate(network, problem, time=3.0, points=7)
    verdict = assess_reduced_flow(trajectory)
    assert verdict.verdict == "holds", verdict
    assert "5 variables instead of 21" in verdict.detail
    # negative controls: weights off by a millionth at one time; a loss off by a millionth
    state = trajectory.states[4]
    moved = Parameters((state.weights[0] + 1e-6, state.weights[1]), state.biases)
    states = (*trajectory.states[:4], moved, *trajectory.states[5:])
    shadow = (*trajectory.shadow[:4], moved, *trajectory.shadow[5:])
    assert assess_reduced_flow(replace(trajectory, states=states, shadow=shadow)).verdict == "refuted"
    changed = trajectory.loss + np.where(np.arange(7) == 5, 1e-6, 0.0)
    assert assess_reduced_flow(replace(trajectory, loss=changed)).verdict == "refuted"


def test_it_does_not_apply_to_other_rules_or_steps():
    network, problem = instance(3)
    ada = ft.Network(network.weights, "linear", "backprop")
    assert "rule is fa" in assess_reduced_flow(ft.simulate(ada, problem, time=0.1, points=2)).detail
    steps = ft.simulate(network, problem, method="gd", steps=3)
    assert "continuous-time flow" in assess_reduced_flow(steps).detail
    assert assess_reduced_flow(steps).verdict == "not_applicable"


def test_float32_runs_are_judged_at_their_precision():
    network, problem = instance(3)
    single = ft.Network(
        [W.astype(np.float32) for W in network.weights], "linear", [network.feedback[0].B.astype(np.float32)]
    )
    data = ft.Problem(problem.X.astype(np.float32), problem.Y.astype(np.float32))
    trajectory = ft.simulate(single, data, time=2.0, points=5, accuracy=1e-4)
    assert assess_reduced_flow(trajectory).verdict == "holds"


def test_a_problem_from_another_process_goes_the_same_way():
    network, problem = instance(3)
    sent = pickle.loads(pickle.dumps(problem))
    assert sent.loss is not problem.loss
    assert np.array_equal(reduced_flow(network, sent, 2.0, 3).loss, reduced_flow(network, problem, 2.0, 3).loss)
    assert has_series(network, sent)


@pytest.mark.parametrize("output", [False, True])
def test_series_and_dop853_agree(output):
    network, problem = instance(5, hidden=True, output=output)
    field, times = _Field.of(network, problem), np.linspace(0, 4, 5)
    one, other = _by_series(field, times, 1e-11)[0], _integrate(field, times, 1e-12)[0]
    np.testing.assert_allclose(one, other, atol=1e-9)
    assert np.max(abs(one[-1])) > 1e-2
