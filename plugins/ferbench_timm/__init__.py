"""Any of timm's image networks: as a frozen feature extractor, or trained, whole or in its last blocks."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_timm.backbone import CNNRNN, EmotionFAN, Timm


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Backbone]], None]) -> None:
    """Their parameter `model` names the network."""
    for backbone in (Timm, EmotionFAN, CNNRNN):
        register(backbone)
