"""Features: the output of a backbone's frozen part, from crops; computed once, stored by group of clips.

A group is always computed as a whole, since the last bits of a convolution depend on its batch.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ferbench.api.clips import Input
from ferbench.api.errors import FerbenchError, PluginError, blame_plugin, location
from ferbench.api.networks import Frozen
from ferbench.plan.models import Classifier, FeatureTask, Fit
from ferbench.stages.crops import GroupCrops, load_crops
from ferbench.stages.forward import Features, forward_clips, forward_frames
from ferbench.stages.images import normalize
from ferbench.store.costs import Cost
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content, Entry

MAX_CALIBRATION_FRAMES = 64

Crops = NDArray[np.uint8]


def build_frozen(fit: Fit, store: Store, device: torch.device) -> torch.nn.Module:
    """Build the frozen part of a fit's backbone on the device, calibrated on crops of the fold's training clips."""
    frozen = fit.frozen
    assert frozen is not None
    training = fit.split.folds[fit.fold].train if frozen.is_calibrated else ()
    return build_module(fit, list(load_clips(fit, training, store).values()), device)


def build_module(classifier: Classifier, training: Sequence[Crops], device: torch.device) -> torch.nn.Module:
    """Build the frozen part of a backbone on the device, calibrated on these crops if it needs any."""
    frozen, backbone = classifier.frozen, classifier.backbone
    assert frozen is not None
    sample = _calibration_crops(training, backbone.input(), device) if frozen.is_calibrated else None
    with blame_plugin(f"the frozen part of {backbone.title}", type(frozen)):
        module: object = frozen.build(sample)
    if not isinstance(module, torch.nn.Module):
        problem = f"build() returns {type(module).__name__}: expected an nn.Module"
        raise PluginError(f"the frozen part of {backbone.title}: {problem}", where=location(type(frozen)))
    module.eval().to(memory_format=torch.channels_last)
    return module.to(device)


def load_clips(fit: Fit, clips: Sequence[str], store: Store) -> dict[str, Crops]:
    """Map the crops of these clips, in this order."""
    owners = fit.groups.owners
    groups = {name: load_crops(fit.crops[name], store) for name in dict.fromkeys(owners[clip] for clip in clips)}
    return {clip: groups[owners[clip]].crops(clip) for clip in clips}


def compute_features(fit: Fit, task: FeatureTask, module: torch.nn.Module, store: Store, device: torch.device) -> Content:
    """Compute the features of a group; raises PluginError if they are not finite numbers."""
    start = time.perf_counter()
    crops = load_crops(fit.crops[task.group], store)
    clips = fit.groups.by_name[task.group].clips
    inputs = ((clip, _load_input(fit, task, clip, crops)) for clip in clips)
    features = dict(forward(fit, inputs, module, device))
    frames = {clip: len(crops.facts[clip].indices) for clip in clips}
    for clip in clips:
        _check_features(fit, clip, features[clip], frames[clip])
    size = sum(array.nbytes for array in features.values())
    return Content(features, run=Cost(sum(frames.values()), time.perf_counter() - start, size))


def forward(
    classifier: Classifier, inputs: Iterable[tuple[str, NDArray]], module: torch.nn.Module, device: torch.device
) -> Iterator[tuple[str, Features]]:
    """Yield the features of each clip from its crops, or from its landmarks if the frozen part reads these."""
    frozen, declared = classifier.frozen, classifier.backbone.input()
    assert frozen is not None
    names = deque[str]()

    def arrays() -> Iterator[NDArray]:
        for clip, array in inputs:
            names.append(clip)
            yield array

    where = location(type(frozen))
    if frozen.reads == "frames":
        outputs = forward_frames(module, arrays(), declared, device, where)
    else:
        outputs = forward_clips(module, (_clip_input(array, frozen, declared) for array in arrays()), device, where)
    for features in outputs:
        yield names.popleft(), features


def find_features(key: str, store: Store, facts_only: bool = False) -> Entry:
    """Open the features of a group: float32 [T,...] or [1,...] for each clip."""
    entry = store.find("features", key, facts_only)
    if entry is None:
        raise FerbenchError(f"stored features {key[:12]} are damaged or missing", hint="run the same command again to recompute them")
    return entry


def _check_features(fit: Fit, clip: str, features: Features, frames: int) -> None:
    """Raise PluginError now, since wrong features would otherwise look like a failure of training."""
    frozen = fit.frozen
    assert frozen is not None
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


def _calibration_crops(training: Sequence[Crops], declared: Input, device: torch.device) -> torch.Tensor:
    """Select at most 64 training crops and normalize them: [N,C,H,W]."""
    images = [normalize(torch.from_numpy(crop), declared) for crop in sample_crops(training)]
    if not images:
        raise FerbenchError("no training crop to calibrate the weights on", hint="choose weights that are not calibrated")
    return torch.cat(images).to(device)


def sample_crops(training: Sequence[Crops]) -> list[Crops]:
    """Select at most 64 training crops, each [1,H,W(,3)], spread evenly over the clips and each clip's frames; of its own result, all."""
    sample = np.linspace(0, len(training) - 1, min(len(training), MAX_CALIBRATION_FRAMES)).round().astype(int)
    chosen = [(number, training[index]) for number, index in enumerate(sample)]
    return [clip[number % len(clip)][None].copy() for number, clip in chosen if len(clip)]


def _load_input(fit: Fit, task: FeatureTask, clip: str, crops: GroupCrops) -> NDArray:
    """The landmarks of a clip, or its crops, augmented if the task is one of its views."""
    if fit.frozen and fit.frozen.reads == "landmarks":
        return crops.landmarks(clip)
    images = crops.crops(clip)
    if not task.augmentation or not len(images):
        return images
    from ferbench.training.augmentation import augment_clip  # imports torchvision

    augmented: Crops = augment_clip(torch.from_numpy(images.copy()), task.augmentation, clip, task.view).numpy()
    return augmented


def _clip_input(array: NDArray, frozen: Frozen, declared: Input) -> torch.Tensor:
    """The input of a frozen part that reads whole clips: crops [T,C,H,W] or landmarks [T,P,2]."""
    values = torch.from_numpy(array.copy())
    return values if frozen.reads == "landmarks" or not len(values) else normalize(values, declared)
