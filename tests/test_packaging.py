"""What is shipped, what an import costs, and that the metadata is stated once."""

import configparser
import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.version import Version

import fa_theory

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("matplotlib", "sympy", "hypothesis", "cupy", "flint", "typer", "rich", "pytest")


def setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.mark.parametrize("module", HEAVY)
def test_import_is_light(module):
    code = f"import fa_theory, sys; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_import_prints_and_warns_nothing():
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import fa_theory"], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_version_is_the_one_of_setup_cfg():
    assert fa_theory.__version__ == metadata.version("fa_theory") == setup_cfg()["metadata"]["version"]


def test_the_citation_has_the_version():
    assert f"\nversion: {fa_theory.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_changelog_has_the_version():
    assert f"## {fa_theory.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("resource", ["py.typed", "data/iris.csv"])
def test_resources_are_shipped(resource):
    assert files("fa_theory").joinpath(*resource.split("/")).is_file()


def test_setup_cfg_is_the_only_metadata():
    assert not (ROOT / "setup.py").exists()
    assert set(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))) == {
        "build-system",
        "tool",
    }


def test_command_is_declared():
    (command,) = metadata.entry_points(group="console_scripts", name="fa-theory")
    assert command.value == "fa_theory.cli:main"


def test_lowest_versions_are_the_lower_bounds():
    declared = (
        setup_cfg()["options"]["install_requires"].split() + setup_cfg()["options.extras_require"]["data"].split()
    )
    lines = (ROOT / ".ci" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    tried = dict(line.split("==") for line in lines if "==" in line)
    for requirement in declared:
        name, lower = requirement.split(">=")
        assert Version(tried[name]) == Version(lower), requirement
