"""The ledger of checked proofs: what `fa-theory prove` found for the proofs as they are shipped.

Reading it costs nothing, while checking the proofs needs SymPy and time; the ledger names the sources it was made
from by their hash, and says nothing of others.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

_LEDGER = "ledger.json"


def proof_sources_hash() -> str:
    """Return the SHA-256 of the sources that the proofs rest on: the proof files, the lemmas and the step checker."""
    package = files("fa_theory")
    digest = hashlib.sha256()
    for folder in (package / "proofs", package / "proofs" / "lemmas", package / "symbolic"):
        for source in sorted(_python_files(folder), key=lambda each: each.name):
            digest.update(source.name.encode() + b"\0" + source.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def proof_evidence(statement_id: str) -> str | None:
    """Return ``"proved"``, or ``"proved up to N steps"`` where N steps are left by hand, for a checked proof.

    None where there is no proof, or the ledger was made from other sources than those that are installed.

    Examples
    --------
    >>> from fa_theory.ledger import proof_evidence
    >>> proof_evidence("matrix-law")
    'proved'
    """
    by_hand = _proved().get(statement_id)
    if by_hand is None:
        return None
    return "proved" if not by_hand else f"proved up to {len(by_hand)} step{'s' * (len(by_hand) > 1)}"


def render_ledger(proofs: dict[str, Any]) -> str:
    """Return the text of a ledger for the present sources; `proofs` maps ids to what was found."""
    return json.dumps({"sources": proof_sources_hash(), "proofs": proofs}, indent=1, sort_keys=True) + "\n"


@cache
def _proved() -> dict[str, list[str]]:
    file = files("fa_theory") / "proofs" / _LEDGER
    if not file.is_file():
        return {}
    ledger = json.loads(file.read_text(encoding="utf-8"))
    if ledger["sources"] != proof_sources_hash():
        return {}
    return {key: found["by_hand"] for key, found in ledger["proofs"].items() if found["status"] == "proved"}


def _python_files(folder: Traversable) -> list[Traversable]:
    return [each for each in folder.iterdir() if each.name.endswith(".py")]
