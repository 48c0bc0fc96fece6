"""What a sweep costs: processor time against the number of instances, and what that makes for a million of them.

Usage: python tests/benchmarks/bench_sweep.py [--jobs 2]

For three kinds of instances, sweeps of growing size are run and lines fitted to the processor time of all processes
and to that of the first, which hands out and records: it alone cannot be shared out. Processor time, because other
programs on the machine change it little.
"""

import argparse
import resource
import tempfile
from pathlib import Path

import numpy as np

import fa_theory as ft

SHORT = {"synthetic": "8x2", "method": "gd", "steps": 5, "points": 2, "width": 4}
LONG = {"synthetic": "50x20", "method": "gd", "steps": 1000, "points": 11, "width": 10}
JUDGED = {"synthetic": "20x4", "method": "gd", "steps": 200, "points": 11, "width": 10}

KINDS = (
    ("simulate, 5 steps (overhead)", SHORT, "simulate", (500, 1000, 2000)),
    ("simulate, 1000 steps, 50x20, width 10", LONG, "simulate", (20, 40, 80)),
    ("verify, 200 steps, 20x4, width 10", JUDGED, "verify", (4, 8, 16)),
)


def spent(who):
    """Return the processor time used so far."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def seconds(grid, what, count, jobs, folder):
    """Return the processor time of the workers of a sweep, and of the process that records."""
    start = [spent(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    ft.sweep({**grid, "seed": range(count)}, folder, what=what, jobs=jobs)
    end = [spent(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return [after - before for before, after in zip(start, end, strict=True)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as folder:
        ft.sweep({**SHORT, "seed": 0}, Path(folder) / "warm", what="simulate", jobs=1)
        for place, (name, grid, what, counts) in enumerate(KINDS):
            runs = [seconds(grid, what, count, jobs, Path(folder) / f"{place}-{count}") for count in counts]
            (work, start), (serial, _) = (np.polyfit(counts, each, 1) for each in zip(*runs, strict=True))
            size = (Path(folder) / f"{place}-{counts[-1]}" / "finished.jsonl").stat().st_size / counts[-1]
            print(
                f"{name}: {', '.join(f'{n}: {run[0]:.2f} s' for n, run in zip(counts, runs, strict=True))}; "
                f"{start / jobs:.2f} s to start a process, {1e3 * work:.2f} ms an instance, and {1e3 * serial:.2f} ms "
                f"to record it ({size:.0f} bytes); a million: {1e6 * (work + serial) / 2 / 3600:.2f} h on 2 cores, "
                f"{1e6 * max(work / 1000, serial) / 60:.1f} min on 1,000"
            )


if __name__ == "__main__":
    main()
