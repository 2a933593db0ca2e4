"""Features: the output of a backbone's frozen part, from crops; computed once, stored clip by clip."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ferbench.api.clips import Input
from ferbench.api.errors import FerbenchError, PluginError, blame_plugin, location
from ferbench.api.networks import Frozen
from ferbench.plan.models import FeatureTask, Fit
from ferbench.stages import crops
from ferbench.stages.forward import Features, forward_clips, forward_frames
from ferbench.stages.images import normalize
from ferbench.store.costs import Cost
from ferbench.store.entries import Store

MAX_CALIBRATION_FRAMES = 64


def build_frozen(fit: Fit, store: Store, device: torch.device, clips: Sequence[str] = ()) -> torch.nn.Module:
    """Build the frozen part of a fit's backbone on the device, calibrated on crops of these clips (default: the fold's training clips)."""
    frozen, backbone = fit.frozen, fit.backbone
    assert frozen is not None
    training = [fit.crops[clip] for clip in clips or fit.split.folds[fit.fold].train]
    sample = _calibration_crops(training, backbone.input(), store, device) if frozen.is_calibrated else None
    with blame_plugin(f"the frozen part of {backbone.title}", type(frozen)):
        module: object = frozen.build(sample)
    if not isinstance(module, torch.nn.Module):
        problem = f"build() returns {type(module).__name__}: expected an nn.Module"
        raise PluginError(f"the frozen part of {backbone.title}: {problem}", where=location(type(frozen)))
    module.eval().to(memory_format=torch.channels_last)
    return module.to(device)


@dataclass(frozen=True)
class FeatureFacts:
    """The seconds that the features of a clip took, and its number of frames."""

    seconds: float
    frames: int

    @property
    def cost(self) -> Cost:
        """The cost of computing the features."""
        return Cost(self.frames, self.seconds)


def store_features(fit: Fit, tasks: Sequence[FeatureTask], module: torch.nn.Module, store: Store, device: torch.device) -> None:
    """Compute and store the features of these tasks, whose keys are claimed; a clip is written while the next is computed."""
    start = time.perf_counter()
    with ThreadPoolExecutor(1) as writer:
        writes = []
        for task, features in zip(tasks, compute_features(fit, tasks, module, store, device), strict=True):
            now = time.perf_counter()
            frames = len(crops.load_facts(fit.crops[task.clip], store).indices)
            writes.append(writer.submit(store.write_entry, "features", task.key, _write, features, FeatureFacts(now - start, frames)))
            start = now
    for write in writes:
        write.result()


def compute_features(
    fit: Fit, tasks: Sequence[FeatureTask], module: torch.nn.Module, store: Store, device: torch.device
) -> Iterator[Features]:
    """Yield the features of each task; raises PluginError if they are not finite numbers."""
    frozen, declared = fit.frozen, fit.backbone.input()
    assert frozen is not None
    if frozen.reads == "frames":
        images = (_load_view(fit, task, store) for task in tasks)
        outputs = forward_frames(module, images, declared, device, location(type(frozen)))
    else:
        outputs = forward_clips(module, (_clip_input(fit, task, frozen, declared, store) for task in tasks), device, location(type(frozen)))
    for task, features in zip(tasks, outputs, strict=True):
        _check_features(fit, frozen, task.clip, features, len(crops.load_facts(fit.crops[task.clip], store).indices))
        yield features


def features_path(key: str, store: Store) -> Path:
    """The .npy file of one clip's features [T,...] or [1,...], float32."""
    folder = store.find_entry("features", key)
    if folder is None:
        raise FerbenchError(f"stored features {key[:12]} are damaged or missing", hint="run the same command again to recompute them")
    return folder / "features.npy"


def _check_features(fit: Fit, frozen: Frozen, clip: str, features: Features, frames: int) -> None:
    """Raise PluginError now, since wrong features would otherwise look like a failure of training."""
    expected = "expected one per frame" + ("" if frozen.reads == "frames" else ", or one for the clip")
    if len(features) != frames and not (len(features) == 1 and frames and frozen.reads != "frames"):
        problem = f"gives features {list(features.shape)} for {frames} frames: {expected}"
    elif len(features) and features.ndim < 2:
        problem = f"gives features of shape {list(features.shape)}: expected [frames, ...]"
    elif len(features) and not features.size:
        problem = f"gives features of shape {list(features.shape)}: expected at least one number per frame"
    elif not np.isfinite(features).all():
        problem = f"gives {int((~np.isfinite(features)).sum())} values that are NaN or infinite"
    else:
        return
    raise PluginError(f"the frozen part of {fit.backbone.title} {problem} ({clip})", where=location(type(frozen)))


def _calibration_crops(crop_keys: Sequence[str], declared: Input, store: Store, device: torch.device) -> torch.Tensor:
    """Load at most 64 training crops [N,C,H,W], spread evenly over the clips and each clip's frames."""
    sample = np.linspace(0, len(crop_keys) - 1, min(len(crop_keys), MAX_CALIBRATION_FRAMES)).round().astype(int)
    images = []
    for number, index in enumerate(sample):
        clip = crops.load_crops(crop_keys[index], store)
        if len(clip):
            images.append(normalize(torch.from_numpy(clip[number % len(clip)][None].copy()), declared))
    if not images:
        raise FerbenchError("no training crop to calibrate the weights on", hint="choose weights that are not calibrated")
    return torch.cat(images).to(device)


def _clip_input(fit: Fit, task: FeatureTask, frozen: Frozen, declared: Input, store: Store) -> torch.Tensor:
    """Load the input of a frozen part that reads whole clips: crops [T,C,H,W] or landmarks [T,P,2]."""
    if frozen.reads == "landmarks":
        return torch.from_numpy(crops.load_landmarks(fit.crops[task.clip], store))
    images = torch.from_numpy(_load_view(fit, task, store).copy())
    return normalize(images, declared) if len(images) else images


def _load_view(fit: Fit, task: FeatureTask, store: Store) -> NDArray[np.uint8]:
    """Load the crops of a clip, augmented if the task is one of its views."""
    images = crops.load_crops(fit.crops[task.clip], store)
    if not task.augmentation or not len(images):
        return images
    from ferbench.training.augmentation import augment_clip  # imports torchvision

    augmented: NDArray[np.uint8] = augment_clip(torch.from_numpy(images.copy()), task.augmentation, task.clip, task.view).numpy()
    return augmented


def _write(folder: Path, features: Features, facts: FeatureFacts) -> FeatureFacts:
    np.save(folder / "features.npy", features)
    return facts
