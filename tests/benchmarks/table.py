"""Turn the JSON that pytest-benchmark writes into a table: `python table.py RESULTS.json OUT.md`.

A group is a workload, `test_fa_theory` is ours, `test_matrix_products` the matrix products of the workload alone. What
a target says of a workload stands in `TARGETS`. Beside OUT.md the figures are kept as JSON.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

# (workload, ours, peers, how many times a peer's time ours may be); several peers: the fastest of them
TARGETS = [
    ("S", "fa_theory", ["jax", "numba", "torch[compile]"], 1.5),
    ("S", "fa_theory", ["torch[autograd]"], 1 / 8),
    ("E", "fa_theory", ["jax[1]", "jax[2]", "numba"], 1.1),
    ("E", "fa_theory", ["torch_autograd"], 1 / 20),
    ("M, 1 core", "fa_theory", ["jax"], 1.0),
    ("M, 1 core", "fa_theory", ["matrix_products"], 1 / 0.93),
    ("M, 2 cores", "fa_theory", ["jax"], 1.0),
    ("M, 2 cores", "fa_theory", ["matrix_products"], 1 / 0.93),
    ("F", "fa_theory", ["scipy_rk45"], 1 / 20),
    ("L", "reduced_flow[100000]", ["reduced_flow[50]"], 1.5),
]
# (workload, ours, seconds at most)
LIMITS = [("F", "fa_theory", 2.0), ("L", "reduced_flow[50]", 0.004)]
NOTES = ("reached", "true_error", "error_estimate", "steps")
VERDICTS = ["workload", "ours", "against", "ours / theirs, or seconds", "target at most", ""]
LEFT = """What is left. Targets in seconds are for a machine on which JAX takes 0.1 s for S and diffrax 4.5 ms for L.

- S: the matrix products alone, by the same BLAS, take a third of the time; a step then goes over (n, N) arrays four
  times (comparison, slopes, their least value, product) and reads each from the second cache, where a compiled program
  goes once. Other layouts, bit operations and the |z| form gained nothing. Keeping the losses takes about 8 %.
- E: the same. Two threads that take turns at the interpreter lose about 15 % against two processes.
- M: four fifths of the time or more is matrix products. Another run on the same day had 0.94 (1 core) and 1.11 (2)
  times JAX, and 99 % and 98 % of the products' rate.
- F: about 1 ms an event and run, most of it Python between small array operations.
- L: two runs of 26 expansions; at a width of 100,000 the set-up shows, which reads the weights three times."""
HEADER = """# Benchmarks

Made by `make bench`. Times are medians in seconds; only ratios of one run mean anything, as machines differ and are
noisy. "Matrix products" is the share of our time that the workload's matrix products alone take, on the same shapes
in the same run; "memory" is the bytes that our array operations read and write, over the time, as a share of what
adding two large arrays reached (above 100 % the cache served them).
"""


def read(path):
    """Return {group: {name: entry}}, a group for each number of cores, and what the machine is."""
    results = json.loads(Path(path).read_text())
    groups = defaultdict(dict)
    for each in results["benchmarks"]:
        facts, name = each["extra_info"], each["name"].removeprefix("test_")
        group = each["group"] or name
        if "cores" in facts:
            group += f", {facts['cores']} core{'s' * (facts['cores'] > 1)}"
            name = name.partition("[")[0]
        name = facts.get("way", name)
        time = each["stats"]["median"] * facts.get("times", 1)
        groups[group][name] = {"seconds": time, "rounds": each["stats"]["rounds"], **facts}
    return groups, results["machine_info"]


def ratio_of(ours, group, names):
    """Return our time over that of the fastest of some peers, None where none was measured."""
    times = [group[name]["seconds"] for name in names if name in group]
    return ours / min(times) if times else None


def verdicts(groups):
    """Return a row for each target: workload, against what, ratio, allowed, met or not."""
    rows = []
    for workload, ours, names, allowed in TARGETS:
        group = groups.get(workload, {})
        ratio = ratio_of(group[ours]["seconds"], group, names) if ours in group else None
        rows.append([workload, ours, ", ".join(names), *judged(ratio, allowed)])
    for workload, ours, allowed in LIMITS:
        entry = groups.get(workload, {}).get(ours)
        rows.append([workload, ours, "seconds", *judged(entry["seconds"] if entry else None, allowed)])
    return rows


def judged(found, allowed):
    """Return the cells for a figure, what it may be at most, and whether it is."""
    met = "not measured" if found is None else "met" if found <= allowed else "**not met**"
    return ["" if found is None else f"{found:.3g}", f"{allowed:.3g}", met]


def shares(groups):
    """Return a row for each of our workloads: the shares of the matrix products and of the memory's rate."""
    rows = []
    for workload, group in groups.items():
        ours = group.get("fa_theory")
        if ours is None or "bytes" not in ours:
            continue
        cores = "2 cores" if "2" in workload or workload == "E" else "1 core"
        triad = groups.get(f"memory bandwidth, {cores}", {}).get("triad")
        rate = ours["bytes"] / ours["seconds"]
        products = group.get("matrix_products")
        rows.append(
            [
                workload,
                f"{ours['seconds']:.3g}",
                f"{products['seconds'] / ours['seconds']:.0%}" if products else "",
                f"{rate / 1e9:.3g} GB/s",
                f"{rate / (triad['bytes'] / triad['seconds']):.0%}" if triad else "",
                ours.get("kernel", ""),
            ]
        )
    return rows


def slopes(groups):
    """Return a row for each axis of growth: the range and the slope of log time against log size."""
    axes = defaultdict(list)
    for each in groups.get("growth", {}).values():
        axes[each["axis"]].append((each["size"], each["seconds"]))
    rows = []
    for axis, pairs in axes.items():
        size, seconds = np.log(sorted(pairs)).T
        slope = np.polyfit(size, seconds, 1)[0]
        rows.append([axis, f"{min(pairs)[0]} to {max(pairs)[0]}", f"{slope:.2f}", "1"])
    return rows


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def page(groups, machine):
    """Return the whole page."""
    cpu = machine.get("cpu", {})
    parts = [HEADER, f"Machine: {cpu.get('brand_raw', 'unknown')}, {cpu.get('count', '?')} cores.", "## Targets"]
    parts.append(markdown(VERDICTS, verdicts(groups)))
    parts.append(LEFT)
    parts.append("## Shares of the machine")
    parts.append(
        markdown(["workload", "seconds", "matrix products", "array traffic", "memory", "BLAS kernel"], shares(groups))
    )
    if growth := slopes(groups):
        parts += ["## Growth", markdown(["axis", "range", "fitted slope", "linear"], growth)]
    parts.append("## All times")
    for name, group in groups.items():
        if name == "growth":
            continue
        ours = group.get("fa_theory", {}).get("seconds")
        rows = [
            [
                each,
                f"{entry['seconds']:.4g}",
                f"{ours / entry['seconds']:.3g}" if ours else "",
                f"{entry['difference']:.1e}" if "difference" in entry else "",
                str(entry["rounds"]),
                ", ".join(f"{note.replace('_', ' ')} {entry[note]:.3g}" for note in NOTES if note in entry),
            ]
            for each, entry in sorted(group.items(), key=lambda item: item[1]["seconds"])
        ]
        parts.append(f"### {name}")
        parts.append(markdown(["", "seconds", "ours / this", "difference of losses", "rounds", "notes"], rows))
    return "\n\n".join(parts) + "\n"


def main():
    """Write the page and the figures."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    groups, machine = read(source)
    out.write_text(page(groups, machine))
    figures = {"machine": machine.get("cpu", {}).get("brand_raw"), "groups": groups}
    out.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    print(markdown(VERDICTS, verdicts(groups)))


if __name__ == "__main__":
    main()
