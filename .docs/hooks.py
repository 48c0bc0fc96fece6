"""Pages made from what the repository holds, so that nothing is said twice; and formulas as MathML, without scripts.

mkdocs calls the functions whose names begin with ``on_``.
"""

import ast
import json
import re
from html import escape, unescape
from importlib import import_module
from inspect import isclass, isfunction
from pathlib import Path
from types import ModuleType

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

from fa_theory import bounds, dynamics, laws
from fa_theory.ledger import proof_evidence
from fa_theory.proofs import proof
from fa_theory.statements import STATEMENTS

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / ".docs" / "pages"

SOURCES = (
    "*paper*: claimed by Robertson and Koyejo (ICML 2024), with this project's constants and assumptions; *own*: this "
    "project's own. Only the paper's abstract and summary were at hand: nothing here is the paper's own constant."
)

SEARCH_OF_OPENED_FILES = '<script src="https://unpkg.com/iframe-worker/shim"></script>'

NO_TEXT = 'alt="No description has been provided for this image"'

API = {
    "fa_theory": "The main functions",
    "fa_theory.model": "Networks, problems, rules and losses",
    "fa_theory.dynamics": "Runs: flow, gradient descent and other integrators",
    "fa_theory.laws": "Conserved quantities",
    "fa_theory.bounds": "Bounds",
    "fa_theory.rigour": "Bounds to the last digit",
    "fa_theory.verification": "Verdicts",
    "fa_theory.statements": "Statements by name",
    "fa_theory.falsification": "Search for counterexamples",
    "fa_theory.sweeps": "Sweeps",
    "fa_theory.experiments": "The paper's experiments",
    "fa_theory.symbolic": "Proofs and discovery",
    "fa_theory.symbolic.discovery": "Discovery of laws",
    "fa_theory.plots": "Plots",
    "fa_theory.data": "Data",
    "fa_theory.testing": "Testing kit",
}

CLAIMS = (
    ("a conservation law at every neuron enforces alignment", "neuron-identity neuron-law", "conservation", "01 03"),
    ("where alignment dominates, the loss falls", "dissipation-split descent", "", "03 08"),
    ("it decays exponentially, or in a generalised form", "exponential-decay separable-decay", "", "02"),
    ("two-layer linear networks end at the minimum-norm solution", "minimum-norm", "overfitting", "07"),
    ("the law holds in practice, under SGD", "neuron-law bregman-drift", "conservation", "01"),
    ("better alignment goes with better accuracy", "", "alignment", "06"),
    ("with several classes feedback alignment has limits", "", "alignment", "06"),
    ("feedback alignment overfits benignly", "", "overfitting", "07"),
)
"""What the paper claims: the statements about it, the experiment, the notebooks."""

CHECKERS = {
    "dissipation-split": "dissipation",
    "law-completeness": "count_laws",
    "midpoint-exactness": "quadratic_laws",
    "projection-law": "unseen_inputs",
}
"""Statements whose function in `fa_theory.laws` or `fa_theory.dynamics` has another name."""

MEASURED = {
    "tests/benchmarks/TIGHTNESS.md": "How tight the bounds are",
    "tests/benchmarks/BENCHMARKS.md": "Speed",
    "tests/benchmarks/PRECISION.md": "Work and precision",
    "fa_theory/experiments/FINDINGS.md": "The paper's experiments",
    "fa_theory/falsification/FINDINGS.md": "Counterexamples sought",
    "fa_theory/symbolic/discovery/FINDINGS.md": "Laws found",
}


def on_config(config):
    """Fill the parts of the navigation that are made from the repository."""
    config.nav[2]["Notebooks"] = [f"notebooks/{path.name}" for path in _notebooks()]
    config.nav[3]["API"] = [{title: f"api/{module}.md"} for module, title in API.items()]
    config.nav[4]["Measured"] = [{title: f"measured/{_flat(path)}"} for path, title in MEASURED.items() if _is(path)]
    return config


@event_priority(100)  # before mkdocs-jupyter, which makes pages of the notebooks that it finds
def on_files(files, config):
    """Add the pages that are made here."""
    pages = {
        "index.md": (ROOT / "README.md").read_text(encoding="utf-8").replace(".docs/pages/", ""),
        "statements.md": _statements(),
    }
    for written in list(files.documentation_pages()):  # their links must serve readers of the repository too
        pages[written.src_uri] = (PAGES / written.src_uri).read_text(encoding="utf-8").replace("](../../", "](")
        files.remove(written)
    for module, title in API.items():
        pages[f"api/{module}.md"] = _reference(module, title)
    for path in filter(_is, MEASURED):
        pages[f"measured/{_flat(path)}"] = (ROOT / path).read_text(encoding="utf-8")
        for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", pages[f"measured/{_flat(path)}"]):
            source = ROOT / Path(path).parent / picture
            files.append(File.generated(config, f"measured/{picture}", abs_src_path=str(source)))
    for path, text in pages.items():
        files.append(File.generated(config, path, content=_with_links(text, path)))
    for path in _notebooks():
        # not a generated file, which mkdocs-jupyter could not read
        files.append(File(f"notebooks/{path.name}", str(ROOT), config.site_dir, use_directory_urls=False))
    return files


def on_page_content(html, page, **_):
    """Replace every formula by MathML, which browsers draw by themselves, and describe the pictures of notebooks."""

    def drawn(match):
        formula, block = unescape(match[2].strip()[2:-2]), match[1] == "div"
        return _mathml(formula, block=block)

    if page.file.src_uri.endswith(".ipynb"):
        return _notebook(html, Path(page.file.abs_src_path))
    return re.sub(r'<(div|span) class="arithmatex">(.*?)</\1>', drawn, html, flags=re.DOTALL)


def on_post_build(config):
    """Leave out the one script that the theme takes from elsewhere, which only the search of opened files needs.

    Fail if a page would load another, or a style or picture, or shows a picture without an alternative text.
    """
    for page in Path(config.site_dir).rglob("*.html"):
        text = page.read_text(encoding="utf-8").replace(SEARCH_OF_OPENED_FILES, "")
        for tag in re.findall(r"<(?:script|img|link rel=\"stylesheet\")[^>]*(?:src|href)=\"(?:https?:)?//[^>]*>", text):
            raise PluginError(f"{page.name} is not for use without a network: {tag}")
        for tag in re.findall(r"<img\b[^>]*>", text):
            if not re.search(r"""\salt=(?:"[^"]*\w[^"]*"|'[^']*\w[^']*')""", tag) or NO_TEXT in tag:
                raise PluginError(f"{page.name} has a picture without an alternative text: {tag[:100]}")
        page.write_text(text, encoding="utf-8")


def _mathml(formula, *, block):
    drawn = convert(formula, display="block" if block else "inline")
    # browsers set a bar between terms, as in {x | x > 0}, with space on both sides: here it is always that of a norm
    return drawn.replace('<mo stretchy="false">&#x0007C;', '<mo stretchy="false" lspace="0" rspace="0">&#x0007C;')


def _notebooks():
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def _notebook(html, path):
    """Return the page of a notebook without scripts, its formulas as MathML, its pictures with their texts."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    pictures = [output.get("metadata", {}) for cell in cells for output in cell.get("outputs", [])]
    texts = iter([kinds["image/png"].get("alt", "") for kinds in pictures if "image/png" in kinds])

    def drawn(match):
        if not match["formula"]:
            return match[0]
        return _mathml(unescape(match["formula"]), block=match["fence"] == "$$")

    html = re.sub(r"<(script|clipboard-copy)\b.*?</\1>", "", html, flags=re.DOTALL)
    kept = r"<(?P<tag>pre|code|style|textarea)\b.*?</(?P=tag)>|<[^>]*>"
    html = re.sub(rf"{kept}|(?P<fence>\${{1,2}})(?P<formula>.+?)(?P=fence)", drawn, html, flags=re.DOTALL)
    return re.sub(NO_TEXT, lambda _: f'alt="{escape(next(texts, ""))}"', html)


def _is(path):
    return (ROOT / path).is_file()


def _flat(path):
    return path.replace("/", "-")


def _reference(module, title):
    loaded = import_module(module)
    public = getattr(loaded, "__all__", ["Statement", "STATEMENTS", "cite"])
    names = [name for name in public if not isinstance(getattr(loaded, name), ModuleType | str)]
    if module == "fa_theory":
        lines = [f"- [`ft.{name}`][{_home(loaded, name)}]" for name in names]
        return "\n".join([f"# {title}", "", "`import fa_theory as ft`", "", *lines, ""])
    return "\n".join([f"# {title}", "", f"`{module}`", "", *(f"::: {_home(loaded, name)}\n" for name in names)])


def _home(module, name):
    """Return the path under which the generator finds a public name: functions hide modules of the same name."""
    value = getattr(module, name)
    home = value.__module__ if isfunction(value) or isclass(value) else module.__name__
    return f"{home}.{name}"


def _statements():
    """Map every statement to who claims it, its proof, its checker, the notebooks that name it, and its evidence."""
    notebooks = {path: path.with_suffix(".py").read_text(encoding="utf-8") for path in _notebooks()}
    tests = {path: _docstring(path) for path in sorted((ROOT / "tests").rglob("test_*.py"))}
    places = {each: f"[{each}](#{each})" for each in STATEMENTS}
    places |= {path.stem[:2]: f"[{path.stem[:2]}](notebooks/{path.name})" for path in notebooks}
    lines = [
        "# Statements",
        "",
        SOURCES,
        "",
        "What the paper claims, and where to look; bregman-drift is this project's own form of what a step does.",
        "",
        "| claim | statements | experiment | notebooks |",
        "|---|---|---|---|",
    ]
    for claim, statements, experiment, shown in CLAIMS:
        linked = [", ".join(places[each] for each in column.split()) or "none" for column in (statements, shown)]
        command = f"`fa-theory experiment {experiment}`" if experiment else "none"
        lines.append(f"| {claim} | {linked[0]} | {command} | {linked[1]} |")
    for each in STATEMENTS.values():
        name = each.id.replace("-", "_")
        tested = [path for path, says in tests.items() if _is_test_of(path, says, each.id)]
        if not tested:
            raise PluginError(f"{each.id} lacks a test")
        proved = proof(each.id)
        shown = [places[path.stem[:2]] for path, text in notebooks.items() if _names(text, each.id)]
        evidence = ", ".join((*each.evidence, *filter(None, [proof_evidence(each.id)])))
        lines += [
            "",
            f"## {each.title} {{#{each.id}}}",
            "",
            f"`{each.id}`, {each.source}. {_escaped(each.claim)}",
            "",
            f"What its proof says, for every size: {_escaped(proved.statement)}",
            "",
            "Assumptions of the proof:",
            "",
            *(f"- *{_escaped(key)}*: {_escaped(text)}" for key, text in proved.assumptions.items()),
            "",
            "Where to look:",
            "",
            f"- evidence: {evidence}",
            f"- proof: `proofs/{name}.py`, checked by `fa-theory prove {each.id}`",
            f"- checker: {_checker(each.id)}",
            f"- tests: {', '.join(f'`{path.relative_to(ROOT)}`' for path in tested)}",
            f"- notebooks: {', '.join(shown) or 'none'}",
        ]
    return "\n".join(lines) + "\n"


def _names(text, statement):
    """Return whether a text names the statement: none of those whose names begin with it, nor gradient descent."""
    return re.search(rf"(?<![\w-])(?<!gradient ){re.escape(statement)}(?![\w-])", text, re.IGNORECASE) is not None


def _is_test_of(path, says, statement):
    name = statement.replace("-", "_")
    return path.stem in {f"test_{name}", f"test_{name}_proof"} or _names(says, statement)


def _docstring(path):
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def _checker(statement):
    name = CHECKERS.get(statement, statement.replace("-", "_"))
    for module in (bounds, laws, dynamics):
        if name in module.__all__ and callable(getattr(module, name)):
            return f"[`{module.__name__}.{name}`][{_home(module, name)}], judged by `fa-theory verify`"
    raise PluginError(f"{statement} has no function of its name, and CHECKERS names no other")


def _escaped(text):
    """Return text that Markdown takes no letter of for a mark, except in formulas between dollar signs."""
    return re.sub(r"(\$[^$]*\$)|([\\*_\[\]])", lambda found: found[1] or "\\" + found[2], text)


def _with_links(text, page):
    """Point links that lead into the repository to pages, or leave their text alone."""
    up = "../" * page.count("/")
    pages = {path: f"{up}measured/{_flat(path)}" for path in MEASURED if _is(path)}
    pages |= {f"notebooks/{path.name}": f"{up}notebooks/{path.name}" for path in _notebooks()}

    def pointed(match):
        label, target = match[1], match[2]
        if re.match(r"https?:|#", target) or (PAGES / target).is_file():
            return match[0]
        known = next((pages[path] for path in pages if path == target or path.endswith("/" + target)), None)
        return f"[{label}]({known})" if known else label

    return re.sub(r"(?<!!)\[([^\]\n]+)\]\(([^)\s]+\.(?:md|ipynb|py|cff)|proofs|notebooks)\)", pointed, text)
