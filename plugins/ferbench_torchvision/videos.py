"""Backbones that read clips as volumes: torchvision's video networks, and C3D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from ferbench import Backbone, EmbeddingNetwork, File, Frozen, Input, models
from ferbench.types import RGB, Count, Dropout, Seed, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

Reads = Literal["frames", "clips"]


@dataclass(frozen=True)
class VideoTrunk(Frozen):
    """One clip [T,3,H,W] -> [1,D]: a network without its last layer reads `frames` frames, evenly spaced."""

    model: str
    weights: File
    seed: int
    tag: str
    frames: int

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "clips"

    @property
    def is_calibrated(self) -> bool:
        """Never."""
        return False

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build the frozen module in eval mode; raises FerbenchError if the weights are missing or do not fit."""
        from ferbench_torchvision.networks import video_trunk
        from ferbench_torchvision.volumes import ClipTrunk

        trunk = video_trunk(self.model, self.weights, self.seed, self.tag)
        return ClipTrunk(trunk, self.frames).eval().requires_grad_(False)


@dataclass(frozen=True)
class TorchvisionVideo(Backbone):
    """Any video network of torchvision (r3d_18, r2plus1d_18, s3d, mvit_v1_b ...).

    `weights`: "kinetics" (torchvision's default ones), "random", or a file (.safetensors, .pth, .pt) with the model's state dict.
    `trained`: "head" trains only a new last layer, "all" trains everything. The network reads `frames` frames of each clip: in training,
    one from each of as many equal segments; otherwise evenly spaced ones. It repeats frames of shorter clips. `size`, `mean` and `std`
    default to those of the published weights.
    """

    name = "torchvision-video"
    reads: ClassVar[Reads] = "clips"

    model: str = "r3d_18"
    weights: File = "kinetics"
    weights_seed: Seed = 0
    trained: Literal["head", "all"] = "head"
    frames: Count = 16
    dropout: Dropout = 0.0
    size: Count | None = None
    mean: RGB | None = None
    std: RGB | None = None

    def trained_on(self) -> str:
        """The training data of published weights; for a file, its name."""
        return models.describe_training(self.weights, {"kinetics": "Kinetics-400"})

    def check_weights(self) -> None:
        """Check the weights, and that the network can read this number of frames of this size."""
        from ferbench_torchvision.networks import check_input, video_trunk

        declared = self.input()
        check_input(video_trunk(*self._identity()), self.model, (3, self.frames, declared.size, declared.size))

    def frames_per_clip(self) -> int | None:
        """How many frames of each clip a training step reads; a frozen network leaves a single item per clip."""
        return self.frames if self.trained == "all" else None

    def input(self) -> Input:
        """The size, mean and std that the published weights were trained with, unless set otherwise."""
        from ferbench_torchvision.networks import video_input

        size, mean, std = video_input(self.model)
        return Input(self.size or size, 3, self.mean or mean, self.std or std)

    def frozen(self) -> VideoTrunk | None:
        """The network without its last layer. None if all of it is trained."""
        return None if self.trained == "all" else self._trunk()

    def trainable(self, classes: Sequence[str]) -> EmbeddingNetwork:
        """Clips [B,T,3,H,W], or their features [B,1,D] from the frozen network, -> logits."""
        return EmbeddingNetwork(lambda shape: self._network(shape, len(classes)))

    def _network(self, shape: Shape, classes: int) -> tuple[nn.Module, nn.Linear]:
        from torch import nn

        from ferbench import heads
        from ferbench_torchvision.networks import embedding_width, video_trunk
        from ferbench_torchvision.volumes import ClipFeatureHead, ClipNetwork

        if self.trained == "head":
            body, classifier = heads.make_perceptron((shape[0], classes), self.dropout)
            return ClipFeatureHead(body), classifier
        trunk = video_trunk(*self._identity())
        body, classifier = heads.make_perceptron((embedding_width(trunk), classes), self.dropout)
        return ClipNetwork(nn.Sequential(trunk, body), self.frames), classifier

    def _identity(self) -> tuple[str, str, int, str]:
        from ferbench_torchvision.networks import video_tag

        tag = video_tag(self.model) if self.weights == "kinetics" else ""
        return self.model, self.weights, self.weights_seed if self.weights == "random" else 0, tag

    def _trunk(self) -> VideoTrunk:
        return VideoTrunk(*self._identity(), self.frames)


@dataclass(frozen=True)
class C3D(Backbone):
    """C3D (Tran et al. 2015): eight 3-D convolutions over 16 frames, all trained.

    `weights`: "random", or a file (.safetensors, .pth, .pt) whose state dict has the names conv1, conv2, conv3a ... fc6, fc7. `width`: the
    channels of the first convolution; the others have 2, 4 and 8 times as many. `hidden`: the units of both fully connected layers.
    """

    name = "c3d"
    reads: ClassVar[Reads] = "clips"

    weights: File = "random"
    width: Count = 64
    hidden: Count = 4096
    frames: Annotated[int, Meta(ge=16)] = 16
    dropout: Dropout = 0.5
    size: Annotated[int, Meta(ge=32)] = 112
    mean: RGB = (0.485, 0.456, 0.406)
    std: RGB = (0.229, 0.224, 0.225)

    def trained_on(self) -> str:
        """The training data of published weights; for a file, its name."""
        return models.describe_training(self.weights, {})

    def check_weights(self) -> None:
        """Check the weights."""
        self._trunk()

    def frames_per_clip(self) -> int:
        """How many frames of each clip a training step reads."""
        return self.frames

    def input(self) -> Input:
        """RGB, `size` pixels square."""
        return Input(self.size, 3, self.mean, self.std)

    def frozen(self) -> None:
        """None: everything is trained."""
        return

    def trainable(self, classes: Sequence[str]) -> EmbeddingNetwork:
        """Clips [B,T,3,H,W] -> logits."""
        return EmbeddingNetwork(lambda _: self._network(len(classes)))

    def _network(self, classes: int) -> tuple[nn.Module, nn.Linear]:
        from torch import nn

        from ferbench_torchvision.volumes import ClipNetwork

        return ClipNetwork(self._trunk(), self.frames), nn.Linear(self.hidden, classes)

    def _trunk(self) -> nn.Module:
        from ferbench import weights
        from ferbench_torchvision.volumes import c3d

        trunk = c3d(self.width, self.hidden, self.dropout, (self.frames, self.size, self.size))
        if self.weights != "random":
            expected = "C3D's names: conv1.weight, conv3a.weight, fc6.weight ..."
            weights.load_into(trunk, weights.load_state(self.weights), expected, others=("fc8.",))
        return trunk
