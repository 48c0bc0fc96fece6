"""The site is not built if a page needs the network, or shows a picture without an alternative text."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from mkdocs.exceptions import PluginError

HOOKS = Path(__file__).parents[1] / ".docs" / "hooks.py"


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("hooks", HOOKS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
