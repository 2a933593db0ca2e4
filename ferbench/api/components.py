"""The components that a plugin can register; backbones are in `networks`.

Components are frozen dataclasses. Their fields are the parameters in the YAML and are checked by type before anything runs; constructors
only store. Import heavy packages (torch, cv2, sklearn ...) inside methods, so that listing plugins stays fast.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from ferbench.api.clips import Clip, Fold, Frames, Skipped
from ferbench.api.official import Official
from ferbench.api.portable import Portable
from ferbench.types import File, Progress

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Component(ABC):
    """A component: `name` is what the YAML calls it, and the first line of the docstring describes it in lists."""

    role: ClassVar[str]
    name: ClassVar[str]

    @property
    def title(self) -> str:
        """Kind and name for messages, such as "backbone vgg16"."""
        return f"{self.role} {self.name}"


@dataclass(frozen=True)
class Dataset(Component):
    """A reader of one corpus in its official layout under `root`; it decodes nothing.

    When `clips` is called, `root` is an existing folder. If the YAML gives none, ferbench looks in ${FERBENCH_DATA} for a folder named in
    `folders`, ignoring case. `access` is a sentence on how to obtain the corpus. `official`, if given, are the figures of a complete copy.
    Set `names_people` to False if nobody knows who is seen: each clip then has a `subject` of its own, tables say "people unknown", and
    protocols that split people warn.
    """

    role: ClassVar[str] = "dataset"
    root: File = ""

    names_people: ClassVar[bool] = True
    classes: ClassVar[tuple[str, ...]]
    citation: ClassVar[str]
    license: ClassVar[str]
    access: ClassVar[str]
    folders: ClassVar[tuple[str, ...]]
    official: ClassVar[Official | None] = None

    @abstractmethod
    def clips(self) -> Iterator[Clip | Skipped]:
        """Yield every labeled clip, and everything left out with its reason, in an order that depends only on names."""


@dataclass(frozen=True)
class StandIn(Component):
    """A renderer of artificial clips in the layout of a corpus; `name` is the name of the dataset that reads them."""

    role: ClassVar[str] = "stand-in"

    @abstractmethod
    def render(self, folder: Path, people: int, seed: int, progress: Progress) -> None:
        """Write clips of `people` people into the empty `folder`; equal seeds give equal files."""


@dataclass(frozen=True)
class Preprocessor(Component):
    """A step between clip and crops; a pipeline is a list of steps. Override `select`, `__call__`, or both.

    Clips are processed by several threads. Set `is_thread_safe` if they may call a step at the same time: it changes nothing that another
    call uses, such as a detector that is kept between calls. Otherwise one thread at a time calls it, which is slower.
    """

    role: ClassVar[str] = "preprocessor"
    is_thread_safe: ClassVar[bool] = False
    repairs: ClassVar[Literal["", "frames", "crops"]] = ""  # where an audit tries to add this step: before all others, or after them

    def alternatives(self) -> Sequence[Preprocessor]:
        """Return this step with other settings that are often confused; an audit of a finished system tries them in its place."""
        return ()

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:  # noqa: ARG002 (a default)
        """Return which of `indices`, the frames that earlier steps kept (0-based, ascending), to keep; called before anything is decoded.

        `clip` has neither label nor subject, so that the choice of frames cannot leak the answer.
        """
        return indices

    def portable(self) -> Portable | None:
        """Return what the step does in numpy and OpenCV alone, for exports; None if it cannot be exported."""
        return None

    def __call__(self, frames: Frames) -> Frames:
        """Transform the frames of one clip; their number stays the same."""
        return frames


@dataclass(frozen=True)
class Loss(Component):
    """The function of logits and classes that training minimizes."""

    role: ClassVar[str] = "loss"

    @property
    def only_weighs_classes(self) -> bool:
        """Whether this is cross-entropy with the class weights of `class_weights` and nothing else.

        Only such a loss can be combined with scikit-learn classifiers, which can use class weights but no other loss.
        """
        return False

    @abstractmethod
    def class_weights(self, counts: Sequence[int]) -> Sequence[float] | None:
        """Return one weight per class, from the number of training items of each class; None for equal weights."""

    @abstractmethod
    def build(self, counts: Sequence[int]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """Return a function or nn.Module: logits [B,C] and target [B] -> scalar. Parameters of a module are trained with the network."""


@dataclass(frozen=True)
class EmbeddingLoss(Component):
    """A loss that also reads the embedding; it can be combined with backbones that return an EmbeddingNetwork."""

    role: ClassVar[str] = "loss"

    @abstractmethod
    def build(self, counts: Sequence[int], width: int) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]:
        """Return a function or nn.Module: logits [B,C], target [B] and embeddings [B,width] -> scalar.

        `counts` are the numbers of training items of each class. Parameters of a module are trained with the network.
        """


@dataclass(frozen=True)
class Aggregator(Component):
    """A rule that turns the frame scores of a clip into one prediction; pure and cheap; it runs on stored scores."""

    role: ClassVar[str] = "aggregator"

    def portable(self) -> Portable | None:
        """Return the rule in numpy alone, for exports; None if it cannot be exported."""
        return None

    @abstractmethod
    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map softmax scores [T,C] to [C]; the arg max is the predicted class."""


@dataclass(frozen=True)
class Protocol(Component):
    """The choice of classes, and of the people in the training, validation and test parts.

    `classes` are in the order of the tables; clips with other labels are left out and counted. `labels` first renames labels: of all
    corpora, or of one, if the value under its name is a map: {happy: happiness, mug: {joy: happiness}}. Clips with a label of
    `drop_after_folding` are left out, too, but only after they took part in making the folds. Set `follows_published_split` if the parts
    are those that the authors of the corpus published.
    """

    role: ClassVar[str] = "protocol"
    follows_published_split: ClassVar[bool] = False

    classes: tuple[str, ...] = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
    labels: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    drop_after_folding: tuple[str, ...] = ()

    @abstractmethod
    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Split people into parts; each clip has one of the `classes`, or of `drop_after_folding`, as its label."""
