"""Image networks of timm, frozen or fine-tuned: for frames, or for clips with frame attention or a recurrent network."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_timm.backbone import CNNRNN, EmotionFAN, Timm


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Backbone]], None]) -> None:
    """Register three backbones, whose parameter `model` names the network."""
    for backbone in (Timm, EmotionFAN, CNNRNN):
        register(backbone)
