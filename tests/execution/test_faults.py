"""A small benchmark, killed, run twice at once, damaged and starved of room: it ends with the rows of an undisturbed run, to the bit."""

from __future__ import annotations

import itertools
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
from stored import stored_digests

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[1]
KILLS, FOUR_KILLS = 6, 6
GROUP = 4  # clips
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


class Run:
    """A run in a fork of a warm process."""

    def __init__(self, ask, folder: Path, number: int, arguments: list[str]) -> None:
        self.ask, self.out, self.err = ask, folder / f"out{number}", folder / f"err{number}"
        self.pid = ask({"start": arguments, "cwd": str(folder), "out": str(self.out), "err": str(self.err)})

    def runs(self) -> bool:
        """Whether it has not ended; one that has stays a zombie until it is waited for."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"

    def send(self, what: signal.Signals) -> None:
        os.kill(self.pid, what)

    def wait(self) -> int:
        return self.ask({"wait": self.pid})

    def rows(self, code: int = 0) -> list[dict]:
        """Waits for its end."""
        assert self.wait() == code, self.err.read_text()
        return json.loads(self.out.read_text())


@pytest.fixture(scope="module")
def warm():
    """Asks a process that has imported everything."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, HERE / "warm.py", str(GROUP)], env={**os.environ, "OMP_NUM_THREADS": "1"}, **pipes)

    def ask(request: dict) -> int:
        print(json.dumps(request), file=process.stdin, flush=True)
        return int(process.stdout.readline())

    yield ask
    process.stdin.close()
    process.wait()


@pytest.fixture
def command(tmp_path, data, toy_plugin):
    """The command line of a run on a store; --checkpoint-interval 0 keeps the state of every epoch."""
    (tmp_path / "toys.yaml").write_text(BENCHMARK.replace("LOG", str(tmp_path / "log")).replace("DATA", str(data / "toy")))

    def line(store: Path) -> list[str]:
        given = ["--device", "cpu", "--checkpoint-interval", "0", "--no-figures", "--format", "json"]
        return ["run", "toys.yaml", "--plugin", str(toy_plugin), "--store", str(store), *given]

    return line


@pytest.fixture
def benchmark(warm, tmp_path, command):
    """Starts a run on a store."""
    numbers = itertools.count()
    return lambda store: Run(warm, tmp_path, next(numbers), command(store))


def results(rows: list[dict], store: Path) -> list:
    """All that a row says but when, where and how fast; and digests of all that it was computed from."""
    outcomes = [{name: value for name, value in row.items() if name not in ("seconds", "provenance")} for row in rows]
    return [outcomes, *(stored_digests(store, stage) for stage in ("crops", "features", "fits"))]


def made(store: Path) -> int:
    """How many files stand in the store: how far a run has come."""
    return sum(len(files) for _, _, files in os.walk(store))


def killed_after(run: Run, store: Path, more: int) -> bool:
    """Kills the run once it has made so many files more, and says whether it was still running."""
    before = made(store)
    while run.runs() and made(store) < before + more:
        time.sleep(0.001)
    run.send(signal.SIGKILL)
    return run.wait() == -signal.SIGKILL


@pytest.fixture
def undisturbed(benchmark, tmp_path):
    store = tmp_path / "undisturbed"
    rows = benchmark(store).rows()
    log = (tmp_path / "log").read_text().split()
    (tmp_path / "log").unlink()
    assert [row["status"] for row in rows] == ["done"] * 4
    return results(rows, store), {what: log.count(what) for what in set(log)}


def test_killed_at_random_moments(benchmark, undisturbed, tmp_path):
    store, chance, kills = tmp_path / "runs", random.Random(7), 0
    while kills < KILLS:
        if killed_after(benchmark(store), store, chance.randrange(1, 14)):
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


def test_four_at_once_killed_in_turn(benchmark, undisturbed, tmp_path):
    """A kill costs at most the group of clips and the epoch that the process was working on."""
    store, chance = tmp_path / "runs", random.Random(8)
    workers, kills = [benchmark(store) for _ in range(4)], 0
    while kills < FOUR_KILLS:
        kills += killed_after(workers.pop(0), store, chance.randrange(1, 12))
        workers.append(benchmark(store))
    for worker in workers:
        worker.wait()
    assert results(benchmark(store).rows(), store) == undisturbed[0]
    log = (tmp_path / "log").read_text().split()
    assert log.count("invert") <= undisturbed[1]["invert"] + (FOUR_KILLS + len(workers)) * GROUP


def test_damaged_entries_are_recomputed(benchmark, undisturbed, tmp_path):
    store, chance = tmp_path / "runs", random.Random(9)
    benchmark(store).rows()
    for stage in ("crops", "features", "fits"):
        for file in chance.sample(sorted((store / stage).rglob("*.safetensors")), 3):
            content = bytearray(file.read_bytes())
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            file.write_bytes(content)
    shutil.rmtree(store / "rows")
    run = benchmark(store)
    assert results(run.rows(), store) == undisturbed[0]
    assert run.err.read_text().count("is damaged") >= 6


@pytest.mark.parametrize("room", [40, 120, 260])
def test_full_disk(benchmark, command, undisturbed, tmp_path, room):
    """On a small file system of its own, whose content is then carried to a larger one."""
    inside = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("this system lends no file system of one's own")
    small, store = tmp_path / "small", tmp_path / "runs"
    small.mkdir()
    script = f'mount -t tmpfs -o size={room}k tmpfs {small} && "$@"; code=$?; cp -r {small}/runs {store}; exit $code'
    line = [*inside, script, "sh", sys.executable, "-m", "ferbench", *command(small / "runs")]
    run = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 2, run.stderr
    assert "cannot be written: No space left on device" in run.stderr
    assert "Traceback" not in run.stderr
    assert results(benchmark(store).rows(), store) == undisturbed[0]


def test_interrupt_leaves_everything_resumable(benchmark, undisturbed, tmp_path):
    store = tmp_path / "runs"
    run = benchmark(store)
    while made(store) < 15:
        time.sleep(0.001)
    run.send(signal.SIGINT)
    assert run.wait() == 130
    assert "run the same command again to continue" in run.err.read_text()
    assert results(benchmark(store).rows(), store) == undisturbed[0]
