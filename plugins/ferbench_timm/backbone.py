"""The backbone `timm`: a frozen trunk of timm's, pooled, and a head that is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from ferbench import Backbone, FerbenchError, File, Input
from ferbench_timm.trunk import RANDOM, TimmTrunk

Positive = Annotated[int, Meta(ge=1)]
Statistics = tuple[float, ...] | None


@dataclass(frozen=True)
class Timm(Backbone):
    """A network of timm's, by its name there, frozen unless told otherwise, and a head on its pooled features.

    `model`: as in timm.list_models(), with a tag ("resnet18.a1_in1k") to name one set of its weights. `weights`: "imagenet" (those that
    timm publishes), "random", "calibrated-random" (networks with batch normalisation), or a file (.safetensors, .pth, .pt) that holds the
    model's state dict. `head`: "linear" one layer, "mlp" two with `hidden` units between, "logistic-regression" fits on standardised
    features; `dropout` stands before the last layer. `size`, `mean` and `std` are the model's own where left out.
    The last `trained_blocks` of the stages that timm names for the network (layer1 to layer4 of a ResNet) are trained with the head,
    from the same weights, and the others stay frozen; "all" trains the whole network, and needs a tag in `model` where it starts from
    "imagenet" weights.
    """

    name = "timm"

    model: str = "resnet18"
    weights: File = "imagenet"
    weights_seed: int = 0
    head: Literal["linear", "mlp", "logistic-regression"] = "linear"
    hidden: Positive = 256
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    trained_blocks: Annotated[int, Meta(ge=0)] | Literal["all"] = 0
    size: Positive | None = None
    channels: Literal[1, 3] = 3
    mean: Statistics = None
    std: Statistics = None

    def __post_init__(self) -> None:
        if self.trained_blocks and (self.head == "logistic-regression" or self.weights == "calibrated-random"):
            what = "head logistic-regression" if self.head == "logistic-regression" else "weights calibrated-random"
            raise ValueError(f"trained_blocks is {self.trained_blocks}, with {what}: expected 0")
        if self.trained_blocks == "all" and self.weights == "imagenet" and "." not in self.model:
            hint = f"timm.list_models('{self.model}.*', pretrained=True) lists them"
            raise ValueError(
                f"model is {self.model!r}: a network that is trained whole needs the tag of the weights that it starts from; {hint}"
            )

    def check(self) -> None:
        """The weights of a network that is trained whole."""
        if self.trained_blocks == "all":
            self._trunk().whole()

    def input(self) -> Input:
        """What the weights were trained with; one channel takes the mean of three."""
        from ferbench_timm.model import native_input

        for name, given in (("mean", self.mean), ("std", self.std)):
            if given is not None and len(given) != self.channels:
                raise FerbenchError(f"{name} has {len(given)} values; expected {self.channels}, one a channel", where=f"backbone.{name}")
        size, mean, std = native_input(self.model, self.channels)
        return Input(self.size or size, self.channels, self.mean or mean, self.std or std)

    def frozen(self) -> TimmTrunk | None:
        """The trunk: equal for every head, so that its features are computed once. None where all of it is trained."""
        return None if self.trained_blocks == "all" else self._trunk(self.trained_blocks)

    def trainable(self, shape: tuple[int, ...], classes: Sequence[str]) -> Any:
        """Features [B,D], or those before the trained blocks, -> logits [B,classes]; an estimator for "logistic-regression"."""
        from ferbench_timm.heads import in_line, logistic_regression, perceptron, width
        from ferbench_timm.split import halves

        if self.head == "logistic-regression":
            return logistic_regression()
        layers = (self.hidden, len(classes)) if self.head == "mlp" else (len(classes),)
        if not self.trained_blocks:
            return perceptron((*shape, *layers), self.dropout)
        if self.trained_blocks == "all":
            blocks, declared = self._trunk().whole(), self.input()
            shape = (declared.channels, declared.size, declared.size)
        else:
            blocks = halves(self._trunk().whole(), self.trained_blocks, self.model)[1]
        return in_line(blocks, perceptron((width(blocks, shape), *layers), self.dropout))

    def _trunk(self, trained: int = 0) -> TimmTrunk:
        from ferbench_timm.model import tagged

        model = tagged(self.model) if self.weights == "imagenet" else self.model
        return TimmTrunk(model, self.weights, self.weights_seed if self.weights in RANDOM else 0, self.channels, self.size, trained)
