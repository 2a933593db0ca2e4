"""Crops: each clip's selected frames, decoded and taken through the preprocessing steps; uint8."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ferbench.api.clips import Clip, Frames
from ferbench.api.components import Preprocessor
from ferbench.api.errors import FerbenchError, PluginError, blame_plugin, location
from ferbench.corpora.landmarks import read_landmarks
from ferbench.corpora.selection import select_frames
from ferbench.store.costs import Cost
from ferbench.store.entries import Store


@dataclass(frozen=True)
class CropFacts:
    """Facts about a clip's crops: frame indices, whether a face was found in each, and why frames could not be read, by index."""

    indices: list[int]
    has_face: list[bool] | None
    problems: dict[str, str]
    seconds: float

    @property
    def cost(self) -> Cost:
        """The cost of computing the crops."""
        return Cost(len(self.indices), self.seconds)

    @property
    def is_covered(self) -> bool:
        """Whether a face was found in any frame, or no step looked for one."""
        return self.has_face is None or any(self.has_face)


def store_crops(clip: Clip, key: str, steps: Sequence[Preprocessor], store: Store) -> None:
    """Compute and store the crops of one clip, unless they are stored."""
    store.ensure_entry("crops", key, _write, clip, steps)


def crops_path(key: str, store: Store) -> Path:
    """The .npy file of one clip's crops [T,H,W] or [T,H,W,3]; T may be 0."""
    folder = store.find_entry("crops", key)
    if folder is None:
        raise FerbenchError(f"stored crops {key[:12]} are damaged or missing", hint="run the same command again to recompute them")
    return folder / "crops.npy"


def load_crops(key: str, store: Store) -> NDArray[np.uint8]:
    """Map the crops [T,H,W] or [T,H,W,3] of one clip from their file, which stays open as long as they are in use."""
    crops: NDArray[np.uint8] = np.load(crops_path(key, store), mmap_mode="r")
    return crops


def load_landmarks(key: str, store: Store) -> NDArray[np.float32]:
    """Load the corpus's landmarks [T,P,2] of one clip's crops; raises FerbenchError if it ships none."""
    file = crops_path(key, store).with_name("landmarks.npy")
    if not file.is_file():
        raise FerbenchError("a backbone reads landmarks, but a clip has none", hint="choose a corpus that ships landmarks")
    landmarks: NDArray[np.float32] = np.load(file)
    return landmarks


def load_facts(key: str, store: Store) -> CropFacts:
    """Load the facts about a clip's crops."""
    return store.read_facts("crops", key, CropFacts)


def _write(folder: Path, clip: Clip, steps: Sequence[Preprocessor]) -> CropFacts:
    start = time.perf_counter()
    crops, indices, frames, problems = preprocess(clip, steps)
    np.save(folder / "crops.npy", crops)
    if frames.landmarks is not None:
        np.save(folder / "landmarks.npy", frames.landmarks)
    has_face = None if frames.has_face is None else list(map(bool, frames.has_face))
    return CropFacts(indices, has_face, problems, time.perf_counter() - start)


def preprocess(clip: Clip, steps: Sequence[Preprocessor]) -> tuple[NDArray[np.uint8], list[int], Frames, dict[str, str]]:
    """Return (crops [T,H,W(,3)], frame indices, the frames after the last step, problems by frame) of one clip."""
    from ferbench.corpora.decoding import decode

    images, problems = decode(clip, select_frames(clip, steps))
    points = None
    if clip.landmarks:
        points, more = read_landmarks(clip, list(images))
        images, problems = {index: image for index, image in images.items() if index in points}, problems | more
    reasons = {str(index): reason for index, reason in problems.items()}
    if not images:
        return np.zeros((0, 1, 1), np.uint8), [], Frames(()), reasons
    frames = Frames(tuple(images.values()), landmarks=None if points is None else np.array([points[index] for index in images]))
    for step in steps:
        frames = _apply(step, clip, frames, len(images))
    return _stack(clip, frames.images), list(images), frames, reasons


def _apply(step: Preprocessor, clip: Clip, frames: Frames, count: int) -> Frames:
    with blame_plugin(f"{step.title} on {clip.id}", type(step)):
        result = step(frames)
        if problem := _contract_problem(result, count):
            raise PluginError(f"{step.title} on {clip.id} returns {problem}", where=location(type(step)))
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


def _stack(clip: Clip, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Stack the images; if any has color, gray ones are converted to color."""
    if len({image.ndim for image in images}) == 2:
        images = [np.repeat(i[..., None], 3, axis=2) if i.ndim == 2 else i for i in images]  # [H,W] -> [H,W,3]
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        sizes = ", ".join("x".join(map(str, shape[:2])) for shape in sorted(shapes)[:3])
        raise FerbenchError(f"the frames of {clip.id} have several sizes ({sizes})", hint="end the preprocessing with resize")
    return np.stack(images)
