"""The flow by Taylor series: coefficients against exact rationals, runs against the Runge-Kutta integrator."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from flow_oracles import RULES, draw_network, draw_problem, loop_directions
from scipy.optimize import lsq_linear

from fa_theory.dynamics import flow, series
from fa_theory.dynamics.error_series import error_series
from fa_theory.dynamics.integrate import Integration
from fa_theory.dynamics.pattern import Pattern, _box_minimum
from fa_theory.dynamics.roots import first_root
from fa_theory.dynamics.series import SeriesIntegration, has_series
from fa_theory.dynamics.taylor import LayeredExpansion, LinearExpansion, ScalarExpansion
from fa_theory.model import Network, Problem

TIMES = [0.0, 0.5, 1.0]


def end_points(network, problem, tolerance=1e-9, order=5, decay=(), times=TIMES):
    """Both integrators' runs."""
    runs = [kind(network, problem, tolerance, order, decay).run(times) for kind in (SeriesIntegration, Integration)]
    assert all(run.outcome == "completed" for run in runs)
    return runs


def assert_same_run(one, other, atol=1e-7):
    for here, there in zip(one.states, other.states, strict=True):
        for a, b in zip((*here.weights, *here.biases), (*there.weights, *there.biases), strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, atol=atol)
    for here, there in zip(one.slopes, other.slopes, strict=True):
        np.testing.assert_allclose(here[0], there[0], atol=1e3 * atol)
    assert Counter(event.kind for event in one.events) == Counter(event.kind for event in other.events)
    np.testing.assert_allclose([e.time for e in one.events], [e.time for e in other.events], atol=1e2 * atol)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", ["leaky_relu:0.2", "relu", "linear"])
def test_runs_are_those_of_runge_kutta(rule, outputs, name):
    decay = (0.1, 0.3) if name != "linear" else ()
    for seed in range(20):
        network = draw_network(seed, (3, 4, outputs), name, rule, biases=outputs == 2)
        problem = draw_problem(seed, 6, 3, outputs)
        run = SeriesIntegration(network, problem, 1e-9, 5, decay).run(TIMES)
        if name == "linear" or any(event.kind == "crossing" for event in run.events):
            break
    assert name == "linear" or any(event.kind == "crossing" for event in run.events)
    assert_same_run(*end_points(network, problem, decay=decay))


@pytest.mark.parametrize("loss", ["logistic", "exponential", "cross_entropy"])
@pytest.mark.parametrize("name", ["leaky_relu:0.2", "linear"])
def test_other_losses(loss, name):
    outputs = 3 if loss == "cross_entropy" else 1
    for seed in range(2):
        network, problem = draw_network(seed, (3, 4, outputs), name), draw_problem(seed, 6, 3, outputs, loss)
        assert_same_run(*end_points(network, problem, times=[0.0, 0.5, 1.0]))


def workload(seed, N, d, n):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((N, d)), rng.standard_normal((N, 1))
    weights = [rng.standard_normal((n, d)) / d**0.5, rng.standard_normal((1, n)) / n**0.5]
    return Network(weights, "leaky_relu:0.1", [rng.standard_normal((n, 1))]), Problem(X, Y)


def test_several_kinks_slide_at_once():
    one, other = end_points(*workload(2, 40, 5, 4), times=[0.0, 1.5, 3.0])
    assert_same_run(one, other, 1e-6)
    kinds = Counter(event.kind for event in one.events)
    assert kinds["sliding starts"] >= 5
    assert kinds["sliding ends"] >= 1
    slides = np.stack([each[0] for each in one.slopes])
    assert np.max(np.sum((slides > 0.1) & (slides < 1), axis=1)) >= 2


def test_sliding_neurons_that_meet_kinks_go_on_as_the_general_search_says(monkeypatch):
    """The quadratic programme of one neuron against `resolve`, which knows nothing of it."""
    network, problem = workload(0, 60, 8, 20)
    plain = SeriesIntegration(network, problem, 1e-10, 5).run([0.0, 4.0])
    settled = []

    def leave(self, neuron, group, mu):
        settled.append(settle(self, neuron, group, mu))

    settle = Pattern.settle
    monkeypatch.setattr(Pattern, "settle", leave)
    searched = SeriesIntegration(network, problem, 1e-10, 5).run([0.0, 4.0])
    assert_same_run(plain, searched, 1e-8)
    changes = Counter(tuple(sorted(sides.values())) for sides in settled if sides)
    assert len(settled) >= 20
    assert len(changes) >= 4, changes


def test_minima_on_boxes():
    rng = np.random.default_rng(0)
    for count in (1, 2, 5) * 20:
        root = rng.standard_normal((count + 1, count))
        q, low = rng.standard_normal(count), -rng.uniform(0, 1, count)
        high = rng.uniform(0, 1, count)
        c, sides = _box_minimum(root.T @ root, q, low, high)
        expected = lsq_linear(root, np.linalg.lstsq(root.T, -q)[0], (low, high), tol=1e-14).x
        np.testing.assert_allclose(c, expected, atol=1e-7)
        assert np.all(c[sides < 0] == low[sides < 0])
        assert np.all(c[sides > 0] == high[sides > 0])


@pytest.mark.parametrize("silent", [False, True])
def test_parallel_samples_and_zero_inputs(silent):
    """Seeds are searched for runs that slide on a kink which three samples share."""
    for seed in range(30):
        network, problem = draw_network(seed, (2, 3, 1)), draw_problem(seed, 5, 2, 1)
        X = np.asarray(problem.X)
        X[1], X[2] = X[0], -2 * X[0]
        X[4] *= not silent
        run = SeriesIntegration(network, Problem(X, problem.Y), 1e-9, 5).run(TIMES)
        if any(len(event.samples) == 3 for event in run.events):
            break
    assert any(len(event.samples) == 3 for event in run.events)
    assert_same_run(run, Integration(network, Problem(X, problem.Y), 1e-9, 5).run(TIMES))


def exact(array):
    return [[Fraction(each) for each in row] for row in array.tolist()]


@pytest.mark.parametrize("rule", ["fa", "backprop", "adafa:0.5"])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", ["leaky_relu:0.25", "linear"])
def test_coefficients_are_exact_derivatives(rule, outputs, name):
    """Over the rationals: the field along a polynomial path, sample by sample, gives the next coefficient.

    The coefficients W_0, ..., W_k make a path; d/dt of it is the field up to t^k, so its (k + 1)-th coefficient is
    the k-th one of the field, found here from its values at 0, h, 2h, ... by exact interpolation.
    """
    rng = np.random.default_rng(6)

    def draw(*shape):
        return rng.integers(1, 9, shape) / 8

    X, Y, W, V, B = draw(3, 2), draw(3, outputs), draw(2, 2), draw(outputs, 2), draw(2, outputs)
    X[0], B[1] = -X[0], -B[1]
    slope = 0.25 if name.startswith("leaky") else 1
    network = Network([W, V], name, rule if rule == "backprop" else [B] if rule == "fa" else [rule_of(rule, B, V)])
    problem = Problem(X, Y)
    kind = LinearExpansion if name == "linear" else ScalarExpansion if outputs == 1 else LayeredExpansion
    expansion = kind(network, problem, (), 4)
    if name != "linear":
        assert np.all(abs(W @ X.T) > 0)
        expansion.theta[...] = np.where(W @ X.T > 0, 1, slope)
        expansion.Z[...] = W @ X.T
    expansion.start(expansion.pack(network.parameters))
    for _ in range(4):
        expansion.extend()
    kappa = Fraction(getattr(network.feedback[0], "kappa", 1 if rule == "backprop" else 0))
    D = [[Fraction(b) - kappa * Fraction(v) for b, v in zip(*pair, strict=True)] for pair in zip(B, V.T, strict=True)]
    D = [[Fraction(0)] * outputs for _ in range(2)] if rule == "backprop" else D
    step = Fraction(1, 2**12)  # no z changes sign up to 4 steps
    for k in range(4):
        path = [[exact(part[degree]) for degree in range(k + 1)] for part in (expansion.W, expansion.V)]
        values = []
        count = 4 * k + 2  # the field is a polynomial of degree 4 k + 1 at most
        for place in range(count):
            t = place * step / count
            now = [sum_of(coefficients, t) for coefficients in path]
            M = [[kappa * now[1][o][i] + D[i][o] for o in range(outputs)] for i in range(2)]
            F, _ = loop_directions(now, None, [M], False, name.split(":")[0], Fraction(slope), exact(X), exact(Y))
            values.append([-entry for layer in F for row in layer for entry in row])
        found = [float(each) for each in coefficient(values, step / count, k)]
        expected = np.concatenate([(k + 1) * part[k + 1].ravel() for part in (expansion.W, expansion.V)])
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def rule_of(name, B, V):
    from fa_theory.model import AdaptiveFeedback

    return AdaptiveFeedback(float(name.partition(":")[2]), B, V)


def sum_of(coefficients, t):
    rows, columns = len(coefficients[0]), len(coefficients[0][0])
    return [
        [sum(each[i][j] * t**k for k, each in enumerate(coefficients)) for j in range(columns)] for i in range(rows)
    ]


def coefficient(values, h, k):
    """The k-th coefficient of the polynomials with these values at 0, h, 2h, ..., by Newton's divided differences."""
    table = [list(row) for row in values]
    newton = [table[0]]
    for level in range(1, len(values)):
        table = [[(b - a) / (level * h) for a, b in zip(low, high, strict=True)] for low, high in pairwise(table)]
        newton.append(table[0])
    total = [Fraction(0)] * len(values[0])
    basis = [Fraction(1)]  # coefficients of t (t - h) (t - 2h) ...
    for level, row in enumerate(newton):
        if k < len(basis):
            total = [a + b * basis[k] for a, b in zip(total, row, strict=True)]
        basis = [
            (basis[i - 1] if i else 0) - level * h * (basis[i] if i < len(basis) else 0) for i in range(len(basis) + 1)
        ]
    return total


@pytest.mark.parametrize("loss", ["squared", "logistic", "exponential", "cross_entropy"])
def test_error_series_are_the_errors_along_a_path(loss):
    """e along the path f(t) = f_0 + f_1 t + f_2 t^2, at a small t, against the loss's own derivative."""
    m = 3 if loss == "cross_entropy" else 1
    problem = draw_problem(2, 5, 2, m, loss)
    path = np.random.default_rng(1).standard_normal((9, m, 5)) * np.asarray([1, 1, 1, 0, 0, 0, 0, 0, 0])[:, None, None]
    series = error_series(problem, 8)
    for k, coefficients in enumerate(path):
        series.extend(k, coefficients)
    for t in (0.0, 0.01, 0.02):
        powers = t ** np.arange(9)
        found = np.tensordot(powers[::-1], series.reversed, 1)
        expected = problem.loss.derivative(np.tensordot(powers, path, 1).T, problem.Y).T
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("coefficients", "end", "expected"),
    [
        ([1.0, -2.0], 1.0, 0.5),
        ([1.0, -2.0], 0.4, None),
        ([1.0, 1.0], 1e9, None),
        ([0.0, 1.0], 1.0, 0.0),
        ([-1.0, 1.0], 1.0, 0.0),
        ([1.0, 0.0, -4.0], 1.0, 0.5),
        ([0.75, -2.0, 1.0], 5.0, 0.5),  # (t - 1/2) (t - 3/2)
        ([1.0, 0.0, 0.0, -8.0], 1.0, 0.5),
        ([1.0], 1.0, None),
        # (t - 0.3)(t - 0.3001)(t + 1): two roots close to each other
        ([0.3 * 0.3001, 0.3 * 0.3001 - 0.6001, 1 - 0.6001, 1.0], 1.0, 0.3),
        # the same lifted above zero
        ([0.3 * 0.3001 + 1e-6, 0.3 * 0.3001 - 0.6001, 1 - 0.6001, 1.0], 1.0, None),
    ],
)
def test_first_root(coefficients, end, expected):
    found = first_root(coefficients, end)
    assert (found is None) == (expected is None)
    if expected is not None:
        assert found == pytest.approx(expected, rel=1e-10)


def test_first_roots_of_random_polynomials():
    rng = np.random.default_rng(0)
    seen = Counter()
    for _ in range(300):
        p = rng.standard_normal(6) * 2.0 ** np.arange(6)
        p[0] = abs(p[0])
        roots = np.roots(p[::-1])
        real = [r.real for r in roots if abs(r.imag) < 1e-9 and 0 < r.real <= 1]
        found = first_root(p.tolist(), 1.0)
        assert (found is None) == (not real)
        if real:
            assert found == pytest.approx(min(real), rel=1e-7)
        seen[found is None] += 1
    assert min(seen.values()) > 50


def test_where_it_applies():
    problem = draw_problem(1, 4, 3, 1)
    assert has_series(draw_network(1, (3, 4, 1)), problem)
    assert not has_series(draw_network(1, (3, 4, 2, 1)), problem)
    assert not has_series(draw_network(1, (3, 4, 1), "tanh"), problem)
    assert not has_series(draw_network(1, (3, 4, 1), "power:2"), problem)


@pytest.mark.parametrize("name", ["leaky_relu:0.2", "linear"])
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize(
    ("inputs", "width", "samples", "outputs"), [(60, 40, 5, 1), (3, 40, 80, 3), (3, 2, 90, 9), (2, 60, 5, 40)]
)
def test_degrees_are_as_many_as_fit_into_memory(monkeypatch, name, loss, inputs, width, samples, outputs):
    """All buffers of an expansion are counted, but for copies of the data; below degree 6 nothing goes by series."""
    if loss == "cross_entropy" and outputs == 1:
        loss = "logistic"
    network, X = draw_network(1, (inputs, width, outputs), name), draw_problem(1, samples, inputs, outputs).X
    labels = np.ones((samples, 1)) if loss == "logistic" else np.eye(outputs)[np.arange(samples) % outputs]
    problem = Problem(X, labels, loss)
    gated = ScalarExpansion if outputs == 1 else LayeredExpansion
    kind = LinearExpansion if name == "linear" else gated
    tried, most = 0, 0.0
    for limit in np.geomspace(1e3, 1e7, 60):
        monkeypatch.setattr(series, "_MEMORY", limit)
        degrees = series._room(network, problem)
        assert has_series(network, problem) == (degrees >= 6)
        if 6 <= degrees <= 40:
            x = kind(network, problem, (), degrees)
            arrays = [each for each in vars(x).values() if isinstance(each, np.ndarray) and each.base is None]
            arrays += [each for each in vars(x.errors).values() if isinstance(each, np.ndarray)]
            tried, most = tried + 1, max(most, sum(each.nbytes for each in arrays) / limit)
    assert tried > 3
    assert 0.2 < most < 2


def test_the_error_of_the_looser_run_is_seen():
    """The two runs differ at least as much as the tighter one errs, though events dictate the steps of both."""
    network, problem = draw_network(4, (4, 20, 1), "leaky_relu:0.1"), draw_problem(4, 40, 4, 1)
    times = [0.0, 1.0, 2.0]
    loose, tight, best = (
        SeriesIntegration(network, problem, tolerance, order).run(times).states[-1].weights[0]
        for tolerance, order in ((1e-6, 4), (5e-8, 5), (1e-12, 5))
    )
    estimate, error = np.max(abs(loose - tight)), np.max(abs(tight - best))
    assert 0 < error <= estimate <= 1e-4


@pytest.mark.parametrize("accuracy", [1e-5, 1e-9])
def test_the_estimate_covers_the_error(accuracy):
    """Against a Runge-Kutta run at a much tighter tolerance."""
    network, problem = draw_network(7, (3, 6, 1), "leaky_relu:0.1"), draw_problem(7, 12, 3, 1)
    run = flow(network, problem, time=2.0, points=5, accuracy=accuracy)
    other = Integration(network, problem, 1e-12, 5).run([float(t) for t in run.t])
    h = [problem.X @ state.weights[0].T for state in other.states]
    losses = [
        float(np.mean((np.where(z > 0, z, 0.1 * z) @ state.weights[1].T - problem.Y) ** 2) / 2)
        for z, state in zip(h, other.states, strict=True)
    ]
    assert run.completed
    assert len(run.events) >= 5
    assert np.all(abs(run.loss - losses) <= run.error + 1e-11)
