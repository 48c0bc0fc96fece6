"""Files are written whole or not at all."""

import os

import pytest

from fa_theory.files import replacing


def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path):
    file = tmp_path / "result"
    file.write_text("old")

    def interrupted():
        with replacing(file) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["result"]


def test_success_replaces_the_file(tmp_path):
    file = tmp_path / "result"
    file.write_text("old")
    with replacing(file) as stream:
        stream.write(b"new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"


def test_a_device_is_written_to_and_not_replaced():
    before = os.stat(os.devnull).st_rdev
    with replacing(os.devnull) as stream:
        stream.write(b"gone")
    assert os.stat(os.devnull).st_rdev == before


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(OSError, match="missing"), replacing(tmp_path / "missing" / "file"):
        pass


def test_an_error_names_the_file_that_was_to_be_written(tmp_path):
    with pytest.raises(OSError, match="No space") as caught, replacing(tmp_path / "result"):
        raise OSError(28, "No space left on device")  # as a write to a full disk: it names no file
    assert caught.value.filename == str(tmp_path / "result")
    with pytest.raises(OSError, match=r"^the disk is gone$"), replacing(tmp_path / "result"):
        raise OSError("the disk is gone")
