"""The folder of a store: its marker, unfinished files, leases, and errors of the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import msgspec

from ferbench.api.errors import StoreError
from ferbench.store.files import replace_file, write_file
from ferbench.store.leases import Leases

STORE_MARKER = "ferbench-store.json"
FORMAT = 2
DEFAULT_FOLDER = "ferbench-store"
PARTIAL = "partial"  # the folder of unfinished files


@dataclass(frozen=True)
class StoreFolder:
    """A folder that becomes a store when something is first written."""

    root: Path

    @cached_property
    def leases(self) -> Leases:
        """The leases of all processes that work on the store."""
        return Leases(self.root / "leases")

    @contextmanager
    def lease(self, name: str, wait: Callable[[str], None] | None = None, patience: float = 0.0) -> Iterator[bool]:
        """Hold a lease, as `Leases.hold` does; raises StoreError if the store cannot be written."""
        with ExitStack() as stack:
            with self.translate_errors("written"):
                self.mark()
                is_held = stack.enter_context(self.leases.hold(name, wait, patience))
            yield is_held

    @contextmanager
    def partial_file(self) -> Iterator[Path]:
        """A path for an unfinished file, which is removed at the end of the block unless it was given another name."""
        self.mark()
        part = self.root / PARTIAL / uuid4().hex
        part.parent.mkdir(exist_ok=True)
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)

    def mark(self) -> None:
        """Make the folder a store."""
        if not (self.root / STORE_MARKER).is_file():
            self.root.mkdir(parents=True, exist_ok=True)
            part = self.root / f".{STORE_MARKER}-{uuid4().hex}"
            write_file(part, msgspec.json.encode({"format": FORMAT}), must_flush=True)
            replace_file(part, self.root / STORE_MARKER)

    @contextmanager
    def translate_errors(self, verb: str) -> Iterator[None]:
        """Raise StoreError for an OSError, unless a file to read is missing."""
        try:
            yield
        except OSError as error:
            if verb == "read" and isinstance(error, FileNotFoundError):
                raise
            hint = "stored results are kept; choose another store with --store or FERBENCH_STORE, or fix the cause and run again"
            place = f" ({error.filename})" if error.filename else ""
            raise StoreError(f"the store {self.root} cannot be {verb}: {error.strerror or error}{place}", hint=hint) from error
