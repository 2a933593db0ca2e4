"""Locks between processes; the system frees the locks of a process that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def hold_lock(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold a lock; yields False if another process holds it and `wait` is False."""
    lock = FileLock(path, timeout=-1 if wait else 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(Timeout):
        lock.acquire()
    try:
        yield lock.is_locked
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows cannot delete an open file
                path.unlink()  # unlinked while held: a waiting process notices and creates a new one
            lock.release()


def is_held(path: Path) -> bool:
    """Whether a process holds the lock."""
    with hold_lock(path, wait=False) as free:
        return not free
