"""Guards: they stop a run whose folds leak and name what leaks, or mark its rows if the user allows that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from ferbench.api.clips import Fold
from ferbench.api.errors import FerbenchError
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split
from ferbench.corpora.guard_list import GUARDS
from ferbench.corpora.leaks import Leak, find_in_folds, find_leaks
from ferbench.plan.memo import Memo
from ferbench.registry.parameters import describe_unknown
from ferbench.store.entries import Store


@dataclass(frozen=True)
class FramePair:
    """Frames of clips of two people, by clip and number from 0, that are copies of each other."""

    first: str
    first_frame: int
    second: str
    second_frame: int

    def __str__(self) -> str:
        return f"{self.first} frame {self.first_frame} = {self.second} frame {self.second_frame}"


@dataclass(frozen=True)
class Duplicates:
    """One pair of frames for each pair of clips that has any.

    `compared` and `skipped` count frames; the latter are too small or too smooth. If the search `is_limited`, so many frames look alike
    that only the most similar ones were compared.
    """

    pairs: list[FramePair]
    compared: int
    skipped: int
    is_limited: bool


class Guarded(NamedTuple):
    """What guards look at: the labels of dataset and protocol, what these mean, whether anything is trained, and the key of duplicates."""

    labels: tuple[str, ...]
    split: Split
    corpora: Sequence[Corpus]
    is_trained: bool
    duplicates: str


@dataclass
class Guards:
    """Looks for leaks; combinations that share data are looked at once."""

    store: Store
    allowed: Collection[str]
    memo: Memo

    def check(self, guarded: Guarded, title: str) -> tuple[str, ...]:
        """The guards that find something, in the order of GUARDS. Raises FerbenchError, naming the protocol, if one is not allowed."""
        name = ("leaks", *guarded.labels, guarded.is_trained)
        leaks = self.memo.get(name, lambda: find_leaks(guarded.split, guarded.corpora, guarded.is_trained))
        by_guard = {leak.guard: leak for leak in (*leaks, *self._find_duplicates(guarded))}
        found = [guard for guard in GUARDS if guard in by_guard]
        if refused := [guard for guard in found if guard not in self.allowed]:
            raise _leak_error(by_guard[refused[0]], refused, title)
        return tuple(found)

    def _find_duplicates(self, guarded: Guarded) -> list[Leak]:
        """The duplicates that are in two parts of a fold; none if they are not computed yet, which is not remembered."""
        duplicates = self.memo.find(("duplicates", guarded.duplicates), lambda: load_duplicates(guarded.duplicates, self.store))
        if not duplicates or not duplicates.pairs:
            return []
        folds, name = guarded.split.folds, ("duplicate leaks", guarded.duplicates, guarded.split.key)
        find = partial(_pairs_in_two_parts, pairs=duplicates.pairs)
        return self.memo.get(name, lambda: [*filter(None, [find_in_folds("near-duplicate", folds, find)])])


def check_names(names: Collection[str]) -> None:
    """Raise FerbenchError if there is no guard of a name."""
    if unknown := next((name for name in names if name not in GUARDS), None):
        raise FerbenchError(describe_unknown("guard", unknown, GUARDS), where="allow_leaks")


def load_duplicates(key: str, store: Store) -> Duplicates | None:
    """The duplicates among the frames of a model; None if they are not computed yet."""
    entry = store.find("duplicates", key)
    return entry.read_facts(Duplicates) if entry else None


def _leak_error(leak: Leak, refused: Sequence[str], title: str) -> FerbenchError:
    guard = GUARDS[leak.guard]
    examples = "; ".join(leak.examples) + ("; ..." if leak.count > len(leak.examples) else "")
    others = f", and more in {leak.others} other folds" if leak.others else ""
    also = f" (also found: {', '.join(refused[1:])})" if len(refused) > 1 else ""
    found = f"guard {leak.guard}: found {leak.count:,} {guard.finds}{others}: {examples}: expected {guard.expected}{also}"
    options = " ".join(f"--allow-leak {name}" for name in refused)
    return FerbenchError(found, where=f"{title}, {leak.place}", hint=f"{guard.fix}; to study a leak, {options} marks the rows instead")


def _pairs_in_two_parts(fold: Fold, pairs: Sequence[FramePair]) -> list[str]:
    parts_of: dict[str, set[str]] = {}
    for part, clips in fold.parts.items():
        for clip in clips:
            parts_of.setdefault(clip, set()).add(part)
    return [
        f"{pair} ({' and '.join(sorted(one))} / {' and '.join(sorted(other))})"
        for pair in pairs
        if (one := parts_of.get(pair.first)) and (other := parts_of.get(pair.second)) and len(one | other) > 1
    ]
