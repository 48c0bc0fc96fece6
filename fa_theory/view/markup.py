"""The HTML of the report: tables, facts and pictures of some runs on one page that needs no other file."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fa_theory import __version__
from fa_theory.dynamics import OUTCOMES
from fa_theory.ledger import proof_evidence
from fa_theory.statements import PAPER, STATEMENTS
from fa_theory.verification import Report, Summary, Verdict, command_from_state, describe, summarise

_MARKS = {"holds": "✓", "refuted": "✗", "undecided": "?", "not_applicable": "–"}
_ABSENT = "–"


@dataclass(frozen=True)
class Picture:
    """A drawn picture.

    Attributes
    ----------
    stem : str
        The files' name without ending.
    alt : str
        What it shows, for those who do not see it.
    caption : str
        What is said of it.
    svg, png : bytes
        The files' contents.
    """

    stem: str
    alt: str
    caption: str
    svg: bytes
    png: bytes


def page(
    reports: Sequence[Report],
    anchors: Sequence[str],
    pictures: Sequence[Sequence[Picture]],
    command: str | None,
) -> str:
    """Return the whole page.

    Parameters
    ----------
    reports : sequence of Report
        The runs.
    anchors : sequence of str
        For each run a name of letters, digits and hyphens, different from all others.
    pictures : sequence of sequences of Picture
        For each run its pictures.
    command : str or None
        The command that a reader can repeat.
    """
    runs = f"{len(reports)} run{'s' * (len(reports) != 1)}"
    sections = "".join(map(_run_section, reports, anchors, pictures))
    made_by = f"<p>Made by <code>{_text(command)}</code>.</p>" if command else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Feedback alignment: statements judged on {runs}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Feedback alignment: theory against simulation</h1>
<p>Which statements of the theory hold on {runs}, on what evidence and by what margin.
fa_theory {_text(__version__)}.</p>
{made_by}
</header>
<main>
<section aria-labelledby="statements">
<h2 id="statements">Statements</h2>
<p>The margin of a law or identity is 1 &minus; deviation / tolerance; that of a bound is the smallest
(bound &minus; loss) / bound after the start; where a statement does not apply, that of the assumption that fails.
Evidence: <em>float-checked</em> is floating point with an error estimate, <em>exact</em> is rational arithmetic.</p>
{_summary_table(reports)}
</section>
<section aria-labelledby="runs">
<h2 id="runs">Runs</h2>
{_runs_table(reports, anchors)}
</section>
{sections}</main>
<footer><p>Source <em>paper</em>: {_text(PAPER)}; constants and assumptions are this project's.
Source <em>own</em>: this project's own statement, not from the paper.</p></footer>
</body>
</html>
"""


def words(key: str) -> str:
    """Return a key such as ``not_applicable`` as it is read."""
    return key.replace("_", " ")


def _summary_table(reports: Sequence[Report]) -> str:
    rows = [
        (_statement(each.id), _verdict(each), _text(STATEMENTS[each.id].source), *_findings(each))
        for each in summarise(reports)
    ]
    head = ("statement", "verdict", "source", "proof", "evidence", "margin", "detail")
    return _table("Every statement over all runs", head, rows, last="detail")


def _runs_table(reports: Sequence[Report], anchors: Sequence[str]) -> str:
    rows = []
    for report, anchor in zip(reports, anchors, strict=True):
        instance, run = report.instance, report.trajectory
        recorded = len(run.t) > 0
        facts = (
            instance.description.get("data", instance.description.get("state", _ABSENT)),
            instance.problem.n_samples,
            "-".join(map(str, instance.network.widths)),
            instance.network.rule_name,
            instance.network.activation.name,
            instance.problem.loss.name,
            words(run.outcome),
            f"{_number(run.loss[0])} → {_number(run.loss[-1])}" if recorded else _ABSENT,
            f"{max(run.error):.1e}" if recorded else _ABSENT,
        )
        rows.append((f'<a href="#run-{anchor}">{_text(instance.name)}</a>', *map(_text, facts)))
    head = ("run", "data", "samples", "widths", "rule", "activation", "loss", "outcome", "start → end", "error")
    caption = "Every run and how it ended; the loss at its start and end, and its largest error estimate"
    return _table(caption, head, rows)


def _run_section(report: Report, anchor: str, pictures: Sequence[Picture]) -> str:
    rows = [(_statement(each.id), _verdict(each), *_findings(each)) for each in report.verdicts]
    head = ("statement", "verdict", "proof", "evidence", "margin", "detail")
    verdicts = _table(f"Verdicts on {report.instance.name}", head, rows, last="detail")
    drawn = "".join(map(_figure, pictures)) or "<p>Nothing was recorded after the start: no pictures.</p>"
    return f"""<section class="run" aria-labelledby="run-{anchor}">
<h2 id="run-{anchor}">{_text(report.instance.name)}</h2>
{_facts(report)}
{_again(report, anchor)}
{verdicts}
<div class="pictures">
{drawn}</div>
</section>
"""


def _facts(report: Report) -> str:
    """List where data and start come from, how the run was made and how it ended."""
    run = report.trajectory
    facts = {key: value for key, value in describe(report.instance).items() if key not in ("name", "version")}
    kinds = [event.kind for event in run.events]
    events = ", ".join(f"{kinds.count(kind)} × {kind}" for kind in dict.fromkeys(kinds)) or "none"
    facts["events"] = events if run.unique else f"{events}; the flow is not unique, this is one solution"
    facts["outcome"] = f"{OUTCOMES[run.outcome]}, after {run.n_steps} steps"
    items = "".join(f"<div><dt>{_text(words(key))}</dt><dd>{_value(facts[key])}</dd></div>\n" for key in facts)
    return f"<dl>{items}</dl>"


def _again(report: Report, anchor: str) -> str:
    command = command_from_state(report.instance, f"{anchor}.npz")
    if command is None:
        return ""
    return f"<p>To run it again from the start state beside this page: <code>{_text(command)}</code></p>"


def _figure(each: Picture) -> str:
    address = "data:image/svg+xml;base64," + base64.b64encode(each.svg).decode()
    return (
        f'<figure><img src="{address}" alt="{_text(each.alt)}">\n'
        f"<figcaption>{_text(each.caption)} <small>{_text(each.stem)}.svg, .png</small></figcaption></figure>\n"
    )


def _statement(identifier: str) -> str:
    return f"<code>{_text(identifier)}</code> <span>{_text(STATEMENTS[identifier].title)}</span>"


def _verdict(row: Verdict | Summary) -> str:
    mark = f'<span aria-hidden="true">{_MARKS[row.verdict]}</span>'
    return f'<span class="verdict {row.verdict}">{mark} {words(row.verdict)}</span>'


def _findings(row: Verdict | Summary) -> tuple[str, str, str, str]:
    """Return the cells for proof, evidence, margin and detail."""
    return (
        _text(proof_evidence(row.id) or _ABSENT),
        _text(row.evidence or _ABSENT),
        _number(row.margin),
        _text(row.detail),
    )


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], last: str = "plain") -> str:
    """Return a table of cells that are HTML already; the first of each row is the row's header."""
    top = "".join(f'<th scope="col">{_text(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>\n'
        for first, *rest in rows
    )
    name = _text(caption)
    # a box that scrolls needs the focus to be scrolled from the keyboard, and a name to be announced
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{name}"><table class="{last}">'
        f"<caption>{name}</caption>\n<thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _text(value: object) -> str:
    return html.escape(str(value))


def _number(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.4g}"


def _value(value: Any) -> str:
    """Write a JSON value for people, as HTML."""
    if isinstance(value, dict):
        return ", ".join(f"{_text(words(key))} {_value(entry)}" for key, entry in value.items()) or "defaults"
    if isinstance(value, list | tuple):
        sentences = any(isinstance(entry, str) and " " in entry for entry in value)
        return ("<br>" if sentences else ", ").join(map(_value, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _text(value)


_STYLE = """
:root { --paper: #fff; --ink: #1c1c1c; --soft: #595959; --line: #c9c9c9; --shade: #f4f4f4; --link: #00508a; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #161719; --ink: #e8e8e8; --soft: #a8a8a8; --line: #46494d; --shade: #212327; --link: #7cc4f5; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 78rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.25rem; margin-top: 2.2rem; }
p { max-width: 60rem; }
a { color: var(--link); }
code { font-size: 0.92em; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll:focus-visible { outline: 2px solid var(--link); }
table { border-collapse: collapse; font-size: 0.86rem; width: 100%; }
caption { text-align: left; color: var(--soft); padding-bottom: 0.3rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
th span { display: block; font-weight: 400; color: var(--soft); }
thead th { background: var(--shade); white-space: nowrap; }
tbody th { min-width: 8.5rem; }
tbody th code { white-space: nowrap; }
td { white-space: nowrap; font-variant-numeric: tabular-nums; }
.detail td:last-child { min-width: 17rem; white-space: normal; }
.verdict { display: inline-block; padding: 0 0.45rem; border: 1.5px solid currentColor; border-radius: 0.7rem; }
.verdict.refuted { border-width: 3px; border-radius: 0; font-weight: 700; }
.verdict.undecided { border-style: dashed; }
.verdict.not_applicable { border-color: transparent; color: var(--soft); }
dl { columns: 20rem 3; margin: 0.8rem 0; font-size: 0.86rem; }
dl div { display: flex; gap: 0.7rem; break-inside: avoid; padding-bottom: 0.1rem; }
dt { color: var(--soft); flex: 0 0 5.5rem; }
dd { margin: 0; min-width: 0; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem; }
figure { margin: 0; break-inside: avoid; }
figure img { display: block; width: 100%; height: auto; background: #fff; border: 1px solid var(--line);
  border-radius: 4px; }
figcaption { font-size: 0.82rem; padding-top: 0.3rem; }
small, footer { color: var(--soft); }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --line: #999; --shade: #eee; --link: #000; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  .scroll { overflow: visible; }
  table, dl, figcaption { font-size: 8pt; }
  th, td { padding: 0.2rem 0.35rem; }
  tbody th { min-width: 0; }
  .detail td:last-child { min-width: 0; }
  .pictures { grid-template-columns: 1fr 1fr; }
  .run { break-before: page; }
  h2, caption { break-after: avoid; }
  tr { break-inside: avoid; }
}
"""
