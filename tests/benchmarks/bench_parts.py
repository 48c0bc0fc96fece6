"""What each reformulation of gradient descent gains: the same run by the plain formulas and by forms of the engine.

The losses agree with those of the plain formulas to 1e-9. "Gram form" is what the engine takes where there are fewer
samples than inputs, "rank m" what it takes for two linear layers, "one output" for two layers with one output.
"""

import functools

import numpy as np
import pytest
from bench_engine import one_core  # noqa: F401 - a fixture

import fa_theory as ft
from fa_theory.dynamics import engine
from fa_theory.model import initialise

WAYS = ["fa_theory", "the engine's form for every depth", "plain formulas"]
# widths, activation, samples, steps
WORKLOADS = {
    "one output (S)": ((20, 50, 1), "leaky_relu:0.1", 100, 2000),
    "rank m (S, linear)": ((20, 50, 1), "linear", 100, 2000),
    "rank m (ten outputs)": ((20, 50, 10), "linear", 100, 2000),
    "Gram form (N = 20, d = 100)": ((100, 50, 1), "leaky_relu:0.1", 20, 2000),
    "Gram form (N = 90, d = 100)": ((100, 50, 1), "leaky_relu:0.1", 90, 1000),
    "Gram form (N = 100, d = 784, m = 10)": ((784, 50, 10), "leaky_relu:0.1", 100, 200),
}


def run(workload):
    widths, activation, samples, steps = WORKLOADS[workload]
    network = initialise("gaussian", widths, activation, "fa", seed=0)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((samples, widths[0])) / widths[0] ** 0.5
    problem = ft.Problem(X, rng.standard_normal((samples, widths[-1])))
    return ft.simulate(network, problem, method="gd", steps=steps, step_size=0.01, points=3, loss_every=1)


def take(way, monkeypatch):
    if way == "plain formulas":
        monkeypatch.setattr("fa_theory.dynamics.steppers.has_engine", lambda *_: False)
    elif way != "fa_theory":
        monkeypatch.setattr(engine, "_plan_of", lambda stack, samples, **_: engine._plan_layers(stack, samples))


@functools.cache
def plain_losses(workload):
    with pytest.MonkeyPatch.context() as monkeypatch:
        take("plain formulas", monkeypatch)
        return run(workload).losses


@pytest.mark.usefixtures("one_core")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_parts(benchmark, monkeypatch, workload, way):
    expected = plain_losses(workload)
    take(way, monkeypatch)
    benchmark.group = f"by parts: {workload}"
    found = benchmark.pedantic(run, (workload,), rounds=5, warmup_rounds=1)
    difference = float(np.max(abs(found.losses - expected) / expected))
    benchmark.extra_info.update(way=way, difference=difference)
    assert difference <= 1e-9
