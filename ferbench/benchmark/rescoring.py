"""The file of `ferbench rescore`: which stored rows, and how their frame scores are combined again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench.api.components import Aggregator
from ferbench.api.errors import FerbenchError, shorten
from ferbench.benchmark.axes import AXES
from ferbench.benchmark.choices import read_choices
from ferbench.benchmark.document import Document, load_document
from ferbench.registry.parameters import describe_unknown, expand_path
from ferbench.registry.plugins import load_plugins

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEYS = ("benchmark", "rows", "plugins", "aggregator", "frames", "merge")
WINDOWS = ("first", "last", "every")
EVERYTHING = "all"


@dataclass(frozen=True)
class Window:
    """Which of a clip's scored frames count: all, the first or last `count`, or every `count`-th one, counted from the last."""

    kind: str = EVERYTHING
    count: int = 0

    @property
    def label(self) -> str:
        """Its name in tables, such as "last 3"."""
        return self.kind if self.kind == EVERYTHING else f"{self.kind} {self.count}"

    def take(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """The frames [T,...] that count, in their order; a clip with fewer than `count` keeps all, or its last one."""
        if self.kind == "first":
            return frames[: self.count]
        if self.kind == "last":
            return frames[-self.count :]
        return frames[:: -self.count][::-1] if self.kind == "every" else frames


@dataclass(frozen=True)
class Rescoring:
    """What to score again: rows that match any of the patterns, with each aggregator, in each window, with merged classes.

    `merge` names the classes that each new class holds; classes that it does not name stay as they are.
    """

    benchmark: str
    rows: tuple[str, ...]
    aggregators: Mapping[str, Aggregator]
    windows: tuple[Window, ...]
    merge: Mapping[str, tuple[str, ...]]


def load_rescoring(path: Path, plugins: Sequence[Path] = ()) -> Rescoring:
    """Read the file; raises FerbenchError, with the line, for everything that is wrong."""
    if not path.exists():
        raise FerbenchError(f"no file {path}", hint="give a YAML file that says what to score; docs/statistics.md shows one")
    document = load_document(path)
    if not isinstance(document.data, dict):
        raise FerbenchError(f"expected a mapping of {', '.join(KEYS)}", where=document.where(), hint="docs/statistics.md shows an example")
    for key in document.data:
        if key not in KEYS:
            raise FerbenchError(describe_unknown("key", key, KEYS), where=document.where(str(key)))
    files = [path.parent / str(expand_path(name)) for name in _read_texts(document, "plugins")]
    catalog = load_plugins([*files, *plugins])
    choices = read_choices(AXES["aggregator"], document, catalog)
    return Rescoring(
        benchmark=str(document.get("benchmark") or ""),
        rows=_read_texts(document, "rows") or ("*",),
        aggregators={choice.label: choice.value for choice in choices if isinstance(choice.value, Aggregator)},
        windows=_read_windows(document),
        merge=_read_merge(document),
    )


def _read_texts(document: Document, key: str) -> tuple[str, ...]:
    value = document.get(key) or []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise FerbenchError(f"{key} is {shorten(value)}: expected a text, or a list of texts", where=document.where(key))
    return tuple(values)


def _read_windows(document: Document) -> tuple[Window, ...]:
    value = document.get("frames", EVERYTHING)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise FerbenchError("frames is empty: leave it out for all frames", where=document.where("frames"))
    return tuple(_read_window(each, document) for each in values)


def _read_window(value: object, document: Document) -> Window:
    if value == EVERYTHING:
        return Window()
    if isinstance(value, dict) and len(value) == 1:
        ((kind, count),) = value.items()
        if kind in WINDOWS and type(count) is int and count > 0:
            return Window(str(kind), count)
    expected = "expected all, {first: n}, {last: n} or {every: n}, n at least 1"
    raise FerbenchError(f"frames has {shorten(value)}: {expected}", where=document.where("frames"))


def _read_merge(document: Document) -> dict[str, tuple[str, ...]]:
    value = document.get("merge") or {}
    if not isinstance(value, dict) or not all(
        isinstance(old, list) and all(isinstance(each, str) for each in old) for old in value.values()
    ):
        expected = "expected each new class with a list of old ones, as in negative: [anger, fear]"
        raise FerbenchError(f"merge is {shorten(value)}: {expected}", where=document.where("merge"))
    named = [label for old in value.values() for label in old]
    if repeated := next((label for label in named if named.count(label) > 1), ""):
        raise FerbenchError(f"merge names the class {repeated!r} twice", where=document.where("merge"))
    return {str(new): tuple(old) for new, old in value.items()}
