"""Records: the rows of a benchmark's last run and a summary of its corpora, as plain data; all tables and exports are made from them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import msgspec

from ferbench.api.errors import FerbenchError, StoreError
from ferbench.store.entries import Store
from ferbench.store.files import to_json
from ferbench.store.rows import DoneRow, FailedRow, RowResult, RowRun, StoredRow

RECORD_FOLDERS = {False: "benchmarks", True: "rehearsals"}


class OutdatedRow(StoreError):
    """Another version of ferbench wrote a row."""


class PublishedRow(TypedDict):
    """A reference row from the literature; `accuracy` if the source does not say which of WAR and UAR it gives."""

    match: dict[str, str]
    source: str
    accuracy: float | None
    war: float | None
    uar: float | None
    recall: dict[str, float]
    clips: int | None
    protocol: str
    problem: str


class RepeatedPictures(TypedDict):
    """How many pictures of a corpus are also those of another person or corpus, and the first of them."""

    pictures: int
    examples: list[str]


class CorpusSummary(TypedDict):
    """The clips of one corpus, and everything that is left out."""

    corpus: str
    root: str
    standin: str | None
    people: int | None  # None if the corpus does not name them
    clips: dict[str, int]  # by class
    unused: dict[str, int]  # clips of classes that no row uses
    skipped: dict[str, list[str]]  # by reason
    truncated: list[str]  # videos that end before their headers say
    unreadable: list[str]  # files
    repeated: RepeatedPictures
    unassigned: dict[str, list[str]]  # clips that a protocol puts in no part of a fold


class _RecordBase(TypedDict):
    benchmark: str
    rehearsal: bool
    description: str
    failures: dict[str, FailedRow]
    published: list[PublishedRow]
    corpora: list[CorpusSummary]


class StoredRecord(_RecordBase):
    """A record as it is stored: `rows` are keys."""

    rows: list[str]


class Record(_RecordBase):
    """A record with its rows; `lost` of them are no longer in the store, or were written by another version of ferbench."""

    rows: list[StoredRow]
    lost: NotRequired[int]


class PlannedWork(TypedDict):
    """The keys of what a run computes, by stage; stored while it is not finished, since no row names them yet."""

    fits: list[str]
    inputs: list[str]
    index: list[str]
    tested: list[str]


def plan_path(benchmark: str, rehearsal: bool) -> str:
    """The place in a store of the planned work of a benchmark."""
    return f"plans/{RECORD_FOLDERS[rehearsal]}/{benchmark}.json"


def save_record(record: StoredRecord, store: Store) -> Record:
    """Write a record and return it with its rows. Records of rehearsals have a folder of their own."""
    file = store.write_file(f"{RECORD_FOLDERS[record['rehearsal']]}/{record['benchmark']}.json", to_json(record))
    with suppress(OSError):  # the store may be read-only
        os.utime(file)  # an equal record is not written again, but `merge` keeps the one that ran last
        if not record["failures"]:
            (store.root / plan_path(record["benchmark"], record["rehearsal"])).unlink(missing_ok=True)
    return _with_rows(record, store)


def load_records(store: Store, benchmark: str = "") -> list[Record]:
    """Load all records, or those of one benchmark, with their rows; raises FerbenchError if there are none."""
    records = stored_records(store)
    selected = [record for record in records if benchmark in ("", record["benchmark"])]
    if not selected:
        problem = f"no benchmark {benchmark!r}" if records else "no benchmark has been run"
        names = ", ".join(dict.fromkeys(record["benchmark"] for record in records)) or "none"
        raise FerbenchError(f"{problem} in the store {store.root}", hint=f"run one: ferbench run thesis (stored: {names})")
    return [_with_rows(record, store) for record in selected]


def stored_records(store: Store) -> list[StoredRecord]:
    """Load all readable records without rows, by name; real ones before rehearsals."""
    files = [file for folder in RECORD_FOLDERS.values() for file in (store.root / folder).glob("*.json")]
    in_order = sorted(files, key=lambda file: (file.stem, file.parent.name))
    return [record for file in in_order if (record := store.try_read(file.relative_to(store.root), StoredRecord))]


def figures_folder(record: Record, store: Store) -> Path:
    """Return the folder for the figures of a record."""
    return store.root / "figures" / RECORD_FOLDERS[record["rehearsal"]] / record["benchmark"]


def record_file(record: Record, store: Store) -> Path:
    """Return the file of a record."""
    return store.root / RECORD_FOLDERS[record["rehearsal"]] / f"{record['benchmark']}.json"


def failure_path(key: str) -> str:
    """The place in a store of the description of a row that failed."""
    return f"failures/{key}.json"


def log_path(key: str) -> str:
    """The place in a store of the traceback of a row that failed."""
    return f"logs/{key}.txt"


def has_failed(key: str, store: Store) -> bool:
    """Whether an earlier run failed to compute this row."""
    return (store.root / failure_path(key)).is_file()


def load_failures(keys: Sequence[str], store: Store) -> dict[str, FailedRow]:
    """Load the failures of those rows that an earlier run failed to compute."""
    failures = {key: store.try_read(failure_path(key), FailedRow) for key in keys if has_failed(key, store)}
    return {key: failure for key, failure in failures.items() if failure}


def load_row(key: str, store: Store) -> DoneRow | None:
    """Load a row; None if it is not in the store."""
    entry = store.find("rows", key)
    if entry is None:
        return None
    try:
        return cast("DoneRow", {**entry.read_facts(RowResult), **entry.read_run(RowRun)})
    except msgspec.ValidationError as error:
        hint = "another version of ferbench wrote it: run the benchmark again"
        raise OutdatedRow(f"the row {key[:12]} in {store.root} has another form: {error}", hint=hint) from error


def stored_rows(store: Store) -> list[DoneRow]:
    """Load all rows in the store, oldest first."""
    keys = sorted(store.keys("rows"), key=lambda key: store.path("rows", key).stat().st_mtime_ns)
    return [row for key in keys if (row := load_row(key, store))]


def _with_rows(record: StoredRecord, store: Store) -> Record:
    """Add the stored rows to the record; warns about those that are missing, or that another version of ferbench wrote."""
    rows, missing, outdated = list[StoredRow](), 0, 0
    for key in record["rows"]:
        try:
            row = record["failures"].get(key) or load_row(key, store)
        except OutdatedRow:
            outdated += 1
        else:
            rows += [row] if row else []
            missing += not row
    for count, reason in ((missing, "are no longer in the store"), (outdated, "were written by another version of ferbench")):
        if count:
            store.warn(f"{count} of {len(record['rows'])} rows of {record['benchmark']} {reason}: run the benchmark again")
    return {**record, "rows": rows, "lost": missing + outdated}
