"""The expression network of face-api.js."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferbench import Frozen, Input, System
from ferbench_systems.models import FACE_API, describe_training

if TYPE_CHECKING:
    import torch

MEAN = (122.782, 117.001, 104.298)  # of RGB from 0 to 255


@dataclass(frozen=True)
class FaceAPINetwork(Frozen):
    """[B,3,112,112] -> [B,7]: the logits of its answers."""

    @property
    def is_calibrated(self) -> bool:
        """Never."""
        return False

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build the network; raises FerbenchError if its file is not on this machine."""
        from ferbench import weights
        from ferbench_systems.face_api_network import build_network

        return build_network(weights.load_model(FACE_API))


@dataclass(frozen=True)
class FaceAPI(System):
    """The expression network of face-api.js: seven answers, finished.

    It was made for boxes that are stretched to 112 x 112 pixels: `crop: {shape: stretched}` of a detector's own box, in color.
    """

    name = "face-api"

    def answers(self) -> tuple[str, ...]:
        """In the order of its outputs."""
        return "neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised"

    def trained_on(self) -> str:
        """What its author says."""
        return describe_training(FACE_API)

    def input(self) -> Input:
        """RGB; (x - mean) / 255 with x from 0 to 255."""
        return Input(112, 3, tuple(value / 255 for value in MEAN), (1.0, 1.0, 1.0))

    def frozen(self) -> FaceAPINetwork:
        """All of it."""
        return FaceAPINetwork()
