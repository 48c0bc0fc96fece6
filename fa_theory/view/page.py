"""A report as a folder: one self-contained page, and every picture on it as PNG and SVG files."""

from __future__ import annotations

import base64
import html
import io
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes

from fa_theory import __version__
from fa_theory.bounds import Bound
from fa_theory.dynamics import OUTCOMES, Trajectory
from fa_theory.files import replacing
from fa_theory.statements import PAPER, STATEMENTS
from fa_theory.verify import Report, Summary, Verdict, describe, summarise
from fa_theory.view.plots import PRINT_STYLE, picture, plot_alignment, plot_bound, plot_law_drift

_LAWS = ("neuron-law", "matrix-law", "projection-law")
_MARKS = {"holds": "✓", "refuted": "✗", "undecided": "?", "not_applicable": "–"}
_ABSENT = "–"


@dataclass(frozen=True)
class Picture:
    """A drawn picture: file name without ending, what it shows in words, caption, and the two files' bytes."""

    stem: str
    alt: str
    caption: str
    svg: bytes
    png: bytes


def check_writable(directory: str | os.PathLike[str]) -> None:
    """Make the folder if it does not exist, and make sure that files can be written to it.

    Raises
    ------
    OSError
        If the folder cannot be made (its parent must exist), is something else, or cannot be written to.
    """
    folder = Path(directory)
    if not folder.parent.is_dir():
        raise NotADirectoryError(f"report folder {folder} cannot be made: {folder.parent} is not a folder")
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"report folder {folder} cannot be made: it is a file")
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"report folder {folder} cannot be written to: {error.strerror}") from error


def write_report(directory: str | os.PathLike[str], reports: Sequence[Report], *, command: str | None = None) -> Path:
    """Write a page about some runs, with pictures of every bound, of the laws' drift and of alignment.

    The pictures are in the page itself, which can be sent as one file, and beside it as PNG and SVG. Each file is
    written whole or not at all and replaces one of the same name; the page comes last. The same runs give the same files.

    Parameters
    ----------
    directory : path
        The folder; made if it does not exist.
    reports : sequence of Report
        The runs, at least one.
    command : str, optional
        The command that made the report, shown so that a reader can repeat it.

    Returns
    -------
    Path
        The page, ``index.html`` in that folder.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    ValueError
        If there are no reports.
    """
    if not reports:
        raise ValueError("reports must hold at least one report, got none")
    check_writable(directory)
    folder = Path(directory)
    sections = []
    for anchor, report in zip(_anchors(reports), reports, strict=True):
        pictures = tuple(draw_pictures(report, anchor))
        for each in pictures:
            for ending, content in ((".svg", each.svg), (".png", each.png)):
                with replacing(folder / (each.stem + ending)) as stream:
                    stream.write(content)
        sections.append(_instance_section(anchor, report, pictures))
    page = folder / "index.html"
    with replacing(page) as stream:
        stream.write(_page(reports, sections, command).encode())
    return page


def draw_pictures(report: Report, prefix: str) -> Iterator[Picture]:
    """Draw a run: each bound that is compared with it, the laws' drift, alignment; nothing if it recorded no second time.

    Parameters
    ----------
    report : Report
        The run.
    prefix : str
        What file names begin with.
    """
    run = report.trajectory
    if len(run.t) < 2:
        return
    name, rule = report.instance.name, report.instance.network.rule_name
    for bound in report.bounds:
        verdict = report.verdict(bound.id)
        if bound.applicable and verdict.verdict != "not_applicable":
            alt = f"{name}: {_bound_in_words(bound, run)}"
            caption = f"{STATEMENTS[bound.id].title}: {_words(verdict.verdict)}; {verdict.detail}."
            yield _drawn(f"{prefix}--{bound.id}", alt, caption, lambda ax, each=bound: plot_bound(each, run, ax))
    laws = [law for law in _LAWS if report.verdict(law).verdict != "not_applicable"]
    told = "; ".join(f"{law} {_words(report.verdict(law).verdict)}: {report.verdict(law).detail}" for law in laws)
    alt = f"{name}: drift of conserved quantities against time, with tolerances. {told or 'No law applies to this run'}."
    caption = f"Drift of the conserved quantities; {told}." if told else "No conservation law applies to this run."
    yield _drawn(f"{prefix}--law-drift", alt, caption, lambda ax: plot_law_drift(run, ax, laws))
    alt = f"{name}: cosine between update direction and gradient of each hidden layer against time, rule {rule}."
    caption = (
        "Cosine between update direction F and gradient G of each hidden layer; "
        f"{_words(report.verdict('descent').verdict)} for statement descent."
    )
    yield _drawn(f"{prefix}--alignment", alt, caption, lambda ax: plot_alignment(run, ax))


def _drawn(stem: str, alt: str, caption: str, draw: Callable[[Axes], Axes]) -> Picture:
    svg, png = io.BytesIO(), io.BytesIO()
    figure = picture(draw)
    with rc_context(PRINT_STYLE):
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png")
    return Picture(stem, alt, caption, svg.getvalue(), png.getvalue())


def _bound_in_words(bound: Bound, run: Trajectory) -> str:
    limit, observed = bound(run.t), run.loss - bound.floor
    return (
        f"{'excess loss' if bound.quantity == 'excess_loss' else 'mean loss'} against time. From t = 0 to {run.t[-1]:.4g} "
        f"the observed value goes from {observed[0]:.3g} to {observed[-1]:.3g}, "
        f"the bound {bound.id} from {limit[0]:.3g} to {limit[-1]:.3g}."
    )


def _anchors(reports: Iterable[Report]) -> list[str]:
    """Return names for files and anchors, made of the instances' names, each once."""
    anchors: list[str] = []
    for report in reports:
        plain = unicodedata.normalize("NFKD", report.instance.name).encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].rstrip("-") or "instance"
        name, count = slug, 1
        while name in anchors:
            count += 1
            name = f"{slug}-{count}"
        anchors.append(name)
    return anchors


def _page(reports: Sequence[Report], sections: Sequence[str], command: str | None) -> str:
    repeat = f"<p>Made by <code>{_text(command)}</code>.</p>" if command else ""
    links = [
        f'<a href="#{anchor}">{_text(report.instance.name)}</a>'
        for anchor, report in zip(_anchors(reports), reports, strict=True)
    ]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Feedback alignment: statements judged on {len(reports)} run{"s" * (len(reports) != 1)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Feedback alignment: theory against simulation</h1>
<p>Which statements of the theory hold on {len(reports)} run{"s" * (len(reports) != 1)}, on what evidence and by what margin.
fa_theory {_text(__version__)}.</p>
{repeat}
</header>
<main>
<section aria-labelledby="statements">
<h2 id="statements">Statements</h2>
<p>The margin of a law or identity is 1 &minus; deviation / tolerance; that of a bound the smallest (bound &minus; loss) / bound
after the start. Evidence: <em>float-checked</em> is floating point with an error estimate, <em>exact</em> rational arithmetic.</p>
{_summary_table(reports)}
</section>
<section aria-labelledby="runs">
<h2 id="runs">Runs</h2>
{_runs_table(reports, links)}
</section>
{"".join(sections)}
</main>
<footer><p>Source <em>paper</em>: {_text(PAPER)}; constants and assumptions are this project's. Source <em>own</em>: this
project's own statement, not from the paper.</p></footer>
</body>
</html>
"""


def _summary_table(reports: Sequence[Report]) -> str:
    rows = [
        (
            f"<code>{_text(each.id)}</code>",
            f'<span title="{_text(STATEMENTS[each.id].claim)}">{_text(STATEMENTS[each.id].title)}</span>',
            _text(STATEMENTS[each.id].source),
            *_judgement(each),
        )
        for each in summarise(reports)
    ]
    return _table(
        "Every statement over all runs", ("statement", "title", "source", "verdict", "evidence", "margin", "detail"), rows
    )


def _runs_table(reports: Sequence[Report], links: Sequence[str]) -> str:
    rows = []
    for link, report in zip(links, reports, strict=True):
        instance, run = report.instance, report.trajectory
        recorded = len(run.t) > 0
        rows.append(
            (
                link,
                _text(instance.description.get("data", instance.description.get("state", _ABSENT))),
                str(instance.problem.n_samples),
                _text("-".join(map(str, instance.network.widths))),
                _text(instance.network.rule_name),
                _text(instance.network.activation.name),
                _text(instance.problem.loss.name),
                _text(_words(run.outcome)),
                f"{_number(run.loss[0])} &rarr; {_number(run.loss[-1])}" if recorded else _ABSENT,
                f"{max(run.error):.1e}" if recorded else _ABSENT,
            )
        )
    head = ("run", "data", "samples", "widths", "rule", "activation", "loss", "outcome", "loss, start to end", "largest error")
    return _table("Every run, and how it ended", head, rows)


def _instance_section(anchor: str, report: Report, pictures: Sequence[Picture]) -> str:
    rows = [
        (f"<code>{_text(each.id)}</code>", _text(STATEMENTS[each.id].title), *_judgement(each)) for each in report.verdicts
    ]
    figures = "".join(_figure(each) for each in pictures) or "<p>Nothing was recorded after the start, so there are no pictures.</p>"
    return f"""<section class="run" aria-labelledby="{anchor}">
<h2 id="{anchor}">{_text(report.instance.name)}</h2>
{_facts(report)}
{_table(f"Verdicts on {report.instance.name}", ("statement", "title", "verdict", "evidence", "margin", "detail"), rows)}
<div class="pictures">{figures}</div>
</section>
"""


def _facts(report: Report) -> str:
    """List where data and start come from, how the run was made and how it ended."""
    run = report.trajectory
    facts = {key: value for key, value in describe(report.instance).items() if key not in ("name", "version")}
    kinds = [event.kind for event in run.events]
    events = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "none"
    facts["events"] = events if run.unique else f"{events}; the flow is not unique, this is one solution"
    facts["outcome"] = f"{OUTCOMES[run.outcome]}, after {run.n_steps} steps"
    items = "".join(f"<dt>{_text(_words(key))}</dt><dd>{_text(_value(value))}</dd>" for key, value in facts.items())
    return f"<dl>{items}</dl>"


def _figure(each: Picture) -> str:
    address = "data:image/svg+xml;base64," + base64.b64encode(each.svg).decode()
    return (
        f'<figure><img src="{address}" alt="{_text(each.alt)}"><figcaption>{_text(each.caption)} '
        f"<small>{_text(each.stem)}.svg, .png</small></figcaption></figure>\n"
    )


def _judgement(row: Verdict | Summary) -> tuple[str, str, str, str]:
    """Return the cells for verdict, evidence, margin and detail."""
    mark = f'<span aria-hidden="true">{_MARKS[row.verdict]}</span>'
    return (
        f'<span class="verdict {row.verdict}">{mark} {_words(row.verdict)}</span>',
        _text(row.evidence or _ABSENT),
        _number(row.margin),
        _text(row.detail),
    )


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already; the first of each row is its header."""
    top = "".join(f'<th scope="col">{_text(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>\n"
        for first, *rest in rows
    )
    # a scrolling box needs the focus to be scrolled by keyboard, and a name to be announced
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{_text(caption)}"><table><caption>{_text(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _text(value: object) -> str:
    return html.escape(str(value))


def _words(key: str) -> str:
    return key.replace("_", " ")


def _number(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.4g}"


def _value(value: Any) -> str:
    """Write a JSON value for people."""
    if isinstance(value, dict):
        return ", ".join(f"{_words(key)} {_value(entry)}" for key, entry in value.items()) or "defaults"
    if isinstance(value, list | tuple):
        return ", ".join(_value(entry) for entry in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


_STYLE = """
:root { --paper: #fff; --ink: #1c1c1c; --soft: #595959; --line: #c9c9c9; --shade: #f4f4f4; --link: #00508a; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #161719; --ink: #e8e8e8; --soft: #a8a8a8; --line: #46494d; --shade: #212327; --link: #7cc4f5; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.25rem; margin-top: 2.2rem; }
a { color: var(--link); }
code { font-size: 0.92em; }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll:focus-visible { outline: 2px solid var(--link); }
table { border-collapse: collapse; font-size: 0.86rem; width: 100%; }
caption { text-align: left; color: var(--soft); padding-bottom: 0.3rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
thead th { background: var(--shade); white-space: nowrap; }
tbody th, td:not(:last-child) { white-space: nowrap; }
td:last-child { min-width: 18rem; font-variant-numeric: tabular-nums; }
.verdict { display: inline-block; padding: 0 0.45rem; border: 1.5px solid currentColor; border-radius: 0.7rem; }
.verdict.refuted { border-width: 3px; font-weight: 700; border-radius: 0; }
.verdict.undecided { border-style: dashed; }
.verdict.not_applicable { border-color: transparent; color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 0.9rem; margin: 0.8rem 0; font-size: 0.86rem; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem; }
figure { margin: 0; break-inside: avoid; }
figure img { display: block; width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: 4px; }
figcaption { font-size: 0.82rem; padding-top: 0.3rem; }
small, footer { color: var(--soft); }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --line: #999; --shade: #eee; --link: #000; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  .scroll { overflow: visible; }
  td, tbody th, thead th { white-space: normal !important; }
  td:last-child { min-width: 0; }
  .pictures { grid-template-columns: 1fr 1fr; }
  .run { break-before: page; }
  h2, caption { break-after: avoid; }
  tr { break-inside: avoid; }
}
"""
