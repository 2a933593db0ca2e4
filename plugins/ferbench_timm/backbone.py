"""Backbones built on timm's networks: `timm` scores frames, `emotion-fan` and `cnn-rnn` score clips."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from ferbench import Backbone, EmbeddingNetwork, Estimators, FerbenchError, File, Input, models
from ferbench.types import Count, Dropout, Layer, Seed, Shape
from ferbench_timm.models import BY_NAME, FOR_TAGS
from ferbench_timm.trunk import RANDOM, TimmTrunk

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class TimmBackbone(Backbone):
    """What the backbones below share. A registered class adds what follows the pooled features.

    `model`: a name from timm.list_models(); a tag ("resnet18.a1_in1k") selects one set of its weights. `weights`: "imagenet" (those that
    timm publishes), "random", "calibrated-random" (for networks with batch normalization), or a file (.safetensors, .pth, .pt) that holds
    the model's state dict. `size`, `mean` and `std` default to the model's own.
    The last `trained_blocks` of the stages that timm names for the network (layer1 to layer4 of a ResNet) are fine-tuned with the head,
    from the same weights; behind calibrated blocks they start from random weights. The other stages stay frozen. "all" trains the whole
    network; with "imagenet" weights, it needs a tag in `model`.
    `features`: {layer: blocks.4, grid: 4} ends the network behind that layer and averages its output in 4 x 4 cells: the features.
    """

    model: str = "resnet18"
    weights: File = "imagenet"
    weights_seed: Seed = 0
    trained_blocks: Annotated[int, Meta(ge=0)] | Literal["all"] = 0
    size: Count | None = None
    channels: Literal[1, 3] = 3
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    features: Layer | None = None

    def __post_init__(self) -> None:
        if self.features and self.trained_blocks:
            raise ValueError(f"trained_blocks is {self.trained_blocks}, with features of a layer, which are frozen: expected 0")
        if self.trained_blocks == "all" and self.weights == "imagenet" and "." not in self.model:
            raise ValueError(
                f"model is {self.model!r}: a network that is trained as a whole needs the tag of the weights that it starts from; "
                f"timm.list_models('{self.model}.*', pretrained=True) lists them"
            )

    def check_weights(self) -> None:
        """Check the weights of a network that is trained as a whole, and whether the layer of `features` can be had."""
        if self.trained_blocks == "all":
            self._initial_trunk().load()
        if self.features:
            replace(self._trunk(), weights="random").build(None)

    def network(self) -> nn.Module:
        """The network with random weights."""
        from ferbench_timm import model

        return model.random_network(self.model, model.creation_options(self.model, self.channels, self.size), 0)

    def input(self) -> Input:
        """The size, mean and std that the weights were trained with; a single channel takes the mean of three."""
        from ferbench_timm.model import native_input

        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != self.channels:
                raise FerbenchError(f"{name} has {len(values)} values; expected {self.channels}, one per channel", where=f"backbone.{name}")
        size, mean, std = native_input(self.model, self.channels)
        return Input(self.size or size, self.channels, self.mean or mean, self.std or std)

    def frozen(self) -> TimmTrunk | None:
        """The trunk: equal for every head, so that its features are computed once. None if all of it is trained."""
        return None if self.trained_blocks == "all" else self._trunk(self.trained_blocks)

    def trainable(self, classes: Sequence[str]) -> EmbeddingNetwork | Estimators:
        """Features [B,D], or the output of the block before the trained ones, -> logits."""
        return EmbeddingNetwork(lambda shape: self._network(shape, len(classes)))

    def _network(self, shape: Shape, classes: int) -> tuple[nn.Module, nn.Linear]:
        from ferbench_timm.heads import chain, output_width
        from ferbench_timm.split import split

        if not self.trained_blocks:
            return self._head(shape[-1], classes)
        if self.trained_blocks == "all":
            blocks, declared = self._initial_trunk().load(), self.input()
            shape = (declared.channels, declared.size, declared.size)
        else:
            blocks = split(self._initial_trunk().load(), self.trained_blocks, self.model)[1]
        body, classifier = self._head(output_width(blocks, shape), classes)
        return chain(blocks, body, reads_clips=self.reads == "clips"), classifier

    @abstractmethod
    def _head(self, width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
        """Body and classifier behind features of this width."""

    def _initial_trunk(self) -> TimmTrunk:
        """The network that trained blocks start from."""
        return replace(self._trunk(), weights="random") if self.weights == "calibrated-random" else self._trunk()

    def _trunk(self, trained_blocks: int = 0) -> TimmTrunk:
        from ferbench_timm.model import add_tag

        model = add_tag(self.model) if self.weights == "imagenet" else self.model
        seed = self.weights_seed if self.weights in RANDOM else 0
        return TimmTrunk(model, self._find_weights(model), seed, self.channels, self.size, trained_blocks, self.features)

    def _find_weights(self, model: str) -> str:
        """The weights, or the name of a file on this machine that stands for "imagenet"."""
        known = FOR_TAGS.get(model) if self.weights == "imagenet" else None
        return known.name if known and models.locate(known) else self.weights

    def trained_on(self) -> str:
        """The training data of published weights; for a file, its name."""
        if self.weights == "imagenet":
            trunk = self._trunk()
            return BY_NAME[trunk.weights].trained_on if trunk.weights in BY_NAME else _describe_tag(trunk.model)
        return models.describe_training(self.weights, {})


def _describe_tag(model: str) -> str:
    tag = model.partition(".")[2]
    return "ImageNet-1k" if tag.endswith("in1k") and "_ft_" not in tag else f"the data that timm names for {model}"


@dataclass(frozen=True)
class Timm(TimmBackbone):
    """Any image network of timm, frozen by default, and a head.

    The head reads pooled features. `head`: "linear" is a single layer, "mlp" two, with `hidden` units and `activation` between them;
    "logistic-regression" and "svm" (linear; C is chosen on the validation people) are scikit-learn's, on standardized features. `dropout`
    comes before the last layer.
    """

    name = "timm"

    head: Literal["linear", "mlp", "logistic-regression", "svm"] = "linear"
    hidden: Count = 256
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    dropout: Dropout = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trained_blocks and self.head not in ("linear", "mlp"):
            raise ValueError(f"trained_blocks is {self.trained_blocks}, with head {self.head}: expected 0")

    def trainable(self, classes: Sequence[str]) -> EmbeddingNetwork | Estimators:
        """Features [B,D], or the output of the block before the trained ones, -> logits; estimators for "logistic-regression" and "svm"."""
        if self.head in ("logistic-regression", "svm"):
            from ferbench import heads

            return Estimators(lambda: heads.make_classifiers(self.head))
        return super().trainable(classes)

    def _head(self, width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
        from ferbench import heads

        return heads.make_perceptron((width, *([self.hidden] if self.head == "mlp" else []), classes), self.dropout, self.activation)


@dataclass(frozen=True)
class EmotionFAN(TimmBackbone):
    """Frame attention network (Meng et al. 2019): learns weights for the frames.

    On any image network of timm. `attention`: "self" weighs each frame by itself, "self-relation" also by its relation to the whole clip. A
    training step reads `segments` frames of each clip, one from each of as many equal segments; all frames are scored. To use the authors'
    ResNet18, trained on FER+, give its file as `weights`.
    """

    name = "emotion-fan"
    reads: ClassVar[Literal["frames", "clips"]] = "clips"

    attention: Literal["self", "self-relation"] = "self-relation"
    segments: Count = 3
    dropout: Dropout = 0.5
    relation_dropout: Dropout = 0.6

    def frames_per_clip(self) -> int:
        """How many frames of each clip a training step reads."""
        return self.segments

    def _head(self, width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
        from ferbench_timm.attention import relation_attention, self_attention

        if self.attention == "self":
            return self_attention(width, classes, self.dropout)
        return relation_attention(width, classes, self.dropout, self.relation_dropout)


@dataclass(frozen=True)
class CNNRNN(TimmBackbone):
    """LSTM or GRU over a clip's frame features (after Kahou et al. 2015).

    The features come from any image network of timm. `cell`: "lstm" or "gru", with `hidden` units. `state`: classify the "last" state, or
    the "mean" over all frames. A training step reads all frames of a clip, or `segments` of them, one from each of as many equal segments.
    """

    name = "cnn-rnn"
    reads: ClassVar[Literal["frames", "clips"]] = "clips"

    cell: Literal["lstm", "gru"] = "lstm"
    hidden: Count = 128
    state: Literal["last", "mean"] = "last"
    segments: Count | None = None
    dropout: Dropout = 0.5

    def frames_per_clip(self) -> int | None:
        """How many frames of each clip a training step reads."""
        return self.segments

    def _head(self, width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
        from torch import nn

        from ferbench_timm.recurrent import Recurrent

        return Recurrent(width, self.hidden, self.cell, self.state, self.dropout), nn.Linear(self.hidden, classes)
