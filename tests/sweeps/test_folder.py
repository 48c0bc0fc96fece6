"""The folder of a sweep: journals that survive torn lines, a lock that survives its holder, one sweep to a folder."""

import errno
import json
import os
import socket
import subprocess
import sys

import pytest

from fa_theory.sweeps.folder import Journal, claimed, read_manifest, settle_manifest

RECORDS = [[0, ["completed", 1.5]], [1, ["diverged", float("inf")]], [2, "a failure with \n a line end"]]


@pytest.fixture
def journal(tmp_path):
    written = Journal(tmp_path / "journal.jsonl")
    with written.appending() as appender:
        for record in RECORDS:
            appender.append(record)
    return written


def test_records_come_back(journal):
    assert list(journal) == RECORDS
    assert list(Journal(journal.path.with_name("absent"))) == []


def test_a_torn_line_is_not_read_and_does_not_spoil_the_next(journal):
    whole = journal.path.read_bytes()
    first_two = whole[: whole.index(b"\n", whole.index(b"\n") + 1) + 1]
    for length in range(len(first_two), len(whole) - 1):
        journal.path.write_bytes(whole[:length])
        assert list(journal) == RECORDS[:2]
        with journal.appending() as appender:
            appender.append([7, "next"])
        assert list(journal) == [*RECORDS[:2], [7, "next"]]


def test_a_line_that_lacks_only_its_end_is_whole(journal):
    journal.path.write_bytes(journal.path.read_bytes()[:-1])
    assert list(journal) == RECORDS
    with journal.appending() as appender:
        appender.append([7, "next"])
    assert list(journal) == [*RECORDS, [7, "next"]]


def test_a_changed_byte_loses_its_own_line_only(journal):
    whole = journal.path.read_bytes()
    for place in range(whole.index(b"\n")):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1
        journal.path.write_bytes(spoilt)
        assert RECORDS[0] not in list(journal)
        assert list(journal)[-1:] == RECORDS[2:]


def test_what_does_not_fit_on_the_disk_leaves_the_journal_as_it_was(journal):
    before = journal.path.read_bytes()
    with journal.appending() as appender:
        stream, calls = appender._stream, []

        class Full:
            """Takes a part of a line, then has no space left."""

            seek, truncate = stream.seek, stream.truncate

            def write(self, content):
                if calls:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                calls.append(content)
                return stream.write(content[:5])

        appender._stream = Full()
        with pytest.raises(OSError, match=r"journal\.jsonl cannot be written: No space left on device") as refused:
            appender.append([3, "lost"])
    assert refused.value.errno == errno.ENOSPC
    assert len(calls) == 1
    assert journal.path.read_bytes() == before


HOLD = """
import sys, time
from pathlib import Path
from fa_theory.sweeps.folder import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_names_its_holder_and_ends_with_it(tmp_path):
    folder = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(ValueError, match=f"process {holder.pid} on {socket.gethostname()}"), claimed(folder):
                pass
        finally:
            holder.kill()
    assert str(holder.pid) in (folder / ".lock").read_text()
    with claimed(folder):
        assert (folder / ".lock").read_text().split() == [socket.gethostname(), str(os.getpid())]
    assert (folder / ".lock").read_text() == ""


def test_a_lock_of_another_machine_is_kept(tmp_path):
    (tmp_path / ".lock").write_text("elsewhere.example 17\n")
    message = r"process 17 on elsewhere.example, which cannot be looked up from .*\.lock"
    with pytest.raises(ValueError, match=message), claimed(tmp_path):
        pass
    assert (tmp_path / ".lock").read_text() == "elsewhere.example 17\n"


def test_a_folder_is_made_but_not_its_parents(tmp_path):
    with pytest.raises(ValueError, match="absent is not a folder"), claimed(tmp_path / "absent" / "out"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError), claimed(tmp_path / "file"):
        pass


SWEEP = {"what": "verify", "sample": None, "grid": {"rule": ["fa"], "width": [4, 8]}}


def test_a_folder_holds_one_sweep(tmp_path):
    settle_manifest(tmp_path, SWEEP, 2, ("outcome",))
    written = (tmp_path / "manifest.json").read_bytes()
    settle_manifest(tmp_path, SWEEP, 2, ("outcome",))
    assert (tmp_path / "manifest.json").read_bytes() == written
    manifest = read_manifest(tmp_path)
    assert (manifest["instances"], manifest["threads_per_process"], manifest["sweep"]) == (2, 1, SWEEP)
    assert manifest["environment"]["numpy"]
    for other, message in [
        ({**SWEEP, "what": "simulate"}, 'its what is "verify", not "simulate"'),
        ({**SWEEP, "grid": {"rule": ["fa"], "width": [4]}}, r"its width is \[4, 8\], not \[4\]"),
        ({**SWEEP, "grid": {"rule": ["fa"]}}, r"its width is \[4, 8\], not none"),
        ({**SWEEP, "sample": {"instances": 3}}, "its sample is none, not"),
        ({**SWEEP, "grid": {"rule": ["fa"], "width": list(range(100))}}, r"not \[0, .* \.\.\.;"),
    ]:
        with pytest.raises(ValueError, match=message):
            settle_manifest(tmp_path, other, 2, ("outcome",))


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match=r"holds no sweep but other files, such as thesis\.tex"):
        settle_manifest(tmp_path, SWEEP, 2, ())


def test_what_a_kill_left_of_the_manifest_is_passed_over(tmp_path):
    (tmp_path / ".manifest.json.0123abcd.tmp").write_text("{")
    settle_manifest(tmp_path, {"what": "verify"}, 3, ())
    assert read_manifest(tmp_path)["instances"] == 3


def test_a_sweep_does_not_go_on_with_other_libraries(tmp_path):
    settle_manifest(tmp_path, {"what": "verify"}, 3, ())
    settle_manifest(tmp_path, {"what": "verify"}, 3, ())
    manifest = read_manifest(tmp_path)
    manifest["environment"]["numpy"] = "1.0"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r'holds another sweep: its numpy is "1\.0", not'):
        settle_manifest(tmp_path, {"what": "verify"}, 3, ())


def test_a_manifest_must_be_one(tmp_path):
    with pytest.raises(ValueError, match=r"holds no sweep: there is no manifest.json"):
        read_manifest(tmp_path)
    for content in ("{", "[]", "{}"):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(ValueError, match="is not the manifest of a sweep"):
            read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(ValueError, match="has format 2; this version of fa_theory reads format 1"):
        read_manifest(tmp_path)
