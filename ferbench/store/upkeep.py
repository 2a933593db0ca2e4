"""A store's upkeep: what it holds, whether it is whole, and what no row needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ferbench.api.errors import FerbenchError
from ferbench.store.entries import MANIFEST, Store, damage, read_json
from ferbench.store.records import stored_records

NEEDED_BY_ROWS = ("crops", "features", "fits", "checkpoints", "inputs", "folds", "index")


@dataclass(frozen=True)
class Entry:
    """A folder of the store: an entry, a stand-in, or what a killed process left; `why` it is not needed, if so."""

    stage: str
    path: Path
    bytes: int
    why: str = ""


def entries(store: Store, all_rows: bool = True) -> Iterator[Entry]:
    """Everything in the store; a row needs what it was made from. `all_rows` False: only the rows of the benchmarks' records count."""
    needed = _needed(store, all_rows)
    for stage in ("rows", *NEEDED_BY_ROWS):
        for path in sorted((store.root / stage).glob("*/*")):
            yield Entry(stage, path, _bytes(path), _unneeded(stage, path, needed))
    roots = {Path(corpus["root"]).resolve() for record in stored_records(store) for corpus in record["corpora"]}
    for path in sorted((store.root / "standin").glob("*/*")):
        used = path.resolve() in roots
        left = path.name.startswith(".")
        yield Entry(
            "standin", path, _bytes(path), "left by a killed process" if left else "" if used else "no benchmark's last run read it"
        )


def verify(store: Store) -> Iterator[tuple[Entry, str]]:
    """Every whole entry, with what is wrong with it."""
    for stage in ("rows", *NEEDED_BY_ROWS):
        for path in sorted((store.root / stage).glob("*/*")):
            if (path / MANIFEST).is_file() and not path.name.startswith("."):  # a killed process leaves hidden ones
                yield Entry(stage, path, 0), damage(path)


def remove(store: Store, unneeded: list[Entry]) -> None:
    """Removes these; raises FerbenchError while a run is going on, which may need what no row names yet."""
    for lock in (store.root / "locks").glob("run-*.lock"):
        try:
            with FileLock(lock, timeout=0):
                lock.unlink()  # its process died
        except Timeout:
            raise FerbenchError(
                f"a run is going on in the store {store.root}", hint="wait until it ends: it may need what no row names yet"
            ) from None
    for entry in unneeded:
        (entry.path / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(entry.path, ignore_errors=True)
    for lock in (store.root / "locks").glob("*.lock"):
        lock.unlink(missing_ok=True)  # nobody runs, so nobody holds one


def _needed(store: Store, all_rows: bool) -> dict[str, set[str]]:
    """Keys by stage that the rows name."""
    needed: dict[str, set[str]] = {stage: set() for stage in ("rows", *NEEDED_BY_ROWS)}
    listed = {key for record in stored_records(store) for key in record["rows"]}
    for path in (store.root / "rows").glob("*/*/row.json"):
        row = store.side(str(path.relative_to(store.root)))
        if row is None:  # damaged: told, and made again by the next run
            continue
        if not all_rows and row["key"] not in listed:
            continue
        needed["rows"].add(row["key"])
        needed["fits"].update(row["all_fits"])
        needed["inputs"].update(row["inputs"])
        needed["index"].update(corpus["content"] for corpus in row["identity"]["dataset"].values())
    for digest in needed["inputs"]:
        path = store.root / "inputs" / digest[:2] / digest / "keys.json"
        held: dict[str, Any] = read_json(path) if path.is_file() else {"stage": "crops", "keys": {}}
        needed[held["stage"]].update(held["keys"].values())
    return needed


def _unneeded(stage: str, path: Path, needed: dict[str, set[str]]) -> str:
    if path.name.startswith(".") or not (path / MANIFEST).is_file():
        return "left by a killed process"
    if stage == "folds":  # small, and needed to name the rows of a benchmark
        return ""
    if stage == "checkpoints":
        return "its fit is stored" if path.name.partition("-")[0] in needed["fits"] else ""
    if path.name in needed[stage]:
        return ""
    return "no benchmark's last run has it" if stage == "rows" else "no row needs it"


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
