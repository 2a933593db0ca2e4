"""The content-addressed store: one folder an entry, written whole or not at all, checked when read."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock

from ferbench.errors import FerbenchError
from ferbench.identity import file_digest

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Store:
    """Entries under `root`/stage/key, each a folder of plain files and a manifest with their checksums.

    `warn` is told of damaged entries, which are removed and so made again.
    """

    root: Path
    warn: Callable[[str], None] = print
    _checked: set[str] = field(default_factory=set)

    def has(self, stage: str, key: str) -> bool:
        """Whether a whole entry is there; its content is not read."""
        return (self._folder(stage, key) / MANIFEST).is_file()

    def find(self, stage: str, key: str) -> Path | None:
        """The entry's folder once its checksums were verified; None where there is none, or it was damaged."""
        folder = self._folder(stage, key)
        if not self.has(stage, key):
            return None
        if key not in self._checked and (damage := _damage(folder)):
            self.warn(f"stored {stage} {key[:12]} is damaged ({damage}): made again")
            shutil.rmtree(folder)
            return None
        self._checked.add(key)
        return folder

    def make(self, stage: str, key: str, write: Callable[..., Mapping[str, Any] | None], *args: Any) -> Path:
        """The entry's folder, written by `write(folder, *args)` unless it is there; one process writes, others wait for it.

        What `write` returns is kept as facts in the manifest. Raises FerbenchError where the disk is full.
        """
        if found := self.find(stage, key):
            return found
        with self.lock(f"{stage}-{key}"):
            return self.find(stage, key) or self._write(stage, key, write, *args)

    def facts(self, stage: str, key: str) -> dict[str, Any]:
        """The facts in an entry's manifest."""
        return read_json(self._folder(stage, key) / MANIFEST)["facts"]

    def save(self, path: str, content: bytes) -> Path:
        """Writes a file beside the entries (a run's record, a log) as a whole or not at all."""
        target = self.root / path
        with self._room():
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=".")
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        return target

    def _folder(self, stage: str, key: str) -> Path:
        return self.root / stage / key[:2] / key

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Held by one process at a time; the system frees it when its process dies."""
        with self._room():
            (self.root / "locks").mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / "locks" / f"{name}.lock"):
            yield

    def _write(self, stage: str, key: str, write: Callable[..., Mapping[str, Any] | None], *args: Any) -> Path:
        folder = self._folder(stage, key)
        with self._room():
            folder.parent.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{key}-"))
            try:
                facts = write(work, *args) or {}
                files = {str(p.relative_to(work)): [p.stat().st_size, file_digest(p)] for p in sorted(work.rglob("*")) if p.is_file()}
                (work / MANIFEST).write_bytes(to_json({"stage": stage, "key": key, "facts": facts, "files": files}))
                _flush(work)
                work.rename(folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        self._checked.add(key)
        return folder

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (28, 122, 13, 30):  # no space, quota, not permitted, read-only
                raise
            hint = "give another with --store or FERBENCH_STORE; what is stored already is kept"
            raise FerbenchError(f"the store {self.root} cannot be written: {error.strerror}", hint=hint) from error


def to_json(value: Any) -> bytes:
    """JSON in UTF-8, indented, keys in the order given."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def read_json(path: Path) -> Any:
    """A JSON file's value."""
    return json.loads(path.read_bytes())


def _damage(folder: Path) -> str:
    """What is wrong with an entry, or nothing."""
    try:
        files = read_json(folder / MANIFEST)["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return "manifest cannot be read"
    for name, (size, digest) in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size or file_digest(path) != digest:
            return f"{name} has another checksum"
    return ""


def _flush(folder: Path) -> None:
    """Bytes reach the disk before the rename makes the entry visible."""
    folders = [folder] if os.name == "posix" else []  # Windows opens no folder
    for path in [*(p for p in folder.rglob("*") if p.is_file()), *folders]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
