"""The ledger speaks for the sources it was made from, and for nothing else."""

import json

import pytest

from fa_theory import ledger


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with one proof file, a lemma, a kernel file, and no ledger yet."""
    for folder in ("proofs", "proofs/lemmas", "symbolic"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "some.py").write_text(f"PLACE = {folder!r}\n")
    monkeypatch.setattr(ledger, "files", lambda _: tmp_path)
    ledger._proved.cache_clear()
    yield tmp_path
    ledger._proved.cache_clear()


def write(package, **proofs):
    entries = {name: {"status": status, "by_hand": by_hand} for name, (status, by_hand) in proofs.items()}
    (package / "proofs" / "ledger.json").write_text(ledger.render_ledger(entries))
    ledger._proved.cache_clear()


def test_it_says_what_was_proved_and_what_was_left(package):
    write(package, whole=("proved", []), one=("proved", ["a"]), two=("proved", ["a", "b"]), broken=("failed", []))
    assert ledger.proof_evidence("whole") == "proved"
    assert ledger.proof_evidence("one") == "proved up to 1 step"
    assert ledger.proof_evidence("two") == "proved up to 2 steps"
    assert ledger.proof_evidence("broken") is None
    assert ledger.proof_evidence("unknown") is None


def test_without_a_ledger_nothing_is_proved(package):
    assert ledger.proof_evidence("whole") is None


@pytest.mark.parametrize("folder", ["proofs", "proofs/lemmas", "symbolic"])
def test_a_changed_source_unmakes_the_ledger(package, folder):
    write(package, whole=("proved", []))
    (package / folder / "some.py").write_text("PLACE = None\n")
    ledger._proved.cache_clear()
    assert ledger.proof_evidence("whole") is None


def test_line_ends_of_another_system_do_not(package):
    write(package, whole=("proved", []))
    source = package / "symbolic" / "some.py"
    source.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    ledger._proved.cache_clear()
    assert ledger.proof_evidence("whole") == "proved"
    assert json.loads((package / "proofs" / "ledger.json").read_text())["sources"] == ledger.proof_sources_hash()
