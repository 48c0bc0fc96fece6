"""Hypothesis strategies for networks, problems and rules (needs the extra ``testing``).

Numbers are drawn as eighths of small integers (or small fractions), so that they are exact in float32 and a failing
instance shrinks to one that can be read and worked out by hand.
"""

from fa_theory.testing.instances import aligned_instances, instances, networks, problems
from fa_theory.testing.strategies import activations, arrays, entries, feedback_names

__all__ = [
    "activations",
    "aligned_instances",
    "arrays",
    "entries",
    "feedback_names",
    "instances",
    "networks",
    "problems",
]
