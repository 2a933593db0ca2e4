"""Files that cannot be read: the reason is kept, so that everything left out can be counted and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ferbench.store.files import open_regular

NOT_UNICODE = "a name is not in UTF-8: rename the file or its folder"
MIN_DECODED = 0.95  # of the frames that a header declares: some headers guess from the duration


class Unreadable(Exception):
    """A file that cannot be read or decoded; the text names the file and says why."""


def is_truncated(decoded: int, declared: int) -> bool:
    """Whether a video clearly ends before its header says."""
    return decoded < MIN_DECODED * declared


@contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """An OSError of the block becomes Unreadable."""
    try:
        yield
    except OSError as error:
        raise Unreadable(f"{path.name}: {error.strerror}") from error


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises Unreadable if it cannot be read, is empty, or is a pipe or a device."""
    with translate_os_errors(path), open_regular(path) as file:
        data = file.read()
    if not data:
        raise Unreadable(f"{path.name}: empty file")
    return data


def check_readable(path: Path) -> None:
    """Raises Unreadable if the file cannot be opened, is empty, or is a pipe or a device."""
    with translate_os_errors(path), open_regular(path):
        size = path.stat().st_size
    if not size:
        raise Unreadable(f"{path.name}: empty file")
