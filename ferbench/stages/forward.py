"""Runs a frozen network on many clips, in batches that span clips or clip by clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ferbench.api.clips import Input
from ferbench.api.errors import PluginError
from ferbench.stages.images import normalize
from ferbench.training.device import autocast, available_gpu_memory, iterate_on_device

MIN_BATCH_SIZE = 32  # frames; larger batches are no faster on a CPU
MAX_BATCH_SIZE = 512

Crops = NDArray[np.uint8]
Features = NDArray[np.float32]


@torch.inference_mode()
def forward_frames(
    module: torch.nn.Module, clips: Iterable[Crops], declared: Input, device: torch.device, where: str
) -> Iterator[Features]:
    """Yield the features of each clip, from its crops; a batch can hold frames of several clips.

    Raises PluginError, naming `where`, if the module does not give a tensor with one row per frame.
    """
    lengths, pending = deque[int](), np.zeros((0, 1), np.float32)
    for batch in iterate_on_device(_batch_frames(clips, _batch_size(declared, device), lengths), device):
        output = _forward(module, normalize(batch, declared), device, where)
        if len(output) != len(batch):  # features cannot be assigned to frames
            raise PluginError(f"a frozen part gives {len(output)} features for {len(batch)} frames: expected one per frame", where=where)
        pending = np.concatenate([pending, output]) if len(pending) else output
        while lengths and lengths[0] <= len(pending):
            pending, features = pending[lengths[0] :], pending[: lengths.popleft()]
            yield features
    yield from (pending for _ in lengths)  # clips without a frame


@torch.inference_mode()
def forward_clips(module: torch.nn.Module, clips: Iterable[torch.Tensor], device: torch.device, where: str) -> Iterator[Features]:
    """Yield the features [T,...] or [1,...] of each clip, from the input of the module [T,...].

    Raises PluginError, naming `where`, if the module does not give a tensor.
    """
    for clip in iterate_on_device(clips, device):
        yield _forward(module, clip, device, where) if len(clip) else np.zeros((0, 1), np.float32)


def _forward(module: torch.nn.Module, x: torch.Tensor, device: torch.device, where: str) -> Features:
    with autocast(device):
        output: object = module(x)
    if not isinstance(output, torch.Tensor) or not output.ndim:
        value = "a scalar" if isinstance(output, torch.Tensor) else type(output).__name__
        raise PluginError(f"a frozen part gives {value}: expected a tensor [frames, ...]", where=where)
    features: Features = output.float().cpu().numpy()
    return features


def _batch_frames(clips: Iterable[Crops], size: int, lengths: deque[int]) -> Iterator[torch.Tensor]:
    """Yield batches of at most `size` frames of one shape [B,H,W(,3)]; appends the length of each clip before its last frame is yielded."""
    pending: list[Crops] = []
    for clip in clips:
        lengths.append(len(clip))
        if pending and len(clip) and pending[0].shape[1:] != clip.shape[1:]:
            yield torch.from_numpy(np.concatenate(pending))
            pending = []
        pending += [clip] * bool(len(clip))
        if sum(map(len, pending)) >= size:
            *full, rest = np.split(frames := np.concatenate(pending), range(size, len(frames) + 1, size))
            pending = [rest] * bool(len(rest))
            yield from map(torch.from_numpy, full)
    if pending:
        yield torch.from_numpy(np.concatenate(pending))


def _batch_size(declared: Input, device: torch.device) -> int:
    """Frames per batch; on a GPU as many as the available memory can hold, judged by the largest activations of a VGG16."""
    if device.type != "cuda":
        return MIN_BATCH_SIZE
    return int(min(MAX_BATCH_SIZE, max(MIN_BATCH_SIZE, available_gpu_memory(device) / 2 // (4 * 64 * 4 * declared.size**2))))
