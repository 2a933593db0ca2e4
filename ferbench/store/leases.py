"""Leases between processes, also on network disks: a lease ends with its process, or when its machine no longer renews it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from filelock import SoftFileLease, Timeout

DURATION = 30.0  # seconds without a sign of life, after which another process may take a lease
POLL = 0.1  # seconds


@dataclass(frozen=True)
class Leases:
    """The leases in a folder."""

    folder: Path
    _contended: dict[str, SoftFileLease] = field(default_factory=dict)  # a lease expires for those who have watched it
    _guard: Lock = field(default_factory=Lock)

    @contextmanager
    def hold(self, name: str, wait: Callable[[str], None] | None = None) -> Iterator[bool]:
        """Hold a lease; if another process holds it, yield False, or call `wait` with a description of the holder and wait."""
        lease = self._take(name)
        try:
            is_held = self._acquire(lease, wait)
            if not is_held:
                self._keep(name, lease)
            yield is_held
        finally:
            if lease.is_locked:
                lease.release()

    def names(self, prefix: str) -> list[str]:
        """The leases whose names begin with this, whether held or not."""
        return sorted(path.stem for path in self.folder.glob(f"{prefix}*.lease"))

    def holder(self, name: str) -> str:
        """Who holds a lease; empty if nobody does. Watches a lease of another machine until it is renewed or expires."""
        deadline = time.monotonic() + DURATION + POLL
        lease = self._take(name)
        while not self._acquire(lease, None):
            owner = lease.owner
            if owner and (owner.hostname == socket.gethostname() or time.monotonic() > deadline):
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

    def _acquire(self, lease: SoftFileLease, wait: Callable[[str], None] | None) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True)
        is_waiting = False
        while True:
            try:
                lease.acquire()
            except Timeout:
                if wait is None:
                    return False
                if not is_waiting:
                    wait(describe_owner(lease))
                is_waiting = True
                time.sleep(POLL)
            else:
                return True


def describe_owner(lease: SoftFileLease) -> str:
    """Describe the process that holds a lease."""
    owner = lease.owner
    return f"process {owner.pid} on {owner.hostname}" if owner else "another process"
