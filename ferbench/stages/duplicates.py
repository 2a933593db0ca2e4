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
from ferbench.stages.likeness import Gray, find_candidates, hash_frames, measure_likeness, shrink, transform
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content

MIN_LIKENESS = 0.975
Place = tuple[str, int]
"""A clip and the number of a frame."""

FramesToCompare = tuple["_Frame", "_Frame"]

LOOKS = 4  # pairs of frames of two clips that are looked at: those with the nearest hashes


class _Frame(NamedTuple):
    """A frame that can be compared: its group, its clip, its number there, and its low frequencies."""

    group: str
    clip: str
    number: int
    frequencies: NDArray[np.float32]

    @property
    def place(self) -> Place:
        """Where it is, without its group."""
        return self.clip, self.number


def compute_duplicates(model: Model, store: Store, run_all: Callable[..., Iterable] = map) -> Content:
    """Find the duplicates among the crops of a model's clips; `run_all` is like `map`.

    The crops are read twice, so that the small versions of all frames need not be kept.
    """
    subjects = {clip.id: clip.subject for clip in model.split.clips}
    groups = run_all(lambda group: _load_frames(model, group, subjects, store), model.groups.by_name)
    everything = [item for group in groups for item in group]
    frames = sorted((item for item in everything if item is not None), key=lambda frame: frame.place)
    if not frames:
        return Content(facts=asdict(Duplicates([], 0, len(everything), is_limited=False)))
    people = _number([subjects[frame.clip] for frame in frames])
    candidates, is_limited = find_candidates(hash_frames(np.stack([frame.frequencies for frame in frames])), people)
    looks = _nearest_pairs(frames, candidates)
    small = _load_small(model, {frame.place: frame.group for pairs in looks for pair in pairs for frame in pair}, store, run_all)
    confirmed = filter(None, run_all(lambda pairs: _find_alike(pairs, small), looks))
    found = [FramePair(*one.place, *other.place) for one, other in confirmed]
    return Content(facts=asdict(Duplicates(found, len(frames), len(everything) - len(frames), is_limited)))


def _load_frames(model: Model, group: str, clips: Collection[str], store: Store) -> list[_Frame | None]:
    """The frames of these clips in a group, None for those that cannot be compared."""
    crops = load_crops(model.crops[group], store)
    wanted = [clip for clip in model.groups.by_name[group].clips if clip in clips]
    shrunk = ((clip, number, shrink(crop)) for clip in wanted for number, crop in _numbered_crops(crops, clip))
    return [None if small is None else _Frame(group, clip, number, transform(small)) for clip, number, small in shrunk]


def _numbered_crops(crops: GroupCrops, clip: str) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    return zip(crops.facts[clip].indices, crops.crops(clip), strict=True)


def _nearest_pairs(frames: Sequence[_Frame], candidates: NDArray[np.int64]) -> list[list[FramesToCompare]]:
    """For each pair of clips, the pairs of frames to look at more closely; candidates come nearest first."""
    looks: dict[tuple[str, str], list[FramesToCompare]] = {}
    for first, second in candidates.tolist():
        pairs = looks.setdefault((frames[first].clip, frames[second].clip), [])
        if len(pairs) < LOOKS:
            pairs.append((frames[first], frames[second]))
    return list(looks.values())


def _load_small(model: Model, group_of: Mapping[Place, str], store: Store, run_all: Callable[..., Iterable]) -> dict[Place, Gray]:
    """The small versions of these frames, given their groups."""
    wanted: dict[str, set[Place]] = {}
    for place, group in group_of.items():
        wanted.setdefault(group, set()).add(place)
    return dict(item for items in run_all(lambda group: _shrink_again(model.crops[group], wanted[group], store), wanted) for item in items)


def _shrink_again(key: str, wanted: Collection[Place], store: Store) -> list[tuple[Place, Gray]]:
    crops = load_crops(key, store)
    numbered = ((clip, number, crop) for clip in {clip for clip, _ in wanted} for number, crop in _numbered_crops(crops, clip))
    shrunk = (((clip, number), shrink(crop)) for clip, number, crop in numbered if (clip, number) in wanted)
    return [(place, small) for place, small in shrunk if small is not None]


def _find_alike(pairs: Sequence[FramesToCompare], small: Mapping[Place, Gray]) -> FramesToCompare | None:
    """The first pair that a closer look confirms."""
    return next((pair for pair in pairs if measure_likeness(small[pair[0].place], small[pair[1].place]) >= MIN_LIKENESS), None)


def _number(names: Sequence[str]) -> NDArray[np.int64]:
    """A number for each name, equal for equal names."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)
