"""Image and video networks of torchvision, and two that it lacks: ZFNet and C3D."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_torchvision.images import Torchvision
from ferbench_torchvision.videos import C3D, TorchvisionVideo


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Backbone]], None]) -> None:
    """Register one backbone that scores frames and two that score clips."""
    for backbone in (Torchvision, TorchvisionVideo, C3D):
        register(backbone)
