"""A function of one image as a module of torch's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class EachClip(nn.Module):
    """One clip, [T,1,H,W] of values 0 to 1 or landmarks [T,P,2], -> [T,D] or [1,D]: what a function makes of it."""

    def __init__(self, function: Callable[[NDArray], NDArray[np.floating]]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes on the processor, wherever x is; pictures as uint8 [T,H,W]."""
        given = (x[:, 0] * 255).round().byte() if x.ndim == 4 else x.double()
        return torch.from_numpy(np.atleast_2d(self.function(given.cpu().numpy()))).float().to(x.device)


class EachImage(nn.Module):
    """[B,1,H,W], values 0 to 1, -> [B,D]: what a function makes of each image, uint8 [H,W] -> [D]."""

    def __init__(self, function: Callable[[NDArray[np.uint8]], NDArray[np.floating]]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes on the processor, wherever x is."""
        images = (x[:, 0] * 255).round().byte().cpu().numpy()
        return torch.from_numpy(np.stack([self.function(image) for image in images])).float().to(x.device)
