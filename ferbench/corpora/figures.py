"""Figures of a local copy of a corpus beside the official ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ferbench.api.components import Protocol
from ferbench.api.official import Fact
from ferbench.corpora.labels import label_map

Value = int | list[int]
Status = Literal["equal", "differs", "unknown"]


@dataclass(frozen=True)
class Figure:
    """A count, or one per fold: found in the copy, and official with its source; `official` is None, and the status unknown, without one.

    A figure that is only `recalled` decides nothing. `affects` are the labels of the standard protocols that it changes.
    """

    name: str
    found: Value
    official: Value | None
    status: Status
    source: str = ""
    recalled: bool = False
    affects: tuple[str, ...] = ()

    @property
    def is_wrong(self) -> bool:
        """Whether it differs from a figure that has been checked."""
        return self.status == "differs" and not self.recalled


def compare(name: str, found: Value, official: Value | None, fact: Fact[object] | None) -> Figure:
    """Compare a figure with the official one, which is a part of `fact`."""
    if official is None or fact is None:
        return Figure(name, found, None, "unknown")
    return Figure(name, found, official, "equal" if found == official else "differs", fact.source, fact.recalled)


def compare_fact(name: str, found: int, fact: Fact[int] | None) -> Figure:
    """Compare a figure with a fact."""
    return compare(name, found, fact.value if fact else None, fact)


def compare_counts(name: str, found: Mapping[str, int], fact: Fact[Mapping[str, int]] | None) -> list[Figure]:
    """Compare counts by label; what the fact does not list should not exist."""
    official = fact.value if fact else {}
    labels = sorted({*found, *official})
    return [compare(f"{name} {label}", found.get(label, 0), official.get(label, 0) if fact else None, fact) for label in labels]


def class_counts(fact: Fact[Mapping[str, int]] | None, protocol: Protocol, corpus: str) -> Fact[Mapping[str, int]] | None:
    """Official counts by label as counts by class of a protocol, which may rename labels."""
    if fact is None:
        return None
    counts, names = Counter[str](), label_map(protocol, corpus)
    for label, count in fact.value.items():
        counts[names.get(label, label)] += count
    return Fact({label: count for label, count in counts.items() if label in protocol.classes}, fact.source, fact.recalled)
