"""The axes of the grid and their properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ferbench.api.recipe import Recipe
from ferbench.types import Seed


@dataclass(frozen=True)
class Axis:
    """An axis and its properties.

    Its values are components of a `kind`, or the dataclass `section` with fields that the YAML gives, or numbers annotated `number`. A
    choice is a "single" value, or several components: corpora that are "merged", steps that are "piped". `default` is what the YAML holds
    if it leaves the axis out. `in_model` is whether a model depends on it: an aggregator runs on stored scores. `in_data` is whether it
    determines the data: clips, frames and folds. `repeats` is whether its values only repeat a combination: tables show one row for them.
    """

    name: str
    description: str
    kind: str = ""
    section: type[Recipe] | None = None
    number: object = None
    choice: Literal["single", "merged", "piped"] = "single"
    default: object = None
    in_model: bool = True
    in_data: bool = False
    repeats: bool = False

    @property
    def is_composed(self) -> bool:
        """Whether a choice consists of several components."""
        return self.choice != "single"


AXES = {
    axis.name: axis
    for axis in (
        Axis("dataset", "Corpora; a list inside merges several into one", kind="dataset", choice="merged", in_data=True),
        Axis("preprocessing", "Pipelines: each a list of steps, named or not", kind="preprocessor", choice="piped", in_data=True),
        Axis("protocol", "Which classes, and which people are in the training, validation and test part", kind="protocol", in_data=True),
        Axis("backbone", "Networks, classifiers and fusions", kind="backbone"),
        Axis("recipe", "How networks are trained; several under names of your own", section=Recipe, default={"default": {}}),
        Axis("loss", "Losses", kind="loss"),
        Axis("seed", "Seeds of initialization and of the order of batches", number=Seed, default=0, repeats=True),
        Axis("aggregator", "From frame scores to one prediction per clip", kind="aggregator", in_model=False),
    )
}
MODEL_AXES = tuple(axis.name for axis in AXES.values() if axis.in_model)
"""The axes that a model depends on: all but those that only combine its scores."""


def varying_axes(labels: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """The axes on which results differ, given their labels; if there is none, the first axis after those that determine the data."""
    varying = tuple(axis for axis in AXES if len({each[axis] for each in labels}) > 1)
    return varying or tuple(axis.name for axis in AXES.values() if not axis.in_data)[:1]
