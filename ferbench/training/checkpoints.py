"""Checkpoints: the state of a fit, stored between epochs, so that a stopped fit continues from there to the same bits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch
from torch import Tensor

from ferbench.store.entries import Store
from ferbench.training.state import SavedState, StateFacts

STAGE = "checkpoints"
MAX_WRITING_SHARE = 0.05  # of the time


@dataclass
class Checkpoints:
    """The checkpoints of a fit, whose lock is held: at most one every `interval` seconds (0: after every epoch); the latest is kept."""

    store: Store
    key: str
    interval: float
    due: float = field(init=False)

    def __post_init__(self) -> None:
        self.due = time.monotonic() + self.interval

    def load(self) -> SavedState | None:
        """Load the state in the latest undamaged checkpoint."""
        for folder in reversed(self._folders()):
            if self.store.find_entry(STAGE, folder.name):
                return safetensors.torch.load_file(folder / "state.safetensors"), json.loads((folder / "state.json").read_text())
        return None

    def offer(self, epoch: int, state: Callable[[], SavedState]) -> None:
        """Store the state after an epoch if a checkpoint is due; the next one is due later if this one took long to write."""
        if (start := time.monotonic()) < self.due:
            return
        tensors, facts = state()
        self.store.write_entry(STAGE, f"{self.key}-{epoch:06d}", _write, tensors, facts)
        self.clear(keep=1)
        now = time.monotonic()
        self.due = now + max(self.interval, (now - start) / MAX_WRITING_SHARE) if self.interval else now

    def clear(self, keep: int = 0) -> None:
        """Remove all but the latest `keep`."""
        folders = self._folders()
        for folder in folders[: len(folders) - keep]:
            self.store.remove_entry(STAGE, folder.name)

    def _folders(self) -> list[Path]:
        folder = self.store.root / STAGE / self.key[:2]
        return sorted(folder.glob(f"{self.key}-*")) if folder.is_dir() else []


def _write(folder: Path, tensors: Mapping[str, Tensor], facts: StateFacts) -> None:
    safetensors.torch.save_file({name: value.detach().contiguous() for name, value in tensors.items()}, folder / "state.safetensors")
    (folder / "state.json").write_text(json.dumps(facts))  # Python's own JSON keeps NaN and infinity
