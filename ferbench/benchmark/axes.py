"""The axes of the grid, and what is particular about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Axis:
    """An axis and its properties.

    `kind` is that of its components, empty for recipe and seed. A choice is a "single" component, or several: corpora that are "merged",
    steps that are "piped". `default` is the value if the file has none. `in_model` is whether a model depends on it: an aggregator runs on
    stored scores.
    """

    name: str
    description: str
    kind: str = ""
    choice: Literal["single", "merged", "piped"] = "single"
    default: object = None
    in_model: bool = True

    @property
    def is_composed(self) -> bool:
        """Whether a choice is several components."""
        return self.choice != "single"


AXES = {
    axis.name: axis
    for axis in (
        Axis("dataset", "Corpora; a list inside merges several into one", kind="dataset", choice="merged"),
        Axis("preprocessing", "Pipelines: each a list of steps, named or not", kind="preprocessor", choice="piped"),
        Axis("protocol", "Which classes, and which people are in the training, validation and test part", kind="protocol"),
        Axis("backbone", "Networks, classifiers and fusions", kind="backbone"),
        Axis("recipe", "How networks are trained; several under names of your own", default={"default": {}}),
        Axis("loss", "Losses", kind="loss"),
        Axis("seed", "Seeds of initialization and of the order of batches", default=0),
        Axis("aggregator", "From frame scores to one prediction per clip", kind="aggregator", in_model=False),
    )
}
MODEL_AXES = tuple(axis.name for axis in AXES.values() if axis.in_model)
"""What a model depends on."""


def axis_of(kind: str) -> Axis:
    """The axis on which components of a kind are."""
    return next(axis for axis in AXES.values() if axis.kind == kind)
