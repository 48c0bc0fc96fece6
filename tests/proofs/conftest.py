"""Coverage of the proofs and their checker is measured where each is checked as it is shipped, in test_all_proofs."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items):
    """Leave the other tests untraced, which halves what they cost: they derive the same again, or wrong variants."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name != "test_all_proofs.py":
            item.add_marker(pytest.mark.no_cover)
