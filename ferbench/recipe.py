"""How a fit trains: a dataclass of the core, so that results compare methods and not training loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Rate = Annotated[float, Meta(gt=0, le=1000)]
Count = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True)
class Recipe:
    """The optimiser and when to stop; scikit-learn classifiers have their own optimiser and use none of it.

    `lr` is a rate per step, `batch_size` counts frames, `epochs` is the most that are run. With `patience`, training stops once that
    many epochs have passed since validation accuracy (by frame; ties: lower validation loss) was best while training accuracy has
    not fallen. `checkpoint` says which epoch's weights are scored: the best on the validation people, or the last.
    """

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    lr: Rate = 1e-3
    batch_size: Count = 32
    epochs: Count = 50
    patience: Count | None = None
    checkpoint: Literal["best", "last"] = "best"
    weight_decay: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    momentum: Annotated[float, Meta(ge=0, lt=1)] = 0.9
