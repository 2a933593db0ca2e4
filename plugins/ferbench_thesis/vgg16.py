"""VGG16 with frozen convolutions: the thesis's network (section 4.2), and the one with a reduced head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ferbench import Backbone, EmbeddingNetwork, Estimators, File, Input, models
from ferbench.types import RGB, Count, Layer, Seed, Shape
from ferbench_thesis.vgg16_convolutions import RANDOM, VGG16Convolutions
from ferbench_thesis.vgg16_models import PUBLISHED

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class FrozenVGG16(Backbone):
    """What both backbones share. A registered class adds its name and the units of the second fully connected layer.

    `weights`: "imagenet" (torchvision's IMAGENET1K_V1), "hed" (ImageNet, then trained to find edges), "random", "calibrated-random", or a
    file (.safetensors, .pth, .pt) that holds a state dict with torchvision's names. `head`: "full" is VGG16's own classifier, "linear" a
    single layer, "logistic-regression" is scikit-learn's, on standardized features. `hidden` and `units` are the widths of the full head's
    first and second layer. If weights come from a file or from ImageNet, the head's layers that fit start from them too: never the last
    one, nor a layer whose width was changed. The last `trained_blocks` of the five convolution blocks are fine-tuned with the head, from
    the same weights. The others stay frozen, so their features are computed only once.
    `features`: {layer: features.16, grid: 4} ends the convolutions behind that layer (of torchvision's names) and averages its output in
    4 x 4 cells, which are the features; "full" reads only as many of them as VGG16 has.
    `mean` and `std` are ImageNet's; the thesis uses 0.001 less, which its benchmark file sets.
    """

    weights: File = "imagenet"
    head: Literal["full", "linear", "logistic-regression"] = "full"
    hidden: Count = 4096
    units: Count = 4096
    weights_seed: Seed = 0
    trained_blocks: Annotated[int, Meta(ge=0, le=5)] = 0
    size: Annotated[int, Meta(ge=32)] = 224
    mean: RGB = (0.485, 0.456, 0.406)
    std: RGB = (0.229, 0.224, 0.225)
    features: Layer | None = None

    def __post_init__(self) -> None:
        if self.trained_blocks and (self.head == "logistic-regression" or self.weights == "calibrated-random"):
            reason = "head logistic-regression" if self.head == "logistic-regression" else "weights calibrated-random"
            raise ValueError(f"trained_blocks is {self.trained_blocks}, with {reason}: expected 0")
        if self.trained_blocks and self.features:
            raise ValueError(f"trained_blocks is {self.trained_blocks}, with features of a layer, which are frozen: expected 0")

    def trained_on(self) -> str:
        """The training data of published weights; for a file, its name."""
        return models.describe_training(self.weights, {name: model.trained_on for name, model in PUBLISHED.items()})

    def check_weights(self) -> None:
        """Check the weights of a network that is trained as a whole, and whether the layer of `features` can be had."""
        if self.frozen() is None:
            self._convolutions().load()
        if self.features:
            import torch

            from ferbench_thesis.vgg16_heads import check_width

            cut = replace(self._convolutions(), weights="random").build(None)
            if self.head == "full":
                with torch.inference_mode():
                    check_width(cut(torch.zeros(1, 3, self.size, self.size)).shape[1])

    def network(self) -> nn.Module:
        """The convolutions with random weights."""
        from ferbench_thesis.vgg16_model import random_convolutions

        return random_convolutions(0)

    def input(self) -> Input:
        """RGB, `size` pixels square."""
        return Input(self.size, 3, self.mean, self.std)

    def frozen(self) -> VGG16Convolutions | None:
        """The convolutions: equal for every head, so that their features are computed once. None if all of them are trained."""
        return None if self.trained_blocks == 5 else self._convolutions()

    def trainable(self, classes: Sequence[str]) -> EmbeddingNetwork | Estimators:
        """Features [B,25088], or [B,C,h,w] if blocks are trained, -> logits; estimators for "logistic-regression"."""
        if self.head == "logistic-regression":
            from ferbench import heads

            return Estimators(lambda: heads.make_classifiers(self.head))
        return EmbeddingNetwork(lambda shape: self._network(shape, len(classes)))

    def _network(self, shape: Shape, classes: int) -> tuple[nn.Module, nn.Linear]:
        from ferbench_thesis.vgg16_model import FEATURES, trained_part

        if not self.trained_blocks:
            return self._head(shape[0], classes)
        body, classifier = self._head(FEATURES, classes)
        return trained_part(self._convolutions().load(), self.trained_blocks, body), classifier

    def _convolutions(self) -> VGG16Convolutions:
        seed = self.weights_seed if self.weights in RANDOM else 0
        return VGG16Convolutions(self.weights, seed, self.trained_blocks, self.features, self.size if self.features else 0)

    def _head(self, width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
        from ferbench_thesis.vgg16_heads import check_width, full_head, linear_head
        from ferbench_thesis.vgg16_weights import load_state

        if self.head == "linear":
            return linear_head(width, classes)
        if self.features:
            check_width(width)
        return full_head((width, self.hidden, self.units, classes), {} if self.weights in RANDOM else load_state(self.weights))


@dataclass(frozen=True)
class VGG16(FrozenVGG16):
    """VGG16 with frozen convolutions and its three fully connected layers."""

    name = "vgg16"


@dataclass(frozen=True)
class ReducedVGG16(FrozenVGG16):
    """VGG16 with frozen convolutions and a narrower second fully connected layer.

    The thesis does not say how narrow; 1024 units, a quarter, is ferbench's choice.
    """

    name = "vgg16-reduced"
    units: Count = 1024
