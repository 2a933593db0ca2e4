"""Center loss as a module."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CenterLoss(nn.Module):
    """Logits [B,C], target [B], embeddings [B,D] -> scalar: cross-entropy + weight / 2 mean |embedding - center of its class|^2."""

    def __init__(self, classes: int, width: int, weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.centers = nn.Parameter(torch.zeros(classes, width))

    def forward(self, logits: Tensor, target: Tensor, embeddings: Tensor) -> Tensor:
        """Average over the batch."""
        distances = (embeddings - self.centers[target]).square().sum(1)  # [B], squared
        return F.cross_entropy(logits, target) + self.weight / 2 * distances.mean()
