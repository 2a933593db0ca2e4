"""`store list` and `store gc`: what nobody needs is deleted, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from filled import Filled, key, write

from ferbench import FerbenchError
from ferbench.cli.main import main
from ferbench.store import upkeep
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.folder import STORE_MARKER
from ferbench.store.layout import find_store
from ferbench.store.upkeep import delete_garbage, survey_store

DAY = 24  # hours


def reasons(store: Store, all_rows: bool = True) -> dict[str, str]:
    """Why files are garbage, by their places."""
    return {str(entry.path.relative_to(store.root)): entry.unneeded_reason for entry in survey_store(store, all_rows).garbage}


def places(filled: Filled, *entries: tuple[str, str]) -> set[str]:
    return {str(filled.file(stage, name).relative_to(filled.store.root)) for stage, name in entries}


OF_OLD = [
    ("rows", "old"), ("fits", "fit of old"), ("crops", "crops of old"), ("features", "features of old"),
    ("inputs", "inputs crops of old"), ("inputs", "inputs features of old"), ("index", "corpus of old"),
]  # fmt: skip


def test_rows_keep_what_they_were_computed_from(filled):
    before = filled.files()
    assert reasons(filled.store) == {}
    _, deletion = delete_garbage(filled.store)
    assert not deletion.deleted
    assert filled.files() == before


def test_old_rows_go_with_what_only_they_need(filled):
    before = filled.files()
    assert reasons(filled.store, all_rows=False).keys() == places(filled, *OF_OLD)
    _, deletion = delete_garbage(filled.store, all_rows=False)
    assert before - filled.files() == places(filled, *OF_OLD)
    assert not deletion.failed
    assert len(deletion.deleted) == len(OF_OLD)
    assert not [path for path in filled.store.root.rglob("??") if not any(path.iterdir())]  # no empty folders


def test_entries_that_no_row_names_go(filled):
    for stage in ("crops", "features", "fits", "inputs", "index"):
        write(filled.store, stage, "nobody's")
    filled.age()
    assert set(reasons(filled.store).values()) == {"no row needs it"}
    before = filled.files()
    delete_garbage(filled.store)
    assert before - filled.files() == places(filled, *[(stage, "nobody's") for stage in ("crops", "features", "fits", "inputs", "index")])


def test_young_files_and_what_young_rows_need_are_spared(filled):
    write(filled.store, "crops", "nobody's")
    now = time.time()
    os.utime(filled.file("rows", "old"), (now, now))
    survey, deletion = delete_garbage(filled.store, all_rows=False)
    assert [entry.path for entry in survey.spared] == [filled.file("crops", "nobody's")]
    assert not deletion.deleted
    assert filled.store.has("fits", key("fit of old"))


def test_file_from_the_future_is_young(filled):
    path = write(filled.store, "crops", "nobody's")
    os.utime(path, (time.time() + 10_000,) * 2)
    assert reasons(filled.store) == {}


@pytest.mark.parametrize("name", ["rows", "inputs"])
def test_damaged_row_or_inputs_keep_everything(filled, name):
    write(filled.store, "crops", "nobody's")
    filled.age()
    path = filled.file(name, "old" if name == "rows" else "inputs crops of one")
    path.write_bytes(path.read_bytes()[:-1])
    before = filled.files()
    for all_rows in (True, False):
        with pytest.raises(FerbenchError, match=f"it is unknown what the rows in .* need: {name} {path.stem} is damaged"):
            delete_garbage(filled.store, all_rows)
    assert filled.files() == before


def test_damaged_row_is_dropped_by_hand(filled):
    filled.file("rows", "old").write_bytes(b"cut")
    with pytest.raises(FerbenchError) as error:
        delete_garbage(filled.store)
    assert "delete the file if you do not need it" in error.value.hint
    assert str(filled.file("rows", "old")) in error.value.message
    filled.file("rows", "old").unlink()
    delete_garbage(filled.store)
    assert not filled.store.has("fits", key("fit of old"))
    assert filled.store.has("fits", key("fit of one"))


@pytest.mark.parametrize("content", [b"{bad", b"{}", b"\xff"])
def test_damaged_record_keeps_everything(filled, content):
    (filled.store.root / "benchmarks/toys.json").write_bytes(content)
    with pytest.raises(FerbenchError, match="records benchmarks/toys is damaged"):
        delete_garbage(filled.store, all_rows=False)


def refuse(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody open this file; permissions do not stop root."""
    opened = Path.open

    def open_other(self, *args, **kwargs):
        if self == path:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_other)
    monkeypatch.setattr(Path, "read_bytes", lambda self: open_other(self, "rb").read())


@pytest.mark.parametrize("place", ["row", "inputs", "record"])
def test_unreadable_row_inputs_or_record_keep_everything(filled, monkeypatch, place):
    record = filled.store.root / "benchmarks/toys.json"
    path = {"row": filled.file("rows", "old"), "inputs": filled.file("inputs", "inputs crops of one"), "record": record}[place]
    refuse(path, monkeypatch)
    with pytest.raises(FerbenchError, match=r"is unreadable: Permission denied \(.*"):
        delete_garbage(filled.store, all_rows=False)
    assert path.exists()


def test_folder_in_place_of_a_row_keeps_everything(filled):
    path = filled.file("rows", "old")
    path.unlink()
    path.mkdir()
    with pytest.raises(FerbenchError, match=f"{path.stem}.safetensors is unreadable: it is a folder: expected a file"):
        delete_garbage(filled.store)


def test_unreadable_folder_of_rows_keeps_everything(filled, monkeypatch):
    """`Path.glob` leaves out folders that cannot be read."""
    listed = os.scandir

    def scan(folder):
        if Path(folder) == filled.file("rows", "old").parent:
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(FerbenchError, match="is unreadable: it cannot be read: Permission denied"):
        delete_garbage(filled.store)


def test_row_of_a_record_that_is_missing_keeps_everything(filled):
    """A leaderboard removes a damaged row; what it was computed from is still needed to compute it again."""
    filled.file("rows", "one").unlink()
    with pytest.raises(FerbenchError, match="is missing: the record benchmarks/toys names it"):
        delete_garbage(filled.store)
    assert filled.store.has("features", key("features of one"))


def test_missing_inputs_of_a_row_keep_everything(filled):
    filled.file("inputs", "inputs crops of old").unlink()
    with pytest.raises(FerbenchError, match=f"is missing: the row {key('old')} was computed from it"):
        delete_garbage(filled.store)


def test_links_are_neither_followed_nor_deleted(filled, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(filled.store.root / "features", elsewhere / "features")
    shutil.copytree(filled.store.root / "crops", elsewhere / "crops")
    shutil.rmtree(filled.store.root / "features")
    (filled.store.root / "features").symlink_to(elsewhere / "features")
    target = write(Store(elsewhere), "crops", "nobody's")
    link = filled.file("crops", "nobody's")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)
    filled.age()
    before = [path for path in elsewhere.rglob("*") if path.is_file()]
    survey, _ = delete_garbage(filled.store, all_rows=False)
    assert {obstacle.place for obstacle in survey.obstacles} == {"features", str(link.relative_to(filled.store.root))}
    assert link.is_symlink()
    assert [path for path in elsewhere.rglob("*") if path.is_file()] == before


@pytest.mark.parametrize("folder", ["rows", "inputs", "benchmarks"])
def test_linked_rows_keep_everything(filled, tmp_path, folder):
    (filled.store.root / folder).rename(tmp_path / "elsewhere")
    (filled.store.root / folder).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FerbenchError, match="it is a link, and links are not followed"):
        delete_garbage(filled.store)


def test_foreign_files_stay_and_are_named(filled):
    root = filled.store.root
    (root / "crops/ab").mkdir(exist_ok=True)
    foreign = ["notes.txt", "crops/README", "crops/ab/.nfs0001", f"crops/ab/{key('x')}.safetensors", "features/model.pt", "logs/mine.txt"]
    for place in foreign:
        (root / place).parent.mkdir(exist_ok=True)
        (root / place).write_text("mine")
    (root / "checkpoints/run1").mkdir(parents=True)
    (root / "checkpoints/run1/weights.bin").write_text("mine")
    filled.age()
    survey, _ = delete_garbage(filled.store)
    assert {obstacle.place for obstacle in survey.obstacles} == {*foreign, "checkpoints/run1/weights.bin"}
    assert all((root / obstacle.place).read_text() == "mine" for obstacle in survey.obstacles)


@pytest.mark.parametrize("marker", [None, '{"format": 1}', "{bad", '{"format": 3}'])
def test_folder_of_another_program_is_refused(tmp_path, marker, capsys):
    """TensorBoard writes to `runs` too; others call their folders features and checkpoints."""
    for place in ("features/ab/model.bin", "checkpoints/last.ckpt", "events.out.tfevents.1"):
        (tmp_path / "runs" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / place).write_text("mine")
    if marker:
        (tmp_path / "runs" / STORE_MARKER).write_text(marker)
    before = sorted((tmp_path / "runs").rglob("*"))
    for command in ("gc --delete", "gc", "list", "verify"):
        assert main(["store", *command.split(), "--store", str(tmp_path / "runs")]) == 2
    assert sorted((tmp_path / "runs").rglob("*")) == before


def test_store_of_the_old_layout_is_refused(tmp_path):
    (tmp_path / "runs/crops/ab/abcd").mkdir(parents=True)
    (tmp_path / "runs/crops/ab/abcd/manifest.json").write_text("{}")
    with pytest.raises(FerbenchError, match="written by an older version"):
        find_store(tmp_path / "runs", print)


def test_failures_and_logs(filled):
    filled.add_failure("one")  # its row is stored by now
    filled.add_failure("gone")
    filled.age()
    root = filled.store.root
    one, gone, broken = key("one"), key("gone"), key("broken")
    assert reasons(filled.store) == {
        f"failures/{one}.json": "its row is stored",
        f"logs/{one}.txt": "its row is stored",
        f"failures/{gone}.json": "not in the last run of any benchmark",
        f"logs/{gone}.txt": "not in the last run of any benchmark",
    }
    delete_garbage(filled.store)
    assert [path.stem for path in sorted((root / "failures").iterdir())] == [broken]


def test_figures_of_rows_that_are_gone(filled):
    folder = filled.store.root / "figures/benchmarks"
    names = {
        f"toys/confusion-x-{key('one')[:6]}.png": "",
        f"toys/curves-x-fold0-{key('fit of one')[:6]}.png": "",
        f"toys/confusion-x-{key('gone')[:6]}.png": "no row needs it",
        f"other/confusion-x-{key('one')[:6]}.png": "its benchmark has no record",
        "toys/poster.png": "",
        "toys/.confusion-x-abcdef.png-123": "left by a killed process",
    }
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    filled.age()
    assert reasons(filled.store) == {f"figures/benchmarks/{name}": reason for name, reason in names.items() if reason}


def test_checkpoints(filled):
    def write_checkpoint(fit: str) -> str:
        path = filled.store.write("checkpoints", f"{key(fit)}-000003", Content).path
        return str(path.relative_to(filled.store.root))

    stored, pending = write_checkpoint("fit of one"), write_checkpoint("fit of nobody")
    filled.age()
    assert reasons(filled.store) == {stored: "its fit is stored"}
    filled.age(hours=8 * DAY)
    assert reasons(filled.store) == {stored: "its fit is stored", pending: "untouched for a week"}


def test_partial_files_and_leases_of_dead_processes_go_at_once(filled):
    root = filled.store.root
    part, lease = root / f"partial/{uuid4().hex}", root / f"leases/crops-{key('x')}.lease"
    for path in (part, lease):
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    assert set(reasons(filled.store)) == {str(path.relative_to(root)) for path in (part, lease)}
    with filled.store.use():
        assert reasons(filled.store) == {}  # another process may write it
    delete_garbage(filled.store)
    assert not part.exists()
    assert not lease.exists()


def test_standins_of_no_record(filled):
    names = (f"{key('a')}/toy", f"{key('b')}/toy", f"{key('c')}/.toy-1.part")
    kept, gone, partial = (filled.store.root / "standin" / name for name in names)
    for folder in (kept, gone, partial):
        (folder / "p00").mkdir(parents=True)
        (folder / "p00/image.png").write_bytes(b"12345")
    corpus = {"corpus": "toy", "root": f"other/place/of/the/store/{key('a')}/toy", "standin": "s", "people": 1, "clips": {}, "unused": {}}
    lists = {"skipped": {}, "truncated": [], "unreadable": [], "unassigned": {}, "repeated": {"pictures": 0, "examples": []}}
    filled.add_benchmark("rehearsed", [], corpora=[{**corpus, **lists}])
    filled.age()
    (gone / "link").symlink_to(kept)
    survey, _ = delete_garbage(filled.store)
    assert [obstacle.place for obstacle in survey.obstacles] == [f"standin/{key('b')}/toy"]
    assert gone.exists()
    assert not partial.exists()
    (gone / "link").unlink()
    filled.age()
    _, deletion = delete_garbage(filled.store)
    assert [(entry.stage, entry.bytes) for entry in deletion.deleted] == [("standin", 5)]
    assert (kept / "p00/image.png").exists()
    assert not gone.parent.exists()


def test_only_what_really_went_is_counted(filled, monkeypatch, capsys):
    stuck = write(filled.store, "crops", "nobody's")
    write(filled.store, "features", "nobody's")
    filled.age()
    unlink = Path.unlink

    def unlink_other(self, missing_ok=False):
        if self == stuck:
            raise PermissionError(1, "Operation not permitted", str(self))
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_other)
    assert main(["store", "gc", "--delete", "--store", str(filled.store.root)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert f"{stuck} could not be deleted: Operation not permitted" in lines
    assert lines[0].startswith("features: 1 (")
    assert stuck.exists()


def test_gc_and_users_exclude_each_other(filled):
    other = Store(filled.store.root)
    with filled.store.use(), pytest.raises(FerbenchError, match=f"process {os.getpid()} on {socket.gethostname()} is using the store"):
        delete_garbage(other)
    cleaning = rf"another `ferbench store gc` \(process {os.getpid()} on {socket.gethostname()}\) is cleaning up"
    with filled.store.exclude_others(), pytest.raises(FerbenchError, match=cleaning):
        delete_garbage(other)
    delete_garbage(other)


@pytest.mark.parametrize("is_signed", [True, False])
def test_gc_after_a_gc_that_was_killed_elsewhere(filled, monkeypatch, is_signed):
    """The lease of a container that is gone ends when it was not renewed for a while; an empty one was never taken."""
    monkeypatch.setattr("ferbench.store.entries.SECONDS_TO_START", 0.1)
    monkeypatch.setattr("ferbench.store.leases.DURATION", 1.0)
    monkeypatch.setattr("ferbench.store.leases.SIGNING", 1.0)
    lease = filled.store.root / "leases/collection.lease"
    with filled.store.exclude_others():
        record = lease.read_text()
    lease.write_text(record.replace(socket.gethostname(), "elsewhere") if is_signed else "")
    write(filled.store, "features", "nobody's")
    filled.age()
    _, deletion = delete_garbage(Store(filled.store.root))
    assert [entry.stage for entry in deletion.deleted] == ["features"]
    assert not lease.exists()


def test_gc_names_a_gc_of_another_machine(filled, monkeypatch):
    monkeypatch.setattr("ferbench.store.entries.SECONDS_TO_START", 0.1)
    monkeypatch.setattr("ferbench.store.leases.DURATION", 1.0)
    lease, stopped = filled.store.root / "leases/collection.lease", threading.Event()
    with filled.store.exclude_others():
        record = lease.read_text().replace(socket.gethostname(), "elsewhere")
    lease.write_text(record)

    def renew() -> None:
        while not stopped.wait(0.1):
            os.utime(lease)

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        with pytest.raises(FerbenchError, match=r"another `ferbench store gc` \(process \d+ on elsewhere\) is cleaning up"):
            delete_garbage(Store(filled.store.root))
    finally:
        stopped.set()
        thread.join()


def test_lists_what_is_stored(filled, capsys):
    assert main(["store", "list", "--format", "json", "--store", str(filled.store.root)]) == 0
    counts = {line["stage"]: line["entries"] for line in json.loads(capsys.readouterr().out)}
    assert counts == {
        "rows": 3, "crops": 3, "features": 3, "fits": 3, "inputs": 6, "folds": 1, "tested": 1, "index": 3,
        "records": 1, "failures": 1, "logs": 1,
        "all": 26,
    }  # fmt: skip


def test_list_shows_a_store_with_a_damaged_row(filled, capsys):
    filled.file("rows", "old").write_bytes(b"")
    assert main(["store", "list", "--store", str(filled.store.root)]) == 0
    output = capsys.readouterr()
    assert "crops" in output.out
    assert "is damaged: its header cannot be read" in output.err


def test_gc_says_what_it_spares(filled, capsys):
    write(filled.store, "crops", "nobody's")
    assert main(["store", "gc", "--store", str(filled.store.root)]) == 0
    assert "are not needed, but are kept: they are younger than an hour" in capsys.readouterr().out


def test_killed_gc_leaves_no_row_without_its_inputs(filled, monkeypatch):
    """Rows go first."""
    removed = []
    monkeypatch.setattr(upkeep.Path, "unlink", lambda self, missing_ok=False: removed.append(self.relative_to(filled.store.root).parts[0]))
    upkeep._delete(filled.store, survey_store(filled.store, all_rows=False).garbage)
    assert removed[0] == "rows"
