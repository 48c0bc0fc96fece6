"""Discovery of conservation laws: how many there are, which, and whether that is all.

.. include:: FINDINGS.md
"""

from fa_theory.symbolic.discovery.answer import Discovery
from fa_theory.symbolic.discovery.discover import discover
from fa_theory.symbolic.discovery.law import Law
from fa_theory.symbolic.discovery.user_fields import discover_field, discover_function

__all__ = ["Discovery", "Law", "discover", "discover_field", "discover_function"]
