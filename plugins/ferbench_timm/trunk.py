"""timm's networks as a frozen part; in a module of its own, so that stored features stay valid when a head changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferbench import File, Frozen
from ferbench.types import Layer
from ferbench_timm.models import BY_NAME

if TYPE_CHECKING:
    import torch

RANDOM = ("random", "calibrated-random")


@dataclass(frozen=True)
class TimmTrunk(Frozen):
    """[B,C,H,W] -> [B,D]: a network without its classifier, pooled; or up to the layer of `features`.

    `seed` only counts for random weights. The last `trained_blocks` are left to the trainable part: [B,C,H,W] -> the output of the block
    before them.
    """

    model: str
    weights: File
    seed: int
    channels: int
    size: int | None
    trained_blocks: int = 0
    features: Layer | None = None

    @property
    def is_calibrated(self) -> bool:
        """Whether the weights are calibrated-random."""
        return self.weights == "calibrated-random"

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:
        """Build the frozen module in eval mode; raises FerbenchError if the weights are missing or do not fit."""
        from ferbench_timm.model import native_input
        from ferbench_timm.split import cut, frozen_part

        if self.features:
            size = self.size or native_input(self.model, self.channels)[0]
            return cut(self.load(crops).requires_grad_(False), self.features, (self.channels, size, size))
        return frozen_part(self.load(crops).requires_grad_(False), self.trained_blocks, self.model)

    def load(self, crops: torch.Tensor | None = None) -> torch.nn.Module:
        """Load all blocks, in eval mode."""
        from ferbench_timm import model, weights

        options = model.creation_options(self.model, self.channels, self.size)
        if self.weights == "imagenet" or self.weights in BY_NAME:
            return weights.load_pretrained(self.model, options, BY_NAME.get(self.weights)).eval()
        trunk = model.random_network(self.model, options, self.seed)
        if self.is_calibrated:
            model.calibrate(trunk, crops, self.model)
        elif self.weights != "random":
            weights.load_file(trunk, self.weights)
        return trunk.eval()
