"""The store: whole or not at all, checked when read, one writer."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from ferbench import FerbenchError
from ferbench.store.entries import Store

KEY = "ab" * 16


def write(folder: Path, text: str = "content"):
    (folder / "file.txt").write_text(text)
    return {"fact": 1}


def test_entry_is_written_once(store):
    assert store.find_entry("crops", KEY) is None
    folder = store.ensure_entry("crops", KEY, write)
    assert (folder / "file.txt").read_text() == "content"
    assert store.read_facts("crops", KEY, dict[str, int]) == {"fact": 1}
    assert store.ensure_entry("crops", KEY, lambda _: pytest.fail("written twice")) == folder
    assert store.find_entry("crops", KEY) == folder
    assert store.find_entry("features", KEY) is None


def test_failed_write_leaves_nothing(store):
    def fail(folder):
        write(folder)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        store.ensure_entry("crops", KEY, fail)
    assert not store.has("crops", KEY)
    assert not [p for p in (store.root / "crops").rglob("*") if p.is_file()]
    assert store.ensure_entry("crops", KEY, write)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "file.txt").write_text("contemt"),
        lambda folder: (folder / "file.txt").write_text("cont"),
        lambda folder: (folder / "file.txt").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "manifest.json").write_text("[]"),
    ],
)
def test_damaged_entry_is_removed_with_a_warning(store, warnings, damage):
    damage(store.ensure_entry("crops", KEY, write))
    again = Store(store.root, warnings.append)  # a later process
    assert again.find_entry("crops", KEY) is None
    assert "is damaged" in warnings[0]
    assert (again.ensure_entry("crops", KEY, write) / "file.txt").read_text() == "content"


def test_two_threads_write_one_entry(store):
    writers, gate = [], threading.Barrier(2)

    def slow(folder):
        writers.append(threading.get_ident())
        return write(folder)

    def work():
        gate.wait()
        store.ensure_entry("crops", KEY, slow)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(writers) == 1


def test_claimed_keys_are_written_by_nobody_else(store):
    other = Store(store.root)
    store.ensure_entry("crops", "cd" * 16, write)
    with store.claim_missing("crops", [KEY, "cd" * 16]) as mine:
        assert mine == [KEY]
        with other.claim_missing("crops", [KEY, "ef" * 16]) as theirs:
            assert theirs == ["ef" * 16]
        store.write_entry("crops", KEY, write)
    with other.claim_missing("crops", [KEY, "ef" * 16]) as theirs:
        assert theirs == ["ef" * 16]
    assert not list((store.root / "locks").iterdir())


def test_damaged_entry_can_be_claimed(store, warnings):
    (store.ensure_entry("crops", KEY, write) / "file.txt").write_text("")
    again = Store(store.root, warnings.append)
    with again.claim_missing("crops", [KEY]) as mine:
        assert mine == [KEY]
    assert len(warnings) == 1


CONTENDER = """
import sys, time, pathlib
from ferbench.store.entries import Store
store, log = Store(pathlib.Path(sys.argv[1])), open(sys.argv[2], "a", buffering=1)
def write(folder, number):
    log.write(f"{number}\\n")
    (folder / "file").write_text("x" * number)
for number in range(60):
    store.ensure_entry("crops", f"{number:032x}", write, number)
"""


def test_many_processes_write_each_entry_once(tmp_path):
    command = [sys.executable, "-c", CONTENDER, str(tmp_path / "runs"), str(tmp_path / "log")]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert sorted(map(int, (tmp_path / "log").read_text().split())) == list(range(60))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_full_disk_is_a_store_error(store, code):
    def full(folder):
        raise OSError(code, "No space left on device", folder / "file.txt")

    with pytest.raises(FerbenchError, match="cannot be written: No space left"):
        store.ensure_entry("crops", KEY, full)
    assert not store.has("crops", KEY)


def test_other_os_errors_are_not_taken_for_a_full_disk(store):
    def missing(folder):
        raise FileNotFoundError(errno.ENOENT, "gone")

    with pytest.raises(FileNotFoundError):
        store.ensure_entry("crops", KEY, missing)

    def forbidden(folder):
        raise PermissionError(errno.EACCES, "not yours", "/somewhere/else")

    with pytest.raises(PermissionError):
        store.ensure_entry("crops", KEY, forbidden)


def test_umask_decides_who_can_read_entries(store):
    before = os.umask(0o022)
    try:
        folder, file = store.ensure_entry("crops", KEY, write), store.write_file("benchmarks/a.json", b"{}")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "file.txt", file)] == [0o755, 0o644, 0o644]


def test_folder_without_manifest_is_written_again(store):
    folder = store.ensure_entry("crops", KEY, write)
    (folder / "manifest.json").unlink()
    assert Store(store.root).ensure_entry("crops", KEY, write) == folder
    assert store.has("crops", KEY)


def test_file_is_written_whole(store):
    path = store.write_file("benchmarks/a.json", b"{}")
    store.write_file("benchmarks/a.json", b"[1]")
    assert json.loads(path.read_text()) == [1]
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("content", "form", "value"), [('{"a": 1}', dict[str, int], {"a": 1}), ("{", dict, None), ("[1]", dict[str, int], None)]
)
def test_file_of_another_form_is_ignored_with_a_warning(store, warnings, content, form, value):
    path = store.write_file("benchmarks/a.json", content.encode())
    assert store.try_read("benchmarks/a.json", form) == value
    assert [str(path) in warning for warning in warnings] == [True] * (value is None)
    assert store.try_read("benchmarks/absent.json", form) is None


def test_facts_are_checked_against_their_type(store):
    store.ensure_entry("crops", KEY, write)
    with pytest.raises(msgspec.ValidationError):
        store.read_facts("crops", KEY, dict[str, str])


def test_size_is_that_of_the_files(store):
    store.ensure_entry("crops", KEY, write, "five!")
    assert store.entry_size("crops", KEY) == 5
