"""Focal loss as a module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FocalLoss(nn.Module):
    """Logits [B,C], target [B] -> scalar: the mean of -w (1 - p)^gamma log p."""

    def __init__(self, gamma: float, weights: Sequence[float] | None) -> None:
        super().__init__()
        self.gamma = gamma
        self.weights: Tensor | None
        self.register_buffer("weights", None if weights is None else torch.tensor(weights, dtype=torch.float32))

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute in logarithms: value and gradient stay finite where p is 0 or 1."""
        logs = F.log_softmax(logits, 1).gather(1, target[:, None])[:, 0]  # [B]
        losses = -((-torch.expm1(logs)).clamp(min=1e-12) ** self.gamma) * logs
        return (losses if self.weights is None else self.weights[target] * losses).mean()
