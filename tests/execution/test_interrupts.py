"""A run that ends, for whatever reason, ends at once, whoever else works on the store."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from ferbench.benchmark.grid import load_benchmark
from ferbench.execution.context import Context
from ferbench.execution.drivers import crops
from ferbench.execution.engine import compute_rows
from ferbench.execution.executor import local_executor
from ferbench.execution.progress import Reporter
from ferbench.execution.rehearsal import prepare_corpora, require_standin
from ferbench.execution.runner import Options, run
from ferbench.execution.scheduler import Scheduler
from ferbench.plan.planner import Planner
from ferbench.store.entries import Store
from ferbench.store.upkeep import survey_store
from ferbench.store.verification import verify_store

PATIENCE = 20.0  # seconds, of a test that fails


class Run(threading.Thread):
    """Computes the rows of the toy benchmark; `result` is what it returned or raised."""

    def __init__(self, benchmark, folder) -> None:
        super().__init__(daemon=True)
        self.store, self.reporter, self.result = Store(folder), Reporter(quiet=True), None
        benchmark, corpora = prepare_corpora(benchmark, self.store, False, self.reporter, require_standin(self.store))
        self.rows = list(Planner(benchmark, corpora, self.store, "float32").rows())

    def run(self) -> None:
        try:
            with local_executor(1) as executor:
                self.result = compute_rows(self.rows, Context(self.store, self.reporter, torch.device("cpu"), executor, workers=1))
        except BaseException as error:
            self.result = error


@pytest.fixture
def thread(data, benchmark_file, toy_plugin, tmp_path, monkeypatch):
    """A run, whose crops another process computes for as long as the test takes."""
    monkeypatch.setattr("ferbench.corpora.groups.MAX_CLIPS", 7)
    thread, other = Run(load_benchmark(benchmark_file, plugins=[toy_plugin]), tmp_path / "runs"), Store(tmp_path / "runs")
    with ExitStack() as stack:
        for key in thread.rows[0].model.crops.by_group.values():
            assert stack.enter_context(other.claim("crops", key))
        yield thread
    thread.join(PATIENCE)


@pytest.mark.parametrize("error", [KeyboardInterrupt("Ctrl-C"), OSError(28, "No space left on device")])
@pytest.mark.parametrize("place", ["ferbench.execution.engine.drive_features", "ferbench.execution.drivers.crops.CropsDriver.wait_for"])
def test_a_run_that_is_stopped_waits_for_no_other_process(thread, monkeypatch, place, error):
    def stop(*_) -> None:
        raise error

    monkeypatch.setattr(place, stop)
    thread.start()
    thread.join(PATIENCE)
    assert error in (thread.result, getattr(thread.result, "__cause__", None))


def test_an_error_while_it_waits_ends_a_run(thread, monkeypatch):
    def fail(*_) -> None:
        raise BrokenPipeError("nobody reads the warning")

    monkeypatch.setattr(Scheduler, "wait", fail)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert {failure["error"] for failure in thread.result} == {"BrokenPipeError"}


def test_crops_of_another_process_are_taken_from_the_store(thread, monkeypatch):
    """One after the other appears while this process looks at them in turn."""
    waits = []
    real = Scheduler.wait

    def wait(self, stage, key, since) -> None:
        waits.append(key)
        if len(waits) >= 3:
            job = driver[0].jobs[key]
            self.store.write("crops", key, crops.compute_crops, job.group, job.model.cell.preprocessing)
        real(self, stage, key, since)

    driver = []
    start = crops.CropsDriver.start
    monkeypatch.setattr(crops.CropsDriver, "start", lambda self, *arguments: driver.append(self) or start(self, *arguments))
    monkeypatch.setattr(Scheduler, "wait", wait)
    thread.start()
    thread.join(3 * PATIENCE)
    assert thread.result == []
    assert len(waits) >= 3


def age(folder: Path, hours: float) -> None:
    then = time.time() - 3600 * hours
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


def test_gc_keeps_the_work_of_a_run_that_was_stopped(data, benchmark_file, toy_plugin, tmp_path, monkeypatch):
    """No row names it yet; after a week without a run, nobody needs it."""

    def stop(*_) -> None:
        raise KeyboardInterrupt

    store, options = Store(tmp_path / "runs"), Options(device="cpu", figures=False)
    with monkeypatch.context() as patch:
        patch.setattr("ferbench.execution.engine.drive_rows", stop)
        with pytest.raises(KeyboardInterrupt):
            run(load_benchmark(benchmark_file, plugins=[toy_plugin]), store, options, Reporter(quiet=True))
    assert [path.name for path in (store.root / "plans/benchmarks").iterdir()] == ["toys.json"]
    age(store.root, hours=2)
    assert survey_store(store).garbage == []
    assert not verify_store(store, lambda *_: None).recomputed
    age(store.root, hours=24 * 8)
    assert {"crops", "features", "fits", "plans"} <= {entry.stage for entry in survey_store(store).garbage}
    run(load_benchmark(benchmark_file, plugins=[toy_plugin]), store, options, Reporter(quiet=True))
    assert not list((store.root / "plans/benchmarks").iterdir())
    age(store.root, hours=2)
    assert survey_store(store).garbage == []
