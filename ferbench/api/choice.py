"""Modules that pick and order the logits of a finished system."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IMPOSSIBLE = -100.0  # a logit whose probability is 0


class Choice(nn.Module):
    """[B,A] -> [B,C]: output c is the log of the summed exponentials of the answers `groups[c]`, so that probabilities add up."""

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.groups = [list(group) for group in groups]

    def forward(self, logits: Tensor) -> Tensor:
        """Pick and order the logits."""
        return torch.stack([logits[:, group].logsumexp(1) for group in self.groups], 1)


class Padding(nn.Module):
    """[B,A] -> [B,C+A]: C classes that are never answered, then the answers."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, logits: Tensor) -> Tensor:
        """Add the classes."""
        return F.pad(logits - logits.logsumexp(1, keepdim=True), (self.classes, 0), value=IMPOSSIBLE)
