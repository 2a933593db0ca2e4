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
    has_warned: bool = False

    def __post_init__(self) -> None:
        self.due = time.monotonic() + self.interval

    def load(self) -> SavedState | None:
        """Load the state in the latest checkpoint that is not damaged; None with a warning if it cannot be read."""
        try:
            entries = (self.store.find(STAGE, key) for key in reversed(self._keys()))
            entry = next(filter(None, entries), None)
        except StoreError as error:
            self.store.warn(f"the fit {self.key[:12]} starts again, without its checkpoint: {error.message}")
            return None
        return _decode(entry) if entry else None

    def offer(self, epoch: int, state: Callable[[], SavedState]) -> None:
        """Store the state after an epoch if a checkpoint is due; the next one is due later if this one took long to write.

        A fit can do without a checkpoint: if the store has no room for it, it is left out with a warning.
        """
        if (start := time.monotonic()) < self.due:
            return
        tensors, facts = state()
        try:
            self.store.write(STAGE, f"{self.key}-{epoch:06d}", _encode, tensors, facts)
        except StoreError as error:
            self._warn_once(f"the fit {self.key[:12]} has no checkpoint after epoch {epoch}: {error.message}")
        else:
            self.clear(keep=1)
        now = time.monotonic()
        self.due = now + max(self.interval, (now - start) / MAX_WRITING_SHARE) if self.interval else now

    def clear(self, keep: int = 0) -> None:
        """Remove all but the latest `keep`; those that cannot be removed stay, with a warning."""
        keys = self._keys()
        try:
            for key in keys[: len(keys) - keep]:
                self.store.remove(STAGE, key)
        except StoreError as error:
            self._warn_once(f"old checkpoints of the fit {self.key[:12]} stay: {error.message}")

    def _warn_once(self, text: str) -> None:
        """A disk that is full after one epoch is full after the next ones."""
        if not self.has_warned:
            self.store.warn(text)
        self.has_warned = True

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
