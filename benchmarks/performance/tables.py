"""Measure leaderboards: intervals, tests and tables of many rows.

    python benchmarks/performance/measure.py tables     about a minute on 2 cores

The rows are made up: answers of 100 people, drawn at random.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ferbench.benchmark.axes import AXES
from ferbench.report.statistics.metrics import compute_metrics
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.layout import find_store
from ferbench.store.records import StoredRecord, save_record

CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
PEOPLE = 100


def make_key(name: str) -> str:
    """A key of the right form."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def write_benchmark(store: Store, name: str, rows: int, clips: int) -> None:
    """Store a benchmark of so many rows, each with its answers to so many clips."""
    generator = np.random.default_rng(0)
    person, true = np.arange(clips) % PEOPLE, generator.integers(len(CLASSES), size=clips)
    tested = make_key(f"tested {name}")
    people = [f"toy/p{number:03}" for number in person]
    labels = [CLASSES[label] for label in true]
    table = {"ids": [f"toy/{n}" for n in range(clips)], "people": people, "labels": labels, "folds": [0] * clips, "facts": [{}] * clips}
    store.write("tested", tested, Content, facts=table)
    keys = [write_row(store, name, number, tested, true, generator) for number in range(rows)]
    record: StoredRecord = {
        "benchmark": name, "rehearsal": False, "description": "", "rows": keys, "failures": {}, "published": [], "corpora": [],
    }  # fmt: skip
    save_record(record, store)


def write_row(store: Store, name: str, number: int, tested: str, true: np.ndarray, generator: np.random.Generator) -> str:
    """Store a row that is right about some clips by chance."""
    key = make_key(f"{name} {number}")
    scores = generator.random((len(true), len(CLASSES))) + 0.6 * generator.random() * np.eye(len(CLASSES))[true]
    labels = {axis: str(number) if axis == "backbone" else "0" for axis in AXES}
    facts = {
        **compute_metrics(true, scores.argmax(1), CLASSES), "key": key, "benchmark": name, "labels": labels, "standin": False,
        "fingerprint": make_key(name), "precision": "float32", "classes": CLASSES, "protocol": "made up", "fits": [], "all_fits": [],
        "folds": [],
        "stages": {}, "inputs": [], "status": "done", "tested": tested, "others": [], "score_metrics": None,
        "covered_only": None, "validation": None, "unreadable": {}, "clips_lost": [], "fold_uar": [0.5], "epochs": [1], "steps": [1],
        "people_known": True, "leaks": [], "trained_on": [],
        "coverage": {"frames": None, "clips": None, "frames_used": 1, "frames_unreadable": 0},
    }  # fmt: skip
    arrays = {"scores": scores, "clip": np.arange(len(true)), "covered": np.ones(len(true), bool)}
    store.write("rows", key, Content, arrays, facts, {"seconds": {"fit": 1.0}, "provenance": [], "identity": {}})
    return key


def time_command(*arguments: str, times: int = 3) -> float:
    """The fastest of several runs of a command of ferbench, in seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "ferbench", *arguments], check=True, stdout=subprocess.DEVNULL, env=os.environ)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure(folder: Path, rows: int = 1000, benchmarks: int = 40) -> dict[str, float]:
    """Seconds of `ferbench leaderboard` beyond start-up: of a large table, a small one, and a store of many small ones."""
    large, small, many = (find_store(folder / name, print) for name in ("large", "small", "many"))
    write_benchmark(large, "large", rows, 1000)
    write_benchmark(small, "small", 8, 200)
    for number in range(benchmarks):
        write_benchmark(many, f"benchmark {number}", 8, 200)
    startup = time_command("--version")
    seconds = {name: time_command("leaderboard", "--store", str(folder / name)) - startup for name in ("large", "small", "many")}
    return {"rows": rows, "benchmarks": benchmarks, "start-up": startup, **seconds}
