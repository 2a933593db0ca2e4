"""Random changes of training crops, by torchvision's transforms; alike for all frames of a clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as change

from ferbench.api.recipe import Augmentation

ERASED = (0.02, 0.33)  # shares of the area; Zhong et al. 2020, Random Erasing
ERASED_RATIOS = (0.3, 3.3)  # height over width


def augmented(crops: Tensor, how: Augmentation, clip: str, view: int) -> Tensor:
    """Crops uint8 [T,H,W] or [T,H,W,3] of one clip, changed alike; equal clips and views are changed equally."""
    random = Random(f"{view} {clip}")
    x = crops[:, None] if crops.ndim == 3 else crops.permute(0, 3, 1, 2)  # [T,1 or 3,H,W]
    x = _colour(_geometry(x, how, random), how, random)
    if random.random() < how.erasing:
        x = _erased(x, random)
    return (x[:, 0] if crops.ndim == 3 else x.permute(0, 2, 3, 1)).contiguous()


def augmented_rows(crops: Tensor, how: Augmentation, clips: Sequence[str], view: int) -> Tensor:
    """The same for frames [B,...] of several clips; `clips` names that of each."""
    made = torch.empty_like(crops)
    for clip in dict.fromkeys(clips):
        rows = torch.tensor([row for row, name in enumerate(clips) if name == clip], device=crops.device)
        made[rows] = augmented(crops[rows], how, clip, view)
    return made


def _geometry(x: Tensor, how: Augmentation, random: Random) -> Tensor:
    """A part of the image at its own proportions, scaled up; mirrored; turned about its centre, corners black."""
    height, width = x.shape[-2:]
    side = math.sqrt(random.uniform(how.crop, 1))
    h, w = max(1, round(side * height)), max(1, round(side * width))
    top, left = random.randint(0, height - h), random.randint(0, width - w)
    if (h, w) != (height, width):
        x = change.resized_crop(x, top, left, h, w, [height, width], antialias=True)
    if random.random() < how.flip:
        x = change.horizontal_flip(x)
    angle = random.uniform(-how.rotation, how.rotation)
    return change.rotate(x, angle, InterpolationMode.BILINEAR) if angle else x


def _colour(x: Tensor, how: Augmentation, random: Random) -> Tensor:
    """Each factor is drawn around 1; gray has no saturation."""
    for most, adjust in (
        (how.brightness, change.adjust_brightness),
        (how.contrast, change.adjust_contrast),
        (how.saturation if x.shape[1] == 3 else 0, change.adjust_saturation),
    ):
        factor = random.uniform(1 - most, 1 + most)
        x = adjust(x, factor) if factor != 1 else x
    return x


def _erased(x: Tensor, random: Random) -> Tensor:
    """A black rectangle."""
    height, width = x.shape[-2:]
    area = random.uniform(*ERASED) * height * width
    ratio = math.exp(random.uniform(*map(math.log, ERASED_RATIOS)))
    h, w = min(height, max(1, round(math.sqrt(area * ratio)))), min(width, max(1, round(math.sqrt(area / ratio))))
    return change.erase(
        x, random.randint(0, height - h), random.randint(0, width - w), h, w, torch.zeros(1, dtype=x.dtype, device=x.device)
    )
