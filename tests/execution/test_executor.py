"""The executor is a seam: whichever one runs the work, the rows are the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from ferbench import FerbenchError
from ferbench.benchmark.grid import load_benchmark
from ferbench.execution import runner
from ferbench.execution.context import Context
from ferbench.execution.engine import compute_rows, search_duplicates
from ferbench.execution.executor import LocalExecutor
from ferbench.execution.keeping import Keeper
from ferbench.execution.progress import Reporter
from ferbench.execution.rehearsal import prepare_corpora, require_standin
from ferbench.execution.scheduler import Scheduler
from ferbench.plan.models import FusedModel
from ferbench.plan.planner import Planner
from ferbench.stages.fusion import compute_fused_fit
from ferbench.store.entries import Store
from ferbench.store.records import stored_rows

BACKBONES = "backbone=[toy-net, whole, trees, {fusion: {of: [toy-net, trees]}}, {fusion: {of: [whole, {fusion: {of: [toy-net, trees]}}]}}]"


class InlineExecutor:
    """Does all work at once in the calling thread, the jobs of the device in reverse order."""

    def start(self, work, *args, **kwargs) -> Future:
        future = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def run_all(self, work, jobs) -> Iterator:
        return map(work, jobs)

    def map(self, work, jobs) -> Iterator:
        return iter([work(job) for job in reversed(list(jobs))])


class ThreadExecutor:
    """Sends all work, also that of the device, to another thread."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self.threads = threads

    def start(self, work, *args, **kwargs) -> Future:
        return self.threads.submit(work, *args, **kwargs)

    def run_all(self, work, jobs) -> Iterator:
        return map(work, jobs)

    def map(self, work, jobs) -> Iterator:
        return (future.result() for future in as_completed([self.threads.submit(work, job) for job in jobs]))


@pytest.fixture
def compute(data, benchmark_file, toy_plugin, tmp_path):
    """Computes the rows of the toy benchmark in a store of their own, and returns those without times."""

    def call(executor, name):
        sets = (BACKBONES, "recipe.epochs=2", "recipe.augmentation={views: 1, flip: 0.5}")
        benchmark = load_benchmark(benchmark_file, plugins=[toy_plugin], sets=sets)
        store, reporter = Store(tmp_path / name), Reporter(quiet=True)
        benchmark, corpora = prepare_corpora(benchmark, store, False, reporter, require_standin(store))
        rows = list(Planner(benchmark, corpora, store, "float32").rows())
        context = Context(store, reporter, torch.device("cpu"), executor, workers=1)
        assert not search_duplicates(rows, context)
        failures = compute_rows(rows, context)
        assert not failures
        done = {row["key"]: row for row in stored_rows(store)}
        return [{field: value for field, value in done[row.key].items() if field not in ("seconds", "provenance")} for row in rows]

    return call


def test_rows_do_not_depend_on_the_executor(compute):
    with ThreadPoolExecutor(1) as background, ThreadPoolExecutor(1) as cores, ThreadPoolExecutor(1) as thread:
        expected = compute(LocalExecutor(background, cores), "local")
        assert len(expected) == 10
        assert compute(InlineExecutor(), "inline") == expected
        assert compute(ThreadExecutor(thread), "thread") == expected


def test_a_fusion_of_a_fusion_waits_for_the_process_that_computes_its_member(data, benchmark_file, toy_plugin, tmp_path, monkeypatch):
    sets = ("backbone={fusion: {of: [finished, {fusion: {of: [trees, finished]}}]}}", "aggregator=mean")
    benchmark = load_benchmark(benchmark_file, plugins=[toy_plugin], sets=sets)
    store, other, reporter = Store(tmp_path / "runs"), Store(tmp_path / "runs"), Reporter(quiet=True)
    benchmark, corpora = prepare_corpora(benchmark, store, False, reporter, require_standin(store))
    rows = list(Planner(benchmark, corpora, store, "float32").rows())
    (inner,) = (member for member in rows[0].model.members if isinstance(member, FusedModel))
    with ThreadPoolExecutor(1) as background, ThreadPoolExecutor(1) as cores, ExitStack() as claims:
        for fit in inner.fits:
            assert claims.enter_context(other.claim("fits", fit.key))
        executor, waits = LocalExecutor(background, cores), []

        def wait(*_) -> None:
            """The other process computes one of them."""
            fit = inner.fits[len(waits)]
            waits.append(fit)
            other.write("fits", fit.key, compute_fused_fit, fit, other, {})

        context = Context(store, reporter, torch.device("cpu"), executor, workers=1)
        monkeypatch.setattr(Scheduler, "wait", wait)
        assert compute_rows(rows, context) == []
    assert waits == list(inner.fits)


def test_only_torch_is_blamed_for_its_import(monkeypatch):
    def compute():
        planned = runner._PlannedRows([], {}, [])
        runner._compute(planned, lambda: planned, Keeper("", Store(Path())), Store(Path()), runner.Options(), Reporter(quiet=True))

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torch", None)
        with pytest.raises(FerbenchError, match=r"torch cannot be imported: .*\n.*come in matching pairs"):
            compute()
    monkeypatch.setitem(sys.modules, "ferbench.execution.engine", None)
    with pytest.raises(ImportError, match=r"import of ferbench\.execution\.engine halted"):
        compute()
