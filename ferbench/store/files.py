"""Files: JSON of a known type, contents that are written whole or not at all, and digests."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import msgspec

T = TypeVar("T")


def to_json(value: object) -> bytes:
    """JSON in UTF-8, indented, keys in the order given; dataclasses become objects."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def read_json(path: Path, as_type: type[T]) -> T:
    """The value of a JSON file, checked against a type; raises OSError or msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=as_type)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to the disk and rename it, so that nobody sees a part of it."""
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
    """A hidden path beside this one, for what is not whole yet."""
    return path.with_name(f".{path.name}-{uuid4().hex[:12]}")


def flush_folder(folder: Path) -> None:
    """Write the files of a folder to the disk."""
    folders = [folder] if os.name == "posix" else []  # Windows opens no folder
    for path in [*(file for file in folder.rglob("*") if file.is_file()), *folders]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def digest_file(path: Path) -> str:
    """A digest of the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def folder_size(folder: Path) -> int:
    """Bytes in the files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
