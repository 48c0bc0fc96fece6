"""The examples in the docstrings of the testing kit are what happens."""

import doctest
import importlib
import pkgutil

import pytest

import fa_theory.testing

pytestmark = pytest.mark.no_cover  # what they run is tested, and traced, elsewhere; shrinking is slow when traced
MODULES = [
    "fa_theory.testing",
    *(m.name for m in pkgutil.iter_modules(fa_theory.testing.__path__, "fa_theory.testing.")),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_assertion_and_strategy_has_an_example():
    finder = doctest.DocTestFinder(recurse=False)
    for name in (
        "aligned_instances",
        "assert_bound",
        "assert_conserved",
        "assert_drift_identity",
        "feedback",
        "find_conserved",
        "starts_for",
        "state_files",
    ):
        assert any(test.examples for test in finder.find(getattr(fa_theory.testing, name), name)), name
