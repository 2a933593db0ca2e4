"""A small benchmark, killed, run several times at once, and damaged: it ends with the rows of an undisturbed run, to the bit."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forks import GROUP, Fork, start_forks
from stored import stored_digests

pytestmark = pytest.mark.slow

BENCHMARK = """\
name: toys
dataset: {toy: {root: DATA}}
preprocessing: {plain: [{invert: {log: LOG}}]}
protocol: {kfold: {k: 3, validation: 0.2, classes: [dark, light, stripes]}}
backbone: [{toy-net: {log: LOG}}, {toy-net: {hidden: 8, log: LOG}}]
recipe: {lr: 0.05, batch_size: 8, epochs: 6}
loss: cross-entropy
aggregator: [majority, mean]
"""


@pytest.fixture(scope="module")
def forks():
    with start_forks() as forks:
        yield forks


@pytest.fixture
def benchmark(forks, tmp_path, data, toy_plugin):
    """Starts a run on a store; --checkpoint-interval 0 stores the state of every epoch."""
    file, numbers = tmp_path / "toys.yaml", itertools.count()
    file.write_text(BENCHMARK.replace("LOG", str(tmp_path / "log")).replace("DATA", str(data / "toy")))
    options = ["--device", "cpu", "--checkpoint-interval", "0", "--no-figures", "--format", "json"]

    def start(store: Path) -> Fork:
        folder = tmp_path / f"run{next(numbers)}"
        folder.mkdir()
        return forks.start(["run", file, "--plugin", toy_plugin, "--store", store, *options], folder)

    return start


def results(rows: list[dict], store: Path) -> list:
    """What a run printed, and digests of all that it was computed from."""
    return [rows, *(stored_digests(store, stage) for stage in ("crops", "features", "fits"))]


def count_files(store: Path) -> int:
    """The number of files in the store: how far a run has come."""
    return sum(len(files) for _, _, files in os.walk(store))


def kill_after(run: Fork, store: Path, more: int) -> bool:
    """Kill the run once it has written so many more files; returns whether it was still running."""
    before = count_files(store)
    while run.is_running() and count_files(store) < before + more:
        time.sleep(0.003)
    os.kill(run.pid, signal.SIGKILL)
    return run.wait()[0] == -signal.SIGKILL


@pytest.fixture
def undisturbed(benchmark, tmp_path):
    store = tmp_path / "undisturbed"
    rows = benchmark(store).rows()
    log = (tmp_path / "log").read_text().split()
    (tmp_path / "log").unlink()
    assert [row["status"] for row in rows] == ["done"] * 4
    return results(rows, store), {what: log.count(what) for what in set(log)}


def test_killed_at_random_moments(benchmark, undisturbed, tmp_path, repeats):
    store, chance, kills = tmp_path / "runs", random.Random(7), 0
    while kills < repeats:
        if kill_after(benchmark(store), store, chance.randrange(1, 14)):
            kills += 1
        else:
            shutil.rmtree(store)  # it came to its end: from the start again
    rows = benchmark(store).rows()
    assert results(rows, store) == undisturbed[0]
    verified = [sys.executable, "-m", "ferbench", "store", "verify", "--store", str(store)]
    assert subprocess.run(verified, capture_output=True).returncode == 0


def test_two_at_once_do_each_piece_once(benchmark, undisturbed, tmp_path):
    store = tmp_path / "runs"
    both = [benchmark(store), benchmark(store)]
    assert [results(run.rows(), store) for run in both] == [undisturbed[0]] * 2
    log = (tmp_path / "log").read_text().split()
    counts = {what: log.count(what) for what in set(log)}
    counts["build"] = undisturbed[1]["build"]  # weights are read by each process
    assert counts == undisturbed[1]


def test_four_at_once_killed_in_turn(benchmark, undisturbed, tmp_path, repeats):
    """A kill costs at most the group of clips that the process was working on."""
    store, chance = tmp_path / "runs", random.Random(8)
    workers, kills = [benchmark(store) for _ in range(4)], 0
    while kills < repeats:
        kills += kill_after(workers.pop(0), store, chance.randrange(1, 12))
        workers.append(benchmark(store))
    for worker in workers:
        assert worker.wait()[0] == 0
    assert results(benchmark(store).rows(), store) == undisturbed[0]
    log = (tmp_path / "log").read_text().split()
    assert log.count("invert") <= undisturbed[1]["invert"] + repeats * int(GROUP)


@pytest.mark.parametrize(("damaged", "lost"), [("crops", ["features", "fits"]), ("features", ["fits"]), ("fits", [])])
def test_damaged_entries_are_recomputed(benchmark, undisturbed, tmp_path, damaged, lost):
    store, chance = tmp_path / "undisturbed", random.Random(9)
    for file in chance.sample(sorted((store / damaged).rglob("*.safetensors")), 3):
        content = bytearray(file.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(content)
    for stage in (*lost, "rows"):
        shutil.rmtree(store / stage)
    run = benchmark(store)
    assert results(run.rows(), store) == undisturbed[0]
    assert run.err.read_text().count("is damaged") == 3


def test_interrupt_leaves_everything_resumable(benchmark, undisturbed, tmp_path):
    store = tmp_path / "runs"
    run = benchmark(store)
    while count_files(store) < 15:
        time.sleep(0.003)
    os.kill(run.pid, signal.SIGINT)
    code, messages = run.wait()
    assert code == 130
    assert "run the same command again to continue" in messages
    assert results(benchmark(store).rows(), store) == undisturbed[0]
