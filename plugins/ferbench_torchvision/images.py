"""The backbone `torchvision`: image networks by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ferbench import Backbone, EmbeddingNetwork, Estimators, File, Frozen, Input, models
from ferbench.types import RGB, Count, Dropout, Layer, Seed, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class TorchvisionTrunk(Frozen):
    """[B,3,H,W] -> [B,D]: a network without its last layer; or up to the layer of `features`, for inputs of `size` pixels.

    `seed` only counts for random weights; `tag` names published ones.
    """

    model: str
    weights: File
    seed: int
    tag: str
    features: Layer | None = None
    size: int = 0

    @property
    def is_calibrated(self) -> bool:
        """Never."""
        return False

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build the frozen module in eval mode; raises FerbenchError if the weights are missing or do not fit."""
        from ferbench import layers
        from ferbench_torchvision.networks import image_trunk

        trunk = image_trunk(self.model, self.weights, self.seed, self.tag).eval().requires_grad_(False)
        return layers.cut_network(trunk, self.features, (3, self.size, self.size)) if self.features else trunk


@dataclass(frozen=True)
class Torchvision(Backbone):
    """Any image network of torchvision (alexnet, resnet18, vit_b_16 ...), or zfnet.

    `weights`: "imagenet" (torchvision's default ones), "random", or a file (.safetensors, .pth, .pt) with the model's state dict.
    `trained`: "head" trains only a head in place of the network's last layer, "all" trains everything. `head`: "linear" is a single layer,
    "mlp" two, with `hidden` units and `activation` between them; "logistic-regression" and "svm" (linear; C is chosen on the validation
    people) are scikit-learn's, on standardized features. `dropout` comes before the last layer. `size`, `mean` and `std` default to those
    of the published weights.
    `features`: {layer: layer3, grid: 4} ends the network behind that layer and averages its output in 4 x 4 cells, which are the features.
    """

    name = "torchvision"

    model: str = "alexnet"
    weights: File = "imagenet"
    weights_seed: Seed = 0
    trained: Literal["head", "all"] = "head"
    head: Literal["linear", "mlp", "logistic-regression", "svm"] = "linear"
    hidden: Count = 256
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    dropout: Dropout = 0.0
    size: Count | None = None
    mean: RGB | None = None
    std: RGB | None = None
    features: Layer | None = None

    def trained_on(self) -> str:
        """The training data of published weights; for a file, its name."""
        return models.describe_training(self.weights, {"imagenet": "ImageNet-1k"})

    def __post_init__(self) -> None:
        if self.trained == "all" and self.head not in ("linear", "mlp"):
            raise ValueError(f"trained is all, with head {self.head}: expected linear or mlp")
        if self.trained == "all" and self.features:
            raise ValueError("trained is all, with features of a layer, which are frozen: expected head")

    def check_weights(self) -> None:
        """Check the weights, and that the network can read images of this size."""
        from ferbench_torchvision.networks import check_input, image_trunk

        declared = self.input()
        check_input(image_trunk(*self._identity()), self.model, (3, declared.size, declared.size))
        if self.features:
            self._trunk().build(None)

    def network(self) -> nn.Module:
        """The network with random weights."""
        from ferbench_torchvision.networks import image_trunk

        return image_trunk(self.model, "random", 0, "")

    def input(self) -> Input:
        """The size, mean and std that the published weights were trained with, unless set otherwise."""
        from ferbench_torchvision.networks import image_input

        size, mean, std = image_input(self.model)
        return Input(self.size or size, 3, self.mean or mean, self.std or std)

    def frozen(self) -> TorchvisionTrunk | None:
        """The trunk: equal for every head. None if all of it is trained."""
        return None if self.trained == "all" else self._trunk()

    def trainable(self, classes: Sequence[str]) -> EmbeddingNetwork | Estimators:
        """Features [B,D], or crops if everything is trained, -> logits; estimators for "logistic-regression" and "svm"."""
        if self.head in ("logistic-regression", "svm"):
            from ferbench import heads

            return Estimators(lambda: heads.make_classifiers(self.head))
        return EmbeddingNetwork(lambda shape: self._network(shape, len(classes)))

    def _network(self, shape: Shape, classes: int) -> tuple[nn.Module, nn.Linear]:
        from torch import nn

        from ferbench import heads
        from ferbench_torchvision.networks import embedding_width, image_trunk

        hidden = [self.hidden] if self.head == "mlp" else []
        if self.trained == "head":
            return heads.make_perceptron((shape[0], *hidden, classes), self.dropout, self.activation)
        trunk = image_trunk(*self._identity())
        body, classifier = heads.make_perceptron((embedding_width(trunk), *hidden, classes), self.dropout, self.activation)
        return nn.Sequential(trunk, body), classifier

    def _identity(self) -> tuple[str, str, int, str]:
        from ferbench_torchvision.networks import image_tag

        tag = image_tag(self.model) if self.weights == "imagenet" else ""
        return self.model, self.weights, self.weights_seed if self.weights == "random" else 0, tag

    def _trunk(self) -> TorchvisionTrunk:
        size = self.input().size if self.features else 0
        return TorchvisionTrunk(*self._identity(), self.features, size)
