"""The kinds of component that a plugin can register; backbones are in `networks`.

Components are frozen dataclasses. Their fields are the parameters of the YAML, checked by type before anything runs; their constructors
only store. Import heavy packages (torch, cv2, sklearn ...) inside methods, so that listing plugins stays quick.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ferbench.api.clips import Clip, Fold, Frames, Skipped
from ferbench.types import File, Progress

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Component(ABC):
    """What all components share: a `name` for the YAML, and a docstring whose first line describes it in lists."""

    role: ClassVar[str]
    name: ClassVar[str]

    @property
    def title(self) -> str:
        """Kind and name, for messages: "backbone vgg16"."""
        return f"{self.role} {self.name}"


@dataclass(frozen=True)
class Dataset(Component):
    """Reads one corpus from its official layout under `root`; decodes nothing.

    `root` is an existing folder by the time `clips` is called. If the YAML gives no root, the corpus is looked for under
    ${FERBENCH_DATA} by the names in `folders` (case ignored). `access` says in a sentence how to obtain the corpus.
    """

    role: ClassVar[str] = "dataset"
    root: File = ""

    classes: ClassVar[tuple[str, ...]]
    citation: ClassVar[str]
    license: ClassVar[str]
    access: ClassVar[str]
    folders: ClassVar[tuple[str, ...]]

    @abstractmethod
    def clips(self) -> Iterator[Clip | Skipped]:
        """Yield every labeled clip, and everything left out with its reason, in an order that depends on names alone."""


@dataclass(frozen=True)
class StandIn(Component):
    """Renders artificial clips in the layout of a corpus; `name` is the name of the dataset that reads them."""

    role: ClassVar[str] = "stand-in"

    @abstractmethod
    def render(self, folder: Path, people: int, seed: int, progress: Progress) -> None:
        """Write clips of `people` people into the empty `folder`; equal seeds give equal files."""


@dataclass(frozen=True)
class Preprocessor(Component):
    """One step between clip and crops; a pipeline is a list of steps. Override `select`, `__call__`, or both."""

    role: ClassVar[str] = "preprocessor"

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:  # noqa: ARG002 (a default)
        """Choose which of the frames that earlier steps kept (0-based, ascending) to keep; runs before anything is decoded.

        `clip` has neither label nor subject: what is decoded must not depend on what is to be found out.
        """
        return indices

    def __call__(self, frames: Frames) -> Frames:
        """Change the frames of one clip; their number stays the same."""
        return frames


@dataclass(frozen=True)
class Loss(Component):
    """What training minimizes."""

    role: ClassVar[str] = "loss"

    @property
    def only_weighs_classes(self) -> bool:
        """Whether this is cross-entropy with the class weights of `class_weights` and nothing else.

        Only such a loss can be combined with scikit-learn classifiers, which take the weights and know no other loss.
        """
        return False

    @abstractmethod
    def class_weights(self, counts: Sequence[int]) -> Sequence[float] | None:
        """One weight per class from the number of training items of each class, or None."""

    @abstractmethod
    def build(self, counts: Sequence[int]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """A function or nn.Module: logits [B,C] and target [B] -> scalar. A module's parameters are trained with the network's."""


@dataclass(frozen=True)
class EmbeddingLoss(Component):
    """A loss that also reads the embedding; it can be combined with backbones that return an EmbeddingNetwork."""

    role: ClassVar[str] = "loss"

    @abstractmethod
    def build(self, counts: Sequence[int], width: int) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]:
        """A function or nn.Module: logits [B,C], target [B] and embeddings [B,width] -> scalar.

        `counts` are the training items of each class. A module's parameters are trained with the network's.
        """


@dataclass(frozen=True)
class Aggregator(Component):
    """Makes one prediction for a clip from its frame scores; pure and cheap, runs on stored scores."""

    role: ClassVar[str] = "aggregator"

    @abstractmethod
    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Softmax scores [T,C] -> [C]; the arg max is the predicted class."""


@dataclass(frozen=True)
class Protocol(Component):
    """Which classes count, and which people are in the training, validation and test part.

    `classes` are in the order of the tables; clips of other labels are left out and counted. `labels` renames a corpus's labels first.
    """

    role: ClassVar[str] = "protocol"

    classes: tuple[str, ...] = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
    labels: Mapping[str, str] = field(default_factory=dict)

    @abstractmethod
    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Split people into parts; every label is one of `classes`."""
