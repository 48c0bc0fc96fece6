"""The command ``fa-theory prove``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

from fa_theory import __version__
from fa_theory.cli.options import completing
from fa_theory.cli.output import Format, JsonFile, TableFormat, check_writable, say, show
from fa_theory.cli.progress import progress_bar
from fa_theory.files import replacing
from fa_theory.proofs import check_proofs, lemma_ids, proof, statement_ids
from fa_theory.view import table

if TYPE_CHECKING:
    from fa_theory.symbolic.proof import Checked


def prove(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID ...]",
            help="Statements or lemmas; default: all.",
            autocompletion=completing(*statement_ids(), *lemma_ids()),
        ),
    ] = None,
    *,
    form: TableFormat = Format.RICH,
    json_file: JsonFile = None,
    latex: Annotated[
        Path | None,
        typer.Option(
            help="Write the derivations as a LaTeX document (and a PDF beside it where a LaTeX engine is found).",
            rich_help_panel="Output",
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes (default: one for each processor).")] = None,
) -> None:
    """Check the symbolic proofs, for every size: each step, and that each negative control fails.

    Example: fa-theory prove neuron-law exponential-decay --latex proofs.tex
    """
    check_writable(json_file, latex)
    if latex is not None and latex.suffix == ".pdf":
        raise ValueError(f"--latex must name the LaTeX file (the PDF is written beside it), got {latex}")
    wanted = tuple(dict.fromkeys(ids or lemma_ids() + statement_ids()))
    with _progress(len(wanted)) as progress:
        checked = check_proofs(wanted, jobs=jobs, progress=progress)
    document = {"version": __version__, "proofs": [_row(each) for each in checked]}
    written = None
    try:
        written = None if latex is None else _write_document(latex, checked)
    finally:  # a file that cannot be written takes away nothing else
        show([table.proof_sheet(checked)], document, form, json_file)
    if written is not None:
        say(form, written)
    raise typer.Exit(int(any(each.status != "proved" for each in checked)))


def _row(checked: Checked) -> dict[str, Any]:
    row = asdict(checked)
    return row | {"evidence": checked.evidence, "kind": "lemma" if checked.id in lemma_ids() else "statement"}


def _write_document(path: Path, checked: tuple[Checked, ...]) -> str:
    from fa_theory.symbolic.document import compile_pdf, latex_document

    entries = [(proof(each.id), each) for each in checked]
    source = latex_document(f"Proofs of fa_theory {__version__}", entries)
    with replacing(path) as stream:
        stream.write(source.encode())
    pdf = path.with_suffix(".pdf")
    try:
        engine = compile_pdf(source, pdf)
    except RuntimeError as failed:
        print(f"fa-theory: no PDF, as {failed}", file=sys.stderr)
        engine = ""
    return f"derivations: {path}" + (f", {pdf} (by {engine})" if engine else "; no PDF was made")


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """Show how many proofs have been checked."""
    with progress_bar(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task("checking proofs", total=total)
        yield lambda _: bar.advance(task)
