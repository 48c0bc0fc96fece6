"""A small sweep, and ways to run it in a process of its own."""

import subprocess
import sys
import time

GRID = {
    "synthetic": "8x2",
    "rule": "fa,sign-fa",
    "method": "gd",
    "steps": 5,
    "points": 2,
    "width": "3,4",
    "seed": "0:50",
}
COUNT = 200


def command(out, grid, *options):
    """Return the command line that simulates a grid."""
    axes = [word for name, value in grid.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return [sys.executable, "-m", "fa_theory", "sweep", str(out), *axes, "--what", "simulate", *options]


def start(out, *options, grid=GRID, **more):
    """Start a sweep in a process of its own."""
    return subprocess.Popen(
        command(out, grid, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def wait_for_lines(path, count, process, seconds=60.0):
    """Wait until a file has so many lines."""
    end = time.monotonic() + seconds
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


def dataset(out):
    """Return the bytes of a dataset."""
    return (out / "results.npz").read_bytes()


def numbers(out):
    """Return the numbers of the instances in the journal, in its order."""
    from fa_theory.sweeps.folder import Journal

    return [record[0] for record in Journal(out / "finished.jsonl")]
