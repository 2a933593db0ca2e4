"""Measure leaderboards: intervals, tests and tables of many rows.

    python benchmarks/performance/tables.py            about a minute on 2 cores; prints the figures
    python benchmarks/performance/tables.py --rows 100  fewer rows

The rows are made up: answers of 100 people, drawn at random. Seconds are those of a whole command; what `ferbench --version` takes is
printed first.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
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
        "people_known": True, "leaks": [], "coverage": {"frames": None, "clips": None, "frames_used": 1, "frames_unreadable": 0},
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


def main() -> None:
    """Build the stores and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000, help="rows of the large table (default: 1000)")
    parser.add_argument("--benchmarks", type=int, default=40, help="benchmarks of 8 rows in one store (default: 40)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large, small, many = (find_store(Path(folder) / name, print) for name in ("large", "small", "many"))
        write_benchmark(large, "large", options.rows, 1000)
        write_benchmark(small, "small", 8, 200)
        for number in range(options.benchmarks):
            write_benchmark(many, f"benchmark {number}", 8, 200)
        print(f"ferbench --version: {time_command('--version'):.2f} s")
        for name, store in ((f"{options.rows} rows of 1000 clips", large), ("8 rows of 200 clips", small)):
            print(f"leaderboard, {name}: {time_command('leaderboard', '--store', str(store.root)):.2f} s")
        print(f"leaderboard, {options.benchmarks} benchmarks of 8 rows: {time_command('leaderboard', '--store', str(many.root)):.2f} s")


if __name__ == "__main__":
    main()
