"""The symbolic engine: proofs for every size, and the discovery of what is conserved. Nothing numeric imports it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fa_theory.symbolic.discovery import discover

__all__ = ["discover"]


def __getattr__(name: str) -> Any:
    # the proofs need nothing of the search
    if name == "discover":
        from fa_theory.symbolic.discovery import discover

        return discover
    raise AttributeError(f"module 'fa_theory.symbolic' has no attribute {name!r}")
