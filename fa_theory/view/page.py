"""A report as a folder: one self-contained page, every picture on it as PNG and SVG files, and every start state."""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from fa_theory.bounds import Bound
from fa_theory.dynamics import Trajectory
from fa_theory.files import replacing
from fa_theory.model import save_state
from fa_theory.plots import LAWS, picture, plot_alignment, plot_bound, plot_bounds, plot_dominance, plot_law_drift
from fa_theory.statements import STATEMENTS
from fa_theory.verification import Instance, Report, alignment_along, command_from_state
from fa_theory.view import markup
from fa_theory.view.markup import Picture, Start, words


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


def write_report(
    directory: str | os.PathLike[str],
    reports: Sequence[Report],
    *,
    command: str | None = None,
    progress: Callable[[int], object] | None = None,
) -> Path:
    """Write a page about some runs, with pictures of every bound, of the laws' drift, of alignment and of dominance.

    The pictures are in the page itself, which can be sent as one file, and beside it as PNG and SVG. So are the start
    states (.npz), from which the command that the page gives runs each again, to be saved from the page; one of more
    than `markup.LARGEST_START` bytes is beside the page only, which says so. Each file is written whole or not at all
    and replaces one of the same name; the page comes last. The same runs give the same files.

    Parameters
    ----------
    directory : path
        The folder; made if it does not exist.
    reports : sequence of Report
        The runs, at least one.
    command : str, optional
        The command that made the report, shown so that a reader can repeat it.
    progress : callable, optional
        Called with the number of runs whose pictures are drawn.

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
    anchors = _anchors(reports)
    starts, pictures = [], []
    for report, anchor in zip(reports, anchors, strict=True):
        starts.append(_write_start(folder / f"start-{anchor}.npz", report.instance))
        pictures.append(tuple(draw_pictures(report, anchor)))
        for each in pictures[-1]:
            _write(folder / f"{each.stem}.svg", each.svg)
            _write(folder / f"{each.stem}.png", each.png)
        if progress is not None:
            progress(len(pictures))
    index = folder / "index.html"
    _write(index, markup.page(reports, anchors, starts, pictures, command).encode())
    return index


def draw_pictures(report: Report, prefix: str) -> Iterator[Picture]:
    """Draw a run: its bounds together and each by itself, the laws' drift, alignment and its dominance.

    A run that recorded nothing after its start has no pictures.

    Parameters
    ----------
    report : Report
        The run.
    prefix : str
        What the names of the files begin with.
    """
    run, name = report.trajectory, report.instance.name
    if len(run.t) < 2:
        return
    compared = [
        bound for bound in report.bounds if bound.applicable and report.verdict(bound.id).verdict != "not_applicable"
    ]
    if len(compared) > 1:
        told = " ".join(_bound_in_words(bound, run) for bound in compared)
        caption = f"All bounds that apply: {', '.join(bound.id for bound in compared)}."
        # the legend has a line for each bound; what four of them leave to the curves, more shall leave too
        height = 2.7 + 0.25 * max(0, len(compared) - 3)
        drawn = picture(partial(plot_bounds, compared, run), height=height)
        yield Picture(f"{prefix}--bounds", f"{name}: {told}", caption, *drawn)
    for bound in compared:
        verdict = report.verdict(bound.id)
        alt = f"{name}: {_bound_in_words(bound, run)}"
        caption = f"{STATEMENTS[bound.id].title}: {words(verdict.verdict)}; {verdict.detail}."
        yield Picture(f"{prefix}--{bound.id}", alt, caption, *picture(partial(plot_bound, bound, run)))
    verdicts = [report.verdict(law) for law in LAWS]
    judged = [each for each in verdicts if each.verdict != "not_applicable"]
    told = "; ".join(f"{each.id} {words(each.verdict)}, {each.detail}" for each in judged)
    caption = f"Drift of the conserved quantities: {told or 'no law applies to this run'}."
    alt = f"{name}: change of the conserved quantities since the start, and tolerances, against time. {told}"
    drift = partial(plot_law_drift, run, laws=[each.id for each in judged])
    yield Picture(f"{prefix}--law-drift", alt, caption, *picture(drift))
    told = _alignment_in_words(run)
    caption = f"Cosine between update F and gradient G of each hidden layer: {told}."
    alt = f"{name}: cosine between update direction and gradient of each hidden layer against time; {told}."
    yield Picture(f"{prefix}--alignment", alt, caption, *picture(partial(plot_alignment, run)))
    told = report.verdict("dissipation-split").detail
    caption = f"Alignment dominance: {told}."
    alt = f"{name}: ratio of alignment to the squares of F and of G in each hidden layer against time; {told}."
    yield Picture(f"{prefix}--dominance", alt, caption, *picture(partial(plot_dominance, run)))


def _write_start(path: Path, instance: Instance) -> Start | None:
    """Write the start state, unless no command could say what is to be run from it."""
    command = command_from_state(instance, path.name)
    if command is None:
        return None
    save_state(path, instance.network, instance.problem)
    return Start(path.name, path.read_bytes(), command)


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as stream:
        stream.write(content)


def _bound_in_words(bound: Bound, run: Trajectory) -> str:
    limit, observed = bound(run.t), run.loss - bound.floor
    return (
        f"{'excess' if bound.quantity == 'excess_loss' else 'mean'} loss against time. From t = 0 to "
        f"{run.t[-1]:.4g} the observed loss goes from {observed[0]:.3g} to {observed[-1]:.3g}, "
        f"the bound {bound.id} from {limit[0]:.3g} to {limit[-1]:.3g}."
    )


def _alignment_in_words(run: Trajectory) -> str:
    layers = [each.layer for each in alignment_along(run)]
    cosines = np.stack([layer.cosine for layer in layers])
    if np.isnan(cosines).all():
        return "no update has a direction"
    failing = int(np.any([layer.fails for layer in layers], axis=0).sum())
    dominance = f"dominance fails at {failing}" if failing else "dominance holds at all"
    blank = int(np.isnan(cosines).any(axis=0).sum())
    left_out = f"; not drawn at {blank}, where F is zero up to rounding" if blank else ""
    return f"at least {np.nanmin(cosines):.3g}, {dominance} of {len(run.t)} times{left_out}"


def _anchors(reports: Iterable[Report]) -> list[str]:
    """Return names for files and anchors, made from the names of the instances, no two the same."""
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
