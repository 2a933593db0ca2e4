"""The content-addressed store: one folder an entry, written whole or not at all, checked when read."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from filelock import FileLock, Timeout

from ferbench.api.errors import StoreError
from ferbench.store.keys import file_digest

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
CHEAP = 0.1  # seconds: what took less is not flushed to the disk (milliseconds a file), as checksums find what a power cut spoils
MANIFEST = "manifest.json"
Facts = Mapping[str, Any]
"""What JSON holds: read facts are whatever was written under their name."""

Write = Callable[..., Facts | None]


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
        return os.path.isfile(f"{self.root}/{stage}/{key[:2]}/{key}/{MANIFEST}")  # noqa: PTH113 (asked ten thousand times by a plan)

    def find(self, stage: str, key: str) -> Path | None:
        """The entry's folder once its checksums were verified; None where there is none, or it was damaged."""
        if self._sound(stage, key):
            return self._folder(stage, key)
        if self.has(stage, key):
            with self.lock(stage, key):
                self._discard(stage, key)
        return None

    def make(self, stage: str, key: str, write: Write, *args: Any) -> Path:
        """The entry's folder, written by `write(folder, *args)` unless it is there; one process writes, others wait for it.

        What `write` returns is kept as facts in the manifest. Raises StoreError where the disk is full.
        """
        if not self._sound(stage, key):
            with self.lock(stage, key):
                self._discard(stage, key)
                if not self.has(stage, key):
                    self.put(stage, key, write, *args)
        return self._folder(stage, key)

    @contextmanager
    def claim(self, stage: str, keys: Sequence[str]) -> Iterator[list[str]]:
        """Those of `keys` that are neither stored nor being made elsewhere; until the block ends, nobody else makes them."""
        with ExitStack() as held:
            mine = []
            for key in keys:
                if not self._sound(stage, key) and held.enter_context(self.lock(stage, key, wait=False)):
                    self._discard(stage, key)
                    mine += [] if self.has(stage, key) else [key]  # made between the look and the lock
            yield mine

    def put(self, stage: str, key: str, write: Write, *args: Any) -> Path:
        """Writes an entry whose lock is held."""
        folder = self._folder(stage, key)
        with self._room():
            work = folder.with_name(_unique(key))
            work.mkdir(parents=True)
            try:
                start = time.monotonic()
                facts = write(work, *args) or {}
                files = {str(p.relative_to(work)): [p.stat().st_size, file_digest(p)] for p in sorted(work.rglob("*")) if p.is_file()}
                (work / MANIFEST).write_bytes(to_json({"stage": stage, "key": key, "facts": facts, "files": files}))
                if time.monotonic() - start > CHEAP:
                    _flush(work)
                shutil.rmtree(folder, ignore_errors=True)  # what a kill left of a removal
                work.rename(folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        self._checked.add(key)
        return folder

    def remove(self, stage: str, key: str) -> None:
        """Removes an entry: first its manifest, so that what a kill leaves of it is no entry."""
        folder = self._folder(stage, key)
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def manifest(self, stage: str, key: str) -> Facts:
        """Facts, and size and checksum of each file."""
        return read_json(self._folder(stage, key) / MANIFEST)

    def facts(self, stage: str, key: str) -> Facts:
        """The facts in an entry's manifest."""
        return self.manifest(stage, key)["facts"]

    def side(self, path: str) -> Any:
        """The value of a JSON file beside the entries; None, and told, where it is damaged."""
        try:
            return read_json(self.root / path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self.warn(f"{self.root / path} cannot be read and is left aside: {error}")
            return None

    def save(self, path: str, content: bytes) -> Path:
        """Writes a file beside the entries (a run's record, a log) as a whole or not at all."""
        target = self.root / path
        if target.is_file() and target.read_bytes() == content:
            return target  # a finished benchmark in a store that cannot be written
        with self._room():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(_unique(target.name))
            try:
                with part.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
        return target

    @contextmanager
    def lock(self, stage: str, key: str, wait: bool = True) -> Iterator[bool]:
        """Held by one process at a time, and freed by the system when that dies; False where it is held and `wait` is not."""
        path = self.root / "locks" / f"{stage}-{key}.lock"
        lock = FileLock(path, timeout=-1 if wait else 0)
        with self._room(), suppress(Timeout):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            yield lock.is_locked
        finally:
            if lock.is_locked:
                with suppress(OSError):  # Windows deletes no open file
                    path.unlink()  # while it is held: who waits for it notices, and makes it anew
                lock.release()

    def _folder(self, stage: str, key: str) -> Path:
        return self.root / stage / key[:2] / key

    def _sound(self, stage: str, key: str) -> bool:
        """Whether the entry is there and whole; its checksums are read once."""
        if key in self._checked:
            return self.has(stage, key)
        if self.has(stage, key) and not damage(self._folder(stage, key)):
            self._checked.add(key)
            return True
        return False

    def _discard(self, stage: str, key: str) -> None:
        """Removes a damaged entry whose lock is held."""
        if self.has(stage, key) and not self._sound(stage, key):
            self.warn(f"stored {stage} {key[:12]} is damaged ({damage(self._folder(stage, key))}): made again")
            self.remove(stage, key)

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            inside = error.filename is not None and Path(str(error.filename)).is_relative_to(self.root)
            if error.errno not in FULL and not (inside and error.errno in FORBIDDEN):
                raise
            hint = "give another with --store or FERBENCH_STORE; what is stored already is kept"
            raise StoreError(f"the store {self.root} cannot be written: {error.strerror}", hint=hint) from error


def store_folder(given: str | Path = "") -> Path:
    """Where the store is: as given, else FERBENCH_STORE, else ./runs."""
    return Path(given or os.environ.get("FERBENCH_STORE") or "runs").expanduser()


def _unique(name: str) -> str:
    """A hidden name for what is not whole yet."""
    return f".{name}-{uuid4().hex[:12]}"


def to_json(value: Any) -> bytes:
    """JSON in UTF-8, indented, keys in the order given."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def read_json(path: Path) -> Any:
    """A JSON file's value."""
    return json.loads(path.read_bytes())


def damage(folder: Path) -> str:
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
