"""Every proof, as it is shipped: it is checked, its controls fail, the ledger says so, a reader finds all parts."""

import json
from functools import cache
from importlib.resources import files

import pytest

from fa_theory.ledger import proof_evidence, proof_sources_hash
from fa_theory.proofs import check_proofs, lemma_ids, proof, statement_ids
from fa_theory.statements import STATEMENTS
from fa_theory.symbolic.proof import check

ALL = lemma_ids() + statement_ids()


@cache
def ledger():
    return json.loads(files("fa_theory").joinpath("proofs", "ledger.json").read_text(encoding="utf-8"))


def test_every_statement_has_a_proof():
    assert statement_ids() == tuple(STATEMENTS)


@pytest.mark.parametrize("proof_id", ALL)
def test_proof(proof_id):
    found = proof(proof_id)
    result = check(found)
    assert result.status == "proved", result.failure
    assert result.id == found.id == proof_id
    assert ledger()["proofs"][proof_id] == {
        "status": result.status,
        "steps": result.steps,
        "controls": result.controls,
        "by_hand": list(result.by_hand),
        "cites": list(result.cites),
    }
    assert (proof_evidence(proof_id) or "").startswith("proved")
    kinds = {step.kind for step in found.theorem().steps}
    # a lemma may state a textbook theorem in symbols once, for others to apply
    checked = {"identity", "inequality", "lemma", "sum", "induction", "constant", "monotone"}
    assert kinds & checked or (proof_id in lemma_ids() and kinds == {"assumption", "cited"})
    assert result.controls >= (2 if proof_id in STATEMENTS else 1)
    assert all(step.name.strip() and step.why.strip() for step in found.theorem().steps)
    # in ASCII with whole formulas, every LaTeX engine prints them
    texts = [found.title, found.statement, *found.assumptions.values(), *(each.name for each in found.controls)]
    texts += [text for step in found.theorem().steps for text in (step.name, step.why)]
    assert all(text.isascii() and text.count("$") % 2 == 0 for text in texts)


@pytest.mark.parametrize("proof_id", statement_ids())
def test_proofs_and_statements_agree_on_title_and_source(proof_id):
    found, statement = proof(proof_id), STATEMENTS[proof_id]
    assert (found.title, found.source) == (statement.title, statement.source)


@pytest.mark.parametrize("proof_id", lemma_ids())
def test_lemmas_claim_no_statement_of_the_paper(proof_id):
    assert proof(proof_id).source in ("textbook", "own")


def test_the_ledger_is_of_these_sources_and_all_proofs():
    """If this fails after a change of a proof or of the step checker: `make ledger`."""
    assert ledger()["sources"] == proof_sources_hash()
    assert set(ledger()["proofs"]) == set(ALL)


def test_several_processes_give_what_one_gives():
    some = ALL[:3]
    seen = []
    assert check_proofs(some, jobs=2, progress=seen.append) == check_proofs(some, jobs=1)
    assert sorted(each.id for each in seen) == sorted(some)


def test_unknown_proofs_and_numbers_of_processes_are_refused():
    with pytest.raises(ValueError, match=r"proof must be one of neuron-identity.*got 'nonsense'"):
        check_proofs(["nonsense"])
    with pytest.raises(ValueError, match="proof must be one of"):
        proof("notation")
    with pytest.raises(ValueError, match="jobs must be at least 1, got 0"):
        check_proofs(jobs=0)
