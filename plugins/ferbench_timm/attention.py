"""Attention over the frames of a clip: Meng et al. 2019, Frame Attention Networks for Facial Expression Recognition in Videos."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Features f [B,T,D] and a mask [B,T] -> logits [B,C].

    a_i = sigmoid(w drop(f_i)); f' = sum(a_i f_i) / sum(a_i); logits = W drop(f').
    """

    def __init__(self, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.alpha = nn.Linear(width, 1)
        self.drop = nn.Dropout(dropout)
        self.classify = nn.Linear(width, classes)

    def forward(self, f: Tensor, mask: Tensor) -> Tensor:
        """Frames where the mask is False weigh nothing."""
        return self.classify(self.drop(weighted_mean(f, self.weights(f, mask))))

    def weights(self, f: Tensor, mask: Tensor) -> Tensor:
        """a [B,T,1]."""
        return torch.sigmoid(self.alpha(self.drop(f))) * mask[..., None]


class RelationAttention(SelfAttention):
    """The same, then each frame beside the clip's mean: [B,T,D] and [B,T] -> [B,C].

    b_i = sigmoid(u drop([f_i ; f'])); v = sum(a_i b_i [f_i ; f']) / sum(a_i b_i); logits = W drop(v).
    """

    def __init__(self, width: int, classes: int, dropout: float, relation_dropout: float) -> None:
        super().__init__(width, classes, dropout)
        self.beta = nn.Linear(2 * width, 1)
        self.relation_drop = nn.Dropout(relation_dropout)
        self.classify = nn.Linear(2 * width, classes)

    def forward(self, f: Tensor, mask: Tensor) -> Tensor:
        """Frames where the mask is False weigh nothing."""
        a = self.weights(f, mask)
        whole = weighted_mean(f, a)[:, None].expand_as(f)
        pairs = torch.cat([f, whole], 2)  # [B,T,2D]
        b = torch.sigmoid(self.beta(self.drop(pairs)))  # [B,T,1]
        return self.classify(self.relation_drop(weighted_mean(pairs, a * b)))


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """[B,T,D], [B,T,1] -> [B,D]."""
    return (values * weights).sum(1) / weights.sum(1)
