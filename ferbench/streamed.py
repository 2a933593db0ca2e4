"""Frames that stay on the disk: for features that exceed the memory, read batch by batch, one ahead."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ferbench.device import release, sent

SHARE = 0.5  # of the memory that is free: above, frames are streamed


@dataclass(frozen=True)
class Streamed:
    """Frames [N,...] as one array a clip, mapped from files; rows of it are read when they are asked for."""

    arrays: Sequence[np.ndarray]
    start: int = 0  # first and last + 1 row of a part
    stop: int | None = None

    @cached_property
    def ends(self) -> np.ndarray:
        """Row after each array's last."""
        return np.cumsum([len(array) for array in self.arrays])

    def __len__(self) -> int:
        return (int(self.ends[-1]) if self.stop is None else self.stop) - self.start

    @property
    def shape(self) -> tuple[int, ...]:
        """[N,...]."""
        return (len(self), *self.arrays[0].shape[1:])

    def part(self, rows: slice) -> Streamed:
        """These rows, still on the disk."""
        return Streamed(self.arrays, self.start + rows.start, self.start + rows.stop)

    def read(self, rows: Tensor) -> Tensor:
        """These rows in memory; read in the order of the file, which disks like."""
        wanted = rows.numpy() + self.start
        made = np.empty((len(wanted), *self.arrays[0].shape[1:]), self.arrays[0].dtype)
        clips = np.searchsorted(self.ends, wanted, side="right")
        for at in np.argsort(wanted):
            array = self.arrays[clips[at]]
            made[at] = array[wanted[at] - self.ends[clips[at]] + len(array)]
        return torch.from_numpy(made)


def batches(x: Tensor | Streamed, order: Sequence[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Rows of x on the device, group by group; from the disk, or to another device, the next group comes while one is worked on."""
    if isinstance(x, Tensor) and x.device.type == device.type:
        return (x[rows] for rows in order)
    return sent((x[rows] if isinstance(x, Tensor) else x.read(rows) for rows in order), device)


def available() -> float:
    """Bytes of memory that can be taken, once what this process keeps unused is given back."""
    release()
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2
