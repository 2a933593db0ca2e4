"""Maintenance of a store: list its entries, verify them, and remove those that no row needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ferbench.api.errors import FerbenchError
from ferbench.store import manifests
from ferbench.store.entries import Store, remove_folder
from ferbench.store.files import folder_size
from ferbench.store.locks import is_held
from ferbench.store.records import row_files, stored_records
from ferbench.store.rows import InputKeys

STAGES = ("rows", "crops", "features", "fits", "checkpoints", "inputs", "folds", "index")
LEFTOVER = "left by a killed process"

NeededKeys = Mapping[str, set[str]]
"""The keys that rows need, by stage."""


@dataclass(frozen=True)
class StoredEntry:
    """An entry of the store, a stand-in, or a leftover of a killed process; `unneeded_reason` is empty if a row needs it."""

    stage: str
    path: Path
    bytes: int
    unneeded_reason: str = ""


class _CorpusIdentity(TypedDict):
    content: str


class _Identity(TypedDict):
    dataset: dict[str, _CorpusIdentity]


class _RowNeeds(TypedDict):
    """The part of a row that names entries."""

    key: str
    all_fits: list[str]
    inputs: list[str]
    identity: _Identity


def list_entries(store: Store, all_rows: bool = True) -> Iterator[StoredEntry]:
    """List everything in the store. If `all_rows` is False, only the rows of each benchmark's last run keep entries."""
    needed = _collect_needed_keys(store, all_rows)
    for stage in STAGES:
        for path in _folders(store, stage):
            yield StoredEntry(stage, path, folder_size(path), _unneeded_reason(stage, path, needed))
    roots = {Path(corpus["root"]).resolve() for record in stored_records(store) for corpus in record["corpora"]}
    for path in _folders(store, "standin"):
        yield StoredEntry("standin", path, folder_size(path), _standin_unneeded_reason(path, roots))


def verify_entries(store: Store) -> Iterator[tuple[StoredEntry, str]]:
    """Yield every entry with a description of its damage; empty if it is intact."""
    for stage in STAGES:
        for path in _folders(store, stage):
            if not _is_leftover(path):
                yield StoredEntry(stage, path, 0), manifests.find_damage(path)


def remove_entries(store: Store, entries: Collection[StoredEntry]) -> None:
    """Remove entries; raises FerbenchError while a run is active, since it may need entries that no row names yet."""
    locks = store.root / "locks"
    if any(is_held(lock) for lock in locks.glob("run-*.lock")):
        raise FerbenchError(f"a run is using the store {store.root}", hint="wait until it ends: it may need entries that no row names yet")
    for entry in entries:
        remove_folder(entry.path)
    for lock in locks.glob("*.lock"):
        lock.unlink(missing_ok=True)  # no run is active, so nobody holds a lock


def _folders(store: Store, stage: str) -> list[Path]:
    return sorted((store.root / stage).glob("*/*"))


def _is_leftover(path: Path) -> bool:
    return path.name.startswith(".") or not (path / manifests.MANIFEST).is_file()


def _collect_needed_keys(store: Store, all_rows: bool) -> NeededKeys:
    needed: dict[str, set[str]] = {stage: set() for stage in STAGES}
    listed = {key for record in stored_records(store) for key in record["rows"]}
    for file in row_files(store):
        row = store.try_read(file, _RowNeeds)
        if row and (all_rows or row["key"] in listed):
            needed["rows"].add(row["key"])
            needed["fits"].update(row["all_fits"])
            needed["inputs"].update(row["inputs"])
            needed["index"].update(corpus["content"] for corpus in row["identity"]["dataset"].values())
    for digest in needed["inputs"]:
        if inputs := store.try_read(f"inputs/{digest[:2]}/{digest}/keys.json", InputKeys):
            needed[inputs["stage"]].update(inputs["keys"].values())
    return needed


def _unneeded_reason(stage: str, path: Path, needed: NeededKeys) -> str:
    if _is_leftover(path):
        return LEFTOVER
    if stage == "folds":  # small, and needed to name the rows of a benchmark
        return ""
    if stage == "checkpoints":
        return "its fit is stored" if path.name.partition("-")[0] in needed["fits"] else ""
    if path.name in needed[stage]:
        return ""
    return "not in the last run of any benchmark" if stage == "rows" else "no row needs it"


def _standin_unneeded_reason(path: Path, roots: Collection[Path]) -> str:
    if path.name.startswith("."):
        return LEFTOVER
    return "" if path.resolve() in roots else "not used by the last run of any benchmark"
