"""Frames of many clips through a network, in common batches or clip by clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ferbench.api.clips import Input
from ferbench.api.errors import PluginError
from ferbench.stages.images import normalize
from ferbench.training.device import autocast, free_memory, send

BATCH = 32  # frames; larger gains nothing on a CPU
LARGEST_BATCH = 512

Crops = NDArray[np.uint8]
Features = NDArray[np.float32]


@torch.inference_mode()
def forward_frames(
    module: torch.nn.Module, clips: Iterable[Crops], declared: Input, device: torch.device, where: str = ""
) -> Iterator[Features]:
    """The features of each clip in turn, from its crops; the frames of several clips go through in common batches.

    Raises PluginError, naming `where`, if the module does not give one row per frame.
    """
    lengths, pending = deque[int](), np.zeros((0, 1), np.float32)
    for batch in send(_batch_frames(clips, _batch_size(declared, device), lengths), device):
        output = _forward(module, normalize(batch, declared), device)
        if len(output) != len(batch):  # nobody can tell which frame which features belong to
            raise PluginError(f"a frozen part gives {len(output)} features for {len(batch)} frames: expected one per frame", where=where)
        pending = np.concatenate([pending, output]) if len(pending) else output
        while lengths and lengths[0] <= len(pending):
            pending, features = pending[lengths[0] :], pending[: lengths.popleft()]
            yield features
    yield from (pending for _ in lengths)  # clips without a frame


@torch.inference_mode()
def forward_clips(module: torch.nn.Module, clips: Iterable[torch.Tensor], device: torch.device) -> Iterator[Features]:
    """The features [T,...] or [1,...] of each clip in turn, from what the module reads of it [T,...]."""
    for clip in send(clips, device):
        yield _forward(module, clip, device) if len(clip) else np.zeros((0, 1), np.float32)


def _forward(module: torch.nn.Module, x: torch.Tensor, device: torch.device) -> Features:
    with autocast(device):
        output = module(x)
    features: Features = output.float().cpu().numpy()
    return features


def _batch_frames(clips: Iterable[Crops], size: int, lengths: deque[int]) -> Iterator[torch.Tensor]:
    """Batches of at most `size` frames of one shape [B,H,W(,3)]; notes the length of each clip before its last frame leaves."""
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
    """On a GPU as many frames as its free memory takes, by the largest activations of a VGG16."""
    if device.type != "cuda":
        return BATCH
    return int(min(LARGEST_BATCH, max(BATCH, free_memory(device) / 2 // (4 * 64 * 4 * declared.size**2))))
