"""Components for the golden outputs, so simple that only the core's code can change what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from torch import Tensor, nn

import ferbench
from ferbench.api.networks import Trainable


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def project(x: Tensor) -> Tensor:
    """Four numbers per item, and the mean of the batch, so that it matters which items share one."""
    flat = x.flatten(1)
    weights = torch.sin(torch.arange(flat.shape[1] * 4, dtype=torch.float32)).view(-1, 4) / flat.shape[1]
    return torch.cat([flat @ weights + flat.mean(1, keepdim=True), flat.mean().expand(len(x), 1)], 1)  # [B,5]


@dataclass(frozen=True)
class Part(ferbench.Frozen):
    """`project`, of frames."""

    calibrated: bool = False

    @property
    def is_calibrated(self) -> bool:
        return self.calibrated

    def build(self, crops: Tensor | None) -> nn.Module:
        if crops is None:
            return Function(project)
        mean = crops.mean((0, 2, 3))  # [C]
        return Function(lambda x: torch.cat([project(x), mean.expand(len(x), -1), torch.full((len(x), 1), float(len(crops)))], 1))


@dataclass(frozen=True)
class ClipPart(Part):
    """One vector for the clip."""

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "clips"

    def build(self, crops: Tensor | None) -> nn.Module:
        return Function(lambda x: project(x.float()).mean(0, keepdim=True))


@dataclass(frozen=True)
class LandmarkPart(ClipPart):
    """The same, of landmarks."""

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "landmarks"


@dataclass(frozen=True)
class Logits(Part):
    """Logits from the mean of a crop."""

    def build(self, crops: Tensor | None) -> nn.Module:
        return Function(lambda x: torch.stack([x.mean((1, 2, 3)) * scale for scale in (-1.0, 0.1, 1.0)], 1))


def make_trainable(kind: str, classes: int) -> Trainable:
    """Each kind of trainable."""
    return {
        "perceptron": ferbench.EmbeddingNetwork(lambda shape: ferbench.heads.make_perceptron((shape[0], 4, classes), 0.3, "tanh")),
        "linear": ferbench.Network(lambda shape: nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))),
        "mean": ferbench.Network(lambda shape: MeanOverClip(classes)),
        "svm": ferbench.Estimators(lambda: ferbench.heads.make_classifiers("svm")),
        "logistic": ferbench.Estimators(lambda: ferbench.heads.make_classifiers("logistic-regression")),
        "candidates": ferbench.Estimators(make_candidates),
        "finished": ferbench.FinishedSystem(),
        "picked": ferbench.FinishedSystem(lambda shape: Function(lambda logits: logits[:, [2, 0, 1]])),
    }[kind]


def make_candidates() -> list[ClassifierMixin]:
    """Both are right about all training frames, and only the second about validation frames: the first reads last digits."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return [make_pipeline(FunctionTransformer(lambda x: x * 1000 % 1), KNeighborsClassifier(1)), KNeighborsClassifier(5)]


class MeanOverClip(nn.Module):
    """A linear classifier of the mean over the frames of a clip."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.last = nn.LazyLinear(classes)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        flat = x.flatten(2) * mask[..., None]
        return self.last(flat.sum(1) / mask.sum(1, keepdim=True))


@dataclass(frozen=True)
class Systems(ferbench.Backbone):
    """A frozen part, or none, and what is trained on it."""

    name = "systems"
    kind: str = "perceptron"
    part: ferbench.Frozen | None = field(default_factory=Part)
    channels: int = 1

    def input(self) -> ferbench.Input:
        return ferbench.Input(4, self.channels, (0.4, 0.5, 0.6)[: self.channels], (0.2, 0.25, 0.3)[: self.channels])

    def frozen(self) -> ferbench.Frozen | None:
        return self.part

    def trainable(self, classes) -> Trainable:
        return make_trainable(self.kind, len(classes))


@dataclass(frozen=True)
class ClipSystems(Systems):
    """Items are clips."""

    reads: ClassVar[Literal["frames", "clips"]] = "clips"
    kind: str = "mean"
    per_clip: int | None = None

    def frames_per_clip(self) -> int | None:
        return self.per_clip


@dataclass(frozen=True)
class Plain(ferbench.Loss):
    """Cross-entropy."""

    name = "plain"
    weights: tuple[float, ...] | None = None

    def class_weights(self, counts):
        return self.weights

    def build(self, counts):
        weights = torch.tensor(self.weights or [1.0] * len(counts)) * torch.tensor(counts) / sum(counts)
        return nn.CrossEntropyLoss(weights)


@dataclass(frozen=True)
class Embedding(ferbench.EmbeddingLoss):
    """Cross-entropy, and the distance of embeddings from a point that is trained."""

    name = "embedding"

    def build(self, counts, width):
        class Module(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.point = nn.Parameter(torch.ones(width))

            def forward(self, logits, target, embeddings):
                return nn.functional.cross_entropy(logits, target) + (embeddings - self.point).square().mean()

        return Module()


@dataclass(frozen=True)
class FixedFusion(ferbench.Fusion):
    """Weights from the number of right clips of each member."""

    name = "fixed"

    def members(self):
        return (Systems(), Systems("linear"))

    def weigh(self, scores, target):
        return np.array([1.0 + (member.argmax(1) == target).sum() + member.max(initial=0) for member in scores])


@dataclass(frozen=True)
class Largest(ferbench.Aggregator):
    """The largest score of each class."""

    name = "largest"

    def __call__(self, scores):
        return scores.max(0)


@dataclass(frozen=True)
class EveryOther(ferbench.Preprocessor):
    """Keeps frames 0, 2, 4 ... up to the apex."""

    name = "every-other"

    def select(self, clip, indices):
        return clip.until_apex(indices)[::2]


@dataclass(frozen=True)
class FindBright(ferbench.Preprocessor):
    """Finds a face wherever a frame is not black, and paints what the core gives to steps into the first pixels."""

    name = "find-bright"

    def __call__(self, frames):
        from dataclasses import replace

        boxes = [(1, 2, image.shape[1] - 1.5, image[0, 0].max()) if image.max() else [np.nan] * 4 for image in frames.images]
        eyes = np.array([[[box[0], box[1]], [box[2], box[3]]] for box in boxes], np.float32)
        found = frames.with_faces(np.array(boxes, float), eyes)
        images = tuple(image.copy() for image in frames.images)
        for image, box, eye in zip(images, found.boxes or (), found.eyes, strict=True):
            image.reshape(-1)[:6] = [*box, int(np.nan_to_num(eye.sum())) % 256, frames.is_resized]
        return replace(found, images=images)


@dataclass(frozen=True)
class TwoFaces(ferbench.FaceDetector):
    """Finds two faces whose places and sizes are in the first pixels of a frame."""

    name = "two-faces"

    def detect_faces(self, image):
        one, other = image.reshape(-1)[:2].astype(float)
        boxes = np.array([[0, 0, 2 + one % 3, 3], [other % 2, 1, 2, 2 + other % 3]])[: 1 + int(one) % 2]
        return ferbench.Faces(boxes, np.ones(len(boxes)), np.stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1))


@dataclass(frozen=True)
class PaintFaces(ferbench.Preprocessor):
    """Paints boxes and eyes into the first pixels."""

    name = "paint-faces"

    def __call__(self, frames):
        from dataclasses import replace

        images = tuple(image.copy() for image in frames.images)
        for image, box, eye in zip(images, frames.boxes, frames.eyes, strict=True):
            image.reshape(-1)[:6] = [*box, int(10 * eye.sum()) % 256, 0]
        return replace(frames, images=images)


@dataclass(frozen=True)
class Halve(ferbench.Preprocessor):
    """Keeps every other row and column."""

    name = "halve"

    def __call__(self, frames):
        from dataclasses import replace

        return replace(frames, images=tuple(np.ascontiguousarray(image[::2, ::2]) for image in frames.images))


@dataclass(frozen=True)
class People(ferbench.Protocol):
    """A fold for each seed, by `ferbench.splitting`."""

    name = "people"
    seeds: tuple[int, ...] = (0, 1)
    shares: tuple[float, ...] = (0.5, 0.2, 0.3)

    def folds(self, clips):
        folds = []
        for seed in self.seeds:
            parts = ferbench.splitting.split_people(clips, self.shares, seed, (0, 2), "golden")
            folds.append(ferbench.Fold(*(tuple(clip.id for clip in part) for part in parts)))
        return folds


@dataclass(frozen=True)
class FixedFolds(ferbench.Protocol):
    """These folds, right or wrong."""

    name = "fixed-folds"
    parts: tuple[tuple[tuple[str, ...], ...], ...] = ()

    def folds(self, clips):
        return [ferbench.Fold(*part) for part in self.parts]
