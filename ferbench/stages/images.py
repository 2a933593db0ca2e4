"""Crops as input of a network."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from ferbench.api.clips import Input


def normalize(images: torch.Tensor, declared: Input) -> torch.Tensor:
    """Normalize crops: uint8 [B,H,W] or [B,H,W,3] -> float32 [B,C,size,size], scaled to 0..1, then (x - mean) / std, channel by channel."""
    x = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)  # [B,1 or 3,H,W]
    x = x.float() / 255
    if x.shape[1] == 3 and declared.channels == 1:
        x = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)  # ITU-R BT.601 luma
    if x.shape[-2:] != (declared.size, declared.size):
        x = F.interpolate(x, (declared.size, declared.size), mode="bilinear", antialias=True, align_corners=False)
    x = x.expand(-1, declared.channels, -1, -1)  # gray is copied to all channels
    mean, std = (x.new_tensor(values).view(1, -1, 1, 1) for values in (declared.mean, declared.std))
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)
