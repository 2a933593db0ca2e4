"""Networks that read a clip as a volume."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

# Convolutions of each block, as shares of the first one's channels; a pool ends each block, in the first over space alone.
C3D_BLOCKS = (("1", 1), ("2", 2), ("3a", 4), ("3b", 4), ("4a", 8), ("4b", 8), ("5a", 8), ("5b", 8))


class Clips(nn.Module):
    """Clips [B,T,3,H,W] and a mask [B,T], True up to each clip's end, -> [B,D]; `frames` of each go through the trunk."""

    def __init__(self, trunk: nn.Module, frames: int) -> None:
        super().__init__()
        self.trunk, self.frames = trunk, frames

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Longer clips are sampled evenly; of shorter ones some frames are read twice."""
        embedding: Tensor = self.trunk(spread(x, mask.sum(1), self.frames))
        return embedding


class OneClip(nn.Module):
    """One clip [T,3,H,W] -> [1,D]."""

    def __init__(self, trunk: nn.Module, frames: int) -> None:
        super().__init__()
        self.trunk, self.frames = trunk, frames

    def forward(self, x: Tensor) -> Tensor:
        """The same, of one."""
        made: Tensor = self.trunk(spread(x[None], torch.tensor([len(x)], device=x.device), self.frames))
        return made


class First(nn.Module):
    """A head on the features of whole clips: [B,1,D] and a mask -> what the head gives for [B,D]."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002 (always True)
        """One item per clip."""
        embedding: Tensor = self.head(x[:, 0])
        return embedding


def spread(x: Tensor, lengths: Tensor, frames: int) -> Tensor:
    """[B,T,C,H,W] of these lengths [B] -> [B,C,frames,H,W]: the middle frame of each of so many equal parts."""
    at = (torch.arange(frames, device=x.device) + 0.5) / frames  # [frames], 0 to 1
    rows = (at * lengths[:, None]).long()  # [B,frames]
    return x[torch.arange(len(x), device=x.device)[:, None], rows].transpose(1, 2)


def c3d(width: int, hidden: int, dropout: float, size: tuple[int, int, int]) -> nn.Sequential:
    """[B,3,T,H,W] of this size (frames, rows, columns) -> [B,hidden]; layers are named as in the public weights."""
    layers: list[tuple[str, nn.Module]] = []
    channels = 3
    for name, share in C3D_BLOCKS:
        layers += [(f"conv{name}", nn.Conv3d(channels, share * width, 3, padding=1)), (f"relu{name}", nn.ReLU(inplace=True))]
        channels = share * width
        if not name.endswith("a"):
            window = (1, 2, 2) if name == "1" else (2, 2, 2)
            layers.append((f"pool{name[0]}", nn.MaxPool3d(window, padding=(0, 1, 1) if name == "5b" else 0)))
    volume = nn.Sequential(OrderedDict(layers))
    with torch.inference_mode():
        values = volume(torch.zeros(1, 3, *size)).numel()
    head = [("flatten", nn.Flatten()), ("fc6", nn.Linear(values, hidden)), ("relu6", nn.ReLU(inplace=True)), ("drop6", nn.Dropout(dropout)),
            ("fc7", nn.Linear(hidden, hidden)), ("relu7", nn.ReLU(inplace=True)), ("drop7", nn.Dropout(dropout))]  # fmt: skip
    return nn.Sequential(OrderedDict([*layers, *head]))
