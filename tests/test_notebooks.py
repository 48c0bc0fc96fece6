"""A notebook with something wrong makes the step of CI that executes notebooks fail; the notebooks run there."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
RUNNER = ROOT / ".ci" / "notebooks.py"
FINE = "# %% [markdown]\n# Sums.\n\n# %%\nprint(2 + 2)\nassert 2 + 2 == 4\n"


def run(folder, *options):
    command = [sys.executable, str(RUNNER), "--folder", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def write(folder, name, text, *, kept=True):
    """Write a text and, as its pair, the same cells without outputs."""
    (folder / f"{name}.py").write_text(text)
    if kept:
        cells = [nbformat.v4.new_markdown_cell("Sums."), nbformat.v4.new_code_cell(text.split("# %%\n")[1].strip())]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")


def test_the_notebooks_are_eight_pairs():
    names = {path.stem for path in (ROOT / "notebooks").glob("*.py")}
    assert len(names) == 8
    assert names == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_written_outputs_pass_and_are_the_same_again(tmp_path):
    write(tmp_path, "fine", FINE, kept=False)
    assert run(tmp_path, "--write")[0] == 0
    kept = (tmp_path / "fine.ipynb").read_bytes()
    assert b'"4\\n"' in kept
    status, said = run(tmp_path)
    assert (status, said.endswith(" s of processor time\n")) == (0, True)
    run(tmp_path, "--write")
    assert (tmp_path / "fine.ipynb").read_bytes() == kept


def test_each_thing_wrong_is_named_and_fails_the_step(tmp_path):
    for name, code in {
        "assertion": "assert 2 + 2 == 5",
        "warning": "import warnings\nwarnings.warn('mind')\nassert True",
        "stderr": "import sys\nprint('mind', file=sys.stderr)\nassert True",
        "outputs": "print('now')\nassert True",
    }.items():
        write(tmp_path, name, f"# %% [markdown]\n# Sums.\n\n# %%\n{code}\n")
    status, said = run(tmp_path)
    assert status == 1
    assert "assertion: FAILED" in said
    assert "AssertionError" in said
    assert "UserWarning: mind" in said
    assert "it wrote to stderr: mind" in said
    assert "the outputs kept in outputs.ipynb are of another run" in said


PICTURE = """from IPython.display import Image, display
display(Image(b"\\x89PNG\\r\\n\\x1a\\n" + bytes(16), format="png", width=1, height=1))
assert True
"""


def test_a_picture_has_the_alternative_text_of_its_cell(tmp_path):
    write(tmp_path, "picture", f'# %% [markdown]\n# Sums.\n\n# %% alt="A dot."\n{PICTURE}', kept=False)
    assert run(tmp_path, "--write")[0] == 0
    kept = nbformat.read(tmp_path / "picture.ipynb", as_version=4)
    assert kept.cells[1].outputs[0].metadata["image/png"]["alt"] == "A dot."
    (tmp_path / "picture.py").write_text((tmp_path / "picture.py").read_text().replace("A dot.", "A line."))
    assert "picture.ipynb is not in step with it" in run(tmp_path)[1]
    (tmp_path / "picture.py").write_text((tmp_path / "picture.py").read_text().replace(' alt="A line."', ""))
    status, said = run(tmp_path, "--write")
    assert status == 1
    assert 'a cell draws without a text for its picture, # %% alt="..."' in said


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("print(1)", "it asserts nothing"),
        ("\n".join(["assert True"] * 26), "a cell has 26 lines, more than 25"),
    ],
)
def test_form_is_checked_before_anything_runs(tmp_path, code, complaint):
    write(tmp_path, "form", f"# %% [markdown]\n# Sums.\n\n# %%\n{code}\n")
    assert run(tmp_path) == (1, f"form: FAILED: {complaint}\n")


@pytest.mark.parametrize("heading", ["# 02. Sums.", "Sums.", "## 03. Sums."])
def test_the_first_heading_begins_with_the_number_of_the_file(tmp_path, heading):
    write(tmp_path, "03_sums", FINE.replace("# Sums.", f"# {heading}"))
    found = heading if heading.startswith("#") else "none"
    complaint = f"03_sums: FAILED: its first heading does not begin with its number, 03: {found}\n"
    assert run(tmp_path) == (1, complaint)
    write(tmp_path, "03_sums", FINE.replace("# Sums.", "# # 03. Sums."))
    assert "03_sums.ipynb is not in step with it" in run(tmp_path)[1]  # the check after that of the form


def test_pairs_out_of_step_fail(tmp_path):
    write(tmp_path, "step", FINE)
    (tmp_path / "step.py").write_text(FINE.replace("2 + 2", "1 + 3"))
    assert run(tmp_path) == (1, "step: FAILED: step.ipynb is not in step with it; make notebooks writes it anew\n")
    (tmp_path / "step.ipynb").unlink()
    assert run(tmp_path) == (1, "step: FAILED: there is no step.ipynb; make notebooks writes it\n")
    (tmp_path / "lost.ipynb").write_text("{}")
    assert run(tmp_path) == (1, "notebooks: no text for lost.ipynb\n")


def test_a_limit_on_processor_time_is_kept(tmp_path):
    write(tmp_path, "slow", FINE)
    status, said = run(tmp_path, "--limit", "0.2")
    assert status == 1
    assert "slow: FAILED" in said
