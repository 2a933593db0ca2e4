"""The interface that runs work. Drivers know only this, so that another engine can replace local threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
J = TypeVar("J")


class Executor(Protocol):
    """Runs work that reads its inputs from the store and writes its results there; a worker needs keys, not arrays."""

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run work that needs CPU cores in the background."""

    def map(self, work: Callable[[J], T], jobs: Iterable[J]) -> Iterator[T]:
        """Run work that needs the device, and yield results as they finish."""


class LocalExecutor:
    """Runs CPU work in threads of this process, since OpenCV releases the interpreter lock, and device work in the calling thread."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self.threads = threads

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run in a thread of the pool."""
        return self.threads.submit(work, *args, **kwargs)

    def map(self, work: Callable[[J], T], jobs: Iterable[J]) -> Iterator[T]:
        """Run one job after the other."""
        return map(work, jobs)


@contextmanager
def local_executor(workers: int) -> Iterator[LocalExecutor]:
    """A pool of this many threads, with OpenCV limited to one thread each; pending work is canceled at the end."""
    import cv2

    threads = ThreadPoolExecutor(workers)
    cv2.setNumThreads(1)
    try:
        yield LocalExecutor(threads)
    finally:
        threads.shutdown(cancel_futures=True)
