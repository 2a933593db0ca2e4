"""Crops: each clip's selected frames, decoded and taken through the preprocessing steps; uint8. Stored by group of clips."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ferbench.api.clips import Clip, Frames
from ferbench.api.components import Preprocessor
from ferbench.api.errors import FerbenchError, PluginError, blame_plugin, location
from ferbench.corpora.groups import ClipGroup
from ferbench.corpora.landmarks import read_landmarks
from ferbench.corpora.selection import select_frames
from ferbench.plan.models import KeySet
from ferbench.store.costs import Cost
from ferbench.store.entries import Store
from ferbench.store.entry_format import ArrayFile, Content, Entry

CROPS, LANDMARKS = "crops/", "landmarks/"  # before the id of a clip, the names of its arrays

LANDMARKS_HINT = "choose a corpus that ships landmarks, or a preprocessing with a step that finds them"

# Held while a step runs that does not promise to be safe in threads: steps may share a detector, whose results would then depend on chance.
ONE_AT_A_TIME = Lock()

RunAll = Callable[[Callable[[Clip], "ClipCrops"], Iterable[Clip]], Iterable["ClipCrops"]]
"""Calls a function for each clip and returns the results in order, such as `map`."""


@dataclass(frozen=True)
class CropFacts:
    """Facts about a clip's crops: frame indices, whether a face was found in each, and why frames could not be read, by index."""

    indices: list[int]
    has_face: list[bool] | None
    problems: dict[str, str]

    @property
    def is_covered(self) -> bool:
        """Whether a face was found in any frame, or no step looked for one."""
        return self.has_face is None or any(self.has_face)


@dataclass(frozen=True)
class ClipCrops:
    """The crops [T,H,W] or [T,H,W,3] of one clip, T may be 0; the facts about them, and the landmarks [T,P,2] of the corpus or a step."""

    crops: NDArray[np.uint8]
    facts: CropFacts
    landmarks: NDArray[np.float32] | None = None


def compute_crops(group: ClipGroup, steps: Sequence[Preprocessor], run_all: RunAll = map) -> Content:
    """Compute the crops of a group of clips; `run_all` calls a function for each clip."""
    start = time.perf_counter()
    clips = dict(zip(group.clips, run_all(lambda clip: preprocess(clip, steps, group.files[clip.id]), group.clips.values()), strict=True))
    arrays: dict[str, NDArray] = {f"{CROPS}{clip}": result.crops for clip, result in clips.items()}
    arrays |= {f"{LANDMARKS}{clip}": result.landmarks for clip, result in clips.items() if result.landmarks is not None}
    facts = {clip: result.facts for clip, result in clips.items()}
    frames = sum(len(fact.indices) for fact in facts.values())
    return Content(arrays, facts, Cost(frames, time.perf_counter() - start, sum(array.nbytes for array in arrays.values())))


@dataclass(frozen=True)
class GroupCrops:
    """The stored crops of a group of clips."""

    entry: Entry

    def crops(self, clip: str) -> NDArray[np.uint8]:
        """The crops [T,H,W] or [T,H,W,3] of a clip, mapped from the file."""
        return self.entry.array(f"{CROPS}{clip}")

    def locate(self, clip: str) -> ArrayFile:
        """Where the crops of a clip are."""
        return self.entry.locate(f"{CROPS}{clip}")

    def landmarks(self, clip: str) -> NDArray[np.float32]:
        """The landmarks [T,P,2] of a clip, T may be 0; raises FerbenchError if its frames have none."""
        if not self.facts[clip].indices:
            return np.zeros((0, 0, 2), np.float32)
        if f"{LANDMARKS}{clip}" not in self.entry.specs:
            raise FerbenchError("a backbone reads landmarks, but a clip has none", hint=LANDMARKS_HINT)
        return self.entry.array(f"{LANDMARKS}{clip}")

    @cached_property
    def facts(self) -> Mapping[str, CropFacts]:
        """The facts about the crops of each clip."""
        return self.entry.read_facts(dict[str, CropFacts])


def load_crops(key: str, store: Store, facts_only: bool = False) -> GroupCrops:
    """Open the crops of a group; if `facts_only`, only facts may be read."""
    entry = store.find("crops", key, facts_only)
    if entry is None:
        raise FerbenchError(f"stored crops {key[:12]} are damaged or missing", hint="run the same command again to recompute them")
    return GroupCrops(entry)


def load_facts(crops: KeySet, store: Store) -> dict[str, CropFacts]:
    """Load the facts about the crops of all clips of these groups."""
    groups = (load_crops(key, store, facts_only=True).facts for key in crops.by_group.values())
    return {clip: facts for group in groups for clip, facts in group.items()}


def preprocess(clip: Clip, steps: Sequence[Preprocessor], digests: Sequence[str]) -> ClipCrops:
    """Compute the crops of one clip; `digests` are those of its files when it was indexed."""
    *_, result = trace_steps(clip, steps, digests)
    assert isinstance(result, ClipCrops)
    return result


def trace_steps(clip: Clip, steps: Sequence[Preprocessor], digests: Sequence[str]) -> Iterator[Frames | ClipCrops]:
    """Yield the decoded frames of one clip, what each step makes of them, and last the crops; only the crops if no frame can be read."""
    from ferbench.corpora.decoding import decode

    images, problems = decode(clip, select_frames(clip, steps), digests)
    points = None
    if clip.landmarks:
        points, more = read_landmarks(clip, list(images), digests)
        images, problems = {index: image for index, image in images.items() if index in points}, problems | more
    landmarks = None if points is None else np.array([points[index] for index in images])
    yield from trace_images(clip.id, images, steps, landmarks, {str(index): reason for index, reason in problems.items()})


def trace_images(
    name: str,
    images: Mapping[int, NDArray[np.uint8]],
    steps: Sequence[Preprocessor],
    landmarks: NDArray[np.float32] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Iterator[Frames | ClipCrops]:
    """Yield the selected images of a clip, by frame index, as frames; then as `trace_steps`. `problems` are those of other frames."""
    reasons = dict(problems or {})
    if not images:
        yield ClipCrops(np.zeros((0, 1, 1), np.uint8), CropFacts([], None, reasons))
        return
    frames = Frames(tuple(images.values()), landmarks=landmarks)
    yield frames
    for step in steps:
        frames = apply_step(step, name, frames)
        yield frames
    yield finish_crops(name, frames, list(images), reasons)


def finish_crops(name: str, frames: Frames, indices: Sequence[int], problems: Mapping[str, str]) -> ClipCrops:
    """The crops of a clip, from what the last step made of its frames; raises FerbenchError if they have several sizes."""
    has_face = None if frames.has_face is None else list(map(bool, frames.has_face))
    return ClipCrops(_stack(name, frames.images), CropFacts(list(indices), has_face, dict(problems)), frames.landmarks)


def apply_step(step: Preprocessor, clip: str, frames: Frames) -> Frames:
    """What a step makes of the frames of a clip; raises PluginError if it breaks the contract."""
    count = len(frames.images)
    with blame_plugin(f"{step.title} on {clip}", type(step)), nullcontext() if step.is_thread_safe else ONE_AT_A_TIME:
        result = step(frames)
        if problem := _contract_problem(result, count):
            raise PluginError(f"{step.title} on {clip} returns {problem}", where=location(type(step)))
    has_new_size = any(new.shape[:2] != old.shape[:2] for new, old in zip(result.images, frames.images, strict=True))
    return replace(result, is_resized=result.is_resized or frames.is_resized or has_new_size)


def _contract_problem(frames: object, count: int) -> str:
    """Describe what is wrong with the frames that a step returned; empty if nothing is."""
    if not isinstance(frames, Frames):
        return f"{type(frames).__name__}: expected Frames"
    if len(frames.images) != count:
        return f"{len(frames.images)} frames: expected {count}"
    for image in frames.images:
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
            return f"images of {getattr(image, 'dtype', type(image).__name__)}: expected uint8"
        if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)) or not image.size:
            return f"an image of shape {list(image.shape)}: expected [H,W] or [H,W,3]"
    for name in ("boxes", "has_face", "eyes", "landmarks"):
        values = getattr(frames, name)
        if values is not None and len(values) != count:
            return f"{len(values)} {name} for {count} frames: expected one per frame"
    if wrong := [value for value in frames.has_face or () if not isinstance(value, bool | np.bool_)]:
        return f"{wrong[0]!r} in has_face: expected True or False"
    return ""


def _stack(clip: str, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Stack the images; if any has color, gray ones are converted to color."""
    if len({image.ndim for image in images}) == 2:
        images = [np.repeat(i[..., None], 3, axis=2) if i.ndim == 2 else i for i in images]  # [H,W] -> [H,W,3]
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        sizes = ", ".join("x".join(map(str, shape[:2])) for shape in sorted(shapes)[:3])
        raise FerbenchError(f"the frames of {clip} have several sizes ({sizes})", hint="end the preprocessing with resize")
    return np.stack(images)
