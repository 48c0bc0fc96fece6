"""gd-decay against its conditions written out, exact rational runs, and random runs; each assumption broken."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from bound_instances import aligned, failing, gram, largest, output, own_alignment, regression, seeds
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import differential_evolution

import fa_theory as ft
from fa_theory.bounds import gd_decay
from fa_theory.model import Network, Problem
from fa_theory.verification import assess_bound


def limit(network, problem, theta, mu):
    """The largest eta that THEORY's two conditions allow at (theta, mu), by bisection on the conditions themselves."""
    c, b = own_alignment(network).sum(), np.linalg.norm(network.feedback[0].B)
    W = network.weights[0] if network.biases[0] is None else np.column_stack([network.weights[0], network.biases[0]])
    eigenvalues = np.linalg.eigvalsh(gram(network, problem.X))
    low, high = eigenvalues[eigenvalues > 1e-9][0], eigenvalues[-1]
    columns = problem.X if network.biases[0] is None else np.column_stack([problem.X, np.ones(problem.n_samples)])
    best = columns @ np.linalg.lstsq(columns, problem.Y, rcond=None)[0]
    excess = np.mean((output(network, problem.X) - problem.Y) ** 2) / 2 - np.mean((best - problem.Y) ** 2) / 2
    r = np.linalg.norm(W) + 2 * b * np.sqrt(2 * excess / low) / ((2 - mu) * theta * c)
    beta = 0 if network.biases[1] is None else 1

    def allowed(eta):
        first = eta <= (2 - mu) * (1 - theta) * theta * c**2 / (b**2 * excess)
        return first and eta * high * (1.5 * r**2 + c + eta * b * r * np.sqrt(2 * high * excess)) + eta * beta <= mu

    return largest(allowed)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("biases", [False, True])
def test_the_certified_step_size_is_the_largest_that_the_conditions_allow(seed, biases):
    network, problem = aligned(seed, 2, 3, biases=biases, slack=[0.3, 3.0][seed % 2]), regression(seed, 4, 2)
    bound = gd_decay(network, problem)
    assert bound.applicable, bound.failed
    at = limit(network, problem, bound.constants["theta"], bound.constants["mu"])
    assert bound.step_size <= at * (1 + 1e-9)
    found = differential_evolution(
        lambda z: -limit(network, problem, *z),
        [(0.001, 0.999), (0.001, 1.999)],
        seed=0,
        maxiter=15,
        popsize=8,
        polish=False,
    )
    assert bound.step_size >= -found.fun * (1 - 1e-6)
    # the rate at a smaller step: no pair (theta, mu) of a fine grid that is allowed has a better one
    eta = 0.6 * bound.step_size
    smaller = gd_decay(network, problem, eta)
    assert smaller.step_size == bound.step_size
    assert limit(network, problem, smaller.constants["theta"], smaller.constants["mu"]) >= eta * (1 - 1e-9)
    grid = [(theta, mu) for theta in np.linspace(0.02, 0.98, 25) for mu in np.linspace(0.02, 1.98, 25)]
    rival = max((2 - mu) * theta for theta, mu in grid if limit(network, problem, theta, mu) >= eta)
    assert (2 - smaller.constants["mu"]) * smaller.constants["theta"] >= rival * (1 - 1e-6)


@given(
    seeds,
    st.integers(1, 6),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from([0.2, 2.0, 20.0]),
    st.sampled_from([1.0, 0.5, 0.05]),
    st.booleans(),
)
def test_never_violated_by_a_random_admissible_instance(seed, n_samples, d, width, slack, part, biases):
    network, problem = aligned(seed, d, width, biases=biases, slack=slack), regression(seed, n_samples, d)
    bound = gd_decay(network, problem)
    if min(np.linalg.eigvalsh(gram(network, problem.X))[-min(n_samples, d + biases) :]) < 1e-6:
        return
    assert bound.applicable, bound.failed
    eta = part * bound.step_size
    trajectory = ft.simulate(network, problem, method="gd", steps=60, step_size=eta, points=61)
    verdict = assess_bound(gd_decay(network, problem, eta), trajectory)
    assert verdict.verdict in ("holds", "undecided"), verdict
    if trajectory.loss[-1] - bound.floor > 1e-10:
        assert verdict.verdict == "holds", verdict


def exact_losses(W, v, b, X, Y, eta, steps):
    """Losses of FA's gradient descent in rational arithmetic, from the update rule in loops."""
    n, d, N = len(W), len(X[0]), len(X)
    losses = []
    for _ in range(steps + 1):
        hidden = [[sum(w[k] * x[k] for k in range(d)) for w in W] for x in X]
        errors = [sum(v[i] * h[i] for i in range(n)) - y for h, y in zip(hidden, Y, strict=True)]
        losses.append(sum(e * e for e in errors) / (2 * N))
        g = [sum(e * x[k] for e, x in zip(errors, X, strict=True)) / N for k in range(d)]
        moved = [sum(e * h[i] for e, h in zip(errors, hidden, strict=True)) / N for i in range(n)]
        W = [[W[i][k] - eta * b[i] * g[k] for k in range(d)] for i in range(n)]
        v = [v[i] - eta * moved[i] for i in range(n)]
    return losses


@given(seeds)
def test_exact_runs_stay_below(seed):
    rng = np.random.default_rng(seed)
    W, X = (rng.integers(-6, 7, (2, 2)) / 8 for _ in range(2))
    b, Y = rng.choice([-1.0, 0.5, 1.5], 2), rng.integers(-8, 9, 2) / 4
    v = (np.sum(W**2, axis=1) / 2 + rng.integers(1, 9, 2) / 8) / b
    network, problem = Network([W, v[None, :]], "linear", [b[:, None]]), Problem(X, Y)
    bound = gd_decay(network, problem)
    if abs(np.linalg.det(X)) < 1e-2:
        return
    assert bound.applicable
    eta = bound.step_size
    exact = [[[Fraction(z) for z in row] for row in A] for A in (W.tolist(), X.tolist())]
    vectors = [[Fraction(z) for z in A.tolist()] for A in (v, b, Y)]
    losses = exact_losses(exact[0], vectors[0], vectors[1], exact[1], vectors[2], Fraction(eta), 5)
    promised = gd_decay(network, problem, eta)([k * eta for k in range(6)])
    assert all(float(loss) <= value * (1 + 1e-12) for loss, value in zip(losses, promised, strict=True))


def test_the_steps_of_the_proof_in_rational_arithmetic():
    """e' = (I - eta/N (X A X^T + 1 1^T)) e, A = (b.v_{k+1}) I + W^T W, and the drift of C, on one biased instance."""

    def rational(values):
        return np.vectorize(Fraction, otypes=[object])(np.asarray(values))

    rng = np.random.default_rng(3)
    W, v, b, X, y, c, eta = (
        rational(rng.integers(-9, 10, shape)) / 7 for shape in ((3, 2), (3,), (3,), (4, 2), (4,), (1,), (1,))
    )
    eta = eta[0] + 2
    N = len(X)
    e = X @ W.T @ v + c[0] - y
    g = e @ X / N
    after = W - eta * np.outer(b, g), v - eta * (W @ g), c[0] - eta * sum(e) / N
    A = (b @ after[1]) * rational(np.eye(2, dtype=int)) + W.T @ W
    error = X @ after[0].T @ after[1] + after[2] - y
    assert all(error == e - eta / N * (X @ A @ X.T @ e + sum(e)))
    invariant = [(M**2).sum() / 2 - b @ w for M, w in ((W, v), after[:2])]
    assert invariant[1] - invariant[0] == eta**2 * (b @ b) * (g @ g) / 2


BASE = (Network([[[0.5, 0.2], [-0.3, 0.4]], [[1.0, -1.0]]], "linear", [[[1.0], [-1.0]]]), regression(2, 3, 2))


@pytest.mark.parametrize("above", [1e-15, 1e-9, 1e-3, 10.0])
def test_a_step_above_the_certified_one_does_not_apply(above):
    network, problem = BASE
    certified = gd_decay(network, problem).step_size
    assert gd_decay(network, problem, certified).applicable
    bound = gd_decay(network, problem, certified * (1 + above))
    assert bound.step_size == certified
    assert failing(bound) == ["step size at most the certified one"]
    assert bound.failed[0].margin < 0
    assert bound.failed[0].holds is (None if above < 1e-13 else False)
    trajectory = ft.simulate(network, problem, method="gd", steps=20, step_size=certified * (1 + above))
    assert assess_bound(bound, trajectory).verdict == ("undecided" if above < 1e-13 else "not_applicable")


@pytest.mark.parametrize("eta", [1e-320, 1e200, 1.7e308])
def test_absurd_step_sizes_give_numbers(eta):
    bound = gd_decay(*BASE, eta)
    assert all(np.isfinite(each.margin) for each in bound.assumptions)
    assert bound.applicable is (eta < 1)
    if bound.applicable:
        assert np.all(np.isfinite(bound([0.0, 1.0])))


def test_a_step_far_above_breaks_what_the_formula_would_say():
    network, problem = BASE
    eta = 20.0
    trajectory = ft.simulate(network, problem, method="gd", steps=3, step_size=eta, points=4)
    naive = replace(gd_decay(network, problem), assumptions=())
    assert assess_bound(naive, trajectory).verdict == "refuted"


def test_a_positive_invariant_lets_the_loss_grow():
    # THEORY, section D: w = -2, v = -1, b = 1, y = 3, x = 1 has C = 3
    network, problem = Network([[[-2.0]], [[-1.0]]], "linear", [[[1.0]]]), Problem([[1.0]], [3.0])
    bound = gd_decay(network, problem, 1e-3)
    assert failing(bound) == ["aligned start"]
    assert (bound.failed[0].margin, bound.step_size) == (-3.0, None)
    trajectory = ft.simulate(network, problem, method="gd", steps=5000, step_size=1e-3)
    assert trajectory.loss.max() > 30 * trajectory.loss[0]


def test_zero_feedback_is_no_aligned_start():
    network = Network([[[0.0]], [[1.0]]], "linear", [[[0.0]]])
    bound = gd_decay(network, Problem([[1.0]], [1.0]))
    assert failing(bound) == ["aligned start"]
    assert bound.failed[0].holds is False  # C = 0 exactly


@pytest.mark.parametrize(
    ("change", "loss", "name"),
    [
        ({"activation": "leaky_relu:0.5"}, "squared", "linear activation"),
        ({"feedback": "sign-fa"}, "squared", "rule is fa"),
        ({"feedback": "backprop"}, "squared", "rule is fa"),
        ({"biases": [None, np.zeros(1)]}, "squared", "no output bias, or constants in the span of the data"),
        ({"biases": [np.zeros(2), np.zeros(1)]}, "squared", None),
        ({}, "logistic", "squared loss"),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(change, loss, name):
    network, problem = BASE
    made = {"weights": network.weights, "activation": "linear", "feedback": network.feedback} | change
    bound = gd_decay(Network(**made), Problem(problem.X, np.sign(problem.Y), loss))
    assert failing(bound) == ([] if name is None else [name])
    assert (bound.step_size is None) is (name is not None)


def test_it_is_about_gradient_descent_alone():
    network, problem = BASE
    bound = gd_decay(network, problem)
    for options in ({"time": 0.1}, {"method": "sgd", "steps": 3}, {"method": "midpoint", "steps": 3}):
        verdict = assess_bound(bound, ft.simulate(network, problem, **options))
        assert verdict.verdict == "not_applicable"
        assert "gradient descent" in verdict.detail


def test_no_excess_loss_at_the_start_leaves_nothing_to_prove():
    # x = 1, f = v w = 1 = y: e = 0, and no step moves anything
    network, problem = Network([[[1.0]], [[1.0]]], "linear", [[[2.0]]]), Problem([[1.0]], [1.0])
    bound = gd_decay(network, problem)
    assert bound.applicable
    # theta is free, r = |w| = 1 up to rounding, c = 2 - 1/2: lambda+ (3/2 + 3/2) eta <= mu < 2
    np.testing.assert_allclose(bound.step_size, 2 / 3, rtol=1e-3)
    assert bound.step_size < 2 / 3
    trajectory = ft.simulate(network, problem, method="gd", steps=5, step_size=bound.step_size)
    assert np.all(trajectory.loss == 0)
    assert assess_bound(bound, trajectory).verdict == "undecided"


def test_rank_deficient_data_keep_the_part_they_cannot_see():
    X = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    problem = Problem(X, [1.0, -1.0, 0.5, 2.0])
    network = aligned(5, 3, 4)
    bound = gd_decay(network, problem)
    assert bound.quantity == "excess_loss"
    np.testing.assert_allclose(bound.constants["lambda"], 1 / 4, rtol=1e-12)
    np.testing.assert_allclose(bound.constants["lambda_max"], (5 + 20 + 5) / 4, rtol=1e-12)
    eta = bound.step_size
    trajectory = ft.simulate(network, problem, method="gd", steps=500, step_size=eta)
    assert assess_bound(gd_decay(network, problem, eta), trajectory).verdict == "holds"


def test_a_rank_within_rounding_is_undecided():
    spread = 3 * np.finfo(float).eps  # the rank tolerance is 2 eps times the larger singular value
    problem = Problem(np.diag([1.0, spread]), [1.0, 1.0])
    bound = gd_decay(aligned(5, 2, 2), problem)
    assert failing(bound) == ["rank of the data is decided"]
    assert bound.undecided


def test_between_steps_the_curve_is_that_of_the_last_step():
    bound = gd_decay(*BASE)
    eta = bound.step_size
    values = bound([0.0, 0.9 * eta, eta, 1.5 * eta, 7 * eta])
    assert values[0] == values[1] > values[2] == values[3]
    np.testing.assert_allclose(values[4], values[0] * bound.constants["factor"] ** 7, rtol=1e-12)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf, np.nan])
def test_bad_step_sizes_are_refused(bad):
    with pytest.raises(ValueError, match="step_size must be a positive finite number"):
        gd_decay(*BASE, bad)
