"""Features: what the frozen part of a backbone makes of crops; computed once, stored clip by clip."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ferbench.api.components import Input
from ferbench.api.errors import FerbenchError, PluginError
from ferbench.plan.planner import Fit, Work
from ferbench.stages import crops
from ferbench.store.entries import Store
from ferbench.training.device import free, mixed, sent

BATCH = 32  # frames; larger gains nothing on a CPU
CALIBRATION_FRAMES = 64


def build(fit: Fit, store: Store, device: torch.device, clips: Sequence[str] = ()) -> torch.nn.Module:
    """The frozen part of a fit's backbone on the device, calibrated on crops of these clips (default: the fold's training clips)."""
    frozen = fit.cell.backbone.frozen()
    assert frozen is not None
    training = [fit.crops[clip] for clip in clips or fit.split.folds[fit.fold].train]
    sample = calibration_crops(training, fit.cell.backbone.input(), store, device) if frozen.calibrated else None
    return frozen.build(sample).eval().to(device, memory_format=torch.channels_last)


def compute(fit: Fit, works: Sequence[Work], module: torch.nn.Module, store: Store, device: torch.device) -> None:
    """Stores the features of these views of clips, whose keys are claimed; what is made is written while the next is computed."""
    start = time.perf_counter()
    with ThreadPoolExecutor(1) as thread:
        written = []
        read = reading(fit, store)
        for work, values in zip(works, read(module, works, device), strict=True):
            now = time.perf_counter()
            frames = len(crops.facts(fit.crops[work.clip], store).indices)
            written.append(thread.submit(store.put, "features", work.key, _write, values, frames, now - start))
            start = now
    for each in written:
        each.result()


def path(key: str, store: Store) -> Path:
    """The .npy file of one clip's features [T,...], float32."""
    folder = store.find("features", key)
    if folder is None:
        raise FerbenchError(f"stored features {key[:12]} are damaged or gone", hint="run the same command again: they are made anew")
    return folder / "features.npy"


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
            images.append(prepare(torch.from_numpy(clip[number % len(clip)][None].copy()), declared))
    if not images:
        raise FerbenchError("no training crop to calibrate the weights on", hint="choose weights that are not calibrated")
    return torch.cat(images).to(device)


Reading = Callable[[torch.nn.Module, Iterable[Work], torch.device], Iterator[np.ndarray]]


def reading(fit: Fit, store: Store) -> Reading:
    """How a backbone's frozen part makes features of works, in turn: from frames of several clips at once, or clip by clip."""
    frozen, declared = fit.cell.backbone.frozen(), fit.cell.backbone.input()
    assert frozen is not None
    if frozen.reads == "frames":
        return lambda module, works, device: forward(module, (changed_crops(fit, work, store) for work in works), declared, device)

    def read(work: Work) -> torch.Tensor:
        if frozen.reads == "clips":
            images = torch.from_numpy(changed_crops(fit, work, store).copy())
            return prepare(images, declared) if len(images) else images
        if work.change:
            raise FerbenchError("an augmentation changes pictures, not the landmarks that this backbone reads", where="recipe.augmentation")
        return torch.from_numpy(crops.landmarks(fit.crops[work.clip], store))

    return lambda module, works, device: clip_by_clip(module, map(read, works), device)


def changed_crops(fit: Fit, work: Work, store: Store) -> np.ndarray:
    """Crops of a view of a clip."""
    images = crops.load(fit.crops[work.clip], store)
    if not work.change or not len(images):
        return images
    from ferbench.training.augmentation import augmented  # imports torchvision

    return augmented(torch.from_numpy(images.copy()), work.change, work.clip, work.view).numpy()


@torch.inference_mode()
def forward(module: torch.nn.Module, clips: Iterable[np.ndarray], declared: Input, device: torch.device) -> Iterator[np.ndarray]:
    """Features of each clip in turn, from its uint8 crops; frames go through in common batches."""
    lengths, done = deque[int](), np.zeros((0, 1), np.float32)
    for batch in sent(_batches(clips, _batch(declared, device), lengths), device):
        x = prepare(batch, declared)
        with mixed(device):
            made = module(x)
        made = made.float().cpu().numpy()
        done = np.concatenate([done, made]) if len(done) else made
        while lengths and lengths[0] <= len(done):
            done, values = done[lengths[0] :], done[: lengths.popleft()]
            yield values
    yield from (done for _ in lengths)  # clips without a frame


@torch.inference_mode()
def clip_by_clip(module: torch.nn.Module, clips: Iterable[torch.Tensor], device: torch.device) -> Iterator[np.ndarray]:
    """Features [T,...] or [1,...] of each clip, from what the module reads of it [T,...]; PluginError where it gives another number."""
    for clip in sent(clips, device):
        if not len(clip):
            yield np.zeros((0, 1), np.float32)
            continue
        with mixed(device):
            made = module(clip).float().cpu().numpy()
        if made.ndim < 2 or len(made) not in (1, len(clip)):
            given = f"features {list(made.shape)} of {len(clip)} frames"
            raise PluginError(f"a frozen part that reads clips gives {given}: expected one for the clip or one a frame")
        yield made


def _batches(clips: Iterable[np.ndarray], most: int, lengths: deque[int]) -> Iterator[torch.Tensor]:
    """Frames of one shape [B,H,W(,3)], as many as go through together; notes the length of each clip before its last frame leaves."""
    held: list[np.ndarray] = []
    for clip in clips:
        lengths.append(len(clip))
        if held and len(clip) and held[0].shape[1:] != clip.shape[1:]:
            yield torch.from_numpy(np.concatenate(held))
            held = []
        held += [clip] * bool(len(clip))
        if sum(map(len, held)) >= most:
            *full, rest = np.split(frames := np.concatenate(held), range(most, len(frames) + 1, most))
            held = [rest] * bool(len(rest))
            yield from map(torch.from_numpy, full)
    if held:
        yield torch.from_numpy(np.concatenate(held))


def _batch(declared: Input, device: torch.device) -> int:
    """Frames that go through together: on a GPU as many as its free memory takes, by the largest activations of a VGG16."""
    if device.type != "cuda":
        return BATCH
    return int(min(512, max(BATCH, free(device) / 2 // (4 * 64 * 4 * declared.size**2))))


def _write(folder: Path, values: np.ndarray, frames: int, seconds: float) -> dict[str, float]:
    np.save(folder / "features.npy", values)
    return {"seconds": seconds, "frames": frames}
