"""The store: an entry is complete or absent, is verified when it is read, and is computed by one process at a time."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ferbench import FerbenchError
from ferbench.api.errors import StoreError
from ferbench.store import entry_format, files
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.folder import DEFAULT_FOLDER, STORE_MARKER
from ferbench.store.layout import find_store, store_folder

KEY = "ab" * 16
ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "none": np.zeros((0, 3), np.uint8), "number": np.array(3)}
CONTENT = Content(ARRAYS, {"fact": "é"}, {"seconds": 1.5})


def write(store: Store, content: Content = CONTENT, key: str = KEY) -> Path:
    return store.write("crops", key, lambda: content).path


def reopen(store: Store) -> Store:
    """The store as another process sees it."""
    return Store(store.root, store.warn)


def test_entry_is_computed_once(store):
    assert store.find("crops", KEY) is None
    entry = store.ensure("crops", KEY, lambda: CONTENT)
    for found in (entry, store.find("crops", KEY), store.ensure("crops", KEY, lambda: pytest.fail("computed twice"))):
        assert found.read_facts(dict[str, str]) == {"fact": "é"}
        assert found.read_run(dict[str, float]) == {"seconds": 1.5}
        for name, array in ARRAYS.items():
            assert found.array(name).dtype == array.dtype
            np.testing.assert_array_equal(found.array(name), array)
    assert store.find("features", KEY) is None
    assert store.keys("crops") == [KEY]


def test_arrays_are_read_only(store):
    write(store)
    with pytest.raises(ValueError, match="read-only"):
        store.find("crops", KEY).array("a")[0] = 1


def test_digest_is_that_of_arrays_and_facts(store):
    def digest(**changes: object) -> str:
        content = {"arrays": ARRAYS, "facts": CONTENT.facts, "run": CONTENT.run, **changes}
        return entry_format.open_entry(write(store, Content(**content), f"{len(store.keys('crops')):032x}")).digest

    first = digest()
    assert digest(run={"seconds": 9}) == first
    assert digest(facts={"fact": "e"}) != first
    assert digest(arrays={**ARRAYS, "a": ARRAYS["a"] + 1}) != first
    assert digest(arrays={**ARRAYS, "a": ARRAYS["a"].astype(np.float64)}) != first
    assert digest(arrays={**ARRAYS, "a": ARRAYS["a"].reshape(3, 2)}) != first


def test_failed_computation_leaves_nothing(store):
    def fail():
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        store.ensure("crops", KEY, fail)
    assert not store.root.exists()


def test_every_flipped_bit_is_found(store, warnings):
    """Some made the name of an array invalid UTF-8, and others named a type that does not exist: these were no `Damaged`."""
    path = write(store)
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= (1, 0x80)[place % 2]
        path.write_bytes(changed)
        assert reopen(store).find("crops", KEY) is None, place
    assert len(warnings) == len(content)
    assert "will be recomputed" in warnings[0]


@pytest.mark.parametrize("length", [0, 4, 8, 100, -1])
def test_cut_entry_is_removed(store, warnings, length):
    path = write(store)
    path.write_bytes(path.read_bytes()[:length])
    assert reopen(store).find("crops", KEY) is None
    assert not path.exists()
    assert len(warnings) == 1


def test_facts_can_be_read_without_the_arrays(store, monkeypatch):
    write(store)
    monkeypatch.setattr(entry_format, "verify_arrays", lambda entry: pytest.fail("read"))
    assert reopen(store).find("crops", KEY, facts_only=True).read_facts(dict[str, str]) == {"fact": "é"}


def test_entry_of_another_key_is_damaged(store, warnings):
    path = write(store)
    other = store.path("crops", "ab" + "cd" * 15)
    path.rename(other)
    assert store.find("crops", other.stem) is None
    assert f"it is crops {KEY[:12]}" in warnings[0]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE, errno.EMFILE])
def test_unreadable_entry_is_kept(store, warnings, monkeypatch, code):
    """It may be another user's; and what a disk does not give now, it may give later."""
    path, opened = write(store), Path.open

    def refuse(self, *args, **kwargs):
        if self == path:
            raise OSError(code, os.strerror(code), str(path))
        return opened(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    for use in (lambda s: s.find("crops", KEY), lambda s: s.ensure("crops", KEY, lambda: CONTENT), lambda s: write(s)):
        with pytest.raises(StoreError, match=f"cannot be (read|written): {os.strerror(code)}"):
            use(reopen(store))
    monkeypatch.undo()
    assert not warnings
    assert reopen(store).find("crops", KEY)


def test_folder_in_place_of_an_entry_is_an_error(store):
    store.path("crops", KEY).mkdir(parents=True)
    with pytest.raises(StoreError, match="Is a directory"):
        store.find("crops", KEY)


def test_whole_entry_is_kept(store):
    first = write(store).stat().st_ino
    assert write(reopen(store), Content(run="later")).stat().st_ino == first


@pytest.mark.parametrize("code", files.NO_LINKS)
def test_file_systems_without_links(store, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    first = write(store)
    assert store.find("crops", KEY)
    inode = first.stat().st_ino
    assert write(reopen(store)).stat().st_ino == inode
    assert not list((store.root / "partial").iterdir())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_full_disk_is_a_store_error(store, monkeypatch, code):
    def refuse(path, content, must_flush):
        path.write_bytes(content[:10])
        raise OSError(code, os.strerror(code))

    store.write_file("benchmarks/a.json", b"{}")
    monkeypatch.setattr("ferbench.store.entries.write_file", refuse)
    for use in (lambda: write(store), lambda: store.write_file("benchmarks/a.json", b"[]")):
        with pytest.raises(StoreError, match=f"cannot be written: {os.strerror(code)}"):
            use()
    assert not store.has("crops", KEY)
    assert not list((store.root / "partial").iterdir())
    assert (store.root / "benchmarks/a.json").read_bytes() == b"{}"


def test_errors_of_the_computation_are_not_errors_of_the_store(store):
    def fail():
        raise PermissionError(errno.EACCES, "not yours", "/somewhere/else")

    with pytest.raises(PermissionError):
        store.ensure("crops", KEY, fail)


def test_umask_decides_who_can_read_entries(store):
    before = os.umask(0o022)
    try:
        paths = write(store), store.write_file("benchmarks/a.json", b"{}")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (*paths, paths[0].parent)] == [0o644, 0o644, 0o755]


def test_claimed_entries_are_computed_by_nobody_else(store):
    other = reopen(store)
    with store.claim("crops", KEY) as is_mine:
        assert is_mine
        with other.claim("crops", KEY) as is_theirs:
            assert not is_theirs
        with other.claim("features", KEY) as is_theirs:
            assert is_theirs
        write(store)
    with other.claim("crops", KEY) as is_theirs:
        assert not is_theirs  # it is stored
    assert not list((store.root / "leases").iterdir())


CONTENDER = """
import sys, pathlib
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
store, log = Store(pathlib.Path(sys.argv[1])), open(sys.argv[2], "a", buffering=1)
waiting = [f"{number:032x}" for number in range(60)]
while waiting:
    for key in list(waiting):
        with store.claim("crops", key) as is_claimed:
            if is_claimed:
                log.write(f"{key}\\n")
                store.write("crops", key, Content, facts=key)
        if store.has("crops", key):
            waiting.remove(key)
"""


def test_many_processes_compute_each_entry_once(tmp_path):
    command = [sys.executable, "-c", CONTENDER, str(tmp_path / "runs"), str(tmp_path / "log")]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert sorted(int(line, 16) for line in (tmp_path / "log").read_text().split()) == list(range(60))


def test_threads_that_write_one_entry(store):
    gate = threading.Barrier(4)

    def work():
        gate.wait()
        write(store)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.find("crops", KEY)
    assert not list((store.root / "partial").iterdir())


HOLDER = """
import sys, time, pathlib
from ferbench.store.entries import Store
store = Store(pathlib.Path(sys.argv[1]))
with store.use(), store.lock("a"), store.claim("crops", "ab" * 16):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that uses the store, and holds a lock and a claim."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "runs")], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_leases_end_with_their_process(store, holder):
    with store.claim("crops", KEY) as is_mine:
        assert not is_mine
    with pytest.raises(FerbenchError, match=f"process {holder.pid} on .* is using the store"), store.exclude_others():
        pass
    holder.kill()
    holder.wait()
    with store.claim("crops", KEY) as is_mine:
        assert is_mine
    with store.lock("a"), store.exclude_others():
        pass
    assert not list((store.root / "leases").iterdir())


def test_waiting_names_the_process(store, holder, warnings):
    threading.Timer(2.0, holder.kill).start()
    threading.Timer(2.1, holder.wait).start()
    with store.lock("a"):
        assert len(warnings) == 1
    assert warnings[0].startswith(f"waiting for process {holder.pid} on ")
    assert warnings[0].endswith(", which holds a")


def test_commands_that_start_at_once_do_not_wait_for_each_other(store, warnings):
    """Each of them holds the lease of a gc for an instant."""
    gate = threading.Barrier(8)

    def work():
        gate.wait()
        with reopen(store).use():
            time.sleep(0.01)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings == []
    assert not list((store.root / "leases").iterdir())


def test_foreign_lease_is_not_waited_for_without_end(store, monkeypatch):
    """Its content names no owner."""
    monkeypatch.setattr("ferbench.store.leases.DURATION", 0.5)
    (store.root / "leases").mkdir(parents=True)
    (store.root / "leases/use-x.lease").write_text("1\nfilelock-strict-v1\x00\n0\n")
    with pytest.raises(FerbenchError, match="another process is using the store"), store.exclude_others():
        pass


def test_finished_results_can_be_used_from_a_store_that_cannot_be_written(store, monkeypatch):
    write(store)

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("ferbench.store.leases.SoftFileLease.acquire", refuse)
    with pytest.raises(StoreError, match="Read-only"), store.use():
        pass
    monkeypatch.setattr(os, "access", lambda *_: False)
    with store.use():
        assert store.find("crops", KEY)


def test_file_is_replaced_as_a_whole(store):
    path = store.write_file("benchmarks/a.json", b"{}")
    store.write_file("benchmarks/a.json", b"[1]")
    assert json.loads(path.read_text()) == [1]
    assert [each.name for each in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("content", "form", "value"),
    [(b'{"a": 1}', dict[str, int], {"a": 1}), (b"{", dict, None), (b"[1]", dict[str, int], None), (b'"\xff"', str, None)],
)
def test_file_of_another_form_is_ignored_with_a_warning(store, warnings, content, form, value):
    path = store.write_file("benchmarks/a.json", content)
    assert store.try_read("benchmarks/a.json", form) == value
    assert [str(path) in warning for warning in warnings] == [True] * (value is None)
    assert store.try_read("benchmarks/absent.json", form) is None


def test_unreadable_file_is_not_ignored(store):
    (store.root / "costs.json").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be read: Is a directory"):
        store.try_read("costs.json", dict)


def test_store_is_marked(store):
    write(store)
    assert json.loads((store.root / STORE_MARKER).read_text()) == {"format": 2}
    assert find_store(store.root, print, must_exist=True).root == store.root


@pytest.mark.parametrize("place", ["", "lost+found", f".{STORE_MARKER}-{KEY}"])
def test_new_store_in_an_empty_folder(tmp_path, place):
    (tmp_path / "runs").mkdir()
    if place:
        (tmp_path / "runs" / place).touch()
    write(find_store(tmp_path / "runs", print))
    assert find_store(tmp_path / "runs", print, must_exist=True).has("crops", KEY)


def test_where_the_store_is(monkeypatch):
    monkeypatch.delenv("FERBENCH_STORE", raising=False)
    assert store_folder() == Path(DEFAULT_FOLDER)
    monkeypatch.setenv("FERBENCH_STORE", "~/there")
    assert store_folder() == Path("~/there").expanduser()
    assert store_folder("here") == Path("here")


def test_rows_of_an_array_are_read_from_the_file(store, monkeypatch):
    write(store)
    file, into = store.find("crops", KEY).locate("a"), [np.zeros(3, np.float32), np.zeros(3, np.float32)]
    file.read_rows([1, 0], into)
    np.testing.assert_array_equal(into, ARRAYS["a"][::-1])
    assert (len(file), file.nbytes) == (2, 24)
    file.path.write_bytes(file.path.read_bytes()[:-40])
    with pytest.raises(StoreError, match="was replaced or changed"):
        file.read_rows([1, 0], into)
    monkeypatch.setattr(entry_format, "_reopen", lambda path, _: path.open("rb"))  # it is cut after it was opened
    with pytest.raises(StoreError, match="ends before its row"):
        file.read_rows([1], into[:1])


def replace_entry(store: Store) -> None:
    """Compute the entry again in another process, with a header of another length."""
    other = reopen(store)
    other.remove("crops", KEY)
    write(other, Content(ARRAYS, CONTENT.facts, {"seconds": 1.5, "host": "a name that moves the arrays"}))


def test_an_entry_that_is_replaced_while_it_is_held_is_an_error(store):
    """Its arrays begin at another byte than the header that was read says."""
    write(store)
    held = store.find("crops", KEY)
    located, mapped = held.locate("a"), store.find("crops", KEY)
    array = mapped.array("a")
    replace_entry(store)
    for read in (lambda: held.array("a"), lambda: located.read_rows([0], [np.zeros(3, np.float32)])):
        with pytest.raises(StoreError, match="was replaced or changed while it was in use"):
            read()
    np.testing.assert_array_equal(array, ARRAYS["a"])  # what is mapped stays
    np.testing.assert_array_equal(store.find("crops", KEY).array("a"), ARRAYS["a"])


def test_an_entry_that_is_replaced_while_it_is_verified_is_read_again(store, warnings, monkeypatch):
    write(store)
    verify, replacements = entry_format.verify_header, [replace_entry]

    def verify_and_replace(entry, stage, key):
        verify(entry, stage, key)
        if replacements:
            replacements.pop()(store)

    monkeypatch.setattr(entry_format, "verify_header", verify_and_replace)
    np.testing.assert_array_equal(reopen(store).find("crops", KEY).array("a"), ARRAYS["a"])
    assert not warnings
