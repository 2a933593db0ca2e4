"""VGG16 with frozen convolutions: the thesis's network (4.2), and the one with a reduced head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ferbench import Backbone, EmbeddingNetwork, Estimators, File, Input
from ferbench.types import Count, Seed, Shape
from ferbench_thesis.vgg16_convolutions import RANDOM, VGG16Convolutions

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class FrozenVGG16(Backbone):
    """What the two below share. A registered class adds the name and the units of the second fully connected layer.

    `weights`: "imagenet" (torchvision's IMAGENET1K_V1), "random", "calibrated-random", or a file (.safetensors, .pth, .pt) that holds
    a state dict with torchvision's names. `head`: "full" is VGG16's own classifier, "linear" one layer, "logistic-regression" fits on
    standardised features. `hidden` and `units` are the widths of the full head's first and second layer; where weights are read from
    a file or from ImageNet, those of its layers that fit start from them: never the last one, nor a layer of changed width.
    The last `trained_blocks` of the five convolution blocks are trained with the head, from the same weights; the others stay frozen, so
    that what they make of a frame is computed once whatever is trained behind it.
    `mean` and `std`: the thesis has 0.001 less in each, which its benchmark file says.
    """

    weights: File = "imagenet"
    head: Literal["full", "linear", "logistic-regression"] = "full"
    hidden: Count = 4096
    units: Count = 4096
    weights_seed: Seed = 0
    trained_blocks: Annotated[int, Meta(ge=0, le=5)] = 0
    size: Annotated[int, Meta(ge=32)] = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        if self.trained_blocks and (self.head == "logistic-regression" or self.weights == "calibrated-random"):
            what = "head logistic-regression" if self.head == "logistic-regression" else "weights calibrated-random"
            raise ValueError(f"trained_blocks is {self.trained_blocks}, with {what}: expected 0")

    def check(self) -> None:
        """The weights of a network that is trained whole."""
        if self.frozen() is None:
            self._convolutions().whole()

    def input(self) -> Input:
        """RGB, 224 pixels square unless `size` says otherwise."""
        return Input(self.size, 3, self.mean, self.std)

    def frozen(self) -> VGG16Convolutions | None:
        """The convolutions: equal for every head, so that their features are computed once. None where all of them are trained."""
        return None if self.trained_blocks == 5 else self._convolutions()

    def trainable(self, classes: Sequence[str]) -> EmbeddingNetwork | Estimators:
        """Features [B,25088], or [B,C,h,w] if blocks are trained, -> logits; estimators for "logistic-regression"."""
        if self.head == "logistic-regression":
            from ferbench import heads

            return Estimators(lambda: heads.classifiers(self.head))
        return EmbeddingNetwork(lambda shape: self._network(shape, len(classes)))

    def _network(self, shape: Shape, classes: int) -> tuple[nn.Module, nn.Linear]:
        from ferbench_thesis.vgg16_model import back

        if not self.trained_blocks:
            return self._head(shape[0], classes)
        body, classifier = self._head(25088, classes)
        return back(self._convolutions().whole(), self.trained_blocks, body), classifier

    def _convolutions(self) -> VGG16Convolutions:
        return VGG16Convolutions(self.weights, self.weights_seed if self.weights in RANDOM else 0, self.trained_blocks)

    def _head(self, width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
        from ferbench_thesis.vgg16_heads import full_head, linear_head
        from ferbench_thesis.vgg16_weights import state

        if self.head == "linear":
            return linear_head(width, classes)
        return full_head((width, self.hidden, self.units, classes), {} if self.weights in RANDOM else state(self.weights))


@dataclass(frozen=True)
class VGG16(FrozenVGG16):
    """VGG16 with frozen convolutions; its three fully connected layers are trained."""

    name = "vgg16"


@dataclass(frozen=True)
class ReducedVGG16(FrozenVGG16):
    """VGG16 with frozen convolutions and fewer units in the second fully connected layer.

    The thesis gives no number; 1024, a quarter, is ferbench's choice.
    """

    name = "vgg16-reduced"
    units: Count = 1024
