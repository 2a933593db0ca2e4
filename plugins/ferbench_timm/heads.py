"""What stands behind the pooled features."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn


@torch.inference_mode()
def width(blocks: nn.Module, shape: tuple[int, ...]) -> int:
    """How many values blocks in eval mode make of an input [*shape]; not every network of timm's tells it truly."""
    (values,) = blocks(torch.zeros(1, *shape)).shape[1:]
    return int(values)


def in_line(blocks: nn.Module, head: nn.Module, by_clip: bool) -> nn.Module:
    """Blocks that are trained too, and the head behind them."""
    return OfClips(blocks, head) if by_clip else nn.Sequential(OrderedDict(blocks=blocks, head=head))


class OfClips(nn.Module):
    """Blocks that read frames and a head that reads clips: [B,T,...] and a mask [B,T] -> what the head gives."""

    def __init__(self, blocks: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.blocks, self.head = blocks, head

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The blocks never see padding."""
        features = self.blocks(x[mask])  # [frames,D]
        padded = features.new_zeros(*mask.shape, features.shape[-1])
        padded[mask] = features
        embedding: torch.Tensor = self.head(padded, mask)
        return embedding
