"""The record of a benchmark's last run: its rows, what was found, what was left out; plain data that every table is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ferbench.api.errors import FerbenchError
from ferbench.store.entries import Store, read_json, to_json


def save(record: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """Writes a record under its name and returns it with its rows."""
    store.save(f"benchmarks/{record['name']}.json", to_json(record))
    return {**record, "rows": _rows(record, store)}


def has_failed(key: str, store: Store) -> bool:
    """Whether an earlier run failed to make this row."""
    return (store.root / "failures" / f"{key}.json").is_file()


def failed_before(keys: Sequence[str], store: Store) -> dict[str, dict[str, Any]]:
    """Rows that an earlier run could not make, for a reason that the user cannot mend without changing their key."""
    found = {key: store.side(f"failures/{key}.json") for key in keys if has_failed(key, store)}
    return {key: failure for key, failure in found.items() if failure}


def load(store: Store, name: str = "") -> list[dict[str, Any]]:
    """The records in the store, or those of that benchmark, rows included; raises FerbenchError where there is none."""
    records = stored(store)
    wanted = [record for record in records if name in ("", record["benchmark"], record["name"])]
    if not wanted:
        what = f"no benchmark {name!r}" if records else "no benchmark has been run"
        known = ", ".join(record["name"] for record in records) or "none"
        raise FerbenchError(f"{what} in the store {store.root}", hint=f"run one: ferbench run benchmarks/thesis.yaml (stored: {known})")
    return [{**record, "rows": _rows(record, store)} for record in wanted]


def stored(store: Store) -> list[dict[str, Any]]:
    """All records that can be read, by name."""
    paths = sorted((store.root / "benchmarks").glob("*.json"), key=lambda path: path.stem)
    return [record for path in paths if (record := store.side(f"benchmarks/{path.name}"))]


def _rows(record: Mapping[str, Any], store: Store) -> list[dict[str, Any]]:
    """The rows that are there; how many are not is told."""
    rows = []
    for key in record["rows"]:
        if key in record["failures"]:
            rows.append(record["failures"][key])
        elif folder := store.find("rows", key):
            rows.append(read_json(folder / "row.json"))
    if lost := len(record["rows"]) - len(rows):
        store.warn(f"{lost} of {len(record['rows'])} rows of {record['name']} are not in the store any more: run the benchmark again")
    return rows
