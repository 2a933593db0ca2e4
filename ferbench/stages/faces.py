"""The faces of a window of frames: each face that the row's detector finds is cut and scored as a clip of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ferbench.api.clips import Clip, Frames
from ferbench.api.components import Preprocessor
from ferbench.api.faces import FaceDetector, FaceLinker, interpolate_rows
from ferbench.corpora.images import Image
from ferbench.corpora.selection import select_frames
from ferbench.stages.crops import ClipCrops, apply_step, finish_crops

Boxes = NDArray[np.floating]


@dataclass(frozen=True)
class FaceClip:
    """One face of a window; `face` is its number in the video, None if no step looks for faces.

    `crops.facts.indices` are the numbers of its frames. `boxes` [T,4] are x, y, width and height in pixels of these, None without a
    detector.
    """

    face: int | None
    crops: ClipCrops
    boxes: Boxes | None

    def box_of(self, at: int) -> tuple[int, int, int, int] | None:
        """The box in its frame at this position, in whole pixels."""
        if self.boxes is None:
            return None
        x, y, width, height = (round(float(value)) for value in self.boxes[at])
        return x, y, width, height


@dataclass(frozen=True)
class CutWindow:
    """The numbers of the selected frames of a window, and its faces."""

    selected: list[int]
    faces: list[FaceClip]


def cut_window(name: str, images: Mapping[int, Image], steps: Sequence[Preprocessor], linker: FaceLinker) -> CutWindow:
    """Select frames of a window and cut their faces; `linker` numbers the faces of the whole video.

    With a FaceDetector, a face has the frames in which it is seen, and there is one clip for each face. Another step that finds faces gives
    one, as in a corpus, and so do steps that find none.
    """
    numbers = list(images)
    chosen = [numbers[at] for at in select_frames(Clip(name, "", "", length=len(images)), steps)]
    originals = [images[number] for number in chosen]
    return CutWindow(chosen, list(_cut_faces(name, chosen, originals, steps, linker)))


def _cut_faces(
    name: str, chosen: Sequence[int], originals: Sequence[Image], steps: Sequence[Preprocessor], linker: FaceLinker
) -> Iterator[FaceClip]:
    frames = Frames(tuple(originals))
    for position, step in enumerate(steps):
        if isinstance(step, FaceDetector):
            yield from _crop_each(name, chosen, originals, frames, step, steps[position + 1 :], linker)
            return
        frames = apply_step(step, name, frames)
        if frames.boxes is not None and frames.has_face is not None:
            yield _finish_single(name, chosen, originals, frames, steps[position + 1 :])
            return
    yield FaceClip(None, finish_crops(name, frames, chosen, {}), None)


def _crop_each(
    name: str,
    numbers: Sequence[int],
    originals: Sequence[Image],
    frames: Frames,
    detector: FaceDetector,
    steps: Sequence[Preprocessor],
    linker: FaceLinker,
) -> Iterator[FaceClip]:
    for face, rows in sorted(_find_tracks(frames, detector, linker).items()):
        seen: list[int] = np.flatnonzero(~np.isnan(rows).any(1)).tolist()
        own = Frames(tuple(frames.images[at] for at in seen), is_resized=frames.is_resized)
        eyes = rows[seen, 4:].reshape(-1, 2, 2).astype(np.float32) if rows.shape[1] > 4 else None
        own = own.with_faces(rows[seen, :4], eyes)
        for step in steps:
            own = apply_step(step, name, own)
        boxes = _scale_boxes(rows[seen, :4], [frames.images[at] for at in seen], [originals[at] for at in seen])
        yield FaceClip(face, finish_crops(name, own, [numbers[at] for at in seen], {}), boxes)


def _find_tracks(frames: Frames, detector: FaceDetector, linker: FaceLinker) -> dict[int, NDArray[np.floating]]:
    """Box and eyes of each face in each frame, [T,4] or [T,8], by the number of the face; NaN where it is not seen.

    As for a corpus, every n-th frame and the last are searched, and boxes between them are interpolated.
    """
    last = len(frames.images) - 1
    searched = sorted({*range(0, last, detector.every), last})
    found = detector.detect_in_frames([frames.images[index] for index in searched])
    tracks: dict[int, NDArray[np.floating]] = {}
    for place, faces in enumerate(found):
        for index, number in enumerate(linker.link(faces)):
            row = faces.flatten(index)
            track = tracks.setdefault(number, np.full((len(searched), len(row)), np.nan))
            track[place] = row
    return {number: interpolate_rows(track, np.array(searched), last + 1) for number, track in tracks.items()}


def _finish_single(
    name: str, numbers: Sequence[int], originals: Sequence[Image], frames: Frames, steps: Sequence[Preprocessor]
) -> FaceClip:
    boxes = _scale_boxes(np.array(frames.boxes, np.float64), frames.images, originals)
    for step in steps:
        frames = apply_step(step, name, frames)
    return FaceClip(0, finish_crops(name, frames, numbers, {}), boxes)


def _scale_boxes(boxes: Boxes, images: Sequence[Image], originals: Sequence[Image]) -> Boxes:
    """Boxes in pixels of the original frames, should a step before the detector have resized them."""
    sizes, own = (np.array([image.shape[1::-1] for image in each], np.float64) for each in (images, originals))  # [T,2]
    return boxes * np.tile(own / sizes, 2)
