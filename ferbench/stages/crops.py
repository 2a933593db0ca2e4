"""Crops: each clip's selected frames, decoded and taken through the preprocessing steps; uint8."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferbench.api.components import Clip, Frames, Preprocessor
from ferbench.api.errors import FerbenchError, PluginError, calling
from ferbench.corpora.selection import select
from ferbench.store.entries import Store


@dataclass(frozen=True)
class CropFacts:
    """What the crops stage tells of a clip: frame indices, whether a face was found in each, and frames that could not be read."""

    indices: list[int]
    found: list[bool] | None
    problems: dict[str, str]
    seconds: float


@contextmanager
def pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """As many threads; OpenCV frees the interpreter lock, so that they decode and detect side by side. What waits is dropped at the end."""
    import cv2

    cv2.setNumThreads(1)
    threads = ThreadPoolExecutor(workers)
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


def make(clip: Clip, key: str, steps: Sequence[Preprocessor], store: Store) -> None:
    """Stores the crops of one clip, unless they are."""
    store.make("crops", key, _write, clip, steps)


def path(key: str, store: Store) -> Path:
    """The .npy file of one clip's crops [T,H,W] or [T,H,W,3]; T may be 0."""
    folder = store.find("crops", key)
    if folder is None:
        raise FerbenchError(f"stored crops {key[:12]} are damaged or gone", hint="run the same command again: they are made anew")
    return folder / "crops.npy"


def load(key: str, store: Store) -> NDArray[np.uint8]:
    """Crops [T,H,W] or [T,H,W,3] of one clip, mapped from their file, which is open as long as they are held."""
    return np.load(path(key, store), mmap_mode="r")


def landmarks(key: str, store: Store) -> NDArray[np.float32]:
    """The corpus's landmarks [T,P,2] of one clip's crops; FerbenchError where it ships none."""
    file = path(key, store).with_name("landmarks.npy")
    if not file.is_file():
        raise FerbenchError("a backbone reads landmarks, and a clip has none", hint="choose a corpus that ships them: ck+")
    return np.load(file)


def facts(key: str, store: Store) -> CropFacts:
    """What was noted when the clip's crops were made."""
    return CropFacts(**store.facts("crops", key))


def _write(folder: Path, clip: Clip, steps: Sequence[Preprocessor]) -> dict[str, Any]:
    start = time.perf_counter()
    crops, indices, frames, problems = preprocess(clip, steps)
    np.save(folder / "crops.npy", crops)
    if frames.landmarks is not None:
        np.save(folder / "landmarks.npy", frames.landmarks)
    found = None if frames.found is None else [bool(found) for found in frames.found]
    return asdict(CropFacts(indices, found, problems, time.perf_counter() - start))


def preprocess(clip: Clip, steps: Sequence[Preprocessor]) -> tuple[NDArray[np.uint8], list[int], Frames, dict[str, str]]:
    """(crops [T,H,W(,3)], frame indices, the frames after the last step, problems by frame) of one clip."""
    from ferbench.corpora.decoding import decode, points

    images, problems = decode(clip, select(clip, steps))
    marks = points(clip, list(images), problems) if clip.landmarks else None
    images = {index: image for index, image in images.items() if index not in problems}
    named = {str(index): reason for index, reason in problems.items()}
    if not images:
        return np.zeros((0, 1, 1), np.uint8), [], Frames(()), named
    frames = Frames(tuple(images.values()), landmarks=marks)
    for step in steps:
        with calling(f"preprocessor {step.name} on {clip.id}"):
            frames = step(frames)
        if problem := _problem(frames, len(images)):
            raise PluginError(f"preprocessor {step.name} on {clip.id} gives {problem}")
    return _stack(clip, frames.images), list(images), frames, named


def _problem(frames: Any, count: int) -> str:
    """What is wrong with the frames that a step gave, or nothing."""
    if not isinstance(frames, Frames):
        return f"{type(frames).__name__}: expected Frames"
    if len(frames.images) != count:
        return f"{len(frames.images)} frames for {count}"
    for image in frames.images:
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
            return f"images of {getattr(image, 'dtype', type(image).__name__)}: expected uint8"
        if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)) or not image.size:
            return f"an image of shape {list(image.shape)}: expected [H,W] or [H,W,3]"
    return ""


def _stack(clip: Clip, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """One array; gray frames beside colour ones become colour."""
    if len({image.ndim for image in images}) == 2:
        images = [np.repeat(i[..., None], 3, axis=2) if i.ndim == 2 else i for i in images]  # [H,W] -> [H,W,3]
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        sizes = ", ".join("x".join(map(str, shape[:2])) for shape in sorted(shapes)[:3])
        raise FerbenchError(f"the frames of {clip.id} come out in several sizes ({sizes})", hint="end the preprocessing with resize")
    return np.stack(images)
