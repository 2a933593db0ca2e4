"""Random augmentation of training crops by torchvision's transforms, the same for all frames of a clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode, functional

from ferbench.api.recipe import Augmentation

ERASED_AREAS = (0.02, 0.33)  # shares of the area; Zhong et al. 2020, Random Erasing
ERASED_RATIOS = (0.3, 3.3)  # height over width


def augment_clip(crops: Tensor, augmentation: Augmentation, clip: str, view: int) -> Tensor:
    """Augment the crops uint8 [T,H,W] or [T,H,W,3] of a clip, all in the same way; equal clips and views give equal results."""
    random = Random(f"{view} {clip}")
    x = crops[:, None] if crops.ndim == 3 else crops.permute(0, 3, 1, 2)  # [T,1 or 3,H,W]
    x = _color(_transform(x, augmentation, random), augmentation, random)
    if random.random() < augmentation.erasing:
        x = _erase(x, random)
    return (x[:, 0] if crops.ndim == 3 else x.permute(0, 2, 3, 1)).contiguous()


def augment_frames(crops: Tensor, augmentation: Augmentation, clips: Sequence[str], view: int) -> Tensor:
    """Augment frames [B,...] of several clips; `clips` names the clip of each frame."""
    result = torch.empty_like(crops)
    for clip in dict.fromkeys(clips):
        rows = torch.tensor([row for row, name in enumerate(clips) if name == clip], device=crops.device)
        result[rows] = augment_clip(crops[rows], augmentation, clip, view)
    return result


def _transform(x: Tensor, augmentation: Augmentation, random: Random) -> Tensor:
    """Crop with the proportions of the image and scale up; flip; rotate about the center, with black corners."""
    height, width = x.shape[-2:]
    side = math.sqrt(random.uniform(augmentation.crop, 1))
    h, w = max(1, round(side * height)), max(1, round(side * width))
    top, left = random.randint(0, height - h), random.randint(0, width - w)
    if (h, w) != (height, width):
        x = functional.resized_crop(x, top, left, h, w, [height, width], antialias=True)
    if random.random() < augmentation.flip:
        x = functional.horizontal_flip(x)
    angle = random.uniform(-augmentation.rotation, augmentation.rotation)
    return functional.rotate(x, angle, InterpolationMode.BILINEAR) if angle else x


def _color(x: Tensor, augmentation: Augmentation, random: Random) -> Tensor:
    """Change brightness, contrast and saturation by random factors around 1; gray images have no saturation."""
    for max_change, adjust in (
        (augmentation.brightness, functional.adjust_brightness),
        (augmentation.contrast, functional.adjust_contrast),
        (augmentation.saturation if x.shape[1] == 3 else 0, functional.adjust_saturation),
    ):
        factor = random.uniform(1 - max_change, 1 + max_change)
        x = adjust(x, factor) if factor != 1 else x
    return x


def _erase(x: Tensor, random: Random) -> Tensor:
    """Paint a random rectangle black."""
    height, width = x.shape[-2:]
    area = random.uniform(*ERASED_AREAS) * height * width
    ratio = math.exp(random.uniform(*map(math.log, ERASED_RATIOS)))
    h, w = min(height, max(1, round(math.sqrt(area * ratio)))), min(width, max(1, round(math.sqrt(area / ratio))))
    return functional.erase(
        x, random.randint(0, height - h), random.randint(0, width - w), h, w, torch.zeros(1, dtype=x.dtype, device=x.device)
    )
