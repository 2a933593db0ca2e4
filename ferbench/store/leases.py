"""Leases between processes, also on network disks: a lease ends with its process, or when its machine no longer renews it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from uuid import uuid4

from filelock import SoftFileLease, Timeout

DURATION = 30.0  # seconds without a sign of life, after which another process may take a lease
POLL = 0.1  # seconds
PATIENCE = 1.0  # seconds; some leases are held for an instant only
SIGNING = 5.0  # seconds; a lease that does not name its holder by then was left by a process that was killed while it took the lease


@dataclass(frozen=True)
class Leases:
    """The leases in a folder."""

    folder: Path
    _contended: dict[str, SoftFileLease] = field(default_factory=dict)  # a lease expires for those who have watched it
    _unsigned: dict[Path, tuple[int, float]] = field(default_factory=dict)  # inodes, and since when they have been watched
    _guard: Lock = field(default_factory=Lock)

    @contextmanager
    def hold(self, name: str, wait: Callable[[str], None] | None = None, patience: float = 0.0) -> Iterator[bool]:
        """Hold a lease; if another process holds it for longer than `patience`, yield False.

        With `wait`, wait for it as long as it takes; `wait` is called with a description of the holder.
        """
        lease = self._take(name)
        try:
            is_held = self._acquire(lease, wait, patience)
            if not is_held:
                self._keep(name, lease)
            yield is_held
        finally:
            if lease.is_locked:
                lease.release()

    def names(self, prefix: str) -> list[str]:
        """The leases whose names begin with this, whether held or not."""
        return sorted(path.stem for path in self.folder.glob(f"{prefix}*.lease"))

    def claimant(self, name: str) -> str:
        """Describe who holds a lease; empty if nobody does, or if a lease was just taken. Waits for nothing."""
        with self._guard:
            lease = self._contended.get(name)
        return describe_owner(lease) if lease and lease.owner else ""

    def holder(self, name: str) -> str:
        """Who holds a lease; empty if nobody does. Watches a lease of another machine until it is renewed or expires."""
        deadline = time.monotonic() + DURATION + POLL
        lease = self._take(name)
        while not self._acquire(lease, None):
            owner = lease.owner
            if time.monotonic() > deadline or (owner and owner.hostname == self._host):
                return describe_owner(lease)
            time.sleep(POLL)
        lease.release()
        return ""

    def _take(self, name: str) -> SoftFileLease:
        with self._guard:
            known = self._contended.pop(name, None)
        return known or SoftFileLease(self.folder / f"{name}.lease", lease_duration=DURATION, timeout=0)

    def _keep(self, name: str, lease: SoftFileLease) -> None:
        with self._guard:
            self._contended[name] = lease

    @cached_property
    def _host(self) -> str:
        """The name of this machine as leases state it: that of a container has a suffix."""
        lease = self._take(f"host-{uuid4().hex}")
        with lease:
            return lease.owner.hostname if lease.owner else ""

    def _acquire(self, lease: SoftFileLease, wait: Callable[[str], None] | None, patience: float = 0.0) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True)
        begin, has_told = time.monotonic(), False
        while True:
            try:
                lease.acquire()
            except Timeout:
                if self._remove_unsigned(Path(lease.lock_file)):
                    continue
                waited = time.monotonic() - begin
                if wait is None and waited >= patience:
                    return False
                if wait and not has_told and waited >= PATIENCE:
                    wait(describe_owner(lease))
                    has_told = True
                time.sleep(POLL)
            else:
                return True

    def _remove_unsigned(self, path: Path) -> bool:
        """Remove a lease that has been empty for some seconds, which filelock would keep for ever; returns whether it was."""
        with suppress(FileNotFoundError):
            stat = path.stat()
            inode, since = self._unsigned.get(path, (0, 0.0))
            if stat.st_size or inode != stat.st_ino:
                self._unsigned[path] = (0 if stat.st_size else stat.st_ino, time.monotonic())
            elif time.monotonic() - since > SIGNING:
                removed = path.with_name(f".{uuid4().hex}")
                path.rename(removed)
                if removed.stat().st_ino != inode:  # another process has just removed it and taken the lease
                    os.link(removed, path)
                removed.unlink()
                return True
        return False


def describe_owner(lease: SoftFileLease) -> str:
    """Describe the process that holds a lease."""
    owner = lease.owner
    return f"process {owner.pid} on {owner.hostname.partition('?')[0]}" if owner else "another process"
