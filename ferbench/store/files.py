"""Files: JSON of a known type, writes that are complete or absent, and digests."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")
Fingerprint = tuple[int, int, int, int]
"""Size, time of the last change of the content and of anything (nanoseconds), and inode: if they are equal, so is the content."""

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)  # of file systems without hard links


def to_json(value: object) -> bytes:
    """Encode as indented JSON; dataclasses become objects."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def read_json(path: Path, as_type: type[T]) -> T:
    """Load a JSON file and check it against a type; raises OSError or msgspec.DecodeError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=as_type)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error


def write_file(path: Path, content: bytes, must_flush: bool) -> None:
    """Write a new file; if `must_flush`, flush it to the disk."""
    with path.open("xb") as file:
        file.write(content)
        if must_flush:
            file.flush()
            os.fsync(file.fileno())


def copy_file(source: Path, target: Path) -> None:
    """Link a new file to one that nobody changes; copy it and flush the copy if they are not on the same disk."""
    try:
        os.link(source, target)
    except OSError:
        with source.open("rb") as original, target.open("xb") as copy:
            shutil.copyfileobj(original, copy)
            copy.flush()
            os.fsync(copy.fileno())


def put_in_place(part: Path, target: Path) -> None:
    """Give a finished file its name, unless there is a file of that name: then that one is kept."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(part, target)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if not target.exists():
            part.replace(target)  # of two writers at once, the later one wins: the results are equal, their headers may differ


def replace_file(part: Path, target: Path) -> None:
    """Give a finished file its name; it replaces a file of that name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading; raises OSError for a pipe or a device, which could make the reader wait forever."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a folder raises an error of its own
        raise OSError(errno.EINVAL, "is a pipe or a device, not a file", str(path))
    return path.open("rb")


def digest_file(path: Path) -> str:
    """Return a digest of the content of a file."""
    with open_regular(path) as file:
        return digest_stream(file)


def digest_stream(file: BufferedReader) -> str:
    """Return a digest of the rest of an open file."""
    return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def digest_bytes(content: bytes) -> str:
    """Return the digest that a file with this content has."""
    return hashlib.sha256(content).hexdigest()[:32]


def take_fingerprint(file: str | int) -> Fingerprint:
    """Return the fingerprint of a file, or of an open one."""
    stat = os.stat(file)  # noqa: PTH116 (a corpus may have a hundred thousand files)
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino
