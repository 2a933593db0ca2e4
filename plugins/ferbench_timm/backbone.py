"""timm's networks as backbones: `timm` scores frames, `emotion-fan` and `cnn-rnn` score clips."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from ferbench import Backbone, EmbeddingNetwork, Estimators, FerbenchError, File, Input
from ferbench.types import Count, Dropout, Seed, Shape
from ferbench_timm.trunk import RANDOM, TimmTrunk

if TYPE_CHECKING:
    from torch import nn

Statistics = tuple[float, ...] | None


@dataclass(frozen=True)
class OnTimm(Backbone):
    """What the backbones below share. A registered class adds what stands behind the pooled features.

    `model`: as in timm.list_models(), with a tag ("resnet18.a1_in1k") to name one set of its weights. `weights`: "imagenet" (those that
    timm publishes), "random", "calibrated-random" (networks with batch normalisation), or a file (.safetensors, .pth, .pt) that holds the
    model's state dict. `size`, `mean` and `std` are the model's own where left out.
    The last `trained_blocks` of the stages that timm names for the network (layer1 to layer4 of a ResNet) are trained with the head,
    from the same weights (behind calibrated ones from random weights, whose batch normalisation sees to itself in training), and the
    others stay frozen; "all" trains the whole network, and needs a tag in `model` where it starts from
    "imagenet" weights.
    """

    model: str = "resnet18"
    weights: File = "imagenet"
    weights_seed: Seed = 0
    trained_blocks: Annotated[int, Meta(ge=0)] | Literal["all"] = 0
    size: Count | None = None
    channels: Literal[1, 3] = 3
    mean: Statistics = None
    std: Statistics = None

    def __post_init__(self) -> None:
        if self.trained_blocks == "all" and self.weights == "imagenet" and "." not in self.model:
            hint = f"timm.list_models('{self.model}.*', pretrained=True) lists them"
            raise ValueError(
                f"model is {self.model!r}: a network that is trained whole needs the tag of the weights that it starts from; {hint}"
            )

    def check(self) -> None:
        """The weights of a network that is trained whole."""
        if self.trained_blocks == "all":
            self._starting().whole()

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

    def trainable(self, classes: Sequence[str]) -> EmbeddingNetwork | Estimators:
        """Features [B,D], or the output of the block before the trained ones, -> logits."""
        return EmbeddingNetwork(lambda shape: self._network(shape, len(classes)))

    def _network(self, shape: Shape, classes: int) -> tuple[nn.Module, nn.Linear]:
        from ferbench_timm.heads import in_line, width
        from ferbench_timm.split import halves

        if not self.trained_blocks:
            return self._head(shape[-1], classes)
        if self.trained_blocks == "all":
            blocks, declared = self._starting().whole(), self.input()
            shape = (declared.channels, declared.size, declared.size)
        else:
            blocks = halves(self._starting().whole(), self.trained_blocks, self.model)[1]
        body, classifier = self._head(width(blocks, shape), classes)
        return in_line(blocks, body, by_clip=self.reads == "clips"), classifier

    @abstractmethod
    def _head(self, width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
        """Body and classifier behind features of this width."""

    def _starting(self) -> TimmTrunk:
        """The network that trained blocks start from."""
        return replace(self._trunk(), weights="random") if self.weights == "calibrated-random" else self._trunk()

    def _trunk(self, trained: int = 0) -> TimmTrunk:
        from ferbench_timm.model import tagged

        model = tagged(self.model) if self.weights == "imagenet" else self.model
        return TimmTrunk(model, self.weights, self.weights_seed if self.weights in RANDOM else 0, self.channels, self.size, trained)


@dataclass(frozen=True)
class Timm(OnTimm):
    """A network of timm's, by its name there, frozen unless told otherwise, and a head on its pooled features.

    `head`: "linear" one layer, "mlp" two with `hidden` units and `activation` between, "logistic-regression" and "svm" (linear, C chosen on
    the validation people) fit on standardised features; `dropout` stands before the last layer.
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

            return Estimators(lambda: heads.classifiers(self.head))
        return super().trainable(classes)

    def _head(self, width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
        from ferbench import heads

        return heads.perceptron((width, *([self.hidden] if self.head == "mlp" else []), classes), self.dropout, self.activation)


@dataclass(frozen=True)
class EmotionFAN(OnTimm):
    """Frame attention (Meng et al. 2019): a clip's features are summed by learned weights; on any network of timm's.

    `attention`: "self" weighs each frame by itself, "self-relation" again by its relation to the clip as a whole. A training step sees
    `segments` frames of each clip, one from each of so many equal parts; all frames are scored. The authors' ResNet18, trained on FER+,
    can be given as `weights`.
    """

    name = "emotion-fan"
    reads: ClassVar[Literal["frames", "clips"]] = "clips"

    attention: Literal["self", "self-relation"] = "self-relation"
    segments: Count = 3
    dropout: Dropout = 0.5
    relation_dropout: Dropout = 0.6

    def frames_per_clip(self) -> int:
        """Frames of a clip that a training step sees."""
        return self.segments

    def _head(self, width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
        from ferbench_timm.attention import relation_attention, self_attention

        if self.attention == "self":
            return self_attention(width, classes, self.dropout)
        return relation_attention(width, classes, self.dropout, self.relation_dropout)


@dataclass(frozen=True)
class CNNRNN(OnTimm):
    """A recurrent network over a clip's frame features (after Kahou et al. 2015); the features by any network of timm's.

    `cell`: "lstm" or "gru" with `hidden` units; `state`: the "last" one is classified, or the "mean" over all frames. A training step
    sees all frames of a clip, or `segments` of them, one from each of so many equal parts.
    """

    name = "cnn-rnn"
    reads: ClassVar[Literal["frames", "clips"]] = "clips"

    cell: Literal["lstm", "gru"] = "lstm"
    hidden: Count = 128
    state: Literal["last", "mean"] = "last"
    segments: Count | None = None
    dropout: Dropout = 0.5

    def frames_per_clip(self) -> int | None:
        """Frames of a clip that a training step sees."""
        return self.segments

    def _head(self, width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
        from torch import nn

        from ferbench_timm.recurrent import Recurrent

        return Recurrent(width, self.hidden, self.cell, self.state, self.dropout), nn.Linear(self.hidden, classes)
