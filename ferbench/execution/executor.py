"""The interface that runs work in this process. Drivers know only this, so that other threads or devices can replace the local ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
J = TypeVar("J")

GROUPS_AT_ONCE = 2  # of which the crops are computed at once: one is stored while another is computed


class Executor(Protocol):
    """Runs work that reads its inputs from the store and writes its results there.

    Work refers to objects of this process, such as plans, networks and progress; other processes join by running the benchmark too.
    """

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run work in the background; it may use `run_all`."""

    def run_all(self, work: Callable[[J], T], jobs: Iterable[J]) -> Iterator[T]:
        """Run work that needs a CPU core for each job, and yield the results in order."""

    def map(self, work: Callable[[J], T], jobs: Iterable[J]) -> Iterator[T]:
        """Run work that needs the device, and yield results as they finish."""


@dataclass(frozen=True)
class LocalExecutor:
    """Runs CPU work in threads of this process, since OpenCV releases the interpreter lock, and device work in the calling thread."""

    background: ThreadPoolExecutor
    cores: ThreadPoolExecutor

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run in a thread of its own."""
        return self.background.submit(work, *args, **kwargs)

    def run_all(self, work: Callable[[J], T], jobs: Iterable[J]) -> Iterator[T]:
        """Run in the threads of the cores."""
        return self.cores.map(work, jobs)

    def map(self, work: Callable[[J], T], jobs: Iterable[J]) -> Iterator[T]:
        """Run one job after the other."""
        return map(work, jobs)


@contextmanager
def local_executor(workers: int) -> Iterator[LocalExecutor]:
    """A pool of this many threads, with OpenCV limited to one thread each; pending work is canceled at the end."""
    import cv2

    background, cores = ThreadPoolExecutor(GROUPS_AT_ONCE), ThreadPoolExecutor(workers)
    cv2.setNumThreads(1)
    try:
        yield LocalExecutor(background, cores)
    finally:
        cores.shutdown(cancel_futures=True)  # first: what runs in the background then ends
        background.shutdown(cancel_futures=True)
