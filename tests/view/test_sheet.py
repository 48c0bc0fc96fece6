"""Sheets as text: what a terminal, a Markdown reader and a CSV reader get."""

import csv
import io

import pytest
from rich.console import Console

from fa_theory.view.sheet import Sheet, as_csv, as_markdown, print_sheet

SHEET = Sheet(
    ("id", "value", "remark"),
    (("a|b", "holds", "x_i * [y], said\nin two lines"), ("c", "-", "-")),
    ("Below:", "  one", "  two", "The end."),
    remarks=True,
    styles={"holds": "green"},
)


def printed(width: int, *, colour: bool = False, sheet: Sheet = SHEET) -> str:
    stream = io.StringIO()
    system = "standard" if colour else None
    print_sheet(Console(file=stream, width=width, force_terminal=colour, color_system=system), sheet)
    return stream.getvalue()


def test_csv_is_read_back_as_it_was():
    assert list(csv.reader(io.StringIO(as_csv(SHEET), newline=""))) == [list(SHEET.headers), *map(list, SHEET.rows)]


def test_a_sheet_without_rows_keeps_its_header_in_csv_and_shows_its_notes_elsewhere():
    empty = Sheet(("law",), (), ("None was found.",))
    assert as_csv(empty) == "law\r\n"
    assert as_markdown(empty) == "None was found.\n"


def test_markdown_escapes_what_would_end_a_cell_or_change_its_looks():
    assert as_markdown(SHEET).splitlines() == [
        "| id | value | remark |",
        "|---|---|---|",
        r"| a\|b | holds | x\_i \* \[y\], said in two lines |",
        "| c | - | - |",
        "",
        "Below:",
        "",
        "- one",
        "- two",
        "",
        "The end.",
    ]


def test_remarks_stand_in_a_wide_table_and_below_a_narrow_one():
    wide, narrow = printed(130), printed(60)
    assert "remark" in wide
    assert "a|b: x_i" not in wide
    assert "remark" not in narrow
    assert "a|b: x_i * [y]" in narrow
    assert "c: -" not in narrow


@pytest.mark.parametrize("width", [20, 60, 130])
def test_nothing_is_wider_than_the_terminal(width):
    assert max(map(len, printed(width).splitlines())) <= width


def test_colours_are_for_terminals_that_want_them(monkeypatch):
    assert "\x1b[32mholds" in printed(130, colour=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in printed(130, colour=True)


def test_a_table_that_just_fits_keeps_its_numbers_whole():
    sheet = Sheet(("id", "verdict", "margin"), (("neuron-law", "not applicable", "-0.02601"),))
    assert printed(35, sheet=sheet).startswith("neuron-law: verdict: not")
    table = printed(36, sheet=sheet).splitlines()
    assert [line.strip() for line in table[3:5]] == ["neuron-law   not          -0.02601", "applicable"]
    assert max(map(len, table)) == 36
