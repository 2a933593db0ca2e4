"""The scheduler: work that another process has claimed is waited for, and the user is told for which process."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ferbench.execution import scheduler
from ferbench.execution.executor import LocalExecutor
from ferbench.execution.scheduler import Scheduler
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content

KEYS = ["a" * 32, "b" * 32]


@pytest.fixture
def run(tmp_path):
    """Completes the entries of two keys in a thread, and returns the thread, what was computed and what was told."""
    computed, told = [], []
    store = Store(tmp_path, told.append)

    def work(key: str) -> None:
        computed.append(key)
        store.write("fits", key, Content)

    def complete() -> None:
        with ThreadPoolExecutor(1) as background, ThreadPoolExecutor(1) as cores:
            list(Scheduler(store, LocalExecutor(background, cores)).complete("fits", KEYS, lambda key: key, work))

    def start():
        thread = threading.Thread(target=complete)
        thread.start()
        return thread, computed, told

    return start


def test_work_of_another_process_is_named_and_taken_from_the_store(run, tmp_path, monkeypatch):
    monkeypatch.setattr(scheduler, "PATIENCE", 0.3)
    other = Store(tmp_path)
    with other.claim("fits", KEYS[0]) as is_claimed:
        assert is_claimed
        thread, computed, told = run()
        deadline = time.monotonic() + 20
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)
        other.write("fits", KEYS[0], Content)
    thread.join(20)
    assert not thread.is_alive()
    assert computed == [KEYS[1]]
    assert told == [f"waiting for process {os.getpid()} on {os.uname().nodename}, which computes fits"]


def test_short_waits_are_not_reported(run, tmp_path):
    other = Store(tmp_path)
    with other.claim("fits", KEYS[0]):
        thread, computed, told = run()
        time.sleep(0.3)
        other.write("fits", KEYS[0], Content)
    thread.join(20)
    assert (computed, told) == ([KEYS[1]], [])
