"""Execute the notebooks and see that what is kept of them is true.

Usage: notebooks.py [--write] [--folder FOLDER] [--limit SECONDS] [--jobs N]

Each notebook is a pair: NAME.py, the text that people edit, and NAME.ipynb, the same with its outputs. The text is
executed in a fresh kernel, with warnings as errors. A notebook fails if a cell does (an assertion, say), if it writes
to stderr, asserts nothing, has a cell longer than a screen, has a number in its name that its first heading does not
begin with, draws without saying what is seen (`# %% alt="..."`, the alternative text of a cell's pictures), or takes
more processor time than the limit (other work on the machine does not add to that); and, unless --write makes the pair
anew, if the pair is out of step: other cells, or other outputs but for numbers and what pictures show.
"""

import argparse
import asyncio
import os
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

SCREEN = 25
HANGS = 10
"""A cell that takes this many times the limit by the clock has got stuck."""
KERNEL = (
    # the kernel's own warnings are not the notebook's
    "--IPKernelApp.exec_lines=import warnings",
    "--IPKernelApp.exec_lines=warnings.simplefilter('error')",
    "--IPKernelApp.exec_lines=warnings.filterwarnings('default', module='ipykernel')",
    "--HistoryManager.enabled=False",
    "--Application.log_level=ERROR",
)


class NotebookError(Exception):
    """A notebook is not as it should be."""


def read_text(text: Path) -> nbformat.NotebookNode:
    notebook = jupytext.read(text)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # the same file from run to run
    return notebook


def inputs(notebook: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
    return [(cell.cell_type, cell.source, cell.metadata.get("alt", "")) for cell in notebook.cells]


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: nbformat.NotebookNode) -> list[list[tuple[str, ...]]]:
    """Return the kinds of all outputs, and their text without numbers, which differ between machines."""

    def summary(output: nbformat.NotebookNode) -> tuple[str, ...]:
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        return output.output_type, *sorted(output.get("data", {})), re.sub(r"[-+−]?\d[\d.e+-]*", "#", text)

    return [[summary(output) for output in cell.outputs] for cell in code(notebook)]


def joined(printed: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return the outputs with what was printed in a row as one, however the kernel happened to cut it."""
    result: list[nbformat.NotebookNode] = []
    for output in printed:
        if result and "text" in output and output.get("name") == result[-1].get("name"):
            result[-1].text += output.text
        else:
            result.append(output)
    return result


def describe_pictures(notebook: nbformat.NotebookNode) -> None:
    """Give every picture the alternative text of its cell, where viewers of notebooks look for it."""
    for cell in code(notebook):
        for output in cell.outputs:
            for kind in sorted(set(output.get("data", {})) & {"image/png", "image/svg+xml", "image/jpeg"}):
                if not cell.metadata.get("alt", "").strip():
                    raise NotebookError(f'a cell draws without a text for its picture, # %% alt="...": {cell.source}')
                output.metadata[kind] = {"alt": cell.metadata.alt}


def check_form(notebook: nbformat.NotebookNode, name: str) -> None:
    number = re.match(r"\d*", name)[0]
    heading = next(iter(re.findall(r"^#+ .*", notebook.cells[0].source, re.MULTILINE)), "none")
    if number and not heading.startswith(f"# {number}. "):
        raise NotebookError(f"its first heading does not begin with its number, {number}: {heading}")
    longest = max((len(cell.source.splitlines()) for cell in code(notebook)), default=0)
    if longest > SCREEN:
        raise NotebookError(f"a cell has {longest} lines, more than {SCREEN}")
    if not any(re.search(r"^\s*assert\b", cell.source, re.MULTILINE) for cell in code(notebook)):
        raise NotebookError("it asserts nothing")


def check_pair(notebook: nbformat.NotebookNode, pair: Path) -> nbformat.NotebookNode:
    if not pair.is_file():
        raise NotebookError(f"there is no {pair.name}; make notebooks writes it")
    kept = nbformat.read(pair, as_version=4)
    if inputs(kept) != inputs(notebook):
        raise NotebookError(f"{pair.name} is not in step with it; make notebooks writes it anew")
    return kept


async def execute(notebook: nbformat.NotebookNode, folder: Path, limit: float) -> float:
    """Fill in the outputs; return the seconds of processor time it took."""
    clock = nbformat.v4.new_code_cell("import time\nprint(time.process_time())")
    notebook.cells.append(clock)
    client = NotebookClient(
        notebook,
        timeout=max(1, round(HANGS * limit)),
        record_timing=False,
        extra_arguments=list(KERNEL),
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        await client.async_execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as failed:
        plain = re.sub(r"\x1b\[[\d;]*m", "", str(failed))  # without colours
        raise NotebookError(plain.strip()) from None
    notebook.cells.pop()
    seconds = float(clock.outputs[0].text)
    if seconds > limit:
        raise NotebookError(f"it took {seconds:.0f} s of processor time, more than {limit:g} s")
    for cell in code(notebook):
        cell.outputs = joined(cell.outputs)
        for output in cell.outputs:
            if output.get("name") == "stderr":
                raise NotebookError(f"it wrote to stderr: {output.text}")
    describe_pictures(notebook)
    notebook.metadata.language_info = {"name": "python"}  # without the version that happened to run it
    return seconds


async def treat(text: Path, limit: float, *, write: bool) -> str:
    notebook, pair = read_text(text), text.with_suffix(".ipynb")
    check_form(notebook, text.stem)
    kept = None if write else check_pair(notebook, pair)
    seconds = await execute(notebook, text.parent, limit)
    if kept is None:
        nbformat.validate(notebook)
        pair.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    elif outputs(kept) != outputs(notebook):
        raise NotebookError(f"the outputs kept in {pair.name} are of another run; make notebooks writes it anew")
    return f"{seconds:.0f} s of processor time"


async def treat_all(texts: list[Path], limit: float, jobs: int, *, write: bool) -> bool:
    places = asyncio.Semaphore(jobs)

    async def one(text: Path) -> bool:
        async with places:
            try:
                found, fine = await treat(text, limit, write=write), True
            except NotebookError as wrong:
                found, fine = f"FAILED: {wrong}", False
        print(f"{text.stem}: {found}", flush=True)
        return fine

    return all(await asyncio.gather(*map(one, texts)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parents[1] / "notebooks")
    parser.add_argument("--only", default="*", help="a pattern of names, such as '03*'")
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    # one thread for each kernel: as many kernels as cores run at once, and sums come out the same from run to run
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    texts = sorted(options.folder.glob(f"{options.only}.py"))
    if not texts:
        sys.exit(f"notebooks: there is none in {options.folder}")
    orphans = [path.name for path in options.folder.glob("*.ipynb") if not path.with_suffix(".py").is_file()]
    if orphans:
        sys.exit(f"notebooks: no text for {', '.join(sorted(orphans))}")
    return int(not asyncio.run(treat_all(texts, options.limit, options.jobs, write=options.write)))


if __name__ == "__main__":
    sys.exit(main())
