"""A clip, what flows between the stages, and the six kinds of component that a plugin can give.

Components are frozen dataclasses: their fields are the parameters of the YAML, validated by type before anything runs;
their constructors only store. Import heavy packages (torch, cv2, sklearn ...) inside methods, so that listing plugins stays quick.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ferbench.api.errors import FerbenchError, PluginError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Clip:
    """One labelled sequence: image files in temporal order, or one video file.

    `id` is stable and unique in its corpus, `subject` names the person; the core prefixes both with the dataset's name.
    `length` counts frames; a Dataset may leave it 0, and the core counts. `apex` is the 0-based index of the most intense frame.
    `landmarks`: for each frame a text file of points that the corpus ships, `x y` in pixels of the frame a line; or none.
    `facts` are JSON scalars that the corpus tells of the clip (sex, intensity, session ...).
    """

    id: str
    subject: str
    label: str
    images: tuple[Path, ...] = ()
    video: Path | None = None
    length: int = 0
    apex: int | None = None
    landmarks: tuple[Path, ...] = ()
    facts: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """Something a Dataset left out; counted by `reason` and named by `what` in the summary of a run."""

    what: str
    reason: str


@dataclass(frozen=True)
class Frames:
    """The selected frames of one clip on their way through the preprocessing steps; T frames.

    `images`: T arrays, uint8 [H,W] (gray) or [H,W,3] (RGB), sizes may differ until a step makes them equal.
    `boxes`: T faces as (x, y, width, height) in pixels, or None before detection.
    `found`: for each frame whether a detector found a face in it; None where no step looks for faces.
    `eyes`: [T,2,2] float32, the eyes left and right in the picture, (x, y) in pixels of the images; NaN where a frame's are not known.
    `landmarks`: [T,P,2] float32, points (x, y) in pixels of the corpus's own frames, whatever the steps did to these; None without.
    """

    images: tuple[NDArray[np.uint8], ...]
    boxes: tuple[tuple[int, int, int, int], ...] | None = None
    found: tuple[bool, ...] | None = None
    eyes: NDArray[np.float32] | None = None
    landmarks: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Fold:
    """Clip ids of the three parts; no person may stand in two of them (the harness checks)."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Input:
    """What a backbone reads: `size` pixels square, `channels` 1 or 3, values (x/255 - mean) / std for each channel."""

    size: int
    channels: int = 3
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        if {len(self.mean), len(self.std)} != {self.channels}:
            raise PluginError(f"an Input of {self.channels} channels has {len(self.mean)} means and {len(self.std)} deviations")
        if not all(isfinite(value) for value in self.mean) or not all(0 < value < inf for value in self.std):
            raise FerbenchError(f"mean {list(self.mean)} and std {list(self.std)}: expected finite numbers, deviations above 0")


@dataclass(frozen=True)
class Component(ABC):
    """What all six kinds share: a `name` for the YAML, and a docstring whose first line describes it in lists."""

    name: ClassVar[str]


@dataclass(frozen=True)
class Dataset(Component):
    """Reads one corpus from its official layout under `root`; decodes nothing.

    `root` is an existing folder by the time `clips` is called. `folders` are the names under ${FERBENCH_DATA} (case ignored) where
    it is looked for when the YAML gives no root. `access` tells in a sentence how to obtain the corpus.
    """

    root: str = ""

    classes: ClassVar[tuple[str, ...]]
    citation: ClassVar[str]
    licence: ClassVar[str]
    access: ClassVar[str]
    folders: ClassVar[tuple[str, ...]]

    @abstractmethod
    def clips(self) -> Iterator[Clip | Skipped]:
        """Every labelled clip, and every thing left out with the reason; in an order that depends on names alone."""


class Rehearsable(ABC):
    """A Dataset that can render a stand-in of its corpus, in the corpus's own layout."""

    @classmethod
    @abstractmethod
    def render(cls, folder: Path, people: int, seed: int, progress: Callable[[int, int], None]) -> None:
        """Writes a stand-in with `people` persons into the empty `folder`; equal seeds give equal files. `progress(done, of)`."""


@dataclass(frozen=True)
class Preprocessor(Component):
    """One step between clip and crops; a YAML entry is a list of steps. Override `select`, `__call__`, or both."""

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:  # noqa: ARG002 (a default)
        """Which of the frames that earlier steps left (0-based, ascending) to keep; runs before anything is decoded."""
        return indices

    def __call__(self, frames: Frames) -> Frames:
        """The frames of one clip, changed; the number of frames stays."""
        return frames


@dataclass(frozen=True)
class Frozen(ABC):
    """The part of a backbone that is not trained; equal ones (class, fields, source) share their features.

    What `reads` says is what the module is given: "frames" [B,C,H,W] of any clips, to features [B,...]; the frames of one clip, "clips"
    [T,C,H,W], or its "landmarks" [T,P,2], to features [T,...], or [1,...] for the clip as a whole.
    """

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "frames"

    @property
    @abstractmethod
    def calibrated(self) -> bool:
        """Whether `build` looks at training crops; its features then belong to one fold."""

    @abstractmethod
    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:
        """A module from what it reads to features; `crops` [N,C,H,W] are normalised training crops if `calibrated`."""


@dataclass(frozen=True)
class Backbone(Component):
    """A network, or network and classifier, that scores single frames; or, where `reads` is "clips", whole clips.

    A part that reads clips is an nn.Module whose forward takes x [B,T,*shape] and a mask [B,T], and gives one score a clip. What stands
    where the mask is False is padding and must not count; in evaluation there is none. Batches and class weights then count clips.
    """

    reads: ClassVar[Literal["frames", "clips"]] = "frames"

    def check(self) -> None:
        """Raises FerbenchError for weights that are not there or do not fit; asked once, before anything is decoded.

        What `frozen` needs is checked by building it: here stands what `trainable` alone will need.
        """

    def draws(self) -> int | None:
        """Where clips are read: how many frames of each a training step sees, drawn from as many equal parts of it; None: all."""
        return None

    @abstractmethod
    def input(self) -> Input:
        """The input that `frozen` (or, where that is None, `trainable`) reads."""

    @abstractmethod
    def frozen(self) -> Frozen | None:
        """The part that is computed once and stored; None where everything is trained."""

    @abstractmethod
    def trainable(self, shape: tuple[int, ...], classes: Sequence[str]) -> Any:
        """An nn.Module from features [B,*shape] to logits [B,C] in the order of `classes`, or a scikit-learn classifier
        with predict_proba or decision_function.

        Of a list of classifiers the one is kept that is best on the validation frames; of equals the first.
        None where the frozen part gives these logits itself; a module without parameters is used as it is, to pick and order them.
        Random initialisation draws from torch's global generator, which is seeded.
        """


@dataclass(frozen=True)
class Fusion(Backbone):
    """Several backbones, each fitted by itself; the scores of a clip are a weighted mean of theirs, each the mean over its frames."""

    @abstractmethod
    def members(self) -> Sequence[Backbone]:
        """Those that are fused, each with the same preprocessing, loss, recipe and seed."""

    @abstractmethod
    def weigh(self, scores: NDArray[np.float64], target: NDArray[np.int64]) -> NDArray[np.float64]:
        """Scores [M,N,C] of M members on N validation clips (N may be 0) of these classes [N] -> weights [M], at least 0, one above."""

    def check(self) -> None:
        """Nothing: its members are checked."""

    def input(self) -> Input:
        """That of the first member; it is not used."""
        return self.members()[0].input()

    def frozen(self) -> None:
        """Nothing of its own."""
        return

    def trainable(self, shape: tuple[int, ...], classes: Sequence[str]) -> None:  # noqa: ARG002
        """Nothing of its own."""
        return


@dataclass(frozen=True)
class Loss(Component):
    """What a fit minimises. Where `reads` is "features" it is given what the network's last fully connected layer reads, too."""

    reads: ClassVar[Literal["logits", "features"]] = "logits"

    @abstractmethod
    def class_weights(self, counts: Sequence[int]) -> Sequence[float] | None:
        """One weight a class from the number of training frames in each, or None; scikit-learn classifiers are given these."""

    @abstractmethod
    def build(self, counts: Sequence[int], width: int = 0) -> Callable[..., torch.Tensor]:
        """A callable or nn.Module: logits [B,C], target [B], and features [B,width] where it reads them -> scalar.

        `width` is 0 where it does not. Its parameters are trained with the network's.
        """


@dataclass(frozen=True)
class Aggregator(Component):
    """Makes one prediction for a clip from its frame scores; pure and cheap, runs on stored scores."""

    @abstractmethod
    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Softmax scores [T,C] -> [C]; the arg max is the predicted class."""


@dataclass(frozen=True)
class Protocol(Component):
    """Which classes count and which people train, validate and test.

    `classes` in the order of the tables; clips of other labels are left out and counted. `labels` renames a corpus's labels first.
    """

    classes: tuple[str, ...] = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
    labels: Mapping[str, str] = field(default_factory=dict)

    @abstractmethod
    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Splits people into parts; every label is one of `classes`."""
