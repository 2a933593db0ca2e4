"""Frames that stay on disk because they exceed the memory; batches are read one ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import psutil
import torch
from torch import Tensor

from ferbench.store.entry_format import ArrayFile
from ferbench.training.device import iterate_on_device, release_memory

MAX_MEMORY_SHARE = 0.5  # of the available memory; frames that need more stay on disk


@dataclass(frozen=True)
class DiskFrames:
    """Frames [N,...] of consecutive clips; rows are read on demand."""

    clips: Sequence[ArrayFile]
    start: int = 0  # the range of rows of a slice
    stop: int | None = None

    @cached_property
    def ends(self) -> np.ndarray:
        """The row after the last of each clip."""
        return np.cumsum([len(clip) for clip in self.clips])

    def __len__(self) -> int:
        return (int(self.ends[-1]) if self.stop is None else self.stop) - self.start

    @property
    def shape(self) -> tuple[int, ...]:
        """[N,...]."""
        return (len(self), *self.clips[0].shape[1:])

    def part(self, rows: slice) -> DiskFrames:
        """These rows, still on disk."""
        return DiskFrames(self.clips, self.start + rows.start, self.start + rows.stop)

    def read(self, rows: Tensor) -> Tensor:
        """Read these rows into memory, in file order, which is faster on disks."""
        numbers = rows.cpu().numpy() + self.start
        frames = np.empty((len(numbers), *self.shape[1:]), self.clips[0].dtype)
        owners = np.searchsorted(self.ends, numbers, side="right")
        for owner, group in groupby(np.argsort(numbers).tolist(), key=owners.tolist().__getitem__):
            clip, places = self.clips[owner], list(group)
            clip.read_rows([int(numbers[at] - self.ends[owner] + len(clip)) for at in places], [frames[at] for at in places])
        return torch.from_numpy(frames)

    def whole(self) -> Tensor:
        """Read all rows into memory."""
        return self.read(torch.arange(len(self)))


def read_batches(x: Tensor | DiskFrames, groups: Sequence[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Yield the rows of x on the device, group by group: [B] or [B,T] -> [B,...] or [B,T,...].

    If they are on disk or on another device, the next group is read while the current one is used.
    """
    if isinstance(x, Tensor) and x.device.type == device.type:
        rows = torch.cat([group.flatten() for group in groups]).to(device).split([group.numel() for group in groups])
        return (x[flat].unflatten(0, group.shape) for flat, group in zip(rows, groups, strict=True))
    batches = (x[group] if isinstance(x, Tensor) else x.read(group.flatten()).unflatten(0, group.shape) for group in groups)
    return iterate_on_device(batches, device)


def fits_in_memory(clips: Sequence[ArrayFile]) -> bool:
    """Whether all frames together take less than MAX_MEMORY_SHARE of the available memory."""
    return sum(clip.nbytes for clip in clips) < MAX_MEMORY_SHARE * available_ram()


def available_ram() -> float:
    """Bytes of memory available to this process, after it has released its unused memory."""
    release_memory()
    return float(psutil.virtual_memory().available)
