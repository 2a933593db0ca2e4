"""Duplicates: frames of different people that are copies of each other, among the crops of a model's clips."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ferbench.plan.guards import Duplicates, FramePair
from ferbench.plan.models import Model
from ferbench.stages.crops import GroupCrops, load_crops
from ferbench.stages.likeness import HASH_BITS, Gray, find_candidates, hash_frames, measure_frequencies, measure_likeness, shrink
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content

MIN_LIKENESS = 0.975
LOOKS = 4  # pairs of frames of two clips that are looked at: those with the nearest hashes

Place = tuple[str, int]
"""A clip and the number of a frame."""

Pair = tuple[Place, Place]
"""Two frames to compare."""


class _GroupFrames(NamedTuple):
    """The frames of a group that can be compared: where they are, and their low frequencies [N,63]; and how many cannot."""

    places: list[Place]
    frequencies: NDArray[np.float32]
    skipped: int


def compute_duplicates(model: Model, store: Store, run_all: Callable[..., Iterable] = map) -> Content:
    """Find the duplicates among the crops of a model's clips; `run_all` is like `map`.

    The crops are read twice, so that the small versions of all frames need not be kept.
    """
    subjects = {clip.id: clip.subject for clip in model.split.clips}
    groups = list(run_all(lambda group: _load_group(model, group, subjects, store), model.groups.by_name))
    places, skipped = [place for group in groups for place in group.places], sum(group.skipped for group in groups)
    if not places:
        return Content(facts=asdict(Duplicates([], 0, skipped, is_limited=False)))
    hashes = hash_frames([group.frequencies for group in groups])
    del groups
    order = sorted(range(len(places)), key=places.__getitem__)
    places, hashes = [places[number] for number in order], hashes[order]
    candidates, is_limited = find_candidates(hashes, _number([subjects[clip] for clip, _ in places]))
    looks = _nearest_pairs(places, candidates)
    small = _load_small(model, {place for pairs in looks for pair in pairs for place in pair}, store, run_all)
    confirmed = filter(None, run_all(lambda pairs: _find_alike(pairs, small), looks))
    found = [FramePair(*one, *other) for one, other in confirmed]
    return Content(facts=asdict(Duplicates(found, len(places), skipped, is_limited)))


def _load_group(model: Model, group: str, clips: Collection[str], store: Store) -> _GroupFrames:
    """The frames of these clips in a group."""
    crops = load_crops(model.crops[group], store)
    wanted = [clip for clip in model.groups.by_name[group].clips if clip in clips]
    shrunk = [((clip, number), shrink(crop)) for clip in wanted for number, crop in _numbered_crops(crops, clip)]
    compared = [(place, measure_frequencies(small)) for place, small in shrunk if small is not None]
    frequencies = np.array([each for _, each in compared], np.float32).reshape(len(compared), HASH_BITS)
    return _GroupFrames([place for place, _ in compared], frequencies, len(shrunk) - len(compared))


def _numbered_crops(crops: GroupCrops, clip: str) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    return zip(crops.facts[clip].indices, crops.crops(clip), strict=True)


def _nearest_pairs(places: Sequence[Place], candidates: NDArray[np.int64]) -> list[list[Pair]]:
    """For each pair of clips, the pairs of frames to look at more closely; candidates come nearest first."""
    looks: dict[tuple[str, str], list[Pair]] = {}
    for first, second in candidates.tolist():
        pair = places[first], places[second]
        pairs = looks.setdefault((pair[0][0], pair[1][0]), [])
        if len(pairs) < LOOKS:
            pairs.append(pair)
    return list(looks.values())


def _load_small(model: Model, places: Collection[Place], store: Store, run_all: Callable[..., Iterable]) -> dict[Place, Gray]:
    """The small versions of these frames."""
    wanted: dict[str, set[Place]] = {}
    for place in places:
        wanted.setdefault(model.groups.owners[place[0]], set()).add(place)
    return dict(item for items in run_all(lambda group: _shrink_again(model.crops[group], wanted[group], store), wanted) for item in items)


def _shrink_again(key: str, wanted: Collection[Place], store: Store) -> list[tuple[Place, Gray]]:
    crops = load_crops(key, store)
    numbered = ((clip, number, crop) for clip in {clip for clip, _ in wanted} for number, crop in _numbered_crops(crops, clip))
    shrunk = (((clip, number), shrink(crop)) for clip, number, crop in numbered if (clip, number) in wanted)
    return [(place, small) for place, small in shrunk if small is not None]


def _find_alike(pairs: Sequence[Pair], small: Mapping[Place, Gray]) -> Pair | None:
    """The first pair that a closer look confirms."""
    return next((pair for pair in pairs if measure_likeness(*(small[place] for place in pair)) >= MIN_LIKENESS), None)


def _number(names: Sequence[str]) -> NDArray[np.int64]:
    """A number for each name, equal for equal names."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)
