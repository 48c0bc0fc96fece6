"""Work and precision: error in the loss, and drift of C_i, against time, for all integrators here and those of others.

`python tests/benchmarks/bench_precision.py` runs every integrator at several settings on the same flows, and writes
PRECISION.md with PRECISION.png beside it. SciPy's integrators get a field in tuned NumPy, diffrax's (where it is
installed) a compiled one; compilation is not counted. Ours are timed through `fa_theory.simulate`: with validation and
with the second run that estimates the error, which the others have not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

import fa_theory as ft
from fa_theory.dynamics import has_reduced_flow, loss_of, reduced_flow
from fa_theory.laws import neuron_law
from fa_theory.model import Network, Parameters, Problem

Host = np.ndarray[Any, Any]

REPEATS = 5
LIMIT = 2.0
"""Seconds: a run beyond this is stopped, and tighter settings of the same integrator are not tried."""
TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
ACCURACIES = (1e-4, 1e-6, 1e-8, 1e-10)
STEPS = (8, 32, 128, 512)
EULER_STEPS = (100, 1000, 10_000)
LEVELS = (1e-4, 1e-6, 1e-8, 1e-10)
DRIFTS = (1e-6, 1e-10, 1e-14)


class Flow(NamedTuple):
    """A flow that all integrate."""

    title: str
    network: Network
    problem: Problem
    time: float


class Point(NamedTuple):
    """One integrator at one setting."""

    integrator: str
    ours: bool
    setting: float
    seconds: float
    error: float
    drift: float


def flows() -> dict[str, Flow]:
    """Return the flows: smooth, with a kink that is never met, and with kinks that are crossed and slid along."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 10))
    problem = Problem(X, np.sin(X[:, 0]))
    linear = ft.initialise("gaussian", (10, 20, 1), "linear", "fa", seed=1)
    gated = ft.initialise("gaussian", (10, 20, 1), "leaky_relu:0.1", "fa", seed=1)
    # biases so large that every pre-activation keeps its sign
    quiet = Network(
        gated.weights, gated.activation, gated.feedback, [4.0 * np.where(np.arange(20) % 2, 1.0, -1.0), np.zeros(1)]
    )
    near = Problem(0.4 * X, np.sin(X[:, 0]))
    few = Problem(X[:12, :3], np.sin(3 * X[:12, 0]))
    sliding = ft.initialise("gaussian", (3, 6, 1), "leaky_relu:0.2", "fa", seed=2)
    return {
        "linear": Flow("linear, d = 10, n = 20, N = 40, t = 1", linear, problem, 1.0),
        "quiet": Flow("leaky ReLU 0.1, no kink is met, d = 10, n = 20, N = 40, t = 1", quiet, near, 1.0),
        "kinks": Flow("leaky ReLU 0.2, crossings and sliding, d = 3, n = 6, N = 12, t = 3", sliding, few, 3.0),
    }


class _TooLong(Exception):  # noqa: N818 - no error: a run is stopped
    pass


def field(flow: Flow) -> Callable[[float, Host], Host]:
    """Return dy/dt of the flow on the flat vector (W_1, W_2, b_1, b_2), in tuned NumPy."""
    network, (X, Y) = flow.network, (flow.problem.X, flow.problem.Y)
    (B,), slope, N = network.matrices(), float(network.activation.slope), len(X)
    n, d = network.weights[0].shape
    biased = network.biases[0] is not None
    end, begun = n * d, perf_counter()

    def velocity(t: float, y: Host) -> Host:
        if perf_counter() - begun > LIMIT:
            raise _TooLong
        W, v = y[:end].reshape(n, d), y[end : end + n]
        Z = X @ W.T
        if biased:
            Z += y[end + n : end + 2 * n]
        H = Z if slope == 1 else np.maximum(Z, slope * Z)
        E = (H @ v - Y[:, 0] + (y[-1] if biased else 0.0)) / N
        D = np.outer(E, B[:, 0])
        if slope != 1:
            D[Z <= 0] *= slope
        parts = [(D.T @ X).ravel(), E @ H]
        if biased:
            parts += [D.sum(axis=0), [E.sum()]]
        return -np.concatenate(parts)

    return velocity


def flat(network: Network) -> Host:
    """Return the parameters as one vector."""
    return np.concatenate([each.ravel() for each in (*network.weights, *network.biases) if each is not None])


def unflat(network: Network, y: Host) -> Parameters:
    """Undo `flat`."""
    shapes = [each.shape for each in (*network.weights, *network.biases) if each is not None]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    W, V, *b = (part.reshape(shape) for part, shape in zip(np.split(y, ends[:-1]), shapes, strict=True))
    return Parameters((W, V), tuple(b) if b else (None, None))


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return the median time of REPEATS calls, or of one that takes long, and the result."""
    times, result = [], None
    while len(times) < REPEATS and sum(times) < LIMIT:
        begun = perf_counter()
        result = run()
        times.append(perf_counter() - begun)
    return statistics.median(times), result


def ours(flow: Flow) -> Iterator[tuple[str, float, float, Parameters]]:
    """Run what is here; yield name, setting, seconds and the final parameters."""
    network, problem, time = flow.network, flow.problem, flow.time
    plans: dict[str, list[tuple[float, dict[str, Any]]]] = {
        "flow": [(accuracy, {"time": time, "accuracy": accuracy}) for accuracy in ACCURACIES],
        **{name: [(n, {"steps": n, "step_size": time / n}) for n in STEPS] for name in FIXED},
        "gd": [(n, {"steps": n, "step_size": time / n}) for n in EULER_STEPS],
    }
    for method, plan in plans.items():
        for setting, options in plan:
            seconds, run = timed(lambda m=method, o=options: ft.simulate(network, problem, method=m, points=2, **o))
            if run.outcome in ("completed", "accuracy_not_reached"):
                yield method, setting, seconds, run.states[-1]
            if seconds > LIMIT / 2:
                break
    if has_reduced_flow(network) and problem.loss.name == "squared":
        for accuracy in ACCURACIES:
            seconds, reduced = timed(lambda a=accuracy: reduced_flow(network, problem, time=time, points=2, accuracy=a))
            yield "reduced (T16)", accuracy, seconds, reduced.parameters(-1)


FIXED = ("midpoint", "gauss", "projection")


def scipys(flow: Flow) -> Iterator[tuple[str, float, float, Parameters]]:
    """Run SciPy's integrators."""
    start = flat(flow.network)
    # steps that are rejected may overflow
    np.seterr(over="ignore", invalid="ignore")
    for name in ("RK45", "DOP853", "LSODA", "Radau"):
        for tolerance in TOLERANCES:
            try:
                seconds, run = timed(
                    lambda m=name, tol=tolerance: solve_ivp(
                        field(flow), (0, flow.time), start, method=m, rtol=max(tol, 3e-14), atol=tol
                    )
                )
            except _TooLong:
                break
            if run.success:
                yield f"scipy {name}", tolerance, seconds, unflat(flow.network, run.y[:, -1])


def diffraxes(flow: Flow) -> Iterator[tuple[str, float, float, Parameters]]:
    """Run diffrax's explicit pairs, compiled; nothing where it is not installed."""
    try:
        import diffrax
        import jax
        import jax.numpy as jnp
    except ImportError:
        return
    jax.config.update("jax_enable_x64", True)
    network, X, y = flow.network, jnp.asarray(flow.problem.X), jnp.asarray(flow.problem.Y[:, 0])
    B, slope, N = jnp.asarray(network.matrices()[0][:, 0]), float(network.activation.slope), len(flow.problem.X)
    biased = network.biases[0] is not None

    def velocity(t: Any, state: Any, args: Any) -> Any:
        W, v, *b = state
        Z = X @ W.T + (b[0] if biased else 0.0)
        S = jnp.where(Z > 0, 1.0, slope)
        E = (Z * S @ v - y + (b[1][0] if biased else 0.0)) / N
        D = E[:, None] * B * S
        moved = (-D.T @ X, -E @ (Z * S))
        return (*moved, -D.sum(axis=0), -E.sum()[None]) if biased else moved

    start = (jnp.asarray(network.weights[0]), jnp.asarray(network.weights[1][0]))
    start += tuple(jnp.asarray(b) for b in network.biases) if biased else ()
    for solver in (diffrax.Tsit5(), diffrax.Dopri8()):

        @jax.jit
        def solve(state: Any, tolerance: Any, solver: Any = solver) -> Any:
            return diffrax.diffeqsolve(
                diffrax.ODETerm(velocity), solver, 0.0, flow.time, None, state, throw=False, max_steps=20_000,
                stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
            )  # fmt: skip

        for tolerance in TOLERANCES:
            jax.block_until_ready(solve(start, tolerance).ys)
            seconds, run = timed(lambda tol=tolerance, f=solve: jax.block_until_ready(f(start, tol)))
            W, v, *b = (np.asarray(each)[-1] for each in run.ys)
            if run.result == diffrax.RESULTS.successful:
                parameters = Parameters((W, v[None]), tuple(b) if biased else (None, None))
                yield f"diffrax {type(solver).__name__}", tolerance, seconds, parameters
            if seconds > LIMIT:
                break


def reference(flow: Flow) -> tuple[float, str]:
    """Return the loss at the end from the flow at its tightest, and what it was checked with."""
    run = ft.simulate(flow.network, flow.problem, time=flow.time, points=2, accuracy=ACCURACIES[-1] / 10)
    told = f"flow, error estimate {run.error[-1]:.1e}, {len(run.events)} events"
    if has_reduced_flow(flow.network):
        other = reduced_flow(flow.network, flow.problem, time=flow.time, points=2)
        told += f"; it differs from T16 by {abs(other.loss[-1] - run.loss[-1]):.1e}, whose estimate is"
        return float(other.loss[-1]), f"{told} {other.error[-1]:.1e} and which is taken"
    return float(run.loss[-1]), told


def measure(flow: Flow, right: float) -> list[Point]:
    """Run all integrators on a flow."""
    laws = neuron_law(flow.network)[0]
    points: list[Point] = []
    for mine, runs in ((True, ours(flow)), (False, scipys(flow)), (False, diffraxes(flow))):
        for name, setting, seconds, parameters in runs:
            if not np.all(np.isfinite(flat(flow.network.with_parameters(parameters)))):
                continue
            end = flow.network.with_parameters(parameters)
            error = abs(float(loss_of(end, flow.problem)) - right)
            drift = float(np.max(abs(neuron_law(end)[0] - laws)))
            points.append(Point(name, mine, setting, seconds, error, drift))
            print(*points[-1], flush=True)
    return points


def fastest(points: list[Point], mine: bool, level: float, quantity: str) -> Point | None:
    """Return the fastest run that has the quantity at most at a level."""
    within = [each for each in points if each.ours is mine and getattr(each, quantity) <= level]
    return min(within, key=lambda each: each.seconds, default=None)


def verdict(here: Point | None, there: Point | None, allowed: float) -> str:
    """Say in words whether ours meets the target against the best of the others."""
    if here is None:
        return "no one" if there is None else "**not met**: only others"
    if there is None:
        return "met: only ours"
    ratio = here.seconds / there.seconds
    return f"{'met' if ratio <= allowed else '**not met**'}: {ratio:.2f} x"


def shown(point: Point | None) -> str:
    """Name a run in a table."""
    return "-" if point is None else f"{point.integrator} ({point.setting:g}), {1e3 * point.seconds:.2f} ms"


def table(measured: dict[str, tuple[Flow, str, list[Point]]]) -> str:
    """Return the Markdown page."""
    lines = ["# Work and precision", "", __doc__.partition("\n\n")[2].strip(), ""]
    lines += ["![error and drift against time](PRECISION.png)", ""]
    lines += [
        "Targets: at equal drift of C_i no slower than the best of the others; at equal error of the loss within",
        f"1.5 x. Errors and drifts are those at the end of the flow, times medians of up to {REPEATS} runs on one BLAS",
        f"thread. A run beyond {LIMIT:g} s is stopped. Settings: tolerance, accuracy, or number of steps.",
        "",
    ]
    lines += [
        f"Measured on {datetime.now(tz=UTC):%Y-%m-%d} with NumPy {np.__version__}, {os.cpu_count()} processors.",
        f"Load at the end {os.getloadavg()[0]:.1f}; a load above one makes ratios uncertain.",
        "",
    ]
    for flow, told, points in measured.values():
        lines += [f"## {flow.title}", "", f"Reference: {told}.", ""]
        lines += ["| at most | fastest of ours | fastest of others | target |", "|---|---|---|---|"]
        for quantity, levels, allowed in (("error", LEVELS, 1.5), ("drift", DRIFTS, 1.0)):
            for level in levels:
                here, there = (fastest(points, mine, level, quantity) for mine in (True, False))
                lines.append(
                    f"| {quantity} {level:g} | {shown(here)} | {shown(there)} | {verdict(here, there, allowed)} |"
                )
        lines += ["", "| integrator | setting | ms | error | drift |", "|---|---|---|---|---|"]
        lines += [
            f"| {p.integrator} | {p.setting:g} | {1e3 * p.seconds:.2f} | {p.error:.1e} | {p.drift:.1e} |"
            for p in points
        ]
        lines.append("")
    return "\n".join(lines)


def draw(measured: dict[str, tuple[Flow, str, list[Point]]], path: Path) -> None:
    """Draw error and drift against time."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, len(measured), figsize=(5 * len(measured), 8), squeeze=False)
    names = list(dict.fromkeys(point.integrator for _, _, points in measured.values() for point in points))
    for column, (flow, _, points) in enumerate(measured.values()):
        for row, quantity in enumerate(("error", "drift")):
            axis = axes[row][column]
            for index, name in enumerate(names):
                of = [each for each in points if each.integrator == name]
                style = "o-" if of and of[0].ours else "x--"
                heights = [max(getattr(each, quantity), 1e-17) for each in of]
                axis.loglog([each.seconds for each in of], heights, style, color=f"C{index % 10}", label=name, ms=4)
            axis.set(xlabel="time, s", ylabel=f"{'error of the loss' if row == 0 else 'drift of C_i'}")
            axis.set_ylim(1e-17, 10)
        axes[0][column].set_title(flow.title, fontsize=8)
    handles = {line.get_label(): line for axis in axes[0] for line in axis.get_lines()}
    figure.legend(handles.values(), handles.keys(), fontsize=8, ncols=6, loc="lower center")
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, dpi=90)


def main() -> None:
    """Measure, and write page, picture and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("PRECISION.md"))
    parser.add_argument("--flows", nargs="*", choices=list(flows()), default=list(flows()))
    options = parser.parse_args()
    measured = {}
    for name in options.flows:
        flow = flows()[name]
        right, told = reference(flow)
        print(f"{name}: {told}", flush=True)
        measured[name] = flow, told, measure(flow, right)
    options.out.write_text(table(measured))
    draw(measured, options.out.with_suffix(".png"))
    figures = {name: [point._asdict() for point in points] for name, (_, _, points) in measured.items()}
    options.out.with_suffix(".json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
