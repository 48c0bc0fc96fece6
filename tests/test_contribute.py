"""The recipes of the page for contributors work when they are followed word for word."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / ".docs/pages/contribute.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## Add a (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def run(command, folder, text=None):
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, input=text, capture_output=True, text=True, check=False)


def without_the_recipe(command):
    return run([sys.executable, *command.split()], ROOT).stdout


@pytest.mark.parametrize("kind", ["rule", "law", "bound"])
def test_following_the_recipe_gives_what_it_promises(kind, tmp_path):
    recipe = RECIPES[kind]
    (difference,) = re.findall(r"```diff\n(.*?)```", recipe, re.DOTALL)
    (command,) = re.findall(r"```sh\npython (.*?)\n```", recipe)
    ((promised, verdict),) = re.findall(r"Expect `([\w-]+),(\w+)`", recipe)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "fa_theory", tmp_path / "fa_theory", symlinks=False, ignore=ignored)
    row = f"{promised},{verdict},"
    patched = run(["patch", "-p1"], tmp_path, difference)
    assert patched.returncode == 0, patched.stdout
    after = run([sys.executable, *command.split()], tmp_path)
    assert after.returncode == 0, after.stderr
    assert row in after.stdout
    assert row not in without_the_recipe(command)


@pytest.mark.parametrize("kind", ["rule", "law", "bound"])
def test_a_recipe_is_short(kind):
    prose = re.sub(r"```.*?```", "", RECIPES[kind], flags=re.DOTALL)
    assert len([line for line in prose.splitlines() if line.strip()]) < 15
