"""What is tried: a statement as it stands, or with one of its assumptions dropped."""

from __future__ import annotations

from fa_theory.choices import not_among
from fa_theory.falsification.bounded import BOUND_CLAIMS
from fa_theory.falsification.claim import Claim
from fa_theory.falsification.conserved import LAW_CLAIMS
from fa_theory.statements import STATEMENTS

CLAIMS: tuple[Claim, ...] = (*LAW_CLAIMS, *BOUND_CLAIMS)
"""Every statement, and every assumption that can be dropped."""


def droppable(statement: str) -> tuple[str, ...]:
    """Return the assumptions of a statement that can be dropped.

    Raises
    ------
    ValueError
        If there is no statement of that id.

    Examples
    --------
    >>> from fa_theory.falsification import droppable
    >>> droppable("matrix-law")
    ('linear activation', 'bias term', 'no sign change')
    """
    if statement not in STATEMENTS:
        raise not_among("statement", statement, STATEMENTS)
    return tuple(each.dropped for each in CLAIMS if each.statement == statement and each.dropped is not None)


def find_claim(statement: str, dropped: str | None = None) -> Claim:
    """Return the claim of a statement, with an assumption dropped if one is named.

    Raises
    ------
    ValueError
        If there is no statement of that id, or the assumption is not one that can be dropped from it.
    """
    names = droppable(statement)
    if dropped is not None and dropped not in names:
        known = ", ".join(map(repr, names)) or "none"
        raise ValueError(f"drop must be an assumption of {statement} that can be dropped ({known}), got {dropped!r}")
    return next(each for each in CLAIMS if (each.statement, each.dropped) == (statement, dropped))
