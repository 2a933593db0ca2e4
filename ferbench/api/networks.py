"""Backbones: the frozen part that is computed once, and the part that is trained, of one of four kinds."""

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
    """A network that the loss and the recipe of its row train.

    `build(shape)` returns a module from items [B,*shape] to logits [B,C], in the order of the classes. For a backbone that reads clips,
    its forward takes items [B,T,*shape] and a mask [B,T]: frames where the mask is False are padding and must not count; there is none in
    evaluation. Draw random weights from torch's global generator, which is seeded.
    """

    build: Callable[[Shape], torch.nn.Module]


@dataclass(frozen=True)
class EmbeddingNetwork:
    """A network in two parts, so that losses can read its embedding (see EmbeddingLoss).

    `build(shape)` returns a body, which is what Network.build returns but gives embeddings [B,D], and a linear classifier, which maps these
    to logits [B,C].
    """

    build: Callable[[Shape], tuple[torch.nn.Module, torch.nn.Linear]]


@dataclass(frozen=True)
class Estimators:
    """One or more scikit-learn classifiers with `predict_proba` or `decision_function`.

    All of those that `build()` returns are fitted, and the best on the validation frames is kept; of equals the first.
    """

    build: Callable[[], Sequence[ClassifierMixin]]


@dataclass(frozen=True)
class FinishedSystem:
    """A system that is not trained: the frozen part gives logits [B,C] itself.

    If `build` is given, `build(shape)` returns a module without trainable weights that picks and orders the logits of the classes.
    """

    build: Callable[[Shape], torch.nn.Module] | None = None


Trainable = Network | EmbeddingNetwork | Estimators | FinishedSystem


@dataclass(frozen=True)
class Frozen(ABC):
    """The part of a backbone that is not trained; equal ones (class, fields, source) share their features.

    `reads` says what its module takes: "frames" [B,C,H,W] of any clips, to features [B,...]; all frames of one clip, "clips" [T,C,H,W], or
    its "landmarks" [T,P,2], to features [T,...], or [1,...] for the clip as a whole.
    """

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "frames"

    @property
    @abstractmethod
    def is_calibrated(self) -> bool:
        """Whether `build` looks at training crops; its features then belong to one fold."""

    @abstractmethod
    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:
        """The module; `crops` [N,C,H,W] are normalized training crops if `is_calibrated`, else None."""


@dataclass(frozen=True)
class Backbone(Component):
    """A network, or a network and a classifier, that scores single frames; or whole clips, if `reads` is "clips"."""

    role: ClassVar[str] = "backbone"
    reads: ClassVar[Literal["frames", "clips"]] = "frames"

    def check_weights(self) -> None:
        """Raise FerbenchError if weights are missing or do not fit; called once, before anything is decoded.

        Check only what `trainable` needs: building the frozen part checks the rest.
        """

    def frames_per_clip(self) -> int | None:
        """For a backbone that reads clips: how many frames of each clip a training step sees, one from each of so many equal parts.

        None: all frames.
        """
        return None

    @abstractmethod
    def input(self) -> Input:
        """What the frozen part reads or, without one, what the trained part reads."""

    @abstractmethod
    def frozen(self) -> Frozen | None:
        """The part that is computed once and stored; None if everything is trained."""

    @abstractmethod
    def trainable(self, classes: Sequence[str]) -> Trainable:
        """The part that is trained: a Network, an EmbeddingNetwork, Estimators or a FinishedSystem.

        Called when the plan is made, so keep it quick: import and build nothing heavy outside of its `build`.
        """


@dataclass(frozen=True)
class Fusion(Component):
    """Late fusion of several backbones, each trained by itself: a clip's scores are a weighted mean of its mean scores under each."""

    role: ClassVar[str] = "backbone"

    @abstractmethod
    def members(self) -> Sequence[Backbone | Fusion]:
        """The fused backbones; all use the preprocessing, loss, recipe and seed of the row."""

    @abstractmethod
    def weigh(self, scores: NDArray[np.float64], target: NDArray[np.int64]) -> NDArray[np.float64]:
        """Weights [M], at least 0 and one of them above, from scores [M,N,C] of M members on N validation clips of the classes [N].

        N may be 0.
        """
