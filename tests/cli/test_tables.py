"""Every command that prints a table prints it in every format, and in every width of terminal."""

import csv
import io
import json
import re
import sys

import numpy as np
import pytest
import typer
from image_files import write_mnist
from rich.markdown import Markdown

from fa_theory.cli import main
from fa_theory.cli.commands import app
from fa_theory.cli.output import Format, show
from fa_theory.sweeps import Sweep
from fa_theory.verification import VERDICTS

SMALL = ["--width", "3", "--time", "1", "--points", "5"]
TINY = ["--data", "mnist", "--path", "mnist", "--classes", "2", "--seeds", "1", "--widths", "3", "--per-class", "4"]
COMMANDS = {
    "verify": SMALL,
    "simulate": SMALL,
    "bound": SMALL,
    "theorems": [],
    "prove": ["gronwall", "--jobs", "1"],
    "falsify": ["neuron-law", "--evaluations", "3"],
    "experiment": ["overfitting", "--quick", *TINY, "--steps", "2", "--samples", "4", "--noise", "0.3"],
    "sweep": ["out"],
    "discover": ["--shape", "1,1,1"],
}
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d")


def a_sweep(folder):
    return Sweep(
        folder,
        {
            "rule": np.array(["fa", "sign-fa"]),
            "seed": np.arange(2),
            "status": np.array(["finished"] * 2),
            "outcome": np.array(["completed"] * 2),
            "error_end": np.full(2, 1e-9),
            "law_drift": np.full(2, 1e-12),
            "verdict:neuron-law": np.array([VERDICTS.index("holds")] * 2, np.int8),
            "margin:neuron-law": np.full(2, 0.5),
        },
        (),
    )


@pytest.fixture(scope="module", params=COMMANDS)
def shown(request, tmp_path_factory):
    """Run a command once; return the tables and the document that it shows."""
    folder, kept = tmp_path_factory.mktemp("shown"), []
    module = sys.modules.get(f"fa_theory.cli.{request.param}", sys.modules["fa_theory.cli.commands"])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_mnist(folder / "mnist", 40)
        patch.setattr(module, "show", lambda sheets, document, *_: kept.append((sheets, document)))
        patch.setattr(sys.modules["fa_theory.cli.sweep"], "run_sweep", lambda *_, **__: a_sweep(folder))
        patch.setattr("fa_theory.plots.experiments.experiment_figures", lambda *_: {})
        with pytest.raises(SystemExit) as stop:
            main([request.param, *COMMANDS[request.param]])
    assert stop.value.code == 0
    ((sheets, document),) = kept
    return sheets, document


def test_every_command_but_check_prints_a_table():
    assert {*COMMANDS, "check"} == {*typer.main.get_command(app).commands}


def printed(capsys, shown, form):
    show(*shown, form, None)
    return capsys.readouterr().out


def test_json_is_the_document(shown, capsys):
    assert json.loads(printed(capsys, shown, Format.JSON)) == json.loads(json.dumps(shown[1]))


def test_csv_is_the_last_table(shown, capsys):
    sheet = shown[0][-1]
    header, *rows = csv.reader(io.StringIO(printed(capsys, shown, Format.CSV), newline=""))
    assert tuple(header) == tuple(sheet.headers)
    assert [tuple(row) for row in rows] == [tuple(map(str, row)) for row in sheet.rows]
    assert rows


def test_markdown_holds_every_table_whole(shown, capsys):
    parsed = Markdown(printed(capsys, shown, Format.MARKDOWN)).parsed
    cells = [each.content for k, each in enumerate(parsed) if parsed[k - 1].type in ("th_open", "td_open")]
    plain = ["".join(part.content for part in token.children) for token in parsed if token.type == "inline"]
    expected = [str(cell) for sheet in shown[0] for row in (sheet.headers, *sheet.rows) for cell in row if sheet.rows]
    assert len(cells) == len(expected)
    assert [cell for cell in expected if " ".join(cell.split()) not in plain] == []


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_rich_respects_the_width_and_keeps_every_word(shown, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    out = printed(capsys, shown, Format.RICH)
    assert max(map(len, out.splitlines())) <= width
    squeezed = "".join(out.split())
    words = {
        word for sheet in shown[0] for row in sheet.rows for cell in row for word in [str(cell)] if " " not in word
    }
    assert [word for word in words if word not in squeezed] == []


def test_no_colour_is_printed_where_none_is_wanted(shown, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm-256color")
    wanted = printed(capsys, shown, Format.RICH)
    assert "\x1b[" in wanted
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOUR.search(printed(capsys, shown, Format.RICH))
    cells = [(str(cell), sheet.styles) for sheet in shown[0] for row in sheet.rows for cell in row]
    assert bool(COLOUR.search(wanted)) == any(styles.get(cell, "dim") != "dim" for cell, styles in cells)
