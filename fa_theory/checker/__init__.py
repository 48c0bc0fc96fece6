"""The independent checker of certificates: it re-derives every claim and imports nothing else of fa_theory.

What is rational is decided over the rationals; the rest is enclosed by python-flint at a precision of its own, raised
until each claim is confirmed or contradicted. Eigenvalues come from flint's certified solver.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flint import arb, fmpq

from fa_theory.checker.claims import POSITIVE, at_some_precision, bound_claims, observed_claims
from fa_theory.checker.instance import (
    Instance,
    RejectedError,
    TooWideError,
    UnreadableError,
    file_bytes,
    need,
    number,
)

FORMAT, MOST_STEPS = "fa_theory certificate 1", 1_000_000
_CONTENT = {"format", "version", "instance", "t", "observed", "bounds"}

__all__ = ["FORMAT", "RejectedError", "UnreadableError", "check_certificate"]


def check_certificate(path: str | Path) -> str:
    """Return in words what a certificate file proves; raise `RejectedError` or `UnreadableError` if it does not."""
    file = Path(path)
    content = _read(file)
    try:
        return _check(content, Instance(content["instance"], file.parent))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, ArithmeticError) as error:
        raise UnreadableError(f"{file} is malformed ({type(error).__name__}: {error})") from None


def _read(file: Path) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key occurs twice")
        return dict(pairs)

    def refuse(number: str) -> Any:
        raise ValueError(f"numbers are integers or strings, got {number[:40]}")

    try:
        content = json.loads(
            file_bytes(file).decode(), object_pairs_hook=unique, parse_float=refuse, parse_constant=refuse
        )
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableError(f"{file} cannot be read as JSON ({error})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.keys() != _CONTENT:
        raise UnreadableError(
            f"{file} is not a certificate: it must hold {', '.join(sorted(_CONTENT))}, format {FORMAT!r}"
        )
    return content


def _endpoint(text: Any) -> arb:
    found = re.fullmatch(r"(-?0x[0-9a-f]{1,17})p(-?[0-9]{1,12})", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"an endpoint must be like 0x1fp-20, got {str(text)[:40]!r}")
    return arb((int(found[1], 16), int(found[2])))


def _confirm(what: str, ends: Any, enclose: Callable[[arb, arb], tuple[arb, arb, arb]]) -> None:
    """Confirm a claim at some precision; `POSITIVE` in place of the ends claims a positive value."""

    def decided() -> bool:
        value, low, high = enclose(*((arb(0), arb(0)) if ends is POSITIVE else map(_endpoint, ends)))
        if (value > 0) if ends is POSITIVE else (low <= value <= high):
            return True
        if (value <= 0) if ends is POSITIVE else (value < low or value > high):
            return False
        raise TooWideError

    need(at_some_precision(what, decided), f"{what}: the claim is wrong")


def _check(content: dict[str, Any], i: Instance) -> str:
    places = [fmpq(t) if type(t) is int else number(t) for t in content["t"]]
    need(places == sorted(set(places)) and places[0] >= 0 and places[-1] <= MOST_STEPS, "times must increase from 0")
    need(i.run["method"] in ("flow", "gd", "sgd"), "the method is unknown")
    need(i.run["method"] == "flow" or all(t.q == 1 for t in places), "steps must be whole numbers")
    need(len({bound["id"] for bound in content["bounds"]}) == len(content["bounds"]), "a bound occurs twice")
    claims = observed_claims(i, content, places) if content["observed"] else []
    for bound in content["bounds"]:
        claims += bound_claims(i, bound, content, places)
    for claim in claims:
        _confirm(*claim)
    said = [f"{len(claims)} claims confirmed"]
    for bound in content["bounds"]:
        said.append(f"{bound['id']}: {bound['verdict']}")
        if bound["verdict"] == "not compared":
            continue
        pairs = zip(places, content["observed"][bound["quantity"]], bound["value"], strict=True)
        later = [(list(map(_endpoint, loss)), list(map(_endpoint, value))) for t, loss, value in pairs if t > 0]
        below = all(loss[1] <= value[0] for loss, value in later) and later
        above = any(loss[0] > value[1] for loss, value in later)
        need(
            {"holds": below, "refuted": above}.get(bound["verdict"]),
            f"{bound['id']}: {bound['verdict']} does not follow",
        )
    return "; ".join(said)
