"""Steps of a derivation as they are shown to a reader."""

from __future__ import annotations

from dataclasses import dataclass

from fa_theory.symbolic.facts import Claim

KINDS = (
    "assumption",
    "definition",
    "identity",
    "inequality",
    "sum",
    "lemma",
    "induction",
    "constant",
    "monotone",
    "cited",
    "by hand",
)


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes
    ----------
    name : str
        What the step establishes, in words.
    kind : str
        One of `KINDS`.
    claim : Claim
        What it establishes, in symbols.
    why : str
        The justification for a reader.
    """

    name: str
    kind: str
    claim: Claim
    why: str
