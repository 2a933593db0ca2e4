"""The content-addressed store: one folder per entry, written atomically, verified when it is first read."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from ferbench.api.errors import StoreError
from ferbench.store import manifests
from ferbench.store.files import flush_folder, partial_path, read_json, write_atomically
from ferbench.store.locks import hold_lock

P = ParamSpec("P")
T = TypeVar("T")

DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
READ_ONLY_ERRNOS = (errno.EACCES, errno.EPERM, errno.EROFS)
# Entries that took less to compute are not flushed, which takes milliseconds per file; checksums find those that a power cut damages.
MIN_SECONDS_TO_FLUSH = 0.1


@dataclass(frozen=True)
class Store:
    """An entry is the folder `root`/stage/key, with plain files and a manifest of their checksums. Other files lie outside the entries.

    `warn` is called for each damaged entry, which is then removed and recomputed.
    """

    root: Path
    warn: Callable[[str], None] = print
    _verified_keys: set[str] = field(default_factory=set)

    def has(self, stage: str, key: str) -> bool:
        """Whether an entry exists; its content is not read."""
        return os.path.isfile(f"{self.root}/{stage}/{key[:2]}/{key}/{manifests.MANIFEST}")  # noqa: PTH113 (a plan asks ten thousand times)

    def find_entry(self, stage: str, key: str) -> Path | None:
        """Return the folder of an entry after verifying its checksums; None if it is missing or damaged."""
        if self._is_intact(stage, key):
            return self._folder(stage, key)
        if self.has(stage, key):
            with self.lock(stage, key):
                self._remove_damaged(stage, key)
        return None

    def ensure_entry(self, stage: str, key: str, write: Callable[Concatenate[Path, P], object], *args: P.args, **kwargs: P.kwargs) -> Path:
        """Return the folder of an entry; if it is missing, `write(folder, ...)` fills it. One process writes, others wait.

        What `write` returns is stored as facts in the manifest. Raises StoreError if the store cannot be written.
        """
        if not self._is_intact(stage, key):
            with self.lock(stage, key):
                self._remove_damaged(stage, key)
                if not self.has(stage, key):
                    self.write_entry(stage, key, write, *args, **kwargs)
        return self._folder(stage, key)

    @contextmanager
    def claim_missing(self, stage: str, keys: Sequence[str]) -> Iterator[list[str]]:
        """Lock and return those of `keys` that are neither stored nor being computed by another process, until the block ends."""
        with ExitStack() as locks:
            claimed = []
            for key in keys:
                if not self._is_intact(stage, key) and locks.enter_context(self.lock(stage, key, wait=False)):
                    self._remove_damaged(stage, key)
                    claimed += [] if self.has(stage, key) else [key]  # stored between the check and the lock
            yield claimed

    def write_entry(self, stage: str, key: str, write: Callable[Concatenate[Path, P], object], *args: P.args, **kwargs: P.kwargs) -> Path:
        """Write an entry; the caller holds its lock."""
        folder, start = self._folder(stage, key), time.monotonic()
        with self._translate_disk_errors():
            partial_folder = partial_path(folder)
            partial_folder.mkdir(parents=True)
            try:
                manifests.write_manifest(partial_folder, stage, key, write(partial_folder, *args, **kwargs) or {})
                if time.monotonic() - start > MIN_SECONDS_TO_FLUSH:
                    flush_folder(partial_folder)
                shutil.rmtree(folder, ignore_errors=True)  # left by a killed process
                partial_folder.rename(folder)
            finally:
                shutil.rmtree(partial_folder, ignore_errors=True)
        self._verified_keys.add(key)
        return folder

    def remove_entry(self, stage: str, key: str) -> None:
        """Remove an entry: the manifest first, so that an interrupted removal leaves no entry."""
        remove_folder(self._folder(stage, key))

    def read_facts(self, stage: str, key: str, as_type: type[T]) -> T:
        """Return the facts of an entry."""
        return msgspec.json.decode(manifests.read_manifest(self._folder(stage, key)).facts, type=as_type)

    def entry_size(self, stage: str, key: str) -> int:
        """Return the bytes of an entry's files."""
        return sum(size for size, _ in manifests.read_manifest(self._folder(stage, key)).files.values())

    def try_read(self, path: str | Path, as_type: type[T]) -> T | None:
        """Return the value of a JSON file outside the entries; None if it is missing or, with a warning, if it is damaged."""
        try:
            return read_json(self.root / path, as_type)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            self.warn(f"{self.root / path} cannot be read and is ignored: {error}")
            return None

    def write_file(self, path: str, content: bytes) -> Path:
        """Write a file outside the entries, such as a record or a log, atomically."""
        target = self.root / path
        if not target.is_file() or target.read_bytes() != content:  # so that a finished benchmark can be shown from a read-only store
            with self._translate_disk_errors():
                write_atomically(target, content)
        return target

    @contextmanager
    def lock(self, stage: str, key: str, wait: bool = True) -> Iterator[bool]:
        """Hold the lock of a key; yields False if another process holds it and `wait` is False."""
        with ExitStack() as stack:
            with self._translate_disk_errors():
                is_held = stack.enter_context(hold_lock(self.root / "locks" / f"{stage}-{key}.lock", wait))
            yield is_held

    def _folder(self, stage: str, key: str) -> Path:
        return self.root / stage / key[:2] / key

    def _is_intact(self, stage: str, key: str) -> bool:
        """Whether the entry exists and is undamaged; checksums are verified once per process."""
        if not self.has(stage, key):
            return False
        if key not in self._verified_keys and not manifests.find_damage(self._folder(stage, key)):
            self._verified_keys.add(key)
        return key in self._verified_keys

    def _remove_damaged(self, stage: str, key: str) -> None:
        """Remove the entry if it is damaged; the caller holds its lock."""
        if self.has(stage, key) and not self._is_intact(stage, key):
            damage = manifests.find_damage(self._folder(stage, key))
            self.warn(f"stored {stage} {key[:12]} is damaged ({damage}) and will be recomputed")
            self.remove_entry(stage, key)

    @contextmanager
    def _translate_disk_errors(self) -> Iterator[None]:
        """Raise StoreError for a full disk or a read-only folder."""
        try:
            yield
        except OSError as error:
            is_inside = error.filename is not None and Path(str(error.filename)).is_relative_to(self.root)
            if error.errno not in DISK_FULL_ERRNOS and not (is_inside and error.errno in READ_ONLY_ERRNOS):
                raise
            hint = "choose another store with --store or FERBENCH_STORE; stored results are kept"
            raise StoreError(f"the store {self.root} cannot be written: {error.strerror}", hint=hint) from error


def remove_folder(folder: Path) -> None:
    """Remove the folder of an entry, its manifest first."""
    (folder / manifests.MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def store_folder(path: str | Path = "") -> Path:
    """Return the folder of the store: `path`, else FERBENCH_STORE, else ./runs."""
    return Path(path or os.environ.get("FERBENCH_STORE") or "runs").expanduser()
