"""How a network is trained; part of the core, so that results compare methods and not training loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from ferbench.types import Count, Share

LearningRate = Annotated[float, Meta(gt=0, le=1000)]


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the training crops, the same for all frames of a clip; a field that is left out changes nothing.

    If a backbone has a frozen part, `views` augmented versions of each training clip are made and their features stored; every epoch draws
    each frame from one of them or from the clip itself. If nothing is frozen, every epoch augments the crops anew and `views` has no
    effect. `flip` and `erasing` (of a rectangle) are probabilities, `rotation` is the largest angle in degrees either way, `crop` the
    smallest share of the area that is kept and scaled up; brightness, contrast and saturation are changed by factors from 1 - value to
    1 + value.
    """

    views: Count = 4
    flip: Share = 0.0
    rotation: Annotated[float, Meta(ge=0, le=180)] = 0.0
    crop: Annotated[float, Meta(gt=0, le=1)] = 1.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    erasing: Share = 0.0

    def __post_init__(self) -> None:
        if (self.flip, self.rotation, self.crop, self.brightness, self.contrast, self.saturation, self.erasing) == (0, 0, 1, 0, 0, 0, 0):
            raise ValueError(
                "an augmentation that changes nothing: expected flip, rotation, crop, brightness, contrast, saturation or erasing"
            )


@dataclass(frozen=True)
class Schedule:
    """How the learning rate falls, epoch by epoch.

    "step" multiplies it by `factor` every `every` epochs. "plateau" does so when the validation loss has not fallen for that many epochs.
    "cosine" lets it fall along half a cosine wave that would reach 0 after the last epoch (Loshchilov & Hutter 2017, without restarts).
    """

    kind: Literal["step", "cosine", "plateau"]
    every: Count = 10
    factor: Annotated[float, Meta(gt=0, lt=1)] = 0.1


@dataclass(frozen=True)
class Recipe:
    """The optimizer and when to stop. Of these fields, scikit-learn classifiers use the augmentation alone.

    `lr` is the learning rate, `batch_size` counts frames (clips, if the backbone reads clips), and `epochs` is the most that are
    run. `patience` turns on early stopping: training stops when that many epochs have passed since validation accuracy was best (of frames
    or clips; ties: lower validation loss) while training accuracy has not fallen. `checkpoint` says which epoch's weights are scored: the
    "best" on the validation people, or the "last". `momentum` and `nesterov` are SGD's. `sampling` draws the items of an epoch by class:
    "oversample" repeats those of rare classes up to the most frequent one, "undersample" takes of each class as many as the rarest has,
    and "balanced" fills batches with all classes in turn.
    """

    optimizer: Literal["adam", "adamw", "sgd", "adagrad", "adadelta"] = "adam"
    lr: LearningRate = 1e-3
    batch_size: Count = 32
    epochs: Count = 50
    patience: Count | None = None
    checkpoint: Literal["best", "last"] = "best"
    weight_decay: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    momentum: Annotated[float, Meta(ge=0, lt=1)] = 0.9
    nesterov: bool = False
    schedule: Schedule | None = None
    sampling: Literal["oversample", "undersample", "balanced"] | None = None
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov is true and momentum is 0: expected a momentum above 0")
