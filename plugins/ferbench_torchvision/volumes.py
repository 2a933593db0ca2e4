"""Modules that read a clip as a volume of frames, and C3D's layers."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

# Each convolution, and its channels as a multiple of the first one's. Each block ends with a pooling layer; the first pools space only.
C3D_CONVOLUTIONS = (("1", 1), ("2", 2), ("3a", 4), ("3b", 4), ("4a", 8), ("4b", 8), ("5a", 8), ("5b", 8))


class ClipNetwork(nn.Module):
    """Clips [B,T,3,H,W] and a mask [B,T], True up to each clip's end, -> [B,D]; the trunk reads `frames` frames of each."""

    def __init__(self, trunk: nn.Module, frames: int) -> None:
        super().__init__()
        self.trunk, self.frames = trunk, frames

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Sample longer clips evenly, and repeat frames of shorter ones."""
        embedding: Tensor = self.trunk(sample_frames(x, mask.sum(1), self.frames))
        return embedding


class ClipTrunk(nn.Module):
    """One clip [T,3,H,W] -> [1,D]; the trunk reads `frames` frames of it."""

    def __init__(self, trunk: nn.Module, frames: int) -> None:
        super().__init__()
        self.trunk, self.frames = trunk, frames

    def forward(self, x: Tensor) -> Tensor:
        """Sample a longer clip evenly, and repeat frames of a shorter one."""
        features: Tensor = self.trunk(sample_frames(x[None], torch.tensor([len(x)], device=x.device), self.frames))
        return features


class ClipFeatureHead(nn.Module):
    """A head that reads one feature vector per clip: [B,1,D] and a mask [B,1] -> the head's output for [B,D]."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002 (always True)
        """Drop the axis of frames, which has length 1."""
        embedding: Tensor = self.head(x[:, 0])
        return embedding


def sample_frames(x: Tensor, lengths: Tensor, frames: int) -> Tensor:
    """[B,T,C,H,W] of these lengths [B] -> [B,C,frames,H,W]: the middle frame of each of `frames` equal segments."""
    positions = (torch.arange(frames, device=x.device) + 0.5) / frames  # [frames], 0 to 1
    indices = (positions * lengths[:, None]).long()  # [B,frames]
    return x[torch.arange(len(x), device=x.device)[:, None], indices].transpose(1, 2)


def c3d(width: int, hidden: int, dropout: float, size: tuple[int, int, int]) -> nn.Sequential:
    """[B,3,T,H,W] of this size (frames, rows, columns) -> [B,hidden]; layers have the names of the public weights."""
    layers: list[tuple[str, nn.Module]] = []
    channels = 3
    for name, factor in C3D_CONVOLUTIONS:
        layers += [(f"conv{name}", nn.Conv3d(channels, factor * width, 3, padding=1)), (f"relu{name}", nn.ReLU(inplace=True))]
        channels = factor * width
        if not name.endswith("a"):
            window = (1, 2, 2) if name == "1" else (2, 2, 2)
            layers.append((f"pool{name[0]}", nn.MaxPool3d(window, padding=(0, 1, 1) if name == "5b" else 0)))
    volume = nn.Sequential(OrderedDict(layers))
    with torch.inference_mode():
        values = volume(torch.zeros(1, 3, *size)).numel()
    head = [("flatten", nn.Flatten()), ("fc6", nn.Linear(values, hidden)), ("relu6", nn.ReLU(inplace=True)), ("drop6", nn.Dropout(dropout)),
            ("fc7", nn.Linear(hidden, hidden)), ("relu7", nn.ReLU(inplace=True)), ("drop7", nn.Dropout(dropout))]  # fmt: skip
    return nn.Sequential(OrderedDict([*layers, *head]))
