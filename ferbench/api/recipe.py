"""How a network is trained; part of the core, so that results compare methods and not training loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from ferbench.types import Count, Share

LearningRate = Annotated[float, Meta(gt=0, le=1000)]


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the training crops, the same for all frames of a clip; a field that is left out changes nothing.

    If a backbone has a frozen part, the features of `views` augmented versions of each training clip are stored; every epoch draws
    each frame from one of them or from the clip itself. If nothing is frozen, every epoch augments the crops again and `views` has no
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
    """How the learning rate decays, epoch by epoch.

    "step" multiplies it by `factor` (default: 0.1) every `every` epochs (default: 10). "plateau" does so when the validation loss has not
    fallen for that many epochs. "cosine" follows half a cosine wave that would reach 0 after the last epoch (Loshchilov & Hutter 2017,
    without restarts), and has no other field.
    """

    fields: ClassVar[Mapping[str, tuple[str, ...]]] = {"step": ("every", "factor"), "cosine": (), "plateau": ("every", "factor")}

    kind: Literal["step", "cosine", "plateau"]
    every: Count | None = None
    factor: Annotated[float, Meta(gt=0, lt=1)] | None = None

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self) if field.name != "kind"):
            if getattr(self, name) is not None and name not in self.fields[self.kind]:
                raise ValueError(f"{name} is {getattr(self, name)} and kind is {self.kind!r}, which does not use it: remove {name}")


@dataclass(frozen=True)
class Recipe:
    """The optimizer and when to stop. For scikit-learn classifiers, only `augmentation` applies.

    `lr` is the learning rate, `batch_size` counts frames (or clips, if the backbone reads clips), and `epochs` is the most epochs to train.
    `patience` turns on early stopping: training stops when that many epochs have passed since validation accuracy was best (of frames or
    clips; ties: lower validation loss) while training accuracy has not fallen. `checkpoint` selects the epoch whose weights are scored: the
    "best" on the validation people, or the "last". Only SGD uses `momentum` (default: 0.9) and `nesterov`. `sampling` draws the items of an
    epoch by class: "oversample" repeats items of rare classes until all classes are as frequent as the most frequent one, "undersample"
    takes as many items of each class as the rarest has, and "balanced" fills batches with all classes in turn.
    """

    optimizer: Literal["adam", "adamw", "sgd", "adagrad", "adadelta"] = "adam"
    lr: LearningRate = 1e-3
    batch_size: Count = 32
    epochs: Count = 50
    patience: Count | None = None
    checkpoint: Literal["best", "last"] = "best"
    weight_decay: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    momentum: Annotated[float, Meta(ge=0, lt=1)] | None = None
    nesterov: bool = False
    schedule: Schedule | None = None
    sampling: Literal["oversample", "undersample", "balanced"] | None = None
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        if self.optimizer != "sgd" and (self.momentum is not None or self.nesterov):
            name, value = ("nesterov", "true") if self.nesterov else ("momentum", self.momentum)
            raise ValueError(
                f"{name} is {value} and optimizer is {self.optimizer!r}, which does not use it: set optimizer to sgd, or remove {name}"
            )
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov is true and momentum is 0: expected a momentum above 0")


def validation_need(recipe: Recipe) -> tuple[str, str] | None:
    """What a network needs validation people for, and what to change to train without any; None if it needs none."""
    if recipe.checkpoint == "best":
        return "to choose the best epoch", "--set recipe.checkpoint=last"
    if recipe.patience:
        return "for early stopping by `patience`", "leave recipe.patience out"
    if recipe.schedule and recipe.schedule.kind == "plateau":
        return "for a plateau schedule", "choose another kind of schedule"
    return None
