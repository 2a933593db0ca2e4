"""`store gc --delete` at random moments of a rehearsal: it ends with the rows of an undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from forks import Forks, start_forks
from stored import stored_digests

from ferbench.cli.main import main
from ferbench.store import upkeep

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_DATA", str(tmp_path_factory.mktemp("nothing")))
        with start_forks() as forks:
            yield forks


@pytest.fixture
def rehearse(forks: Forks, tmp_path, benchmark_file, toy_plugin):
    """Starts a rehearsal on a store; --checkpoint-interval 0 stores the state of every epoch."""
    benchmark_file.write_text(benchmark_file.read_text().replace("epochs: 6", "epochs: 2") + "rehearsal: {people: 9}\n")
    options = ["--plugin", toy_plugin, "--device", "cpu", "--checkpoint-interval", "0", "--no-figures", "--format", "json"]
    return lambda store: forks.start(["run", benchmark_file, "--store", store, *options], tmp_path)


def count_files(store: Path) -> int:
    return sum(name.endswith(".safetensors") for _, _, names in os.walk(store) for name in names)


def wait_for_files(store: Path, number: int, run) -> None:
    while run.is_running() and count_files(store) < number:
        time.sleep(0.003)


def collect(store: Path) -> int:
    return main(["store", "gc", "--delete", "--old-rows", "--store", str(store)])


def test_gc_during_a_rehearsal(rehearse, tmp_path, monkeypatch, capsys, repeats):
    """What is young is not spared here, so that only the exclusion protects it."""
    monkeypatch.setattr(upkeep, "MIN_AGE", 0.0)
    undisturbed = rehearse(tmp_path / "undisturbed").rows()
    assert [row["standin"] for row in undisturbed] == [True] * 2
    total, chance, codes = count_files(tmp_path / "undisturbed"), random.Random(5), []
    for number in range(repeats):
        store = tmp_path / f"store{number}"
        run = rehearse(store)
        wait_for_files(store, chance.randrange(total + 1), run)
        codes.append(collect(store))
        if number % 4 == 3:  # and after it was killed: then everything goes, and is computed again
            os.kill(run.pid, signal.SIGKILL)
            run.wait()
            collect(store)
            run = rehearse(store)
        assert run.rows() == undisturbed
        for stage in ("crops", "features", "fits", "rows"):
            assert stored_digests(store, stage) == stored_digests(tmp_path / "undisturbed", stage)
    assert codes.count(2) > repeats / 2  # most of them met a run
    assert "is using the store" in capsys.readouterr().err


def test_rehearsal_waits_for_a_gc(rehearse, tmp_path):
    from ferbench.store.entries import Store

    with Store(tmp_path / "runs").exclude_others():
        run = rehearse(tmp_path / "runs")
        while not run.err.exists() or "waiting for `ferbench store gc`" not in run.err.read_text():
            assert run.is_running()
            time.sleep(0.01)
        assert count_files(tmp_path / "runs") == 0
    assert len(run.rows()) == 2
