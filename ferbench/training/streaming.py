"""Frames that stay on the disk because they exceed the memory, read batch by batch, one ahead."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import torch
from torch import Tensor

from ferbench.api.errors import FerbenchError
from ferbench.training.device import release_memory, send

MEMORY_SHARE = 0.5  # of the available memory: frames that need more are streamed


class StreamedClip(NamedTuple):
    """Frames [T,...] in a file, which is open only while it is read: there may be more clips than a process can open files."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int  # of the first frame in the file, in bytes

    @classmethod
    def at(cls, path: Path) -> StreamedClip:
        """The frames in a .npy file."""
        array = np.load(path, mmap_mode="r")
        return cls(path, array.shape, array.dtype, array.offset)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Their size in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, rows: Sequence[int], into: Sequence[np.ndarray]) -> None:
        """Read these frames, each into a contiguous array [...]."""
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        with self.path.open("rb") as file:
            for row, frame in zip(rows, into, strict=True):
                file.seek(self.offset + row * size)
                if file.readinto(frame.data.cast("B")) != size:
                    raise FerbenchError(f"{self.path} ends before its frame {row}", hint="`ferbench store verify` finds what is damaged")


@dataclass(frozen=True)
class Streamed:
    """Frames [N,...] of consecutive clips; rows are read on demand."""

    clips: Sequence[StreamedClip]
    start: int = 0  # first and last + 1 row of a part
    stop: int | None = None

    @cached_property
    def ends(self) -> np.ndarray:
        """The row after each clip's last."""
        return np.cumsum([len(clip) for clip in self.clips])

    def __len__(self) -> int:
        return (int(self.ends[-1]) if self.stop is None else self.stop) - self.start

    @property
    def shape(self) -> tuple[int, ...]:
        """[N,...]."""
        return (len(self), *self.clips[0].shape[1:])

    def part(self, rows: slice) -> Streamed:
        """These rows, still on the disk."""
        return Streamed(self.clips, self.start + rows.start, self.start + rows.stop)

    def read(self, rows: Tensor) -> Tensor:
        """These rows, in memory; files are read in their order, which disks like."""
        numbers = rows.cpu().numpy() + self.start
        frames = np.empty((len(numbers), *self.shape[1:]), self.clips[0].dtype)
        owners = np.searchsorted(self.ends, numbers, side="right")
        for owner, group in groupby(np.argsort(numbers).tolist(), key=owners.tolist().__getitem__):
            clip, places = self.clips[owner], list(group)
            clip.read([int(numbers[at] - self.ends[owner] + len(clip)) for at in places], [frames[at] for at in places])
        return torch.from_numpy(frames)

    def whole(self) -> Tensor:
        """All rows in memory."""
        return self.read(torch.arange(len(self)))


def read_batches(x: Tensor | Streamed, groups: Sequence[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Rows of x on the device, group by group: [B] or [B,T] -> [B,...] or [B,T,...].

    If they come from the disk, or go to another device, the next group is read while this one is worked on.
    """
    if isinstance(x, Tensor) and x.device.type == device.type:
        rows = torch.cat([group.flatten() for group in groups]).to(device).split([group.numel() for group in groups])
        return (x[each].unflatten(0, group.shape) for each, group in zip(rows, groups, strict=True))
    return send((x[group] if isinstance(x, Tensor) else x.read(group.flatten()).unflatten(0, group.shape) for group in groups), device)


def fits_in_memory(clips: Sequence[StreamedClip]) -> bool:
    """Whether all frames together take little enough of the available memory."""
    return sum(clip.nbytes for clip in clips) < MEMORY_SHARE * available_memory()


def available_memory() -> float:
    """Bytes of memory that can be taken, after this process has given back what it does not use."""
    release_memory()
    return float(psutil.virtual_memory().available)
