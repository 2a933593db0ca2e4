"""Trained blocks and the head behind them, as one module."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn


@torch.inference_mode()
def output_width(blocks: nn.Module, shape: tuple[int, ...]) -> int:
    """The number of values that blocks in eval mode compute from an input [*shape]; not all networks state it correctly."""
    (width,) = blocks(torch.zeros(1, *shape)).shape[1:]
    return int(width)


def chain(blocks: nn.Module, head: nn.Module, reads_clips: bool) -> nn.Module:
    """Blocks that are trained, and the head behind them."""
    return ClipNetwork(blocks, head) if reads_clips else nn.Sequential(OrderedDict(blocks=blocks, head=head))


class ClipNetwork(nn.Module):
    """Blocks that read frames and a head that reads clips: [B,T,...] and a mask [B,T] -> the head's output."""

    def __init__(self, blocks: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.blocks, self.head = blocks, head

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Keep padding from the blocks, whose batch normalization would count it."""
        features = self.blocks(x[mask])  # [frames,D]
        padded = features.new_zeros(*mask.shape, features.shape[-1])  # [B,T,D]
        padded[mask] = features
        embedding: torch.Tensor = self.head(padded, mask)
        return embedding
