"""A small benchmark, killed, run twice at once, damaged and starved of room: it ends with the rows of an undisturbed run, to the bit."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

KILLS = 25
BENCHMARK = """\
name: toys
dataset: toy
preprocessing: {plain: [{invert: {log: LOG}}]}
protocol: {kfold: {k: 3, validation: 0.2, classes: [dark, light, stripes]}}
backbone: [{toy-net: {log: LOG}}, {toy-net: {hidden: 8, log: LOG}}]
recipe: {lr: 0.05, batch_size: 8, epochs: 6}
loss: cross-entropy
aggregator: [majority, mean]
"""


@pytest.fixture
def benchmark(tmp_path, data, toy_plugin):
    """Starts `ferbench run` on a store; --checkpoint 0 keeps the state of every epoch."""
    (tmp_path / "toys.yaml").write_text(BENCHMARK.replace("LOG", str(tmp_path / "log")))

    def start(store: Path, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen:
        command = [sys.executable, "-m", "ferbench.cli", "run", "toys.yaml", "--plugin", str(toy_plugin), "--store", str(store)]
        given = ["--device", "cpu", "--checkpoint", "0", "--no-figures", "--format", "json", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*prefix, *command, *given], cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, **pipes)

    return start


def finished(process: subprocess.Popen, code: int = 0) -> list[dict]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    return json.loads(out) if out else []


def results(rows: list[dict], store: Path) -> list:
    """All that a row says but when, where and how fast; with its frame scores and histories."""
    told = [{name: value for name, value in row.items() if name not in ("seconds", "made")} for row in rows]
    fits = sorted({key for row in rows for key in row["fits"]})
    kept = []
    for key in fits:
        folder = store / "fits" / key[:2] / key
        history = json.loads((folder / "history.json").read_text())
        kept.append((key, (folder / "scores.npy").read_bytes(), {**history, "seconds": []}))
    return [told, kept]


def made(store: Path) -> int:
    """How many files stand in the store: how far a run has come."""
    return sum(len(files) for _, _, files in os.walk(store))


def killed_after(process: subprocess.Popen, store: Path, more: int) -> None:
    """Kills the process once it has made so many files more, or lets it end."""
    before = made(store)
    while process.poll() is None and made(store) < before + more:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.fixture
def undisturbed(benchmark, tmp_path):
    store = tmp_path / "undisturbed"
    rows = finished(benchmark(store))
    log = (tmp_path / "log").read_text().split()
    (tmp_path / "log").unlink()
    assert [row["status"] for row in rows] == ["done"] * 4
    return results(rows, store), {what: log.count(what) for what in set(log)}


def test_killed_at_random_moments(benchmark, undisturbed, tmp_path):
    store, chance = tmp_path / "runs", random.Random(7)
    whole = 0
    for _ in range(KILLS):
        process = benchmark(store)
        killed_after(process, store, chance.randrange(1, 14))
        whole += process.returncode == 0
    assert whole < KILLS // 2  # most of them were killed before their end
    rows = finished(benchmark(store))
    assert results(rows, store) == undisturbed[0]
    verified = [sys.executable, "-m", "ferbench.cli", "store", "verify", "--store", str(store)]
    assert subprocess.run(verified, capture_output=True).returncode == 0


def test_two_at_once_do_each_piece_once(benchmark, undisturbed, tmp_path):
    store = tmp_path / "runs"
    both = [benchmark(store), benchmark(store)]
    assert [results(finished(process), store) for process in both] == [undisturbed[0]] * 2
    log = (tmp_path / "log").read_text().split()
    counts = {what: log.count(what) for what in set(log)}
    counts["build"] = undisturbed[1]["build"]  # weights are read by each process
    assert counts == undisturbed[1]


def test_two_at_once_killed_in_turn(benchmark, undisturbed, tmp_path):
    store, chance = tmp_path / "runs", random.Random(8)
    other = benchmark(store)
    for _ in range(6):
        one, other = other, benchmark(store)
        killed_after(one, store, chance.randrange(1, 30))
    finished(other)
    assert results(finished(benchmark(store)), store) == undisturbed[0]


def test_damaged_entries_are_made_again(benchmark, undisturbed, tmp_path):
    store, chance = tmp_path / "runs", random.Random(9)
    finished(benchmark(store))
    for stage in ("crops", "features", "fits"):
        files = sorted(path for path in (store / stage).rglob("*") if path.is_file() and path.name != "manifest.json")
        for file in chance.sample(files, 3):
            content = bytearray(file.read_bytes())
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            file.write_bytes(content)
    shutil.rmtree(store / "rows")
    process = benchmark(store)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert err.count("is damaged") >= 3
    assert results(json.loads(out), store) == undisturbed[0]


@pytest.mark.parametrize("room", [40, 120, 260])
def test_full_disk(benchmark, undisturbed, tmp_path, room):
    """On a small file system of its own, whose content is then carried to a larger one."""
    inside = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    if subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("this system lends no file system of one's own")
    small, store = tmp_path / "small", tmp_path / "runs"
    small.mkdir()
    script = f'mount -t tmpfs -o size={room}k tmpfs {small} && "$@"; code=$?; cp -r {small}/runs {store}; exit $code'
    process = benchmark(small / "runs", prefix=(*inside, script, "sh"))
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2, err
    assert "cannot be written: No space left on device" in err
    assert "Traceback" not in err
    assert results(finished(benchmark(store)), store) == undisturbed[0]


def test_interrupt_leaves_everything_resumable(benchmark, undisturbed, tmp_path):
    store = tmp_path / "runs"
    process = benchmark(store)
    while made(store) < 40:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in err
    assert results(finished(benchmark(store)), store) == undisturbed[0]
