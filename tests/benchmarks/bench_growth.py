"""How the cost of gradient descent grows with width, samples, depth, members and recorded points: linearly in each.

Each axis is measured over two decades from where the work outweighs the calls; `table` fits the slopes.
"""

import numpy as np
import pytest

import fa_theory as ft
from fa_theory.model import initialise

ROUNDS = 5
STEPS = 20
AXES = {
    "width": [100, 300, 1000, 3000, 10_000],
    "samples": [100, 300, 1000, 3000, 10_000],
    "depth": [2, 6, 20, 60, 200],
    "members": [8, 24, 80, 240, 800],
    "points": [100, 300, 1000, 3000, 10_000],
}


def work(axis, size):
    """Return a run whose size along one axis is given; for points, every step is recorded."""
    sizes = {"width": 100, "samples": 300, "depth": 2, "members": 1, "points": 2} | {axis: size}
    width = 8 if axis == "points" else sizes["width"]
    hidden = (width,) * (sizes["depth"] - 1)
    # of the same cost as fa, whose signals grow with depth by the size of the feedback until they overflow
    rule = "backprop" if axis == "depth" else "fa"
    networks = [
        initialise("gaussian", (20, *hidden, 1), "leaky_relu:0.1", rule, seed=k) for k in range(sizes["members"])
    ]
    X = np.random.default_rng(0).standard_normal((sizes["samples"], 20))
    problem = ft.Problem(X, np.sin(X[:, 0]))
    steps = size - 1 if axis == "points" else STEPS
    options = {"method": "gd", "steps": steps, "step_size": 1e-4, "points": sizes["points"]}
    if axis == "members":
        return lambda: ft.ensemble(networks, problem, **options)
    return lambda: ft.simulate(networks[0], problem, **options)


@pytest.mark.benchmark(group="growth")
@pytest.mark.parametrize(("axis", "size"), [(axis, size) for axis, sizes in AXES.items() for size in sizes])
def test_growth(benchmark, axis, size):
    benchmark.extra_info.update(axis=axis, size=size)
    result = benchmark.pedantic(work(axis, size), rounds=ROUNDS, warmup_rounds=1, iterations=1)
    runs = result if axis == "members" else [result]
    assert all(run.outcome == "completed" for run in runs)
