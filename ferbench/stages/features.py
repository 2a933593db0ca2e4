"""Features: what the frozen part of a backbone makes of crops; computed once, stored clip by clip."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ferbench.components import Input
from ferbench.errors import FerbenchError
from ferbench.plan import Fit
from ferbench.stages import crops
from ferbench.store import Store

BATCH = 32  # frames; larger gains nothing on a CPU
CALIBRATION_FRAMES = 64


def compute(fit: Fit, clips: Sequence[str], store: Store, device: torch.device) -> Iterator[int]:
    """Makes the features of `clips` that a fit needs, batched across clips; yields the number of clips done."""
    frozen, declared = fit.cell.backbone.frozen(), fit.cell.backbone.input()
    assert frozen is not None
    training = [fit.crops[clip] for clip in fit.split.folds[fit.fold].train]
    sample = calibration_crops(training, declared, store, device) if frozen.calibrated else None
    module = frozen.build(sample).eval().to(device, memory_format=torch.channels_last)
    for group in _groups(clips, fit.crops, store):
        start = time.perf_counter()
        made = _forward(module, [crops.load(fit.crops[clip], store) for clip in group], declared, device)
        seconds = (time.perf_counter() - start) / len(group)
        for clip, values in zip(group, made, strict=True):
            store.make("features", fit.features[clip], _write, values, seconds)
        yield len(group)


def load(key: str, store: Store) -> np.ndarray:
    """Features [T,...] of one clip, float32."""
    folder = store.find("features", key)
    if folder is None:
        raise FerbenchError(f"stored features {key[:12]} are damaged or gone", hint="run the same command again: they are made anew")
    return np.load(folder / "features.npy")


def prepare(images: torch.Tensor, declared: Input) -> torch.Tensor:
    """Crops uint8 [B,H,W] or [B,H,W,3] -> float32 [B,C,size,size], scaled to 0..1, then (x - mean) / std, channel by channel."""
    x = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)  # [B,1 or 3,H,W]
    x = x.float() / 255
    if x.shape[1] == 3 and declared.channels == 1:
        x = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)  # ITU-R BT.601 luma
    if x.shape[-2:] != (declared.size, declared.size):
        x = F.interpolate(x, (declared.size, declared.size), mode="bilinear", antialias=True, align_corners=False)
    x = x.expand(-1, declared.channels, -1, -1)  # gray copied to all channels
    mean, std = (x.new_tensor(v).view(1, -1, 1, 1) for v in (declared.mean, declared.std))
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def calibration_crops(crop_keys: Sequence[str], declared: Input, store: Store, device: torch.device) -> torch.Tensor:
    """At most 64 training crops, spread evenly over the clips and each clip's frames."""
    chosen = np.linspace(0, len(crop_keys) - 1, min(len(crop_keys), CALIBRATION_FRAMES)).round().astype(int)
    images = []
    for number, index in enumerate(chosen):
        clip = crops.load(crop_keys[index], store)
        if len(clip):
            images.append(prepare(torch.from_numpy(clip[number % len(clip)][None]), declared))
    if not images:
        raise FerbenchError("no training crop to calibrate the weights on", hint="choose weights that are not calibrated")
    return torch.cat(images).to(device)


def _groups(clips: Sequence[str], crop_keys: Mapping[str, str], store: Store) -> Iterator[list[str]]:
    """Neighbouring clips that fill a batch together."""
    group, frames = [], 0
    for clip in clips:
        group.append(clip)
        frames += len(crops.facts(crop_keys[clip], store).indices)
        if frames >= BATCH:
            yield group
            group, frames = [], 0
    if group:
        yield group


@torch.inference_mode()
def _forward(module: torch.nn.Module, images: list[np.ndarray], declared: Input, device: torch.device) -> list[np.ndarray]:
    """Features of each clip; the frames of all go through in common batches."""
    prepared = [prepare(torch.from_numpy(clip), declared) if len(clip) else None for clip in images]
    frames = [x for x in prepared if x is not None]
    if not frames:
        return [np.zeros((0, 1), np.float32) for _ in images]
    batches = torch.cat(frames).split(BATCH)
    made = torch.cat([module(b.to(device, memory_format=torch.channels_last)).float().cpu() for b in batches])  # [sum of T, ...]
    parts = iter(made.split([len(x) for x in frames]))
    return [np.zeros((0, *made.shape[1:]), np.float32) if x is None else next(parts).numpy() for x in prepared]


def _write(folder: Path, values: np.ndarray, seconds: float) -> dict[str, float]:
    np.save(folder / "features.npy", values)
    return {"seconds": seconds}
