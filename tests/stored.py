"""What a store holds, for tests."""

from __future__ import annotations

from pathlib import Path

from ferbench.store.entries import Store
from ferbench.store.entry_format import Entry


def stored_entries(folder: Path, stage: str) -> list[Entry]:
    """The entries of a stage, by key."""
    store = Store(folder)
    return [entry for key in store.keys(stage) if (entry := store.find(stage, key))]


def stored_digests(folder: Path, stage: str) -> dict[str, str]:
    """A digest of the result of each entry of a stage, by key: equal if the results are equal to the bit."""
    return {entry.metadata.key: entry.digest for entry in stored_entries(folder, stage)}
