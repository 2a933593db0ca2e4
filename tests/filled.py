"""A store with small made-up entries, for tests of its upkeep."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import msgspec
import numpy as np

from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.records import failure_path, log_path, save_record


def key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def write(store: Store, stage: str, name: str, facts: object = None, seed: int = 0, **run: object) -> Path:
    """Store an entry of this name, and return its file."""
    array = np.random.default_rng(seed).random(5)
    return store.write(stage, key(name), Content, {"a": array}, facts, {"seconds": {"fit": time.time()}, "provenance": [], **run}).path


class Filled:
    """A store with a benchmark of rows; each row has a fit, a group of crops and one of features of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def add_benchmark(self, benchmark: str, rows: list[str], failures: list[str] | None = None, **more: object) -> None:
        for row in rows:
            self.add_row(row)
        failed = {key(row): self.add_failure(row) for row in failures or []}
        described = {"benchmark": benchmark, "rehearsal": False, "description": "", "published": [], "corpora": []}
        save_record({**described, "rows": [*map(key, rows), *failed], "failures": failed, **more}, self.store)

    def add_row(self, row: str, seed: int = 0) -> None:
        for stage in ("crops", "features"):
            write(self.store, stage, f"{stage} of {row}", seed=seed)
            inputs = {"stage": stage, "keys": {"toy/0": key(f"{stage} of {row}")}}
            write(self.store, "inputs", f"inputs {stage} of {row}", inputs)
        write(self.store, "fits", f"fit of {row}", seed=seed)
        write(self.store, "index", f"corpus of {row}")
        write(self.store, "folds", "folds")
        write(self.store, "tested", "tested")
        write(self.store, "rows", row, self.facts(row), identity=self.identity(row))

    def add_failure(self, row: str) -> dict:
        log = self.store.write_file(log_path(key(row)), b"Traceback")
        failed = {
            **self.facts(row),
            "identity": self.identity(row),
            "status": "failed",
            "error": "ValueError",
            "message": "no",
            "log": str(log),
            "provenance": [],
        }
        self.store.write_file(failure_path(key(row)), msgspec.json.encode(failed))
        return failed

    def identity(self, row: str) -> dict:
        return {"dataset": {"toy": {"content": key(f"corpus of {row}")}}}

    def facts(self, row: str) -> dict:
        return {
            "key": key(row), "benchmark": "toys", "labels": {}, "standin": False, "fingerprint": "f", "classes": [], "protocol": "p",
            "fits": [key(f"fit of {row}")], "all_fits": [key(f"fit of {row}")], "folds": [],
            "stages": {}, "precision": "float32",
            "inputs": [key(f"inputs crops of {row}"), key(f"inputs features of {row}")], "status": "done", "war": 0.5, "uar": 0.5,
            "macro_f1": 0.5, "recall": {}, "confusion": [], "clips": 1, "covered_only": None,
            "coverage": {"frames": None, "clips": None, "frames_used": 1, "frames_unreadable": 0}, "unreadable": {}, "clips_lost": [],
            "epochs": [1], "steps": [3], "fold_uar": [0.5], "tested": key("tested"), "others": [], "kappa": 0.0, "class_precision": {},
            "score_metrics": None, "validation": None, "people_known": True, "leaks": [], "trained_on": [],
        }  # fmt: skip

    def file(self, stage: str, name: str) -> Path:
        return self.store.path(stage, key(name))

    def files(self) -> set[str]:
        """All files, by their places; leases come and go."""
        root = self.store.root
        return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() and path.parent.name != "leases"}

    def age(self, hours: float = 2) -> None:
        """Make everything older."""
        then = time.time() - hours * 3600
        for path in self.store.root.rglob("*"):
            if not path.is_symlink():
                os.utime(path, (then, then))
