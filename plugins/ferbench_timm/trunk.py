"""timm's networks as a frozen part; a module of its own, so that a change of a head leaves stored features valid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferbench import File, Frozen

if TYPE_CHECKING:
    import torch

RANDOM = ("random", "calibrated-random")


@dataclass(frozen=True)
class TimmTrunk(Frozen):
    """[B,C,H,W] -> [B,D]: a network without its classifier, pooled. `seed` counts for random weights alone.

    With `trained` blocks, those are left to the trainable part: [B,C,H,W] -> the output of the block before them.
    """

    model: str
    weights: File
    seed: int
    channels: int
    size: int | None
    trained: int = 0

    @property
    def calibrated(self) -> bool:
        """Only calibrated-random looks at training crops."""
        return self.weights == "calibrated-random"

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:
        """Frozen, in eval mode; FerbenchError where the weights are missing or do not fit."""
        from ferbench_timm.split import front

        return front(self.whole(crops).requires_grad_(False), self.trained, self.model)

    def whole(self, crops: torch.Tensor | None = None) -> torch.nn.Module:
        """All blocks, in eval mode."""
        from ferbench_timm import model, weights

        options = model.options(self.model, self.channels, self.size)
        if self.weights == "imagenet":
            return weights.pretrained(self.model, options).eval()
        trunk = model.initialised(self.model, options, self.seed)
        if self.calibrated:
            model.calibrate(trunk, crops, self.model)
        elif self.weights != "random":
            weights.load(trunk, self.weights)
        return trunk.eval()
