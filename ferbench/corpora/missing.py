"""Where people that a copy lacks belong in the order of people, found by making the folds again with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ferbench.api.clips import Clip, Fold
from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError, blame_plugin
from ferbench.api.official import Fact, Official, StandardProtocol
from ferbench.corpora.figures import class_counts
from ferbench.corpora.folds import Split


@dataclass(frozen=True)
class Place:
    """A place for missing people at which the folds have the standard sizes.

    `people` are their names, if known; otherwise one person stands between `after` and `before` (empty at the ends). `moved` are the
    people of the copy whom the standard tests in another fold.
    """

    people: tuple[str, ...]
    after: str
    before: str
    moved: tuple[str, ...]


def find_places(standard: StandardProtocol, official: Official, protocol: Protocol, split: Split, corpus: str) -> Iterator[Place]:
    """Yield each place at which the missing people would make the folds standard; nothing if order does not decide the folds."""
    if not standard.by_position or standard.tests is None or standard.tests.recalled or protocol.drop_after_folding:
        return  # clips of dropped classes, which decide the folds too, are not in the split
    for people, after, before, clips in _guess_missing(standard, official, protocol, split, corpus):
        folds = _try_folds(protocol, [*split.clips, *clips])
        if [len(fold.test) for fold in folds] == list(standard.tests.value):
            moved = tuple(_strip(person, corpus) for person in _moved_people(split, clips, folds))
            yield Place(tuple(people), _strip(after, corpus), _strip(before, corpus), moved)


Guess = tuple[Sequence[str], str, str, list[Clip]]
"""Names, the people before and after, and clips as the missing people may have them."""


def _guess_missing(standard: StandardProtocol, official: Official, protocol: Protocol, split: Split, corpus: str) -> Iterator[Guess]:
    """The missing people under their names if these are known; otherwise one person at each place in the order."""
    present = sorted({clip.subject for clip in split.clips})
    each, labels = class_counts(official.each, protocol, corpus), class_counts(official.labels, protocol, corpus)
    if each and not each.recalled and (missing := missing_people(official, present, corpus)):
        yield missing, "", "", [clip for name in missing for clip in _make_clips(f"{corpus}/{name}", each.value)]
    elif not official.names and standard.people and not standard.people.recalled and standard.people.value - len(present) == 1:
        lacking = _lacking_labels(labels, split)
        for after, before in pairwise(["", *present, ""]) if lacking else ():
            yield (), after, before, _make_clips(f"{after}\0", lacking)  # the name that follows `after` in the order of names


def missing_people(official: Official, present: Collection[str], corpus: str) -> list[str]:
    """The official names that none of these people has."""
    names = official.names.value if official.names else ()
    return [name for name in names if f"{corpus}/{name}" not in present]


def _lacking_labels(labels: Fact[Mapping[str, int]] | None, split: Split) -> dict[str, int]:
    """The clips that the copy lacks, by label; empty if that is not known, or if it has too many of a label."""
    found = Counter(split.labels.values())
    lacking = {label: count - found[label] for label, count in labels.value.items()} if labels and not labels.recalled else {}
    return {} if any(count < 0 for count in lacking.values()) else {label: count for label, count in lacking.items() if count}


def _make_clips(person: str, labels: Mapping[str, int]) -> list[Clip]:
    return [Clip(f"{person}/{label}/{number}", person, label) for label, count in labels.items() for number in range(count)]


def _try_folds(protocol: Protocol, clips: Sequence[Clip]) -> Sequence[Fold]:
    """The folds; none if the protocol needs more of clips than their people and labels."""
    try:
        with blame_plugin(protocol.title, type(protocol)):
            return protocol.folds(clips)
    except FerbenchError:
        return ()


def _moved_people(split: Split, missing: Sequence[Clip], folds: Sequence[Fold]) -> list[str]:
    subjects = {clip.id: clip.subject for clip in (*split.clips, *missing)}
    here, there = ({subjects[clip]: n for n, fold in enumerate(made) for clip in fold.test} for made in (split.folds, folds))
    return [person for person in sorted(here) if here[person] != there.get(person)]


def _strip(person: str, corpus: str) -> str:
    return person.removeprefix(f"{corpus}/")
