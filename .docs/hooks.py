"""Pages made from what the repository holds, so that nothing is said twice; and formulas as MathML, without scripts.

mkdocs calls the functions whose names begin with ``on_``.
"""

import re
from html import unescape
from importlib import import_module
from inspect import isclass, isfunction
from pathlib import Path
from types import ModuleType

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

from fa_theory import bounds, laws
from fa_theory.ledger import proof_evidence
from fa_theory.statements import STATEMENTS

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / ".docs" / "pages"

SOURCES = (
    "*paper*: claimed by Robertson and Koyejo (ICML 2024), with this project's constants and assumptions; *own*: this "
    "project's own. Only the paper's abstract and summary were at hand: nothing here is the paper's own constant."
)

SEARCH_OF_OPENED_FILES = '<script src="https://unpkg.com/iframe-worker/shim"></script>'

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
    "fa_theory.symbolic": "Proofs and discovery",
    "fa_theory.plots": "Plots",
    "fa_theory.data": "Data",
    "fa_theory.testing": "Testing kit",
}

MEASURED = {
    "tests/benchmarks/TIGHTNESS.md": "How tight the bounds are",
    "tests/benchmarks/BENCHMARKS.md": "Speed",
    "tests/benchmarks/PRECISION.md": "Work and precision",
    "fa_theory/falsification/FINDINGS.md": "Counterexamples sought",
    "fa_theory/symbolic/discovery/FINDINGS.md": "Laws found",
}


def on_config(config):
    """Fill the parts of the navigation that are made from the repository."""
    config.nav[2]["Notebooks"] = [f"notebooks/{path.name}" for path in _notebooks()]
    config.nav[3]["API"] = [{title: f"api/{module}.md"} for module, title in API.items()]
    config.nav[4]["Measured"] = [{title: f"measured/{_flat(path)}"} for path, title in MEASURED.items() if _is(path)]
    return config


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
        files.append(File.generated(config, f"notebooks/{path.name}", abs_src_path=str(path)))
    return files


def on_page_content(html, page, **_):
    """Replace every formula by MathML, which browsers draw by themselves."""

    def drawn(match):
        formula, block = unescape(match[2].strip()[2:-2]), match[1] == "div"
        return convert(formula, display="block" if block else "inline")

    return re.sub(r'<(div|span) class="arithmatex">(.*?)</\1>', drawn, html, flags=re.DOTALL)


def on_post_build(config):
    """Leave out the one script that the theme takes from elsewhere, which only the search of opened files needs.

    Fail if a page would load another, or a style or picture.
    """
    for page in Path(config.site_dir).rglob("*.html"):
        text = page.read_text(encoding="utf-8").replace(SEARCH_OF_OPENED_FILES, "")
        for tag in re.findall(r"<(?:script|img|link rel=\"stylesheet\")[^>]*(?:src|href)=\"(?:https?:)?//[^>]*>", text):
            raise PluginError(f"{page.name} is not for use without a network: {tag}")
        page.write_text(text, encoding="utf-8")


def _notebooks():
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


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
    """Map every statement to who claims it, its proof, its checker, the notebooks that show it, and its evidence."""
    lines = [
        "# Statements",
        "",
        SOURCES,
    ]
    for each in STATEMENTS.values():
        name = each.id.replace("-", "_")
        tests = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob(f"test_{name}*.py"))
        proof = ROOT / "proofs" / f"{name}.py"
        if not tests or not proof.is_file():
            raise PluginError(f"{each.id} lacks a test or a proof")
        shown = [path for path in _notebooks() if each.id in path.read_text(encoding="utf-8")]
        evidence = ", ".join((*each.evidence, *filter(None, [proof_evidence(each.id)])))
        lines += [
            "",
            f"## {each.title} {{#{each.id}}}",
            "",
            f"`{each.id}`, {each.source}. {_escaped(each.claim)}",
            "",
            f"- evidence: {evidence}",
            f"- proof: `proofs/{name}.py`, checked by `fa-theory prove {each.id}`",
            f"- checker: {_checker(name)}",
            f"- tests: {', '.join(f'`{path}`' for path in tests)}",
            f"- notebooks: {', '.join(f'[{path.stem[:2]}](notebooks/{path.name})' for path in shown) or 'none'}",
        ]
    return "\n".join(lines) + "\n"


def _checker(name):
    for module in (bounds, laws):
        if name in module.__all__ and callable(getattr(module, name)):
            return f"[`{module.__name__}.{name}`][{_home(module, name)}], judged by `fa-theory verify`"
    return "`fa-theory verify`"


def _escaped(text):
    return re.sub(r"([\\*_\[\]])", r"\\\1", text)


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
