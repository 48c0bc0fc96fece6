"""separable-decay-path against its form in loops and a quadratic program, what runs really do, and random flows."""

from dataclasses import replace
from importlib import import_module
from itertools import product

import numpy as np
import pytest
from bound_instances import RULES, aligned, failing, gram, own_alignment, run, seeds, separable
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_theory.bounds import separable_decay_path, separable_decay_two_sided
from fa_theory.bounds.exponential_decay_path import lasting, stages_of
from fa_theory.bounds.separable_decay_path import _STEP, _Drive, _Path
from fa_theory.model import Network, Problem
from fa_theory.verification import assess_bound

LOSSES = ["exponential", "logistic"]


def wide(seed, width, size, slope=0.2, rule="fa"):
    """Outputs of zero: neurons in pairs of opposite feedback; every c_i is 1e-3."""
    rng = np.random.default_rng([seed, 5])
    half = rng.standard_normal((width // 2, 3)) * size
    W = np.vstack([half, half])
    sizes = rng.uniform(0.8, 1.2, width // 2)
    b = np.concatenate([sizes, -sizes])
    target = np.sum(W**2, axis=1) / 2 + 1e-3
    v = target * np.sign(b) if rule == "sign-fa" else target / b
    return Network([W, v[None, :]], f"leaky_relu:{slope}", rule if rule == "sign-fa" else [b[:, None]])


def path_of(network, problem):
    return _Path(stages_of(network, problem), problem.Y[:, 0], problem.loss.name)


def forms(network, problem, moved):
    """M of the statement with signs, for each share that is tried, in loops; for FA without biases and N > d."""
    X, Y, N, a = problem.X, problem.Y[:, 0], problem.n_samples, network.activation.slope
    W, b, c = network.weights[0], abs(network.feedback[0].B[:, 0]), own_alignment(network)
    hidden_part, most = np.zeros((N, N)), np.linalg.eigvalsh(gram(network, X))[-1]
    for w, bi, ci, far in zip(W, b, c, moved, strict=True):
        if all(abs(w @ x) > bi * far * np.linalg.norm(x) for x in X):
            theta = np.asarray([1.0 if w @ x > 0 else a for x in X])
            q = ci + max(np.linalg.norm(w) - bi * far, 0) ** 2 / 2
            hidden_part += q * np.diag(theta) @ X @ X.T @ np.diag(theta) / N
    hidden = np.asarray([[z if z > 0 else a * z for z in W @ x] for x in X])
    found = []
    for share in (1.0, 0.02, 0.1, 0.3, 0.7):
        lost = (1 / share - 1) * most * np.sum((b * moved) ** 2)
        M = hidden_part + (1 - share) * hidden @ hidden.T / N - lost * np.eye(N)
        found.append(np.outer(Y, Y) * M)
    return found


def least_root(form, fixed=None):
    """min sqrt(sigma^T form sigma) over sigma >= 0 with sum 1, or entry `fixed` 1: all sets of positive entries."""
    N, found = len(form), []
    for chosen in product([False, True], repeat=N):
        free = np.flatnonzero(chosen)
        if fixed in free or (fixed is None and not free.size):
            continue
        sigma = np.zeros(N)
        inner = form[np.ix_(free, free)]
        if fixed is None:
            sigma[free] = np.linalg.lstsq(inner, np.ones(len(free)))[0]
            sigma /= np.sum(sigma)
        else:
            sigma[fixed] = 1
            sigma[free] = np.linalg.lstsq(inner, -form[free, fixed])[0]
        if np.all(sigma >= 0):
            found.append(sigma @ form @ sigma)
    return np.sqrt(max(min(found), 0.0))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1e-2])
def test_margins_are_those_of_the_quadratic_programs(seed, scale):
    network, problem = wide(seed, 60, 3.0), separable(seed, 6, 3, "logistic")
    moved = np.random.default_rng(seed).uniform(0.2, 1, 60) * scale
    drive, _ = path_of(network, problem).drive(moved)
    pairs = []
    for form in forms(network, problem, moved):
        if np.linalg.eigvalsh(form)[0] >= -1e-12:
            cap = min(least_root(form, j) for j in range(6))
            pairs.append(np.asarray([least_root(form), cap]) / np.sqrt(6))
    best = max(pairs, key=lambda pair: pair[0])
    np.testing.assert_allclose([drive.gamma, drive.cap], best, rtol=1e-5)
    assert drive.cap > 1.1 * drive.gamma


@given(seeds, st.integers(1, 5), st.floats(-3, 3))
def test_no_signal_has_a_smaller_drive_than_its_loss_says(seed, n_samples, log_loss):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0.1, 1, (n_samples, 3)) * rng.choice([0.1, 1.0], (n_samples, 1))
    drive = _Drive.of(points, 0.0)
    each = rng.dirichlet(np.full(n_samples, 0.4)) * n_samples * 10**log_loss
    for loss, sigma in (("exponential", each), ("logistic", -np.expm1(-each))):
        h = np.linalg.norm(sigma @ points) / np.sqrt(n_samples)
        assert drive.root_of_speed(float(np.mean(each)), loss) <= h * (1 + 1e-12)


def test_what_is_missing_of_a_form_is_taken_from_its_margins():
    points = np.diag([1.0, 2.0, 3.0])
    exact, less = _Drive.of(points, 0.0), _Drive.of(points, 0.01)
    np.testing.assert_allclose(exact.gamma, np.sqrt(1 / (1 + 1 / 4 + 1 / 9) / 3), rtol=1e-9)
    np.testing.assert_allclose(exact.cap, np.sqrt(1 / 3), rtol=1e-9)
    np.testing.assert_allclose(less.gamma**2, exact.gamma**2 - 0.01 / 3, rtol=1e-9)
    assert less.cap < exact.cap
    nothing = _Drive.of(points, 1.0)
    assert nothing.gamma == nothing.root_of_speed(1.0, "logistic") == nothing.root_of_speed(1.0, "exponential") == 0


def test_without_caps_the_margin_stands_for_them(monkeypatch):
    def gives_up(*_, **__):
        raise RuntimeError("Maximum number of iterations reached.")

    points = np.diag([1.0, 2.0, 3.0])
    monkeypatch.setattr(import_module("fa_theory.bounds.separable_decay_path"), "nnls", gives_up)
    drive = _Drive.of(points, 0.0)
    np.testing.assert_allclose(drive.cap, drive.gamma)
    many = _Drive.of(np.vstack([points] * 20), 0.0)
    np.testing.assert_allclose(many.cap, many.gamma)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rule", ["fa", "sign-fa"])
def test_wide_starts_decay_much_faster_than_their_inputs_say(loss, rule):
    network, problem = wide(1, 100, 4.0, rule=rule), separable(1, 6, 3, loss)
    bound = separable_decay_path(network, problem)
    assert bound.applicable, bound.failed
    assert bound.constants["rate_at_start"] > 0
    time = 2 / bound.constants["rate_at_start"]
    assert bound(time)[0] < 0.4 * bound(0.0)[0]
    if rule == "fa":
        plain = separable_decay_two_sided(network, problem)
        assert np.log(bound(0.0)[0] / bound(time)[0]) > 3 * np.log(plain(0.0)[0] / plain(time)[0])
    trajectory = run(network, problem, time, accuracy=1e-6)
    assert assess_bound(bound, trajectory).verdict == "holds"
    faster = replace(bound, curve=lambda t: bound(2 * t))
    assert assess_bound(faster, trajectory).verdict == "refuted"


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_move_as_little_as_promised_at_every_loss(loss):
    network, problem = wide(2, 100, 3.0), separable(2, 5, 3, loss)
    path, b = path_of(network, problem), abs(network.feedback[0].B[:, 0])
    first = separable_decay_path(network, problem).constants["rate_at_start"]
    trajectory = run(network, problem, 1.5 / first, accuracy=1e-6)
    high, moved = trajectory.loss[0], np.zeros(100)
    for state, now in zip(trajectory.states[1:], trajectory.loss[1:], strict=True):
        low = now * (1 - 1e-4)
        stage = (high, low)
        rate, moved = lasting(lambda D, s=stage: path.supported(*s, D), moved, np.sqrt(high) - np.sqrt(low))
        assert rate > 0
        really = np.linalg.norm(state.weights[0] - network.weights[0], axis=1) / b
        assert np.all(really < moved)
        high = low
    assert np.max(moved / really) < 100


@given(
    seeds,
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from(["fa", "sign-fa"]),
    st.sampled_from(["linear", "leaky_relu:0.4", "leaky_relu:0.1"]),
    st.booleans(),
    st.sampled_from([0.1, 1.0, 10.0]),
    st.sampled_from(LOSSES),
)
@settings(max_examples=8)
def test_never_violated_and_never_worse_than_two_sided(seed, n_samples, width, rule, activation, biases, slack, loss):
    network = aligned(seed, 3, width, activation, rule, biases, slack)
    problem = separable(seed, n_samples, 3, loss)
    bound, plain = separable_decay_path(network, problem), separable_decay_two_sided(network, problem)
    assert bound.applicable, bound.failed
    if plain.applicable:
        times = np.geomspace(1e-3, 100, 9)
        assert np.all(bound(times) <= plain(times) * (1 + 1e-9))
    verdict = assess_bound(bound, run(network, problem, 1.0, accuracy=1e-6))
    assert verdict.verdict == "holds", verdict


def test_stages_end_where_their_rates_say_and_the_last_does_not_fall():
    network, problem = wide(1, 200, 3.0, rule="sign-fa"), separable(1, 4, 3, "exponential")
    bound = separable_decay_path(network, problem)
    start = bound(0.0)[0]
    np.testing.assert_allclose(bound(_STEP / bound.constants["rate_at_start"]), start * np.exp(-_STEP), rtol=1e-12)
    np.testing.assert_allclose(bound([1e9, 1e12]), start * np.exp(-6.0), rtol=1e-12)


def test_inputs_that_no_line_separates_may_be_separated_by_the_start():
    rng = np.random.default_rng(4)
    X = np.asarray([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    problem = Problem(X, [1.0, 1.0, -1.0, -1.0], "logistic")
    half = rng.standard_normal((100, 2)) * 3
    W, b = np.vstack([half, half]), np.repeat([1.0, -1.0], 100)
    V = ((np.sum(W**2, axis=1) / 2 + 0.01) / b)[None, :]
    network = Network([W, V], "leaky_relu:0.2", [b[:, None]])
    bound = separable_decay_path(network, problem)
    assert failing(separable_decay_two_sided(network, problem)) == ["separable data"]
    assert bound.applicable, bound.failed
    time = 1 / bound.constants["rate_at_start"]
    assert bound(time)[0] < 0.6 * bound(0.0)[0]
    assert assess_bound(bound, run(network, problem, time, accuracy=1e-6)).verdict == "holds"
    # linear networks see no more than the inputs
    blind = separable_decay_path(Network([W, V], "linear", [b[:, None]]), problem)
    assert failing(blind) == ["the start separates the samples"]
    assert blind.undecided


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"activation": "relu"}, "leaky ReLU or linear activation"),
        ({"weights": "flipped"}, "aligned start"),
        ({"problem": Problem([[1.0, 0.5], [0.5, 1.0]], [1.0, -1.0])}, "exponential or logistic loss"),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(change, name):
    network, problem = aligned(1, 2, 2, "leaky_relu:0.5"), separable(1, 2, 2, "logistic")
    weights = network.weights if "weights" not in change else [network.weights[0], -network.weights[1]]
    made = Network(weights, change.get("activation", "leaky_relu:0.5"), network.feedback)
    assert failing(separable_decay_path(made, change.get("problem", problem)))[0] == name


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in ("fa", "sign-fa")])
def test_other_rules_are_named(rule):
    network = aligned(1, 2, 2, "leaky_relu:0.5", rule)
    assert failing(separable_decay_path(network, separable(1, 2, 2, "logistic"))) == ["rule is fa or sign-fa"]


def test_linear_networks_need_every_neuron_aligned():
    network = Network([[[1.0], [1.0]], [[3.0, -0.5]]], "linear", [[[1.0], [1.0]]])
    assert failing(separable_decay_path(network, Problem([[1.0]], [1.0], "logistic"))) == ["all -C_i >= 0"]


def test_a_loss_below_all_numbers_stays_there():
    network = Network([[[1.0]], [[2000.0]]], "linear", [[[1.0]]])
    assert separable_decay_path(network, Problem([[1.0]], [1.0], "logistic"))([0.0, 1.0]).tolist() == [0.0, 0.0]


def test_a_movement_that_never_supports_itself_is_replaced_by_what_holds_for_any():
    def supported(moved):
        return (0.5, np.full(2, 5.0)) if np.all(np.isinf(moved)) else (3.0, 2 * (moved + 1))

    rate, moved = lasting(supported, np.ones(2), 1.0)
    assert rate == 0.5
    assert moved.tolist() == [11.0, 11.0]
