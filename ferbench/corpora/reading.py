"""Files that cannot be read: the reason is kept, so that everything left out can be counted and named."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ferbench.api.errors import SystemProblem
from ferbench.store.files import open_regular

NOT_UNICODE = "a name is not in UTF-8: rename the file or its folder"
MIN_DECODED = 0.95  # of the frames that a header declares: some headers guess from the duration
# What is true of a file itself. Any other error is the system's, such as too many open files or a network disk that went away.
FILE_ERRNOS = (
    errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL,
)  # fmt: skip


class Unreadable(Exception):
    """A file that cannot be read or decoded; the text names the file and says why, `reason` only says why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.reason = reason


def is_truncated(decoded: int, declared: int) -> bool:
    """Whether a video clearly ends before its header says."""
    return decoded < MIN_DECODED * declared


@contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """An OSError of the block becomes Unreadable, or SystemProblem if it says nothing about the file."""
    try:
        yield
    except OSError as error:
        raise Unreadable(path.name, describe_problem(path, error)) from error


def describe_problem(path: Path, error: OSError) -> str:
    """Why a file cannot be read; raises SystemProblem if the error says nothing about the file."""
    reason = error.strerror or str(error)
    if error.errno not in FILE_ERRNOS:
        hint = "stored results are kept; fix the cause and run the same command again"
        raise SystemProblem(f"{path} cannot be read: {reason}", hint=hint) from error
    return reason


def check_readable(path: Path) -> None:
    """Raises Unreadable if the file cannot be opened, is empty, or is a pipe or a device."""
    with translate_os_errors(path), open_regular(path):
        size = path.stat().st_size
    if not size:
        raise Unreadable(path.name, "empty file")
