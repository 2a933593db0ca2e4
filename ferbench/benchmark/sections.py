"""The sections of a benchmark besides its axes: the rehearsal, and published rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError, shorten
from ferbench.benchmark.axes import AXES
from ferbench.benchmark.document import Document
from ferbench.benchmark.settings import Choices, Setting
from ferbench.registry.parameters import build, describe_unknown
from ferbench.registry.specs import Place, Spec
from ferbench.types import Count, Seed, Share

T = TypeVar("T")
REHEARSAL_PATHS = ("rehearsal.people", "rehearsal.seed")


@dataclass(frozen=True)
class Rehearsal:
    """What a run does if corpora are missing: it renders stand-ins of `people` people each and applies these settings (`--set` paths)."""

    people: Count = 20
    seed: Seed = 0
    set: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """A reference row from the literature, shown next to the rows that have the labels in `match`.

    Values are shares, 0 to 1; `accuracy` is for sources that do not say which of WAR and UAR they give. `clips` is the number of clips that
    they were measured on, `protocol` how they were obtained, and `problem` why they cannot be right, all as far as known.
    """

    match: Mapping[str, str]
    source: str
    accuracy: Share | None = None
    war: Share | None = None
    uar: Share | None = None
    recall: Mapping[str, Share] = field(default_factory=dict)
    clips: Count | None = None
    protocol: str = ""
    problem: str = ""

    def __post_init__(self) -> None:
        if self.accuracy is not None and (self.war is not None or self.uar is not None):
            raise ValueError("accuracy is given next to war or uar: expected accuracy only if the source does not say which it gives")
        if (self.accuracy, self.war, self.uar) == (None, None, None) and not self.recall:
            raise ValueError("it has no result: expected accuracy, war, uar or recall")


def read_rehearsal(document: Document, settings: Sequence[Setting]) -> Rehearsal | None:
    """Read the rehearsal section, and apply settings such as `--set rehearsal.people=N`, the only ones outside the axes."""
    section = document.get("rehearsal")
    paths = REHEARSAL_PATHS if isinstance(section, dict) else ()
    for setting in settings:
        if setting.path not in paths:
            raise FerbenchError(describe_unknown("path", setting.path, [*AXES, *paths]), where=str(setting.place))
    return None if section is None else _read_section(section, Rehearsal, document.place("rehearsal"), settings)


def read_published(document: Document) -> tuple[Published, ...]:
    """Read the published rows."""
    rows = document.get("published") or []
    if not isinstance(rows, list):
        raise FerbenchError(f"published is {shorten(rows)}: expected a list of rows", where=document.where("published"))
    return tuple(_read_section(_labels_as_text(row), Published, document.place("published", index)) for index, row in enumerate(rows))


def check_published(published: Sequence[Published], choices: Choices, changed: frozenset[str], document: Document) -> None:
    """Raise FerbenchError for a published row that matches no row of the file; axes with `changed` labels are not checked."""
    for index, row in enumerate(published):
        for axis, label in row.match.items():
            where = document.where("published", index, "match", axis)
            if axis not in AXES:
                raise FerbenchError(describe_unknown("axis", axis, AXES), where=where)
            labels = [choice.label for choice in choices[axis]]
            if axis not in changed and label not in labels:
                raise FerbenchError(describe_unknown(axis, label, labels), where=where)
        classes = {label for choice in choices["protocol"] if isinstance(choice.value, Protocol) for label in choice.value.classes}
        if "protocol" not in changed and (unknown := next((label for label in row.recall if label not in classes), "")):
            raise FerbenchError(describe_unknown("class", unknown, sorted(classes)), where=document.where("published", index, "recall"))


def _labels_as_text(row: object) -> object:
    """Convert the labels to match to text: a seed is written as a number."""
    if isinstance(row, dict) and isinstance(row.get("match"), dict):
        return row | {"match": {axis: str(label) if isinstance(label, int) else label for axis, label in row["match"].items()}}
    return row


def _read_section(value: object, cls: type[T], place: Place, settings: Sequence[Setting] = ()) -> T:
    name = str(place.at[0])
    if not isinstance(value, dict):
        raise FerbenchError(f"{name} is {shorten(value)}: expected a mapping", where=str(place))
    spec = Spec(name, value, place)
    for setting in settings:
        spec = spec.with_parameter(setting.path.partition(".")[2], setting.value, setting.place)
    return build(cls, spec, name)
