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
from fa_theory.verification import Report, Summary, Verdict, describe, summarise

_MARKS = {"holds": "✓", "refuted": "✗", "undecided": "?", "not_applicable": "–"}
_ABSENT = "–"
_LONG = 120
"""Letters of an entry that is too long for a column."""
LARGEST_START = 300_000
"""Bytes of a start state that a page holds: as base64 at most as much as a run's pictures, so a page can be mailed."""


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


@dataclass(frozen=True)
class Start:
    """The file of a start state.

    Attributes
    ----------
    name : str
        The file's name.
    content : bytes
        What is in it.
    command : str
        What runs the instance again where that file is.
    """

    name: str
    content: bytes
    command: str


def page(
    reports: Sequence[Report],
    anchors: Sequence[str],
    starts: Sequence[Start | None],
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
    starts : sequence of Start or None
        For each run its start state, if there is a command that runs it again from there.
    pictures : sequence of sequences of Picture
        For each run its pictures.
    command : str or None
        The command that a reader can repeat.
    """
    runs = f"{len(reports)} run{'s' * (len(reports) != 1)}"
    sections = "".join(map(_run_section, reports, anchors, starts, pictures))
    # what is said of one run over all runs is said of it in its own section already
    overview = _overview(reports, anchors) if len(reports) > 1 else ""
    made_by = f"<p>Made by {_command(command)}</p>" if command else ""
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
<p>The margin of a law or identity is 1 &minus; deviation / tolerance; that of a bound is the smallest
(bound &minus; loss) / bound after the start; where a statement does not apply, that of the assumption that fails.
Evidence: <em>float-checked</em> is floating point with an error estimate, <em>exact</em> is rational arithmetic,
<em>enclosed</em> is certain: bound and loss are computed as balls, which hold the exact values whatever is rounded.
Proof, which is about every instance and size and not about a run: <em>proved</em> is a symbolic proof of which the
program checked every step; <em>proved up to 1 step</em>, all but that one, which is argued by hand.</p>
</header>
<main>
{overview}{sections}</main>
<footer><p>Source <em>paper</em>: {_text(PAPER)}; constants and assumptions are this project's.
Source <em>own</em>: this project's own statement, not from the paper.</p></footer>
</body>
</html>
"""


def words(key: str) -> str:
    """Return a key such as ``not_applicable`` as it is read."""
    return key.replace("_", " ")


def _overview(reports: Sequence[Report], anchors: Sequence[str]) -> str:
    return f"""<section aria-labelledby="statements">
<h2 id="statements">Statements</h2>
{_summary_table(reports)}
</section>
<section aria-labelledby="runs">
<h2 id="runs">Runs</h2>
{_runs_table(reports, anchors)}
</section>
"""


def _summary_table(reports: Sequence[Report]) -> str:
    return _verdict_table("Every statement over all runs", summarise(reports))


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


def _run_section(report: Report, anchor: str, start: Start | None, pictures: Sequence[Picture]) -> str:
    verdicts = _verdict_table(f"Verdicts on {report.instance.name}", report.verdicts)
    drawn = "".join(map(_figure, pictures)) or "<p>Nothing was recorded after the start: no pictures.</p>"
    return f"""<section class="run" aria-labelledby="run-{anchor}">
<h2 id="run-{anchor}">{_text(report.instance.name)}</h2>
{_counts(report)}
{_facts(report)}
{_again(start)}
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
    facts["run"] = {"method": run.method} | facts["run"] | run.options
    facts["outcome"] = f"{OUTCOMES[run.outcome]}, after {run.n_steps} steps"
    if len(run.t):
        losses = f"loss from {_number(run.loss[0])} to {_number(run.loss[-1])}"
        facts["outcome"] += f"; {losses}, error estimate at most {max(run.error):.1e}"
    entries = [(key, _value(value)) for key, value in facts.items()]
    # long ones get the whole width, after the columns of short ones
    short, long = (
        "".join(
            f"<div{kind}><dt>{_text(words(key))}</dt><dd>{entry}</dd></div>\n"
            for key, entry in entries
            if (len(entry) > _LONG) == bool(kind)
        )
        for kind in ("", ' class="long"')
    )
    return f"<dl>{short}{long}</dl>"


def _counts(report: Report) -> str:
    verdicts = [each.verdict for each in report.verdicts]
    counts = ", ".join(f"{verdicts.count(key)} {words(key)}" for key in _MARKS)
    return f"<p>{len(verdicts)} statements: {counts.replace('holds', 'hold')}.</p>"


def _again(start: Start | None) -> str:
    if start is None:
        return ""
    name, size = _text(start.name), f"{max(1, round(len(start.content) / 1000)):,} kB"
    if len(start.content) <= LARGEST_START:
        address = "data:application/octet-stream;base64," + base64.b64encode(start.content).decode()
        where = f'save <a download="{name}" href="{address}">{name}</a>, its start state ({size}, held by this page)'
    else:
        where = f"take {name}, its start state ({size}, beside this page and not in it: send it along)"
    return f"<p>To run it again, {where}, and run in that folder:<br>{_command(start.command)}</p>"


def _command(text: str) -> str:
    """Return a command whose lines break between its words, not within --step-size."""
    return f"<code>{' '.join(f'<span>{_text(word)}</span>' for word in text.split(' '))}</code>"


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


def _verdict_table(caption: str, verdicts: Iterable[Verdict | Summary]) -> str:
    rows = [
        (_statement(each.id), _verdict(each), _text(STATEMENTS[each.id].source), *_findings(each)) for each in verdicts
    ]
    head = ("statement", "verdict", "source", "proof", "evidence", "margin", "detail")
    return _table(caption, head, rows, last="detail")


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
code span { display: inline-block; max-width: 100%; }
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
dl .long { column-span: all; break-inside: auto; }
dt { color: var(--soft); flex: 0 0 5.5rem; }
dd { margin: 0; min-width: 0; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem; }
figure { margin: 0; break-inside: avoid; }
figure img { display: block; width: 100%; height: auto; background: #fff; border: 1px solid var(--line);
  border-radius: 4px; }
figcaption { font-size: 0.82rem; padding-top: 0.3rem; }
small, footer { color: var(--soft); }
footer { font-size: 0.86rem; }
@media (max-width: 40rem) {
  dl .long { display: block; }
  th, td { padding: 0.3rem 0.4rem; }
  tbody th { min-width: 7.5rem; }
  tbody th code { white-space: normal; overflow-wrap: normal; }
}
@page { margin: 12mm; }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --line: #999; --shade: #eee; --link: #000; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  .scroll { overflow: visible; }
  h1 { font-size: 15pt; margin: 0 0 4pt; }
  h2 { font-size: 12pt; margin: 10pt 0 4pt; }
  p { margin: 4pt 0; }
  table, dl, figcaption, footer { font-size: 7.5pt; line-height: 1.3; }
  th, td { padding: 1.5pt 4pt; white-space: normal; }
  thead th { white-space: normal; }
  tbody th { min-width: 0; }
  tbody th code { white-space: normal; }
  th span { display: inline; }
  .detail { table-layout: fixed; }
  .detail th:nth-child(1) { width: 27%; }
  .detail th:nth-child(2) { width: 11.5%; }
  .detail th:nth-child(3), .detail th:nth-child(6) { width: 7.5%; }
  .detail th:nth-child(4), .detail th:nth-child(5) { width: 10%; }
  .detail td:last-child { min-width: 0; }
  .verdict, .verdict.undecided { padding: 0; border: 0; }
  .verdict.refuted { padding: 0 3pt; border: 1.5pt solid; }
  .pictures { grid-template-columns: 1fr 1fr; gap: 8pt; }
  figure img { width: 88%; }
  figcaption small { display: none; }
  section + .run { break-before: page; }
  h2, caption { break-after: avoid; }
  tr { break-inside: avoid; }
}
"""
