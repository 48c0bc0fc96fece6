"""Discovery of conservation laws: how many there are, which, and whether that is all."""

from fa_theory.symbolic.discovery.discover import Discovery, discover
from fa_theory.symbolic.discovery.law import Law

__all__ = ["Discovery", "Law", "discover"]
