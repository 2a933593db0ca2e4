"""Recurrent networks over the frames of a clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Recurrent(nn.Module):
    """Features [B,T,D] and a mask [B,T], True up to each clip's end, -> embeddings [B,H]."""

    def __init__(self, width: int, hidden: int, cell: str, state: str, dropout: float) -> None:
        super().__init__()
        self.cells = (nn.LSTM if cell == "lstm" else nn.GRU)(width, hidden, batch_first=True)
        self.state = state
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Keep padding from the cells by packing clips."""
        lengths = mask.sum(1)  # [B]
        packed, last = self.cells(pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False))
        if self.state == "mean":
            states, _ = pad_packed_sequence(packed, batch_first=True)  # [B,T,H], 0 after the end
            embedding: Tensor = self.drop(states.sum(1) / lengths[:, None])
        else:
            embedding = self.drop(torch.squeeze(last[0] if isinstance(self.cells, nn.LSTM) else last, 0))
        return embedding
