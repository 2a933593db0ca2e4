"""Locks between processes; the system frees those of a process that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def hold_lock(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold a lock that one process at a time can hold; gives False if another one does, and `wait` is not set."""
    lock = FileLock(path, timeout=-1 if wait else 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(Timeout):
        lock.acquire()
    try:
        yield lock.is_locked
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows deletes no open file
                path.unlink()  # while it is held: who waits for it notices, and creates it again
            lock.release()


def is_held(path: Path) -> bool:
    """Whether a process holds the lock."""
    with hold_lock(path, wait=False) as free:
        return not free
