"""`fa-theory prove` as a user types it."""

import json
import shutil

import pytest

from fa_theory import cli
from fa_theory.cli import prove as command
from fa_theory.proofs import proof
from fa_theory.symbolic import document
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.proof import Control, Proof, check


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(["prove", *arguments])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def test_a_row_for_each_proof_and_the_fixed_keys(tmp_path, capsys):
    file = tmp_path / "proofs.json"
    status, out, _ = run(capsys, "neuron-identity", "gronwall", "--json", str(file), "--jobs", "1")
    assert status == 0
    rows = json.loads(file.read_text())["proofs"]
    assert [(row["id"], row["kind"]) for row in rows] == [("neuron-identity", "statement"), ("gronwall", "lemma")]
    for row in rows:
        assert {"id", "status", "by_hand", "seconds"} <= row.keys()
        assert row["status"] == "proved"
        assert row["seconds"] > 0
        assert row["id"] in out
    assert "left by hand: none" in out
    assert "monotonicity:" in out


def test_a_failing_proof_is_told_and_sets_the_exit_status(capsys, monkeypatch):
    def wrong(derivation: Derivation):
        return derivation.equal("one is two", 1, 2)

    broken = Proof("broken", "Broken", "$1 = 2$", {}, "own", wrong, (Control("none", wrong),))
    monkeypatch.setattr(command, "check_proofs", lambda *_, **__: (check(broken),))
    status, out, _ = run(capsys, "gronwall")
    assert status == 1
    assert "failed" in out
    assert "one is two" in out


def test_what_is_refused(tmp_path, capsys):
    for arguments, said in (
        (["nonsense"], "got 'nonsense'"),
        (["gronwall", "--jobs", "0"], "jobs must be at least 1"),
        (["gronwall", "--latex", str(tmp_path / "no" / "x.tex")], "is not a folder"),
        (["gronwall", "--latex", str(tmp_path / "x.pdf")], "must name the LaTeX file"),
        (["gronwall", "--json", str(tmp_path)], "it is a folder"),
    ):
        status, out, err = run(capsys, *arguments)
        assert (status, out) == (2, "")
        assert said in err
        assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_document_has_every_part(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(document, "_ENGINES", ())
    file = tmp_path / "proofs.tex"
    status, out, _ = run(capsys, "matrix-law", "gronwall", "--latex", str(file), "--jobs", "1")
    assert status == 0
    assert "no PDF" in out
    text = file.read_text()
    assert text.startswith(r"\documentclass")
    assert text.rstrip().endswith(r"\end{document}")
    for proof_id in ("matrix-law", "gronwall"):
        found = proof(proof_id)
        assert found.statement in text
        assert text.count(r"\section{") == 2
    for environment in ("itemize", "enumerate", "aligned"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}")
    assert "Left by hand" in text
    assert "monotonicity" in text


def test_an_engine_that_fails_leaves_the_source_and_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(document, "_ENGINES", ("false",))
    file = tmp_path / "proofs.tex"
    status, _, err = run(capsys, "gronwall", "--latex", str(file), "--jobs", "1")
    assert status == 0
    assert "no PDF, as false could not compile" in err
    assert [each.name for each in tmp_path.iterdir()] == ["proofs.tex"]


def test_an_engine_makes_a_pdf(tmp_path, monkeypatch):
    """A stand-in for a LaTeX engine, so that the path is tested where there is none."""
    engine = tmp_path / "pdflatex"
    engine.write_text('#!/bin/sh\nfor last; do :; done\nprintf "%%PDF" > "${last%.tex}.pdf"\n')
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(document, "_ENGINES", ("pdflatex",))
    assert shutil.which("pdflatex") == str(engine)
    target = tmp_path / "proofs.pdf"
    assert document.compile_pdf("source", target) == "pdflatex"
    assert target.read_bytes() == b"%PDF"
