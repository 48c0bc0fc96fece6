"""Flows: workload F (leaky ReLU to t = 10 at a true loss error of 1e-8) and L (the linear version to 1e-9).

True errors are against a run of ours at a tolerance 100 times as tight, whose degrees and steps differ; peers are run
as far as they get in `CAP` seconds. What the reformulations gain shows in group F by parts, on a stretch to t = 0.2.
"""

import time
from collections import Counter

import numpy as np
import pytest
from bench_engine import HIDDEN, D, small
from scipy.integrate import DOP853, RK45

import fa_theory as ft
from fa_theory.dynamics import loss_of, reduced_flow
from fa_theory.dynamics.integrate import Integration
from fa_theory.dynamics.series import SeriesIntegration
from fa_theory.dynamics.taylor import LayeredExpansion

SLOPE, END = 0.1, 10.0
CAP = 60.0
SHORT = [0.0, 0.2]


def workload(activation=f"leaky_relu:{SLOPE}"):
    """The network and the data of workload S."""
    X, y, (W,), (v,), (b,) = small()
    return ft.Network([W, v[None, :]], activation, [b[:, None]]), ft.Problem(X, y)


def loss_at(network, problem, state):
    return float(loss_of(network.with_parameters(state), problem))


def reference():
    network, problem = workload()
    run = SeriesIntegration(network, problem, 1e-12, 5).run([0.0, END])
    return loss_at(network, problem, run.states[-1])


def field(network, problem, slope):
    """The same equations for a solver that knows nothing of kinks."""
    X, y, b = problem.X, problem.Y[:, 0], network.feedback[0].B
    cut = network.weights[0].size

    def velocity(_, state):
        W, v = state[:cut].reshape(-1, D), state[cut:]
        Z = W @ X.T
        theta = np.where(Z > 0, 1.0, slope)
        H = theta * Z
        e = (v @ H - y) / len(y)
        return -np.concatenate([((b * theta * e) @ X).ravel(), H @ e])

    return velocity, np.concatenate([W.ravel() for W in network.weights])


def capped(solver):
    """Step to the end or until the time is up; return how far it came."""
    start = time.perf_counter()
    while solver.status == "running" and time.perf_counter() - start < CAP:
        solver.step()
    return solver.t


def loss_of_vector(network, problem, y):
    cut = network.weights[0].size
    parameters = network.parameters._replace(weights=(y[:cut].reshape(-1, D), y[cut:][None, :]))
    return loss_at(network, problem, parameters)


@pytest.mark.benchmark(group="F")
def test_fa_theory(benchmark):
    network, problem = workload()
    run = benchmark.pedantic(
        ft.simulate, (network, problem), {"time": END, "points": 11, "accuracy": 1e-8}, rounds=5, warmup_rounds=1
    )
    true = abs(run.loss[-1] - reference())
    assert run.completed
    assert true <= 1e-8
    assert true <= run.error[-1]
    benchmark.extra_info.update(
        error_estimate=float(np.max(run.error)),
        true_error=true,
        events=dict(Counter(event.kind for event in run.events)),
        steps=run.n_steps,
        seconds_per_event_and_run=benchmark.stats.stats.median / (2 * len(run.events)),
    )


@pytest.mark.benchmark(group="F")
def test_scipy_rk45(benchmark):
    network, problem = workload()
    velocity, start = field(network, problem, SLOPE)
    solver = RK45(velocity, 0.0, start, END, rtol=1e-8, atol=1e-10)
    reached = benchmark.pedantic(capped, (solver,), rounds=1)
    benchmark.extra_info.update(reached=reached)
    if reached == END:
        benchmark.extra_info.update(true_error=abs(loss_of_vector(network, problem, solver.y) - reference()))


def diffrax_run(network, problem, slope, rtol):
    diffrax, jax = pytest.importorskip("diffrax"), pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    X, y, b = jnp.asarray(problem.X), jnp.asarray(problem.Y[:, 0]), jnp.asarray(network.feedback[0].B)

    def velocity(_, state, __):
        W, v = state
        Z = W @ X.T
        theta = jnp.where(Z > 0, 1.0, slope)
        e = (v @ (theta * Z) - y) / len(y)
        return -(b * theta * e) @ X, -(theta * Z) @ e

    control = diffrax.PIDController(rtol=rtol, atol=rtol / 100)

    @jax.jit
    def solve(start):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(velocity), diffrax.Tsit5(), 0.0, END, 1e-4, start,
            stepsize_controller=control, max_steps=200_000,
        ).ys  # fmt: skip

    start = jnp.asarray(network.weights[0]), jnp.asarray(network.weights[1][0])
    return lambda: jax.block_until_ready(solve(start))


@pytest.mark.benchmark(group="F")
def test_diffrax_tsit5_at_1e_6(benchmark):
    network, problem = workload()
    W, v = benchmark.pedantic(diffrax_run(network, problem, SLOPE, 1e-6), rounds=5, warmup_rounds=1)
    end = network.parameters._replace(weights=(np.asarray(W[-1]), np.asarray(v[-1])[None, :]))
    benchmark.extra_info.update(true_error=abs(loss_at(network, problem, end) - reference()))


@pytest.mark.benchmark(group="F by parts, to t = 0.2")
@pytest.mark.parametrize("way", ["runge-kutta", "series", "series without the scalar form", "series, general search"])
def test_parts(benchmark, monkeypatch, way):
    """Runge-Kutta steps cut at events; Taylor series; these with (n, N) coefficients, and with all kinks resolved."""
    network, problem = workload()
    kind = Integration if way == "runge-kutta" else SeriesIntegration
    if way == "series without the scalar form":
        monkeypatch.setattr("fa_theory.dynamics.series.ScalarExpansion", LayeredExpansion)
    if way == "series, general search":
        monkeypatch.setattr(SeriesIntegration, "_passes", lambda *_: False)
    run = benchmark.pedantic(lambda: kind(network, problem, 1e-9, 5).run(SHORT), rounds=3)
    assert run.outcome == "completed"
    benchmark.extra_info.update(events=len(run.events), loss=loss_at(network, problem, run.states[-1]))


@pytest.mark.benchmark(group="L")
@pytest.mark.parametrize("width", [50, 1000, 100_000])
def test_reduced_flow(benchmark, width):
    """Every network is the one of width 50 with its neurons repeated, an isometry: the flow is the same."""
    network, problem = workload("linear")
    copies, root = width // HIDDEN, (width // HIDDEN) ** 0.5
    W, v, B = network.weights[0], network.weights[1], network.feedback[0].B
    wide = ft.Network(
        [np.repeat(W, copies, axis=0) / root, np.repeat(v, copies, axis=1) / root],
        "linear",
        [np.repeat(B, copies, axis=0) / root],
    )
    run = benchmark(reduced_flow, wide, problem, END, 11, accuracy=1e-11)
    best = reduced_flow(network, problem, END, 11, accuracy=1e-13).loss
    assert run.outcome == "completed"
    assert np.max(abs(run.loss - best)) <= 1e-9
    benchmark.extra_info.update(true_error=float(np.max(abs(run.loss - best))), error_estimate=float(run.error.max()))


@pytest.mark.benchmark(group="L")
def test_fa_theory_on_all_weights(benchmark):
    network, problem = workload("linear")
    run = benchmark.pedantic(
        ft.simulate, (network, problem), {"time": END, "points": 11, "accuracy": 1e-9}, rounds=5, warmup_rounds=1
    )
    assert run.completed
    benchmark.extra_info.update(error_estimate=float(run.error.max()))


@pytest.mark.benchmark(group="L")
def test_scipy_dop853(benchmark):
    network, problem = workload("linear")
    velocity, start = field(network, problem, 1.0)
    solver = benchmark.pedantic(_to_end, (velocity, start), rounds=5)
    best = reduced_flow(network, problem, END, 11, accuracy=1e-13).loss[-1]
    benchmark.extra_info.update(true_error=abs(loss_of_vector(network, problem, solver.y) - best))


def _to_end(velocity, start):
    solver = DOP853(velocity, 0.0, start, END, rtol=1e-9, atol=1e-11)
    assert capped(solver) == END
    return solver


@pytest.mark.benchmark(group="L")
def test_diffrax_tsit5(benchmark):
    network, problem = workload("linear")
    W, v = benchmark.pedantic(diffrax_run(network, problem, 1.0, 1e-9), rounds=5, warmup_rounds=1)
    end = network.parameters._replace(weights=(np.asarray(W[-1]), np.asarray(v[-1])[None, :]))
    best = reduced_flow(network, problem, END, 11, accuracy=1e-13).loss[-1]
    benchmark.extra_info.update(true_error=abs(loss_at(network, problem, end) - best))
