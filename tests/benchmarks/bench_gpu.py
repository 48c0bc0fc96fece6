"""At which width a GPU overtakes the CPU: gradient descent on growing networks, on NumPy and on CuPy, in one run.

    python tests/benchmarks/bench_gpu.py [--json FILE]

It prints a row for each width and the crossover, the least width from which CuPy is faster at all larger ones. Without
a device it says so and ends with status 2. It had not been run on hardware by 2026-11-26.
"""

import argparse
import json
import statistics
import sys
import time

import numpy as np

import fa_theory as ft
from fa_theory.model import backend_namespace

WIDTHS = (32, 128, 512, 2048, 8192)
STEPS, REPEATS = 200, 5
TOLERANCE = 1e-10
"""By how much the two losses may differ, relative to the loss at the start."""


def seconds(network, problem):
    """Return the median time of a run, whose last loss is read and so waited for, and the loss."""
    taken, run = [], None
    for repeat in range(REPEATS + 1):
        started = time.perf_counter()
        run = ft.simulate(network, problem, method="gd", steps=STEPS, step_size=1e-3, points=2)
        if repeat:  # the first one compiles the kernels
            taken.append(time.perf_counter() - started)
    return statistics.median(taken), run.loss


def measure(width):
    """Return a row: N = d = 256 samples and inputs, one hidden layer of the given width."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((256, 256))
    here = ft.initialise("gaussian", (256, width, 10), "leaky_relu:0.1", "fa", seed=1), ft.Problem(X, X[:, :10])
    cpu, expected = seconds(*here)
    gpu, found = seconds(*ft.to_backend(*here, "cupy"))
    gap = float(np.max(abs(found - expected)) / expected[0])
    return {"width": width, "numpy_s": cpu, "cupy_s": gpu, "ratio": cpu / gpu, "relative_gap": gap}


def crossover(rows):
    """Return the least width from which CuPy is faster at all larger ones; None where it is not at the largest."""
    found = None
    for row in reversed(rows):
        if row["ratio"] <= 1:
            break
        found = row["width"]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    arguments = parser.parse_args()
    try:
        backend_namespace("cupy")
    except ValueError as error:
        print(f"nothing measured: {error}", file=sys.stderr)
        return 2
    rows = [measure(width) for width in WIDTHS]
    for row in rows:
        print("width {width:5d}: NumPy {numpy_s:.3g} s, CuPy {cupy_s:.3g} s, gap {relative_gap:.1e}".format(**row))
    print(f"crossover: {crossover(rows)}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"rows": rows, "crossover": crossover(rows)}, file, indent=1)
    return int(any(row["relative_gap"] > TOLERANCE for row in rows))


if __name__ == "__main__":
    sys.exit(main())
