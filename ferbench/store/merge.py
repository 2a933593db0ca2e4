"""Joining stores: what another store has and this one lacks is verified and taken; results that differ are reported."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

from ferbench.api.errors import FerbenchError
from ferbench.store.contents import Contents, Obstacle, StoredFile, list_contents
from ferbench.store.entries import Store
from ferbench.store.files import read_json, to_json
from ferbench.store.needs import Problem, blocked_places, read_entry, read_or_report
from ferbench.store.records import StoredRecord, failure_path, has_failed, log_path
from ferbench.store.rows import FailedRow
from ferbench.types import Progress

# Rows come after what they were computed from, and records after rows, so that an interrupted merge leaves a store that lacks nothing.
ENTRIES = ("index", "folds", "tested", "inputs", "crops", "features", "fits", "weights", "rows")


@dataclass(frozen=True)
class Difference:
    """An entry of both stores whose results differ, with the digest of each."""

    stage: str
    key: str
    ours: str
    theirs: str


@dataclass
class Merge:
    """What was taken from the other store and what both have, by stage; what differs, and what is damaged or cannot be read."""

    taken: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)  # records of which the other store had a newer one
    older: list[str] = field(default_factory=list)  # records of which the other store had an older one
    obstacles: tuple[Obstacle, ...] = ()  # what in the other store's folder is not the store's


def merge_store(store: Store, other: Store, progress: Progress) -> Merge:
    """Take from another store what this one lacks; if both have an entry, this store keeps its own.

    Checkpoints, costs, figures, stand-ins and digests of files are not taken. An interrupted merge can be repeated. Raises FerbenchError if
    both are the same store, and StoreError if this one cannot be written.
    """
    if store.root.exists() and store.root.samefile(other.root):
        raise FerbenchError(f"{other.root} is the store itself", hint="name another store to merge into it")
    with store.use(), other.use():
        contents = list_contents(other)
        merge = Merge(obstacles=contents.obstacles)
        merge.problems += blocked_places(contents, ENTRIES)
        files = [file for stage in ENTRIES for file in contents.of(stage)]
        for number, file in enumerate(files, 1):
            _merge_entry(store, file, merge)
            progress(number, len(files))
        _merge_failures(store, contents, merge)
        _merge_records(store, contents, merge)
    return merge


def _merge_entry(store: Store, file: StoredFile, merge: Merge) -> None:
    """Verify an entry of the other store, and this store's own: a damaged one is replaced."""
    theirs = read_or_report(merge.problems, file, read_entry)
    if theirs is None:
        return
    ours = store.find(file.stage, file.name)
    if ours is None:
        store.adopt(file.stage, file.name, file.path)
        merge.taken[file.stage] += 1
    elif ours.digest == theirs.digest:
        merge.kept[file.stage] += 1
    else:
        merge.differences.append(Difference(file.stage, file.name, ours.digest, theirs.digest))


def _merge_failures(store: Store, contents: Contents, merge: Merge) -> None:
    """Take the logs, and the failures of rows that this store neither has nor failed to compute."""
    for log in contents.of("logs"):
        text = read_or_report(merge.problems, log, lambda file: file.path.read_bytes())
        if text is not None and not (store.root / log_path(log.name)).exists():
            store.write_file(log_path(log.name), text)
    for file in contents.of("failures"):
        if store.has("rows", file.name) or has_failed(file.name, store):
            merge.kept["failures"] += 1
        elif failure := read_or_report(merge.problems, file, lambda file: read_json(file.path, FailedRow)):
            store.write_file(failure_path(file.name), to_json(_move_log(failure, store)))
            merge.taken["failures"] += 1


def _merge_records(store: Store, contents: Contents, merge: Merge) -> None:
    for file in contents.of("records"):
        if record := read_or_report(merge.problems, file, lambda file: read_json(file.path, StoredRecord)):
            lost = [key for key in record["rows"] if key not in record["failures"] and not store.has("rows", key)]
            if lost:
                reason = f"{len(lost)} of its {len(record['rows'])} rows are in neither store"
                merge.problems.append(Problem("records", file.name, "missing", reason))
            else:
                failures = {key: _move_log(failure, store) for key, failure in record["failures"].items()}
                _merge_record(store, file, {**record, "failures": failures}, merge)


def _merge_record(store: Store, file: StoredFile, record: StoredRecord, merge: Merge) -> None:
    """Keep the newer record of a benchmark; the time of a file says when it last ran."""
    path, content = f"{file.name}.json", to_json(record)
    ours = store.root / path
    if not ours.exists():
        merge.taken["records"] += 1
    elif ours.read_bytes() == content:
        merge.kept["records"] += 1
        return
    elif ours.stat().st_mtime >= file.modified:
        merge.older.append(file.name)
        return
    else:
        merge.replaced.append(file.name)
    os.utime(store.write_file(path, content), (file.modified, file.modified))


def _move_log(failure: FailedRow, store: Store) -> FailedRow:
    return {**failure, "log": str(store.root / log_path(failure["key"]))}
