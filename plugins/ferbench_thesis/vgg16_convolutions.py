"""VGG16's convolutions as a frozen part; in a module of its own, so that stored features stay valid when a head changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferbench import File, Frozen
from ferbench.types import Layer

if TYPE_CHECKING:
    import torch

RANDOM = ("random", "calibrated-random")


@dataclass(frozen=True)
class VGG16Convolutions(Frozen):
    """[B,3,H,W] -> [B,25088]: VGG16's 13 convolutions, average pooling to 7x7, flattened. `seed` only counts for random weights.

    The last `trained_blocks` are left to the trainable part: [B,3,H,W] -> [B,C,h,w], the output of the block before them. With `features`,
    the convolutions end behind a layer, for inputs of `size` pixels: [B,3,size,size] -> [B,D].
    """

    weights: File
    seed: int
    trained_blocks: int = 0
    features: Layer | None = None
    size: int = 0

    @property
    def is_calibrated(self) -> bool:
        """Whether the weights are calibrated-random."""
        return self.weights == "calibrated-random"

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:
        """Build the frozen module in eval mode; raises FerbenchError if the weights are missing or do not fit."""
        from ferbench import layers
        from ferbench_thesis.vgg16_model import calibrated_convolutions, frozen_part

        convolutions = calibrated_convolutions(self.seed, crops) if self.is_calibrated else self.load()
        if self.features:
            return layers.cut_network(convolutions, self.features, (3, self.size, self.size))
        return frozen_part(convolutions, self.trained_blocks)

    def load(self) -> torch.nn.Module:
        """Load all convolutions, with weights that need no crops."""
        from ferbench_thesis.vgg16_model import pretrained_convolutions, random_convolutions
        from ferbench_thesis.vgg16_weights import load_state

        return random_convolutions(self.seed) if self.weights == "random" else pretrained_convolutions(load_state(self.weights))
