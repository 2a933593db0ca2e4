"""mini-XCEPTION, trained on FER2013."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferbench import Frozen, Input, System
from ferbench_systems.models import MINI_XCEPTION, describe_training

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class MiniXceptionNetwork(Frozen):
    """[B,1,64,64] -> [B,7]: the logits of its answers."""

    @property
    def is_calibrated(self) -> bool:
        """Never."""
        return False

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build the network; raises FerbenchError if its file is not on this machine."""
        from ferbench import weights
        from ferbench_systems.mini_xception_network import build_network

        return build_network(weights.load_model(MINI_XCEPTION))


@dataclass(frozen=True)
class MiniXception(System):
    """mini-XCEPTION (Arriaga et al. 2017), trained on FER2013: seven answers, finished.

    It reads gray crops of 64 x 64 pixels.
    """

    name = "mini-xception"

    def answers(self) -> tuple[str, ...]:
        """In the order of its outputs."""
        return "angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"

    def trained_on(self) -> str:
        """FER2013."""
        return describe_training(MINI_XCEPTION)

    def input(self) -> Input:
        """Gray, from -1 to 1."""
        return Input(64, 1, (0.5,), (0.5,))

    def frozen(self) -> MiniXceptionNetwork:
        """All of it."""
        return MiniXceptionNetwork()
