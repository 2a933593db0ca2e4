"""TensorFlow's padding."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def pad_as_tensorflow(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """Pad [B,C,H,W] for a window with "same" padding: the output has ceil(size / stride) values; of an odd margin, more comes last."""
    margins: list[int] = []
    for size in (int(x.shape[3]), int(x.shape[2])):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        margins += [total // 2, total - total // 2]
    return F.pad(x, margins, value=value)
