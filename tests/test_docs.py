"""The site needs no network, its pictures have alternative texts, and its pages say what the repository holds."""

import importlib.util
import json
import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import SimpleNamespace

import pytest
from mkdocs.exceptions import PluginError

import fa_theory
from fa_theory.experiments import EXPERIMENTS
from fa_theory.proofs import proof
from fa_theory.statements import STATEMENTS

HOOKS = Path(__file__).parents[1] / ".docs" / "hooks.py"


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("hooks", HOOKS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(hooks):
    """The map of statements."""
    return hooks._statements()


@pytest.mark.parametrize(
    ("tag", "complaint"),
    [
        ('<img src="a.png" alt="Loss against time">', ""),
        ("<img alt='Loss' src=\"a.png\"/>", ""),
        ('<img src="a.png">', "page.html has a picture without an alternative text"),
        ('<img src="a.png" alt="">', "page.html has a picture without an alternative text"),
        (
            '<img alt="No description has been provided for this image" src="a.png">',
            "page.html has a picture without an alternative text",
        ),
        ('<img src="a.png" data-alt="Loss">', "page.html has a picture without an alternative text"),
        ('<img src="https://a.b/c.png" alt="Loss">', "page.html is not for use without a network"),
        ('<script src="//a.b/c.js"></script>', "page.html is not for use without a network"),
    ],
)
def test_a_page_is_refused_by_what_is_wrong_with_it(hooks, tmp_path, tag, complaint):
    (tmp_path / "page.html").write_text(f"<html>{hooks.SEARCH_OF_OPENED_FILES}<p>{tag}</p></html>", encoding="utf-8")
    site = SimpleNamespace(site_dir=str(tmp_path))
    if complaint:
        with pytest.raises(PluginError, match=complaint):
            hooks.on_post_build(site)
    else:
        hooks.on_post_build(site)
        assert (tmp_path / "page.html").read_text(encoding="utf-8") == f"<html><p>{tag}</p></html>"


def test_a_notebook_has_its_formulas_drawn_its_pictures_described_and_no_scripts(hooks, tmp_path):
    picture = {"metadata": {"image/png": {"alt": 'A "dot" & a line'}}}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [{}, {"outputs": [{"metadata": {}}, picture]}]}))
    page = SimpleNamespace(file=SimpleNamespace(src_uri="notebooks/a.ipynb", abs_src_path=str(path)))
    source = "<p>of $a &lt; b$ and</p><p>$$ c $$</p><pre>$d$ and $e$</pre><script>run($f$)</script>"
    html = hooks.on_page_content(f'{source}<img alt="No description has been provided for this image">', page)
    assert html.count("<math") == 2
    assert 'display="inline"><mrow><mi>a</mi><mo>&lt;</mo><mi>b</mi>' in html.replace("&#x0003C;", "&lt;")
    assert 'display="block"><mrow><mi>c</mi>' in html
    assert "<pre>$d$ and $e$</pre>" in html
    assert "<script" not in html
    assert html.endswith('<img alt="A &quot;dot&quot; &amp; a line">')


def test_the_reference_covers_every_subpackage(hooks):
    packages = [info.name for info in walk_packages(fa_theory.__path__, "fa_theory.") if info.ispkg]
    public = {"fa_theory", *(name for name in packages if hasattr(import_module(name), "__all__"))}
    assert public - set(hooks.API) == {"fa_theory.cli"}
    assert set(hooks.API) - public == {"fa_theory.statements"}  # one module


def test_a_statement_has_its_own_tests_and_notebooks_and_not_those_of_its_sharper_forms(hooks, page):
    parts = dict(part.split("}\n", 1) for part in page.split("{#")[1:])
    assert list(parts) == list(STATEMENTS)
    expected = "tests/bounds/test_exponential_decay.py", "tests/proofs/test_exponential_decay_proof.py"
    assert f"- tests: {', '.join(f'`{each}`' for each in expected)}\n" in parts["exponential-decay"]
    assert "- notebooks: [02](notebooks/02_bounds.ipynb)\n" in parts["exponential-decay"]
    assert "`tests/laws/test_laws_along_flows.py`" in parts["neuron-law"]
    assert "[`fa_theory.laws.unseen_inputs`]" in parts["projection-law"]
    assert "[`fa_theory.laws.count_laws`]" in parts["law-completeness"]
    assert "[`fa_theory.laws.quadratic_laws`]" in parts["midpoint-exactness"]
    assert "[`fa_theory.dynamics.dissipation`]" in parts["dissipation-split"]
    assert "[`fa_theory.dynamics.reduced_flow`]" in parts["reduced-flow"]
    assert page.count("- checker: [`fa_theory.") == len(STATEMENTS)
    with pytest.raises(PluginError, match="no-such-law has no function of its name"):
        hooks._checker("no-such-law")
    assert {row[2] for row in hooks.CLAIMS} - {""} == set(EXPERIMENTS)
    assert "| [minimum-norm](#minimum-norm) | `fa-theory experiment overfitting` | [07](notebooks/07_" in page


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("statement `descent`,", True),
        ("Descent along flows", True),
        ("the descent-free case", False),
        ("one step of gradient descent", False),
        ("`descents`", False),
    ],
)
def test_a_statement_is_named_by_its_whole_id(hooks, text, named):
    assert hooks._names(text, "descent") is named


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_map_says_what_the_proof_of_a_statement_says_with_its_formulas_untouched(page, statement):
    section = page.split(f"{{#{statement}}}")[1].split("\n## ")[0]
    proved = proof(statement)
    for text in (proved.statement, *proved.assumptions.values()):
        assert all(formula in section for formula in re.findall(r"\$[^$]*\$", text))
    assert section.count("- *") == len(proved.assumptions)
