"""Every public function and class shows an example in its docstring, and every example is what happens."""

import doctest
import importlib
import inspect
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import fa_theory

PACKAGE = Path(fa_theory.__file__).parent
SOURCES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path.read_text("utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}
WITH_EXAMPLES = [name for name, source in SOURCES.items() if re.search(r"^ *>>> ", source, re.MULTILINE)]
PUBLIC = [name for name, source in SOURCES.items() if re.search(r"^__all__ = ", source, re.MULTILINE)]


class Finder(doctest.DocTestFinder):
    def _from_module(self, module, each):
        # what Hypothesis makes of a function has the globals of another module, and would be passed over
        return super()._from_module(module, each) or getattr(each, "__module__", None) == module.__name__


def examples(module):
    """Return the module's examples; each has to import what it needs, as its reader does."""
    found = Finder().find(module, module.__name__, globs={"__name__": "example"})
    return [test for test in found if test.examples]


def complaints(module):
    runner, told = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF), []
    for test in examples(module):
        runner.run(test, out=told.append)
    return "".join(told)


def without_example(public, homes):
    """Name the functions and classes of `public.__all__` that have no example of their own in one of the modules."""
    shown = {test.name for module in homes for test in examples(module)}
    named = {name: getattr(public, name) for name in public.__all__}
    return [
        f"{public.__name__}.{name}"
        for name, each in named.items()
        if (inspect.isfunction(each) or inspect.isclass(each)) and f"{each.__module__}.{each.__name__}" not in shown
    ]


@cache
def modules_with_examples():
    return [importlib.import_module(name) for name in WITH_EXAMPLES]


@pytest.mark.no_cover  # what they run is traced where it is tested; shrinking, above all, is slow when traced
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples(name, monkeypatch, tmp_path):
    module = importlib.import_module(name)
    assert examples(module), f"{name} holds >>>, but where no example is looked for"
    monkeypatch.chdir(tmp_path)
    wrong = complaints(module)
    assert not wrong, wrong
    assert {path.name for path in tmp_path.iterdir()} <= {".hypothesis"}, "an example leaves files behind"
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums(), "an example leaves figures open"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_an_example(name):
    lacking = without_example(importlib.import_module(name), modules_with_examples())
    assert not lacking, f"no example in the docstring of {', '.join(lacking)}"


def test_every_subpackage_says_what_is_public():
    assert {"fa_theory", "fa_theory.bounds", "fa_theory.testing", "fa_theory.symbolic.discovery"} <= set(PUBLIC)
    assert "fa_theory.model.network" in WITH_EXAMPLES
    assert "fa_theory.sweeps.worker" not in WITH_EXAMPLES


def test_examples_of_strategies_are_run():
    module = importlib.import_module("fa_theory.testing.instances")
    assert "fa_theory.testing.instances.networks" in {test.name for test in examples(module)}


def made_up(source):
    module = ModuleType("made_up")
    exec(source, module.__dict__)
    return module


CONTROL = '''
__all__ = ["NUMBER", "Bare", "OnlyInAMethod", "bare", "shown"]
NUMBER = 3

class Bare:
    """No example."""

class OnlyInAMethod:
    """No example of its own."""

    def method(self):
        """
        >>> 1 + 1
        2
        """

def bare(x):
    return x

def shown():
    """
    >>> 3 - 1
    2
    """
'''


def test_a_name_without_an_example_is_found():
    module = made_up(CONTROL)
    assert without_example(module, [module]) == ["made_up.Bare", "made_up.OnlyInAMethod", "made_up.bare"]
    assert "made_up.shown" in without_example(module, [])


def test_an_example_that_is_wrong_is_shown_with_the_difference():
    assert complaints(made_up(CONTROL)) == ""
    told = complaints(made_up(CONTROL.replace("3 - 1", "30 - 5")))
    assert "made_up.shown" in told
    assert "- 2\n" in told
    assert "+ 25\n" in told


def test_an_example_that_imports_nothing_fails():
    assert "NameError: name 'NUMBER' is not defined" in complaints(made_up(CONTROL.replace("3 - 1", "NUMBER - 1")))
