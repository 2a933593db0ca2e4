"""The store: one file per entry, under the key of what it depends on; complete or absent, and verified when it is first read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import uuid4

import msgspec

from ferbench.api.errors import FerbenchError, StoreError
from ferbench.store import entry_format
from ferbench.store.entry_format import Content, Damaged, Entry, Replaced
from ferbench.store.files import copy_file, put_in_place, read_json, replace_file, write_file
from ferbench.store.folder import StoreFolder
from ferbench.store.named_files import check_named_files
from ferbench.store.sources import check_late_imports

P = ParamSpec("P")
T = TypeVar("T")

COLLECTION = "collection"  # the lease of `store gc --delete`
USE = "use-"  # the leases of commands that need what no row names yet
SECONDS_TO_START = 3.0  # a command that starts holds the lease of `store gc --delete` for an instant
# Entries that took less to compute are not flushed, which takes milliseconds per file; checksums find those that a power cut damages.
MIN_SECONDS_TO_FLUSH = 0.1


@dataclass(frozen=True)
class Store:
    """An entry is the file `root`/stage/ab/abcdef….safetensors. Other files lie outside the folders of the stages.

    `warn` is called for each damaged entry, which is then removed and recomputed, and before waiting for another process.
    """

    root: Path
    warn: Callable[[str], None] = print
    _verified: set[tuple[str, str]] = field(default_factory=set)

    def path(self, stage: str, key: str) -> Path:
        """Return the file of an entry, whether or not it exists."""
        return self.root / stage / key[:2] / f"{key}{entry_format.SUFFIX}"

    def has(self, stage: str, key: str) -> bool:
        """Whether an entry exists; its content is not read."""
        return os.path.isfile(f"{self.root}/{stage}/{key[:2]}/{key}{entry_format.SUFFIX}")  # noqa: PTH113 (a plan asks ten thousand times)

    def keys(self, stage: str, prefix: str = "") -> list[str]:
        """List the keys of a stage's entries, or of those that begin with this, sorted."""
        return sorted(path.stem for path in (self.root / stage).glob(f"{prefix[:2] or '??'}/{prefix}*{entry_format.SUFFIX}"))

    def find(self, stage: str, key: str, facts_only: bool = False) -> Entry | None:
        """Return an entry, verified once per process; None if it is missing or damaged: then it is removed with a warning.

        `facts_only` verifies only the header, so that the arrays are not read. Raises StoreError if the entry cannot be read.
        """
        try:
            with self._folder.translate_errors("read"):
                entry = entry_format.open_entry(self.path(stage, key))
                if (stage, key) not in self._verified:
                    entry_format.verify_header(entry, stage, key)
                    if not facts_only:
                        entry_format.verify_arrays(entry)
                        self._verified.add((stage, key))
        except FileNotFoundError:
            return None
        except Damaged as damage:
            self.warn(f"stored {stage} {key[:12]} is damaged ({damage}) and will be recomputed")
            self.remove(stage, key)
            return None
        except Replaced:
            return self.find(stage, key, facts_only)
        return entry

    def ensure(self, stage: str, key: str, compute: Callable[P, Content], *args: P.args, **kwargs: P.kwargs) -> Entry:
        """Return an entry; compute and store it if it is missing. Raises StoreError if the store cannot be read or written."""
        return self.find(stage, key) or self.write(stage, key, compute, *args, **kwargs)

    def write(self, stage: str, key: str, compute: Callable[P, Content], *args: P.args, **kwargs: P.kwargs) -> Entry:
        """Compute an entry and store it, unless another process has stored it meanwhile: then that one is kept.

        Raises SystemProblem if a plugin, or a file that a parameter names, was edited meanwhile: then it may be the result of another key.
        """
        start = time.monotonic()
        content = compute(*args, **kwargs)
        check_late_imports()
        check_named_files()
        must_flush = time.monotonic() - start > MIN_SECONDS_TO_FLUSH
        data = entry_format.encode(stage, key, content)
        self.find(stage, key)  # removes a damaged one
        with self._folder.translate_errors("written"), self._folder.partial_file() as part:
            write_file(part, data, must_flush)
            put_in_place(part, self.path(stage, key))
            return entry_format.open_entry(self.path(stage, key))

    def adopt(self, stage: str, key: str, source: Path) -> None:
        """Take an intact entry of another store from its file; raises StoreError if the copy is not intact, and then nothing is stored."""
        with self._folder.translate_errors("written"), self._folder.partial_file() as part:
            copy_file(source, part)
            try:
                entry_format.read_verified(part, stage, key)
            except Damaged as damage:
                raise StoreError(f"a copy of {source} was damaged on the way ({damage})", hint="check the disks and try again") from damage
            put_in_place(part, self.path(stage, key))

    @contextmanager
    def claim(self, stage: str, key: str) -> Iterator[bool]:
        """Claim the computation of an entry until the block ends; yields False if it is stored, or claimed by another process."""
        if self.has(stage, key):
            yield False
            return
        with self._folder.lease(f"{stage}-{key}") as is_held:
            yield is_held and not self.has(stage, key)  # stored between the check and the lease

    def claimant(self, stage: str, key: str) -> str:
        """Describe the process that kept this one from claiming an entry; empty if there is none any more."""
        return self._folder.leases.claimant(f"{stage}-{key}")

    def remove(self, stage: str, key: str) -> None:
        """Remove an entry, if it is there."""
        self._verified.discard((stage, key))
        with self._folder.translate_errors("written"):
            self.path(stage, key).unlink(missing_ok=True)

    def try_read(self, path: str | Path, as_type: type[T]) -> T | None:
        """Return the value of a JSON file outside the entries; None if it is missing or, with a warning, if it is damaged."""
        try:
            with self._folder.translate_errors("read"):
                return read_json(self.root / path, as_type)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            self.warn(f"{self.root / path} is damaged and is ignored: {error}")
            return None

    def write_file(self, path: str, content: bytes) -> Path:
        """Write a file outside the entries, such as a record or a log, atomically."""
        target = self.root / path
        with self._folder.translate_errors("written"):
            if target.is_file() and target.read_bytes() == content:  # so that a finished benchmark can be shown from a read-only store
                return target
            with self._folder.partial_file() as part:
                write_file(part, content, must_flush=True)
                replace_file(part, target)
        return target

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold a lease of this name until the block ends; waits for another process that holds it."""
        with self._folder.lease(name, lambda owner: self.warn(f"waiting for {owner}, which holds {name}")):
            yield

    @contextmanager
    def use(self) -> Iterator[None]:
        """Keep `store gc --delete` from removing anything until the block ends; waits until a running one ends."""
        with ExitStack() as stack:
            try:
                stack.enter_context(self._folder.lease(f"{USE}{uuid4().hex}"))
            except StoreError:
                if os.access(self.root, os.W_OK):
                    raise  # otherwise nobody here can remove anything
            else:
                with self._folder.lease(COLLECTION, lambda owner: self.warn(f"waiting for `ferbench store gc` ({owner}) to end")):
                    pass
            yield

    @contextmanager
    def exclude_others(self) -> Iterator[None]:
        """Exclude all commands that use the store until the block ends; raises FerbenchError if one does.

        What a killed process of another machine left is watched until it expires.
        """
        with ExitStack() as stack:
            if not stack.enter_context(self._folder.lease(COLLECTION, patience=SECONDS_TO_START)):
                holder = self._folder.leases.holder(COLLECTION)
                if holder or not stack.enter_context(self._folder.lease(COLLECTION, patience=SECONDS_TO_START)):
                    problem = f"another `ferbench store gc` ({holder or 'another process'}) is cleaning up the store {self.root}"
                    raise FerbenchError(problem, hint="wait until it ends")
            users = (self._folder.leases.holder(name) for name in self._folder.leases.names(USE))
            if user := next(filter(None, users), ""):
                hint = "wait until it ends: it may need entries that no row names yet"
                raise FerbenchError(f"{user} is using the store {self.root}", hint=hint)
            yield

    @cached_property
    def _folder(self) -> StoreFolder:
        return StoreFolder(self.root)
