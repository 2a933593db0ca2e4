"""Checkpoints: what a fit has come to, stored between epochs, so that one that was stopped goes on from there to the same bits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from ferbench.store.entries import Store

STAGE = "checkpoints"
SHARE = 0.05  # of the time that may go into writing them

State = tuple[Mapping[str, Tensor], Mapping[str, Any]]


@dataclass
class Checkpoints:
    """Those of one fit, whose lock is held: an entry of the store for the latest epoch, at most one in `every` seconds (0: every epoch)."""

    store: Store
    key: str
    every: float
    due: float = field(init=False)

    def __post_init__(self) -> None:
        self.due = time.monotonic() + self.every

    def load(self) -> State | None:
        """(tensors, facts) of the latest whole checkpoint."""
        for folder in reversed(self._stored()):
            if self.store.find(STAGE, folder.name):
                facts = json.loads((folder / "state.json").read_text())
                return safetensors.torch.load_file(folder / "state.safetensors"), facts
        return None

    def offer(self, epoch: int, state: Callable[[], State]) -> None:
        """Stores the state after an epoch, where enough time has passed since the last one; writing is paid by what follows it."""
        if (start := time.monotonic()) < self.due:
            return
        tensors, facts = state()
        self.store.put(STAGE, f"{self.key}-{epoch:06d}", _write, tensors, facts)
        self.clear(but=1)
        now = time.monotonic()
        self.due = now + max(self.every, (now - start) / SHARE) if self.every else now

    def clear(self, but: int = 0) -> None:
        """Removes all but the latest."""
        stored = self._stored()
        for folder in stored[: len(stored) - but]:
            self.store.remove(STAGE, folder.name)

    def _stored(self) -> list[Path]:
        folder = self.store.root / STAGE / self.key[:2]
        return sorted(folder.glob(f"{self.key}-*")) if folder.is_dir() else []


def _write(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    safetensors.torch.save_file({name: value.detach().contiguous() for name, value in tensors.items()}, folder / "state.safetensors")
    (folder / "state.json").write_text(json.dumps(facts))
