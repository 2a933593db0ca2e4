"""From the logits of a system's answers to those of a protocol's classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Choice(nn.Module):
    """[B,A] -> [B,C]: output c is the log of the summed exponentials of the answers `groups[c]`, so that probabilities add up."""

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.groups = [list(group) for group in groups]

    def forward(self, logits: Tensor) -> Tensor:
        """Pick and order the logits."""
        return torch.stack([logits[:, group].logsumexp(1) for group in self.groups], 1)
