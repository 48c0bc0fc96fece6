"""What `check` says of proofs that are no proofs: each is failed by name, and a failure is never called proved."""

import subprocess

import pytest
import sympy as sp

from fa_theory.symbolic import document
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.proof import Control, Proof, check

s, u = sp.symbols("s u", real=True)


def true_step(proof):
    return proof.equal("square", (s + u) ** 2, s**2 + 2 * s * u + u**2)


def false_step(proof):
    return proof.equal("square", (s + u) ** 2, s**2 + u**2)


def rejected(name="the mixed term left out"):
    return Control(name, false_step)


def made(derive, controls=None, name="made", **assumptions):
    return Proof(name, "Made", "", assumptions, "own", derive, (rejected(),) if controls is None else controls)


def test_a_proof_and_its_evidence():
    result = check(made(true_step, name="made-true"))
    assert (result.status, result.failure, result.evidence) == ("proved", "", "proved")


def undeclared(proof):
    other = Derivation({"secret": ""})
    return other.given("secret", s, "<=", u)


@pytest.mark.parametrize(
    ("proof", "message"),
    [
        (made(false_step, name="false"), "square"),
        (made(true_step, (), name="bare"), "no negative control"),
        (made(lambda _: (), name="empty"), "concludes nothing"),
        (made(undeclared, name="undeclared"), "another derivation"),
        (made(true_step, name="unused", spare=""), "does not rest on: spare"),
        (made(true_step, (Control("true", true_step),), name="accepted"), "wrong variant was accepted"),
        (made(true_step, (Control("broken", lambda _: 1 / 0),), name="broken"), "broke down with ZeroDivisionError"),
        (
            made(true_step, (Control("float", lambda: sp.Float(1) * s, counterexample=True),), name="float"),
            "not in floating point",
        ),
        (
            made(true_step, (Control("true", lambda: sp.true, counterexample=True),), name="no counterexample"),
            "the false claim evaluates to True",
        ),
    ],
)
def test_what_is_no_proof(proof, message):
    result = check(proof)
    assert result.status == "failed"
    assert message in result.failure
    assert result.evidence == "-"


def test_what_is_left_by_hand_is_part_of_the_evidence():
    left = made(lambda proof: proof.by_hand("limit", 0, "<=", s**2, why="a limit"), name="by hand")
    result = check(left)
    assert (result.status, result.by_hand) == ("proved", ("limit",))
    assert result.evidence == "proved up to: limit"


# the document ---------------------------------------------------------------------------------------------------------


def test_a_failed_proof_is_printed_as_failed():
    broken = made(false_step, name="false-in-print")
    text = document.latex_document("Proofs", [(broken, check(broken))])
    assert "FAILED" in text
    assert "Derivation." not in text


def test_a_proof_without_assumptions_is_printed():
    sound = made(true_step, name="sound-in-print")
    text = document.latex_document("Proofs", [(sound, check(sound))])
    assert r"\textbf{Derivation.}" in text
    assert r"\textbf{Assumptions.}" not in text


def test_a_long_formula_is_set_on_two_lines():
    long = made(lambda p: p.equal("long", sum(s**k for k in range(80)), sum(s**k for k in range(80))), name="long")
    text = document.latex_document("Proofs", [(long, check(long))])
    assert r"\begin{aligned}" in text


def test_an_engine_that_fails_or_hangs_is_reported(monkeypatch, tmp_path):
    monkeypatch.setattr(document.shutil, "which", lambda _: "latex-of-no-use")

    def fails(*_args, **_kwargs):
        return subprocess.CompletedProcess([], 1, stdout="! Undefined control sequence")

    def hangs(*_args, **_kwargs):
        raise subprocess.TimeoutExpired("latex", 1)

    for run, message in ((fails, "Undefined control"), (hangs, "did not finish")):
        monkeypatch.setattr(document.subprocess, "run", run)
        with pytest.raises(RuntimeError, match=message):
            document.compile_pdf("text", tmp_path / "proofs.pdf")
        assert not (tmp_path / "proofs.pdf").exists()


def test_a_failing_step_is_an_exception_of_its_own():
    with pytest.raises(StepFailed, match="square"):
        false_step(Derivation({}))
