"""Write the page of what the experiments found, fa_theory/experiments/FINDINGS.md, from the records in results/.

Usage: python tests/experiments/findings.py, which `make findings` runs after the experiments themselves.
"""

import json
from pathlib import Path

import numpy as np

from fa_theory.experiments import EXPERIMENTS

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[2] / "fa_theory" / "experiments" / "FINDINGS.md"
HEADER = """# The paper's experiments: what was found

Made by `make findings`, from the records in `tests/experiments/results` (every run, with its seed). Of the paper only
its abstract and summary were at hand: its numbers and sizes are not known here, and every criterion is this project's
own. The data are small (scikit-learn's digits), so a verdict is about these runs, not about the paper's. In the tables,
"2 of 3" is over how many of the seeds a mean is, where not all have a value.
"""
NOTES = {
    "alignment": """Exploratory: step sizes were first chosen by the lowest loss at the end, and all three claims were
then undecided; the choice by the lowest loss along the run was made after that was seen, because some runs had stopped
updating. Within one rule, runs with more classes have both less accuracy and another alignment, so those correlations
mix two effects.""",
}


def of_width(row):
    """Say which network, or whose interpolant, and which labels."""
    return f"{row['activation']}, {row['rule']}, {'noisy' if row['noise'] > 0 else 'clean'}"


def least_norm(row):
    return {**row, "activation": "minimum norm", "rule": "any", "test_error": row["test_error_minimum_norm"]}


def tables(name, rows):
    """Return the tables of an experiment: title, rows, what a line is and its name, column, measure, in per cent."""
    if name == "conservation":
        drifts = [row for row in rows if row["kind"] == "drift"]
        line = "rule, method", lambda row: f"{row['rule']}, {row['method']}"
        yield (
            "Drift of C_i over what 1/2 |w_i|^2 moves, by step size",
            drifts,
            *line,
            "step_size",
            "relative_drift",
            True,
        )
    elif name == "alignment":
        line = "rule", lambda row: row["rule"]
        feedback = "Cosine of feedback and transposed weights, mean over training, by number of classes"
        yield "Held-out accuracy, by number of classes", rows, *line, "classes", "test_accuracy", True
        yield (
            "Cosine of F and G, mean over training, by number of classes",
            rows,
            *line,
            "classes",
            "cosine_update",
            False,
        )
        yield feedback, rows, *line, "classes", "cosine_feedback", False
    else:
        fitted = [row if row["interpolates"] else {**row, "test_error": None} for row in rows]
        fitted += [least_norm(row) for row in rows if row["activation"] == "linear"]
        line = "network, rule, labels", of_width
        yield "Held-out error of networks that fit their labels, by width", fitted, *line, "width", "test_error", True


def markdown(head, lines):
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in (head, ["---"] * len(head), *lines))


def pivot(rows, first, line, column, measure, percent):
    """Return a table of means over seeds, with how many there are where some have no value."""
    columns = sorted({row[column] for row in rows})
    lines = []
    for name in dict.fromkeys(map(line, rows)):
        shown = []
        for each in columns:
            given = [row.get(measure) for row in rows if line(row) == name and row[column] == each]
            known = [value for value in given if value is not None]
            mean = np.mean(known) if known else None
            text = "none" if mean is None else f"{100 * mean:.3g} %" if percent else f"{mean:.2f}"
            shown.append(f"{text} ({len(known)} of {len(given)})" if 0 < len(known) < len(given) else text)
        lines.append([name, *shown])
    return markdown([first, *columns], lines)


def section(record):
    options = "; ".join(
        f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in record["settings"].items()
    )
    data = record["data"]["train"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    findings = [[each["claim"], each["reported"], each["found"], each["verdict"]] for each in record["findings"]]
    findings = [[text.replace("|", "\\|") for text in finding] for finding in findings]
    parts = [
        f"## {record['title']}",
        markdown(["claim", "the paper reports", "found here", "verdict"], findings),
        *filter(None, [NOTES.get(record["experiment"])]),
    ]
    for title, *table in tables(record["experiment"], record["rows"]):
        parts += [f"{title} (mean over seeds):".replace("|", "\\|"), pivot(*table)]
    parts.append(
        f"- repeat it: `{record['command']}`\n"
        f"- date: {record['date']}; versions: {versions}\n"
        f"- data: {data['name']}, {data['images']} images of {len(data['classes'])} classes, sha256 "
        f"{data['sha256'][:16]}...\n"
        f"- seeds: {', '.join(map(str, record['seeds']))}; options: {options}"
    )
    return "\n\n".join(parts)


def records():
    return [json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in EXPERIMENTS]


def page(given):
    return "\n\n".join([HEADER.rstrip(), *map(section, given)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(records()), encoding="utf-8")
