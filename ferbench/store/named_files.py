"""The files that parameters name, such as weights: a digest of each, and whether they are still what the keys say."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from ferbench.api.errors import SystemProblem
from ferbench.store.files import Fingerprint, digest_stream, open_regular, take_fingerprint

RECENT = 2_000_000_000  # nanoseconds: a file that was changed just before it was read may change again without another time

_known: dict[str, _KnownFile] = {}  # by path


@dataclass(frozen=True)
class _KnownFile:
    """A file as it was at the time `looked`, in nanoseconds; without a fingerprint and digest, there was none."""

    looked: int
    fingerprint: Fingerprint | None = None
    digest: str = ""

    def is_current(self, path: str) -> bool:
        """Whether the file surely has the same content."""
        if self.fingerprint is None:
            return not _is_file(path)
        is_recent = any(abs(self.looked - changed) < RECENT for changed in self.fingerprint[1:3])
        return not is_recent and _is_file(path) and take_fingerprint(path) == self.fingerprint


def digest_named_file(path: str) -> str:
    """Return a digest of the content of the file of this name; empty if there is none.

    Raises SystemProblem if the file changed since it was first asked for.
    """
    if path not in _known:
        _known[path] = _look(path)
    _check(path)
    return _known[path].digest


def check_named_files() -> None:
    """Raise SystemProblem if a file changed since its digest became a part of keys: what was computed is not what they say."""
    for path in list(_known):
        _check(path)


def forget_named_files() -> None:
    """Read all files again when they are next asked for."""
    _known.clear()


def _check(path: str) -> None:
    known = _known[path]
    if known.is_current(path):
        return
    again = _look(path)
    if again.digest != known.digest:
        problem = f"{path} changed while the run used it: what was computed since is not stored"
        raise SystemProblem(problem, hint="run the same command again")
    _known[path] = again


def _look(path: str) -> _KnownFile:
    looked = time.time_ns()
    if not _is_file(path):
        return _KnownFile(looked)
    with open_regular(Path(path)) as file:
        fingerprint = take_fingerprint(file.fileno())  # before it is read: a change meanwhile shows later
        return _KnownFile(looked, fingerprint, digest_stream(file))


def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 (unlike Path.is_file, it accepts a name that is too long for any file)
