"""numpy functions as torch modules."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class ClipFunction(nn.Module):
    """A function of one clip, [T,1,H,W] with values 0 to 1 or landmarks [T,P,2], -> [T,D] or [1,D]."""

    def __init__(self, function: Callable[[NDArray], NDArray[np.floating]]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Call the function on the CPU, with frames as uint8 [T,H,W]; the result is on the device of x."""
        inputs = (x[:, 0] * 255).round().byte() if x.ndim == 4 else x.double()
        return torch.from_numpy(np.atleast_2d(self.function(inputs.cpu().numpy()))).float().to(x.device)


class ImageFunction(nn.Module):
    """A function of one image, uint8 [H,W] -> [D], applied to each of [B,1,H,W] with values 0 to 1 -> [B,D]."""

    def __init__(self, function: Callable[[NDArray[np.uint8]], NDArray[np.floating]]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Call the function on the CPU; the result is on the device of x."""
        images = (x[:, 0] * 255).round().byte().cpu().numpy()  # [B,H,W]
        return torch.from_numpy(np.stack([self.function(image) for image in images])).float().to(x.device)
