"""Attention over the frames of a clip: Meng et al. 2019, Frame Attention Networks for Facial Expression Recognition in Videos."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
        return self.classify(self.drop(weighted_mean(f, self.logs(f, mask))))

    def logs(self, f: Tensor, mask: Tensor) -> Tensor:
        """log a [B,T]."""
        return F.logsigmoid(self.alpha(self.drop(f))[..., 0]).masked_fill(~mask, -torch.inf)


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
        logs = self.logs(f, mask)
        whole = weighted_mean(f, logs)[:, None].expand_as(f)
        pairs = torch.cat([f, whole], 2)  # [B,T,2D]
        logs = logs + F.logsigmoid(self.beta(self.drop(pairs))[..., 0])  # of a b
        return self.classify(self.relation_drop(weighted_mean(pairs, logs)))


def weighted_mean(values: Tensor, logs: Tensor) -> Tensor:
    """[B,T,D] and the logarithms [B,T] of weights -> [B,D]; in logarithms, so that weights near 0 do not end in 0 / 0."""
    return (values * logs.softmax(1)[..., None]).sum(1)
