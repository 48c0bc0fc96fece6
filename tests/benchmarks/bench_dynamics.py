"""Benchmarks of the main path; `make bench` runs them. Compare figures of one run only: machines are noisy.

`test_plain_numpy_loop` is the yardstick: the same gradient descent written out for two layers, nothing recorded.
"""

import numpy as np
import pytest

import fa_theory as ft
from fa_theory.bounds import separable_decay
from fa_theory.model import initialise

STEPS = 1000


def instance(activation="leaky_relu:0.1"):
    """The size of workload S of the plan: d = 20, n = 50, m = 1, N = 100."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 20))
    return initialise("gaussian", (20, 50, 1), activation, "fa", seed=1), ft.Problem(X, np.sin(X[:, 0]))


@pytest.mark.benchmark(group="1000 steps of gradient descent")
def test_gradient_descent(benchmark):
    network, problem = instance()
    run = benchmark(ft.simulate, network, problem, method="gd", steps=STEPS, step_size=0.01)
    assert run.outcome == "completed"


@pytest.mark.benchmark(group="1000 steps of gradient descent")
def test_plain_numpy_loop(benchmark):
    network, problem = instance()
    X, Y, (B,) = problem.X, problem.Y, network.matrices()

    def loop():
        W, V = network.weights
        for _ in range(STEPS):
            Z = X @ W.T
            H = np.maximum(Z, 0.1 * Z)
            E = (H @ V.T - Y) / len(X)
            D = (E @ B.T) * np.where(Z > 0, 1.0, 0.1)
            W, V = W - 0.01 * D.T @ X, V - 0.01 * E.T @ H
        return W

    assert np.all(np.isfinite(benchmark(loop)))


@pytest.mark.benchmark(group="flow to t = 1")
@pytest.mark.parametrize("activation", ["linear", "leaky_relu:0.1"])
def test_flow(benchmark, activation):
    network, problem = instance(activation)
    run = benchmark.pedantic(ft.simulate, (network, problem), {"time": 1.0, "points": 11, "accuracy": 1e-6}, rounds=3)
    assert run.outcome == "completed"


@pytest.mark.benchmark(group="bound")
def test_separable_decay_bound(benchmark):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 20))
    network = initialise("aligned", (20, 50, 1), "leaky_relu:0.1", "fa", seed=1)
    problem = ft.Problem(X, np.sign(X[:, 0]), "logistic")
    values = benchmark(lambda: separable_decay(network, problem)(np.linspace(0, 100, 101)))
    assert np.all(np.diff(values) < 0)
