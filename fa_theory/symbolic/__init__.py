"""Symbolic algebra: what is conserved, for every size and every data set. Nothing numeric imports it."""

from fa_theory.symbolic.discovery import discover

__all__ = ["discover"]
