"""Frames that stay on the disk: for features that exceed the memory, read batch by batch, one ahead."""

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
from ferbench.training.device import release, sent

SHARE = 0.5  # of the memory that is free: above, frames are streamed


class Stored(NamedTuple):
    """Frames [T,...] in a file; no more of it is open than is being read, however many clips there are."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int  # of the first frame in the file, in bytes

    @classmethod
    def at(cls, path: Path) -> Stored:
        """What the .npy file holds."""
        array = np.load(path, mmap_mode="r")
        return cls(path, array.shape, array.dtype, array.offset)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """In memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, rows: Sequence[int], into: Sequence[np.ndarray]) -> None:
        """These frames; each into an array [...] that lies in one piece."""
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        with self.path.open("rb") as file:
            for row, frame in zip(rows, into, strict=True):
                file.seek(self.offset + row * size)
                if file.readinto(frame.data.cast("B")) != size:
                    raise FerbenchError(f"{self.path} ends before its frame {row}", hint="`ferbench store verify` finds what is damaged")


@dataclass(frozen=True)
class Streamed:
    """Frames [N,...] of clips that follow each other; rows are read when they are asked for."""

    clips: Sequence[Stored]
    start: int = 0  # first and last + 1 row of a part
    stop: int | None = None

    @cached_property
    def ends(self) -> np.ndarray:
        """Row after each clip's last."""
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
        """These rows in memory; read in the order of the files, which disks like."""
        wanted = rows.cpu().numpy() + self.start
        made = np.empty((len(wanted), *self.shape[1:]), self.clips[0].dtype)
        owners = np.searchsorted(self.ends, wanted, side="right")
        for owner, group in groupby(np.argsort(wanted), key=owners.__getitem__):
            clip, places = self.clips[owner], list(group)
            clip.read([int(wanted[at] - self.ends[owner] + len(clip)) for at in places], [made[at] for at in places])
        return torch.from_numpy(made)

    def whole(self) -> Tensor:
        """All rows in memory."""
        return self.read(torch.arange(len(self)))


def batches(x: Tensor | Streamed, groups: Sequence[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Rows of x on the device, group by group: [B] or [B,T] -> [B,...] or [B,T,...].

    From the disk, or to another device, the next come while these are worked on.
    """
    if isinstance(x, Tensor) and x.device.type == device.type:
        rows = torch.cat([group.flatten() for group in groups]).to(device).split([group.numel() for group in groups])
        return (x[each].unflatten(0, group.shape) for each, group in zip(rows, groups, strict=True))
    return sent((x[group] if isinstance(x, Tensor) else x.read(group.flatten()).unflatten(0, group.shape) for group in groups), device)


def available() -> float:
    """Bytes of memory that can be taken, once what this process keeps unused is given back."""
    release()
    return float(psutil.virtual_memory().available)
