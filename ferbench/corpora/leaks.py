"""Finds leaks between the parts of a fold, and between corpora, in what is known before a frame is decoded."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from ferbench.api.clips import Fold
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split
from ferbench.corpora.repeats import MAX_EXAMPLES

SAME_CORPUS = 0.5  # share of the smaller corpus's pictures; if another corpus has more of them, both are the same corpus

Content = tuple[str, ...]
"""The digests of the pictures of a clip."""


@dataclass(frozen=True)
class Leak:
    """What a guard found in one place: how much, and the first examples; `others` is in how many other folds it found something."""

    guard: str
    place: str
    count: int
    examples: Sequence[str]
    others: int = 0


def find_leaks(split: Split, corpora: Sequence[Corpus], is_trained: bool) -> list[Leak]:
    """The leaks that each guard finds without pictures; a class needs training clips only if something `is_trained`."""
    subjects = {clip.id: clip.subject for clip in split.clips}
    contents = _clip_contents(corpora)
    leaks = (
        find_in_folds("person", split.folds, lambda fold: list(_people_in_two_parts(fold, subjects))),
        find_in_folds("clip", split.folds, lambda fold: list(_clips_in_two_parts(fold, contents))),
        find_in_folds("validation-on-test", split.folds, lambda fold: sorted({*fold.validation} & {*fold.test})),
        find_in_folds("untrained-class", split.folds if is_trained else (), lambda fold: list(_untrained_classes(fold, split.labels))),
    )
    return [*_same_corpora(corpora), *filter(None, leaks)]


def find_in_folds(guard: str, folds: Sequence[Fold], find: Callable[[Fold], Sequence[str]]) -> Leak | None:
    """The leak in the first fold in which `find` finds something; None if it finds nothing."""
    found = [(number, examples) for number, fold in enumerate(folds) if (examples := find(fold))]
    if not found:
        return None
    number, examples = found[0]
    return Leak(guard, f"fold {number}", len(examples), examples[:MAX_EXAMPLES], len(found) - 1)


def _people_in_two_parts(fold: Fold, subjects: Mapping[str, str]) -> Iterator[str]:
    for person, places in _shared_values(_without_tested_validation(fold), subjects):
        yield f"{person} in {' and in '.join(f'{part} ({clip})' for part, clip in places.items())}"


def _clips_in_two_parts(fold: Fold, contents: Mapping[str, Content]) -> Iterator[str]:
    for _, places in _shared_values(_without_tested_validation(fold), contents):
        names = dict.fromkeys(places.values())
        yield f"{' = '.join(names)} in {' and in '.join(places)}"


def _untrained_classes(fold: Fold, labels: Mapping[str, str]) -> Iterator[str]:
    trained = {labels[clip] for clip in fold.train}
    tested = {labels[clip]: clip for clip in reversed(fold.test)}
    yield from (f"{label} (tested on {clip})" for label, clip in sorted(tested.items()) if label not in trained)


def _without_tested_validation(fold: Fold) -> Fold:
    """Without the validation clips that are test clips too, which have a guard of their own."""
    tested = {*fold.test}
    return replace(fold, validation=tuple(clip for clip in fold.validation if clip not in tested))


def _shared_values(fold: Fold, values: Mapping[str, Hashable]) -> list[tuple[Hashable, dict[str, str]]]:
    """The values of clips that are in two parts, each with its first clip in each of these parts."""
    distinct = [set(map(values.__getitem__, clips)) for clips in fold.parts.values()]
    if sum(map(len, distinct)) == len(set().union(*distinct)):  # quick, and nearly always so
        return []
    places: dict[Hashable, dict[str, str]] = {}
    for part, clips in fold.parts.items():
        for clip in clips:
            places.setdefault(values[clip], {}).setdefault(part, clip)
    return [(value, parts) for value, parts in places.items() if len(parts) > 1]


def _clip_contents(corpora: Sequence[Corpus]) -> dict[str, Content]:
    """The content of each clip; for one without readable pictures its id, so that it equals only itself."""
    return {clip: pictures or (clip,) for corpus in corpora for clip, pictures in corpus.pictures.items()}


def _same_corpora(corpora: Sequence[Corpus]) -> Iterator[Leak]:
    for one, other in combinations(corpora, 2):
        pictures, others = _distinct_pictures(one), _distinct_pictures(other)
        shared = len(pictures & others)
        if shared > SAME_CORPUS * min(len(pictures), len(others)):
            example = f"{one.name} at {one.root} and {other.name} at {other.root} share {shared:,} of {len(pictures):,} and {len(others):,}"
            yield Leak("same-corpus", "corpora", 1, [f"{example} pictures"])


def _distinct_pictures(corpus: Corpus) -> set[str]:
    return {digest for pictures in corpus.pictures.values() for digest in pictures}
