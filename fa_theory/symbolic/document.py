r"""Derivations as one LaTeX document that compiles with any engine and its base packages."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import sympy as sp

from fa_theory.files import replacing
from fa_theory.symbolic.facts import LATEX_RELATIONS, Claim
from fa_theory.symbolic.proof import Checked, Proof
from fa_theory.symbolic.steps import Step

_ENGINES = ("pdflatex", "xelatex", "lualatex", "tectonic")
_SECONDS = 180
_WIDE = 150
"""Characters of LaTeX beyond which a formula is broken at its relation."""

_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[a4paper,margin=25mm]{geometry}
\usepackage{amsmath,amssymb,graphicx}
\newsavebox{\formula}
% a formula that is wider than the page is shrunk to it
\newcommand{\fitted}[1]{\sbox{\formula}{$\displaystyle #1$}%
  \ifdim\wd\formula>\linewidth\[\resizebox{\linewidth}{!}{\usebox{\formula}}\]\else\[\usebox{\formula}\]\fi}
\setlength{\parindent}{0pt}\setlength{\parskip}{4pt}
\begin{document}
"""

_SOURCES = {
    "paper": "claimed by Robertson and Koyejo (ICML 2024); definitions, constants and assumptions are this project's",
    "own": "this project's own",
    "textbook": "a textbook lemma",
}


def latex_document(title: str, entries: Sequence[tuple[Proof, Checked]]) -> str:
    """Return a LaTeX document with the statement, assumptions, steps and negative controls of each proof.

    Parameters
    ----------
    title : str
        Its title.
    entries : sequence of (Proof, Checked)
        The proofs and what their check found; a proof that failed is shown without steps, with the reason.
    """
    parts = [_PREAMBLE, rf"\title{{{_text(title)}}}\date{{}}\maketitle", r"\tableofcontents"]
    parts += [_section(proof, checked) for proof, checked in entries]
    parts.append(_remainder([checked for _, checked in entries]))
    parts.append(r"\end{document}")
    return "\n".join(parts) + "\n"


def compile_pdf(source: str, target: Path) -> str:
    """Compile LaTeX to a PDF file where there is an engine; return the engine's name, or "" where there is none.

    Raises
    ------
    RuntimeError
        If the engine fails or takes more than three minutes; the message has the last of what it said.
    """
    engine = next((each for each in _ENGINES if shutil.which(each)), "")
    if not engine:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "document.tex"
        file.write_text(source, encoding="utf-8")
        # the second run puts the table of contents in; tectonic sees to it itself
        for _ in range(1 if engine == "tectonic" else 2):
            _compile(engine, file)
        with replacing(target) as stream:
            stream.write(file.with_suffix(".pdf").read_bytes())
    return engine


def _compile(engine: str, file: Path) -> None:
    options = [] if engine == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    try:
        run = subprocess.run(  # noqa: S603 - the engine found on the path, on a file made here
            [shutil.which(engine) or engine, *options, file.name],
            cwd=file.parent,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{engine} did not finish within {_SECONDS} s") from None
    if run.returncode != 0 or not file.with_suffix(".pdf").is_file():
        raise RuntimeError(f"{engine} could not compile the document: ...{run.stdout[-500:]}")


def _section(proof: Proof, checked: Checked) -> str:
    lines = [
        rf"\section{{{_text(proof.title)}}}",
        rf"\texttt{{{_text(proof.id)}}}; {_SOURCES[proof.source]}. {_text(_status(checked))}",
        "",
        rf"\textbf{{Statement.}} {proof.statement}",
        "",
    ]
    if proof.assumptions:
        lines += [r"\textbf{Assumptions.}", r"\begin{itemize}"]
        lines += [rf"\item \emph{{{_text(key)}}}: {_text(text)}" for key, text in proof.assumptions.items()]
        lines += [r"\end{itemize}", ""]
    if checked.status == "proved":
        lines += [r"\textbf{Derivation.}", r"\begin{enumerate}"]
        lines += [_item(step) for step in proof.theorem().steps]
        lines += [r"\end{enumerate}", ""]
    lines += [r"\textbf{Negative controls} (false, and seen to fail).", r"\begin{itemize}"]
    lines += [
        rf"\item {_text(each.name)} ({'exact counterexample' if each.counterexample else 'step rejected'})"
        for each in proof.controls
    ]
    lines.append(r"\end{itemize}")
    return "\n".join(lines)


def _status(checked: Checked) -> str:
    if checked.status == "proved":
        return f"Checked: {checked.evidence}, {checked.steps} steps."
    return f"FAILED: {checked.failure}."


def _item(step: Step) -> str:
    by_itself = step.kind in ("assumption", "definition")
    note = step.kind if by_itself else rf"{step.kind}: {step.why}"
    return rf"\item {_text(step.name)} (\emph{{{_text(note)}}})" + "\n" + _formula(step.claim)


def _formula(claimed: Claim) -> str:
    lhs, rhs = sp.latex(claimed.lhs), sp.latex(claimed.rhs)
    relation = LATEX_RELATIONS[claimed.relation]
    if len(lhs) + len(rhs) <= _WIDE:
        return rf"\fitted{{{lhs} {relation} {rhs}}}"
    return rf"\fitted{{\begin{{aligned}}& {lhs} \\ & \quad {relation} {rhs}\end{{aligned}}}}"


def _remainder(checked: Sequence[Checked]) -> str:
    by_hand = [f"{each.id}: {name}" for each in checked for name in each.by_hand]
    cites = sorted({name for each in checked for name in each.cites})
    lines = [r"\section*{What no machine has checked}"]
    for heading, entries in (("Left by hand", by_hand), ("Textbook theorems taken as they are", cites)):
        lines.append(rf"\textbf{{{heading}:}}" + (" none." if not entries else ""))
        if entries:
            lines += [r"\begin{itemize}", *(rf"\item {_text(each)}" for each in entries), r"\end{itemize}"]
    return "\n".join(lines)


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
}


def _text(words: str) -> str:
    """Escape what LaTeX would take for commands, except between dollar signs."""
    pieces = re.split(r"(\$[^$]*\$)", words)
    return "".join(
        piece if k % 2 else "".join(_SPECIAL.get(letter, letter) for letter in piece) for k, piece in enumerate(pieces)
    )
