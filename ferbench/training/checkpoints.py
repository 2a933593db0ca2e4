"""Checkpoints: the state of a fit, stored between epochs, so that a stopped fit continues from there to the same bits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from ferbench.api.errors import StoreError
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content, Entry
from ferbench.training.state import SavedState, StateFacts

STAGE = "checkpoints"
MAX_WRITING_SHARE = 0.05  # of the time


@dataclass
class Checkpoints:
    """The checkpoints of a fit, which is claimed: at most one every `interval` seconds (0: after every epoch); the latest is kept."""

    store: Store
    key: str
    interval: float
    due: float = field(init=False)

    def __post_init__(self) -> None:
        self.due = time.monotonic() + self.interval

    def load(self) -> SavedState | None:
        """Load the state in the latest undamaged checkpoint."""
        for key in reversed(self._keys()):
            if entry := self.store.find(STAGE, key):
                return _decode(entry)
        return None

    def offer(self, epoch: int, state: Callable[[], SavedState]) -> None:
        """Store the state after an epoch if a checkpoint is due; the next one is due later if this one took long to write.

        A fit can do without a checkpoint: if the store has no room for it, it is left out with a warning.
        """
        if (start := time.monotonic()) < self.due:
            return
        tensors, facts = state()
        try:
            self.store.write(STAGE, f"{self.key}-{epoch:06d}", _encode, tensors, facts)
            self.clear(keep=1)
        except StoreError as error:
            self.store.warn(f"no checkpoint after epoch {epoch}: {error.message}")
        now = time.monotonic()
        self.due = now + max(self.interval, (now - start) / MAX_WRITING_SHARE) if self.interval else now

    def clear(self, keep: int = 0) -> None:
        """Remove all but the latest `keep`."""
        keys = self._keys()
        for key in keys[: len(keys) - keep]:
            self.store.remove(STAGE, key)

    def _keys(self) -> list[str]:
        return self.store.keys(STAGE, self.key)


def _encode(tensors: Mapping[str, Tensor], facts: StateFacts) -> Content:
    """Tensors as bytes, since numpy lacks some of their types."""
    arrays = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    specs = {name: (str(value.dtype).removeprefix("torch."), list(value.shape)) for name, value in arrays.items()}
    content = {name: np.frombuffer(value.reshape(-1).view(torch.uint8).numpy(), np.uint8) for name, value in arrays.items()}
    return Content(content, {"tensors": specs, "state": json.dumps(facts)})  # Python's own JSON keeps NaN and infinity


def _decode(entry: Entry) -> SavedState:
    facts = entry.read_facts(_Facts)
    tensors = {
        name: torch.frombuffer(entry.array(name).copy(), dtype=getattr(torch, dtype)).reshape(shape)
        if entry.array(name).size
        else torch.empty(shape, dtype=getattr(torch, dtype))
        for name, (dtype, shape) in facts["tensors"].items()
    }
    return tensors, json.loads(facts["state"])


class _Facts(TypedDict):
    """Type and shape of each tensor, and the facts of the state as JSON."""

    tensors: dict[str, tuple[str, list[int]]]
    state: str
