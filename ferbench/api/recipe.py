"""How a fit trains: a dataclass of the core, so that results compare methods and not training loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from ferbench.types import Count, Share

Rate = Annotated[float, Meta(gt=0, le=1000)]


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the training crops, alike for all frames of a clip; what is left out is not changed.

    Where a backbone has a frozen part, `views` changed versions of each training clip are made and their features stored; every epoch
    draws each frame from one of them or from the clip as it is. Where nothing is frozen, every epoch changes the crops anew and
    `views` does not count. `flip` and `erasing` (of a rectangle) are probabilities, `rotation` is the most degrees either way, `crop` the
    least share of the area that is kept and scaled up, and brightness, contrast and saturation are factors from 1 - value to 1 + value.
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

    "step" multiplies it by `factor` every `every` epochs, "plateau" does where the validation loss has not fallen for so many, and
    "cosine" lets it fall along half a wave that would reach 0 after the last epoch (Loshchilov & Hutter 2017, without restarts).
    """

    kind: Literal["step", "cosine", "plateau"]
    every: Count = 10
    factor: Annotated[float, Meta(gt=0, lt=1)] = 0.1


@dataclass(frozen=True)
class Recipe:
    """The optimiser and when to stop; scikit-learn classifiers have their own optimiser and use of it the augmentation alone.

    `lr` is a rate per step, `batch_size` counts frames (clips, where the backbone reads clips), `epochs` is the most that are run. With
    `patience`, training stops once that many epochs have passed since validation accuracy (by frame, or clip; ties: lower validation
    loss) was best while training accuracy has not fallen. `checkpoint` says which epoch's weights are scored: the best on the validation
    people, or the last. `momentum` and `nesterov` are SGD's. `sampling` draws the frames (or clips) of an epoch by their class:
    "oversample" repeats those of rare classes up to the most frequent one, "undersample" takes of each as many as the rarest has, and
    "balanced" fills batches with all classes in turn.
    """

    optimizer: Literal["adam", "adamw", "sgd", "adagrad", "adadelta"] = "adam"
    lr: Rate = 1e-3
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
            raise ValueError("nesterov is true, and momentum 0: expected a momentum above 0")
