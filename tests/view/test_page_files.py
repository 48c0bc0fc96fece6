"""A report is written whole or not at all, into a folder that takes it."""

import pytest
from small_runs import small_run

from fa_theory.view import page as page_module
from fa_theory.view.page import check_writable, write_report


def test_existing_report_is_replaced_file_by_file(tmp_path):
    (tmp_path / "index.html").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    write_report(tmp_path, [small_run(method="gd")])
    assert (tmp_path / "index.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_interruption_leaves_no_half_file(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("old")
    drawn = page_module.picture

    def interrupted(draw, **size):
        if list(tmp_path.glob("*.png")):
            raise KeyboardInterrupt
        return drawn(draw, **size)

    monkeypatch.setattr(page_module, "picture", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_report(tmp_path, [small_run(method="gd"), small_run()])
    assert (tmp_path / "index.html").read_text() == "old"
    assert len(list(tmp_path.glob("*.png"))) == 4  # the first run's: gd-decay-growth, laws, alignment, dominance
    assert not list(tmp_path.glob(".*"))


def test_failing_write_leaves_the_old_file(tmp_path, monkeypatch):
    report = small_run(method="gd")
    old = write_report(tmp_path, [report]).read_bytes()

    def broken(*_arguments):
        raise OSError("disk full")

    monkeypatch.setattr(type(tmp_path), "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write_report(tmp_path, [report])
    assert (tmp_path / "index.html").read_bytes() == old
    assert not list(tmp_path.glob(".*"))


def test_folder_is_made(tmp_path):
    check_writable(tmp_path / "new")
    check_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for folder, reason in (
        (file, "cannot be made: it is a file"),
        (file / "report", "file is not a folder"),
        (tmp_path / "missing" / "report", "missing is not a folder"),
    ):
        with pytest.raises(OSError, match=reason) as refusal:
            check_writable(folder)
        assert "\n" not in str(refusal.value)
        with pytest.raises(OSError, match=reason):
            write_report(folder, [small_run(method="gd")])


def test_folder_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    def denied(**_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(page_module.tempfile, "TemporaryFile", denied)
    with pytest.raises(OSError, match=r"report folder .* cannot be written to: Permission denied"):
        check_writable(tmp_path)


def test_report_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one report, got none"):
        write_report(tmp_path, [])
