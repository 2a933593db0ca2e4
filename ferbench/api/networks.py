"""Backbones: a frozen part, computed once, and a trainable part of one of four kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from ferbench.api.clips import Input
from ferbench.api.components import Component
from ferbench.types import Shape

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from sklearn.base import ClassifierMixin


@dataclass(frozen=True)
class Network:
    """A network that is trained with the loss and recipe of its row.

    `build(shape)` returns a module from items [B,*shape] to logits [B,C], in the order of the classes. For a backbone that reads clips,
    its forward takes items [B,T,*shape] and a mask [B,T]: frames where the mask is False are padding and must not
    count. Evaluation batches contain no padding. Draw random weights from torch's global generator, which is seeded.
    """

    build: Callable[[Shape], torch.nn.Module]


@dataclass(frozen=True)
class EmbeddingNetwork:
    """A network in two parts, so that losses can read its embedding (see EmbeddingLoss).

    `build(shape)` returns a body and a linear classifier. The body is like the module of a Network, but returns embeddings [B,D]; the
    classifier maps these to logits [B,C].
    """

    build: Callable[[Shape], tuple[torch.nn.Module, torch.nn.Linear]]


@dataclass(frozen=True)
class Estimators:
    """One or more scikit-learn classifiers with `predict_proba` or `decision_function`.

    All classifiers that `build()` returns are fitted; the best on the validation frames is kept, the first on a tie.
    """

    build: Callable[[], Sequence[ClassifierMixin]]


@dataclass(frozen=True)
class FinishedSystem:
    """A system that is not trained: the frozen part returns logits [B,C+K], of the classes and then of `others`.

    `others` names K answers that the system can give besides the protocol's classes, such as "contempt": they count as wrong. If `build` is
    given, `build(shape)` returns a module without trainable weights that picks and orders the logits.
    """

    build: Callable[[Shape], torch.nn.Module] | None = None
    others: tuple[str, ...] = ()


Trainable = Network | EmbeddingNetwork | Estimators | FinishedSystem


@dataclass(frozen=True)
class Frozen(ABC):
    """The part of a backbone that is not trained; equal ones (class, fields, source) share their features.

    `reads` is the input of its module: "frames" [B,C,H,W] of any clips, which give features [B,...]; or all frames of one clip, "clips"
    [T,C,H,W], or its "landmarks" [T,P,2], which give features [T,...], or [1,...] for the clip as a whole.
    """

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "frames"

    @property
    @abstractmethod
    def is_calibrated(self) -> bool:
        """Whether `build` uses training crops; its features then belong to one fold."""

    @abstractmethod
    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:
        """Build the module; `crops` [N,C,H,W] are normalized training crops if `is_calibrated`, else None."""


@dataclass(frozen=True)
class Backbone(Component):
    """A network, or a network and a classifier, that scores single frames; or whole clips, if `reads` is "clips"."""

    role: ClassVar[str] = "backbone"
    reads: ClassVar[Literal["frames", "clips"]] = "frames"

    def check_weights(self) -> None:
        """Raise FerbenchError if weights are missing or do not fit; called once, before anything is decoded.

        Check only what `trainable` needs: building the frozen part checks the rest.
        """

    def trained_on(self) -> str:
        """Return what its weights were trained on beforehand, such as "ImageNet-1k"; empty if on nothing. Tables show it."""
        return ""

    def network(self) -> torch.nn.Module | None:
        """Return its network with random weights, for `ferbench describe`; None if it has no layers that `features` could name."""
        return None

    def frames_per_clip(self) -> int | None:
        """Return the frames per clip in a training step, one drawn from each of that many equal segments; None for all frames.

        Only backbones that read clips are asked.
        """
        return None

    @abstractmethod
    def input(self) -> Input:
        """Return the input of the frozen part or, without one, of the trainable part."""

    @abstractmethod
    def frozen(self) -> Frozen | None:
        """Return the part that is computed once and stored; None if everything is trained."""

    @abstractmethod
    def trainable(self, classes: Sequence[str]) -> Trainable:
        """Return the part that is trained: a Network, an EmbeddingNetwork, Estimators or a FinishedSystem.

        Called during planning, so keep it fast: import and build heavy things only inside its `build`.
        """


@dataclass(frozen=True)
class Fusion(Component):
    """Late fusion of backbones that are trained separately: a clip's scores are the weighted mean of its mean scores under each."""

    role: ClassVar[str] = "backbone"

    @abstractmethod
    def members(self) -> Sequence[Backbone | Fusion]:
        """Return the fused backbones; all use the preprocessing, loss, recipe and seed of the row."""

    @abstractmethod
    def weigh(self, scores: NDArray[np.float64], target: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return weights [M], none negative and not all 0, from scores [M,N,C] of M members on N validation clips of classes `target` [N].

        N can be 0.
        """
