"""A benchmark of toy rows that tests compare, and edits of its stored rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_type_hints

import numpy as np

from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.records import StoredRecord, load_records, save_record
from ferbench.store.rows import DoneRow, FailedRow, RowRun

BENCHMARK = """\
name: toys
dataset: toy
preprocessing: {plain: [invert]}
protocol: {kfold: {k: 3, validation: 0.2, classes: [dark, light, stripes]}}
backbone: [toy-net, trees]
recipe: {lr: 0.05, batch_size: 8, epochs: 3}
loss: cross-entropy
seed: [0, 1]
aggregator: [majority, mean]
only: [{backbone: toy-net}, {backbone: trees, seed: 0}]
"""
NET, TREES = "backbone=toy-net,aggregator=mean", "trees,mean"


def find_rows(store: Path, benchmark: str = "", **labels: str) -> list[DoneRow]:
    """The stored rows with these labels."""
    rows = [row for record in load_records(Store(store), benchmark) for row in record["rows"]]
    return [row for row in rows if row["status"] == "done" and labels.items() <= row["labels"].items()]


def edit_rows(
    store: Path, rows: list[DoneRow], changes: Mapping[str, object], *, run: Mapping[str, object] = {}, clips: np.ndarray | None = None
) -> None:
    """Change facts and runs of stored rows; `clips` are the positions of those clips that the rows still answer."""
    folder = Store(store)
    for row in rows:
        entry = folder.find("rows", row["key"])
        assert entry is not None
        arrays = {name: np.array(entry.array(name)) for name in entry.specs}
        if clips is not None:
            kept = np.isin(arrays["clip"], clips)
            arrays |= {name: arrays[name][kept] for name in ("clip", "scores", "covered")}
        content = Content(arrays, {**entry.read_facts(dict), **changes}, {**entry.read_run(dict), **run})
        folder.remove("rows", row["key"])
        folder.write("rows", row["key"], lambda content=content: content)


def fail_rows(store: Path, rows: list[DoneRow], message: str = "out of memory") -> None:
    """Let stored rows be rows that failed."""
    folder = Store(store)
    for row in rows:
        record = folder.try_read(f"benchmarks/{row['benchmark']}.json", StoredRecord)
        assert record is not None
        failure = {name: row[name] for name in get_type_hints(FailedRow) if name in row}
        failure |= {"status": "failed", "error": "RuntimeError", "message": message, "log": "logs/x.txt"}
        folder.remove("rows", row["key"])
        save_record({**record, "failures": {**record["failures"], row["key"]: failure}}, folder)


def copy_rows(store: Path, benchmark: str, facts: dict, changes: dict) -> list[str]:
    """Store the rows of a benchmark again with other facts, in a record with changes; returns their keys."""
    folder = Store(store)
    record = folder.try_read(f"benchmarks/{benchmark}.json", StoredRecord)
    keys = [f"{number:032x}" for number, _ in enumerate(record["rows"])]
    for old, key in zip(record["rows"], keys, strict=True):
        entry = folder.find("rows", old)
        arrays = {name: np.array(entry.array(name)) for name in entry.specs}
        content = Content(arrays, {**entry.read_facts(dict), "key": key, **facts}, entry.read_run(RowRun))
        folder.write("rows", key, lambda content=content: content)
    save_record({**record, **changes, "rows": keys}, folder)
    return keys
