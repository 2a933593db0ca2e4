"""Runs the clips of a corpus on all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import cv2
from joblib import Parallel, cpu_count, delayed

from ferbench.types import Progress

IDLE = 10  # seconds until an idle worker process ends, even if this process was killed
T = TypeVar("T")


def run_jobs(jobs: Sequence[Callable[[], T]], progress: Progress, workers: int | None = None) -> list[T]:
    """Call every job and return the results in order.

    Jobs run in processes, since half of the time is spent in small array operations that hold the interpreter lock.
    """
    results: list[T] = []
    parallel = Parallel(min(workers or cpu_count(), len(jobs)), return_as="generator", idle_worker_timeout=IDLE)
    for result in parallel(delayed(_run)(job) for job in jobs):
        results.append(result)
        progress(len(results), len(jobs))
    return results


def _run(job: Callable[[], T]) -> T:
    """With one thread: the other cores have jobs of their own."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return job()
    finally:
        cv2.setNumThreads(before)
