"""Image networks of timm, frozen or fine-tuned: for frames, or for clips with frame attention or a recurrent network."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_timm.backbone import CNNRNN, EmotionFAN, Timm
from ferbench_timm.models import FOR_TAGS


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Backbone]], None]) -> None:
    """Register three backbones, whose parameter `model` names the network."""
    for backbone in (Timm, EmotionFAN, CNNRNN):
        register(backbone)


@ferbench.hookimpl
def register_models(register: Callable[[ferbench.ModelFile], None]) -> None:
    """Register the files that networks can start from."""
    for model in FOR_TAGS.values():
        register(model)
