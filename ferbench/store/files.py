"""Files: JSON of a known type, atomic writes, and digests."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import msgspec

T = TypeVar("T")


def to_json(value: object) -> bytes:
    """Encode as indented JSON; dataclasses become objects."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def read_json(path: Path, as_type: type[T]) -> T:
    """Load a JSON file and check it against a type; raises OSError or msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=as_type)


def write_atomically(path: Path, content: bytes) -> None:
    """Write and flush a partial file, then rename it, so that nobody reads an unfinished one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = partial_path(path)
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def partial_path(path: Path) -> Path:
    """Return a hidden path beside this one, for an unfinished file or folder."""
    return path.with_name(f".{path.name}-{uuid4().hex[:12]}")


def flush_folder(folder: Path) -> None:
    """Flush all files, so that the rename never exposes an entry with missing bytes."""
    folders = [folder] if os.name == "posix" else []  # Windows cannot open a folder
    for path in [*(file for file in folder.rglob("*") if file.is_file()), *folders]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def digest_file(path: Path) -> str:
    """Return a digest of the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def folder_size(folder: Path) -> int:
    """Return the bytes in the files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
