"""Where work is done. Drivers know only this interface, so that another engine can take the place of local threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
J = TypeVar("J")


class Executor(Protocol):
    """Runs work that finds its inputs in the store and leaves its results there; a worker needs keys, not arrays."""

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run work that needs CPU cores in the background."""

    def map(self, work: Callable[[J], T], jobs: Iterable[J]) -> Iterator[T]:
        """Run work that needs the device, and yield each result once it is there."""


class LocalExecutor:
    """This process: threads for the CPU, since OpenCV frees the interpreter lock; the device is used by the calling thread."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self.threads = threads

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """In a thread of the pool."""
        return self.threads.submit(work, *args, **kwargs)

    def map(self, work: Callable[[J], T], jobs: Iterable[J]) -> Iterator[T]:
        """One after the other."""
        return map(work, jobs)


@contextmanager
def local_executor(workers: int) -> Iterator[LocalExecutor]:
    """Use so many threads, each with one thread of OpenCV's; what waits is dropped at the end."""
    import cv2

    threads = ThreadPoolExecutor(workers)
    cv2.setNumThreads(1)
    try:
        yield LocalExecutor(threads)
    finally:
        threads.shutdown(cancel_futures=True)
