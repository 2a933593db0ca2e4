"""Official figures of a corpus, with their sources; `ferbench corpus doctor` compares a local copy with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

T = TypeVar("T", covariant=True)


@dataclass(frozen=True)
class Fact(Generic[T]):
    """An official figure and who states it. One that is only `recalled` has not been checked: it is marked as such and decides nothing."""

    value: T
    source: str
    recalled: bool = False


@dataclass(frozen=True)
class StandardProtocol:
    """A protocol under which results on a corpus are usually published, and what its folds contain.

    `name` and `parameters` are those of the YAML; leave out validation people, which the standard lacks. `people` and `clips` are
    those of the protocol's classes, `tests` the numbers of test clips, fold by fold. `by_position` says that the position of a person
    in the order of names decides its fold, so that one missing person moves others.
    """

    label: str
    name: str
    parameters: Mapping[str, object]
    people: Fact[int] | None = None
    clips: Fact[int] | None = None
    tests: Fact[Sequence[int]] | None = None
    by_position: bool = False

    def __post_init__(self) -> None:
        _check_facts(self, ("people", "clips", "tests"))


@dataclass(frozen=True)
class Official:
    """The figures of a corpus as its loader reads it with default parameters; None where no figure is known.

    `people` and `clips` are those with a label. `labels` are clips by label, `each` the clips that every person has, by label. `names` are
    the names of all people, if a rule gives them. `skipped` are clips that the loader leaves out of a complete copy, by reason.
    `sizes` are the widths and heights that pictures have, `rates` the frames per second of videos.
    """

    people: Fact[int] | None = None
    clips: Fact[int] | None = None
    labels: Fact[Mapping[str, int]] | None = None
    each: Fact[Mapping[str, int]] | None = None
    names: Fact[Sequence[str]] | None = None
    skipped: Fact[Mapping[str, int]] | None = None
    sizes: Fact[Sequence[tuple[int, int]]] | None = None
    rates: Fact[Sequence[float]] | None = None
    protocols: tuple[StandardProtocol, ...] = ()

    def __post_init__(self) -> None:
        _check_facts(self, [field.name for field in fields(self) if field.name != "protocols"])


def _check_facts(figures: Official | StandardProtocol, names: Sequence[str]) -> None:
    """Raise TypeError for a figure without a source."""
    for name in names:
        value = getattr(figures, name)
        if value is not None and not isinstance(value, Fact):
            raise TypeError(f"{name} of {type(figures).__name__} is {value!r}: expected ferbench.Fact(figure, source)")
