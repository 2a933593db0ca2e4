"""Attention over the frames of a clip: Meng et al. 2019, Frame Attention Networks for Facial Expression Recognition in Videos."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """Features f [B,T,D] and a mask [B,T] -> embeddings drop(f') [B,D].

    a_i = sigmoid(w drop(f_i)); f' = sum(a_i f_i) / sum(a_i).
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.alpha = nn.Linear(width, 1)
        self.drop = nn.Dropout(dropout)

    def forward(self, f: Tensor, mask: Tensor) -> Tensor:
        """Give frames where the mask is False no weight."""
        embedding: Tensor = self.drop(weighted_mean(f, self.log_attention(f, mask)))
        return embedding

    def log_attention(self, f: Tensor, mask: Tensor) -> Tensor:
        """log a [B,T]."""
        return F.logsigmoid(self.alpha(self.drop(f))[..., 0]).masked_fill(~mask, -torch.inf)


class RelationAttention(nn.Module):
    """Self-attention, then attention to each frame next to the clip's mean f': [B,T,D] and [B,T] -> embeddings drop(v) [B,2D].

    b_i = sigmoid(u drop([f_i ; f'])); v = sum(a_i b_i [f_i ; f']) / sum(a_i b_i).
    """

    def __init__(self, attention: SelfAttention, dropout: float) -> None:
        super().__init__()
        self.attention = attention
        self.beta = nn.Linear(2 * attention.alpha.in_features, 1)
        self.drop = nn.Dropout(dropout)

    def forward(self, f: Tensor, mask: Tensor) -> Tensor:
        """Give frames where the mask is False no weight."""
        logs = self.attention.log_attention(f, mask)
        clip = weighted_mean(f, logs)[:, None].expand_as(f)
        pairs = torch.cat([f, clip], 2)  # [B,T,2D]
        logs = logs + F.logsigmoid(self.beta(self.attention.drop(pairs))[..., 0])  # of a b
        embedding: Tensor = self.drop(weighted_mean(pairs, logs))
        return embedding


def self_attention(width: int, classes: int, dropout: float) -> tuple[SelfAttention, nn.Linear]:
    """Body and classifier: logits = W drop(f')."""
    return SelfAttention(width, dropout), nn.Linear(width, classes)


def relation_attention(width: int, classes: int, dropout: float, relation_dropout: float) -> tuple[RelationAttention, nn.Linear]:
    """Body and classifier: logits = W drop(v)."""
    # The unused classifier of self-attention is drawn too: it comes before `beta` in the stream of random numbers.
    attention, _ = self_attention(width, classes, dropout)
    return RelationAttention(attention, relation_dropout), nn.Linear(2 * width, classes)


def weighted_mean(values: Tensor, logs: Tensor) -> Tensor:
    """[B,T,D] and the logarithms [B,T] of weights -> [B,D]; logarithms, so that weights near 0 do not end in 0 / 0."""
    return (values * logs.softmax(1)[..., None]).sum(1)
