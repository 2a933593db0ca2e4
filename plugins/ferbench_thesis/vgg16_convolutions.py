"""VGG16's convolutions as a frozen part; a module of its own, so that a change of a head leaves stored features valid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferbench import File, Frozen

if TYPE_CHECKING:
    import torch

RANDOM = ("random", "calibrated-random")


@dataclass(frozen=True)
class VGG16Convolutions(Frozen):
    """[B,3,H,W] -> [B,25088]: VGG16's 13 convolutions, average pool to 7x7, flattened. `seed` counts for random weights alone.

    With `trained` blocks, those are left to the trainable part: [B,3,H,W] -> [B,C,h,w], the output of the block before them.
    """

    weights: File
    seed: int
    trained: int = 0

    @property
    def calibrated(self) -> bool:
        """Only calibrated-random looks at training crops."""
        return self.weights == "calibrated-random"

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:
        """Frozen, in eval mode; FerbenchError where the weights are missing or do not fit."""
        from ferbench_thesis.vgg16_model import calibrated_convolutions, front

        whole = calibrated_convolutions(self.seed, crops) if self.calibrated else self.whole()
        return front(whole, self.trained)

    def whole(self) -> torch.nn.Module:
        """All convolutions, with weights that need no crops."""
        from ferbench_thesis.vgg16_model import loaded_convolutions, random_convolutions
        from ferbench_thesis.vgg16_weights import state

        return random_convolutions(self.seed) if self.weights == "random" else loaded_convolutions(state(self.weights))
