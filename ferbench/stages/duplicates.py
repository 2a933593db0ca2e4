"""Duplicates: frames of different people that are copies of each other, among the crops of a model's clips."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ferbench.plan.guards import Duplicates, FramePair
from ferbench.plan.models import Model
from ferbench.stages.crops import GroupCrops, load_crops
from ferbench.stages.likeness import Gray, find_candidates, hash_frames, measure_likeness, shrink
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content

MIN_LIKENESS = 0.975
LOOKS = 4  # pairs of frames of two clips that are looked at: those with the nearest hashes


class _Frame(NamedTuple):
    """A frame that can be compared: its clip, its number there, and its small version."""

    clip: str
    number: int
    small: Gray


def compute_duplicates(model: Model, store: Store, run_all: Callable[..., Iterable] = map) -> Content:
    """Find the duplicates among the crops of a model's clips; `run_all` is like `map`."""
    subjects = {clip.id: clip.subject for clip in model.split.clips}
    groups = run_all(lambda group: _load_group(model, group, subjects, store), model.groups.by_name)
    everything = [item for group in groups for item in group]
    frames = sorted((item for item in everything if item is not None), key=lambda frame: (frame.clip, frame.number))
    if not frames:
        return Content(facts=asdict(Duplicates([], 0, len(everything), is_limited=False)))
    people = _number([subjects[frame.clip] for frame in frames])
    candidates, is_limited = find_candidates(hash_frames(np.stack([frame.small for frame in frames])), people)
    pairs = _confirm(frames, candidates, run_all)
    return Content(facts=asdict(Duplicates(pairs, len(frames), len(everything) - len(frames), is_limited)))


def _load_group(model: Model, group: str, clips: Collection[str], store: Store) -> list[_Frame | None]:
    """The frames of these clips in a group, None for those that cannot be compared."""
    crops = load_crops(model.crops[group], store)
    wanted = [clip for clip in model.groups.by_name[group].clips if clip in clips]
    frames = ((clip, number, shrink(crop)) for clip in wanted for number, crop in _numbered_crops(crops, clip))
    return [None if small is None else _Frame(clip, number, small) for clip, number, small in frames]


def _numbered_crops(crops: GroupCrops, clip: str) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    return zip(crops.facts[clip].indices, crops.crops(clip), strict=True)


def _confirm(frames: Sequence[_Frame], candidates: NDArray[np.int64], run_all: Callable[..., Iterable]) -> list[FramePair]:
    """One pair for each pair of clips with frames that a closer look confirms; candidates come nearest first."""
    looks: dict[tuple[str, str], list[tuple[_Frame, _Frame]]] = {}
    for first, second in candidates.tolist():
        pair = frames[first], frames[second]
        looks.setdefault((pair[0].clip, pair[1].clip), []).append(pair)
    confirmed = run_all(_first_alike, [pairs[:LOOKS] for pairs in looks.values()])
    return [FramePair(one.clip, one.number, other.clip, other.number) for pair in confirmed if pair for one, other in [pair]]


def _first_alike(pairs: Sequence[tuple[_Frame, _Frame]]) -> tuple[_Frame, _Frame] | None:
    return next(((one, other) for one, other in pairs if measure_likeness(one.small, other.small) >= MIN_LIKENESS), None)


def _number(names: Sequence[str]) -> NDArray[np.int64]:
    """A number for each name, equal for equal names."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)
