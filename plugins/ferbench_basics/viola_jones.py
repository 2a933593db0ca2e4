"""Finding the face and cutting it out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from ferbench import FerbenchError, File, Frames, Preprocessor
from ferbench_basics.gray import gray

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Box = tuple[int, int, int, int]  # x, y, width, height in pixels
NEAR = 0.25  # of the last box: how far around it a face is searched
SCALE = 1.25  # and how much smaller or larger
_WHERE = "preprocessor viola-jones: cascade"


@dataclass(frozen=True)
class ViolaJones(Preprocessor):
    """Finds the face in every frame with a cascade of boosted Haar features (Viola & Jones 2001).

    `cascade` is one that OpenCV ships or the path of an XML file; `min_size` is a share of the frame's short side. Of several faces the
    largest counts. A frame without one borrows the median box of the clip's other frames; a clip without any gives whole frames.
    `near` searches each frame around the box of the one before it, and the whole frame only where nothing is found there: quicker, with
    nearly the same boxes (docs/performance.md says how nearly).
    """

    name = "viola-jones"
    cascade: File = "haarcascade_frontalface_alt2"
    scale_factor: Annotated[float, Meta(gt=1)] = 1.1
    min_neighbors: Annotated[int, Meta(ge=0)] = 5
    min_size: Annotated[float, Meta(gt=0, le=1)] = 0.1
    near: bool = False

    def __call__(self, frames: Frames) -> Frames:
        """Boxes for all frames, and whether each was found; images stay. Raises FerbenchError for a cascade that cannot be had."""
        faces: list[Box | None] = []
        for image in frames.images:
            before = next((face for face in reversed(faces) if face), None) if self.near else None
            faces.append(self._face(image, before))
        return replace(frames, boxes=filled(faces, frames.images), has_face=tuple(face is not None for face in faces))

    def _face(self, image: NDArray[np.uint8], before: Box | None) -> Box | None:
        """The largest face: around the box `before`, of about its size, if there is one; else in the whole image."""
        if before:
            x, y, width, height = before
            left, right = _span(x, width, NEAR, image.shape[1])
            top, bottom = _span(y, height, NEAR, image.shape[0])
            sizes = {"minSize": (round(width / SCALE),) * 2, "maxSize": (round(width * SCALE),) * 2}
            if face := self._largest(image[top:bottom, left:right], **sizes):
                return face[0] + left, face[1] + top, *face[2:]
        side = max(1, round(self.min_size * min(image.shape[:2])))
        return self._largest(image, minSize=(side, side))

    def _largest(self, image: NDArray[np.uint8], **sizes: tuple[int, int]) -> Box | None:
        # A cv2.CascadeClassifier keeps scratch state, and clips come from a pool of threads: one for each thread.
        detector = classifier(self.cascade, threading.get_ident())
        faces = detector.detectMultiScale(gray(image), self.scale_factor, self.min_neighbors, **sizes)
        boxes = [(int(x), int(y), int(w), int(h)) for x, y, w, h in faces]
        return max(boxes, key=lambda box: (box[2] * box[3], box), default=None)


@dataclass(frozen=True)
class Crop(Preprocessor):
    """Cuts each frame to the box that a detector gave it.

    `margin` widens the box on every side by this share of its width and height; what lies outside the frame is left out.
    """

    name = "crop"
    margin: Annotated[float, Meta(ge=0)] = 0.0

    def __call__(self, frames: Frames) -> Frames:
        """Images cut out, boxes used up; raises FerbenchError where no step before gave boxes."""
        if frames.boxes is None:
            hint = "put a detector before it, such as viola-jones; a crop uses the boxes up"
            raise FerbenchError("crop is given frames without boxes", where="preprocessor crop", hint=hint)
        images = tuple(self._cut(image, box) for image, box in zip(frames.images, frames.boxes, strict=True))
        return replace(frames, images=images, boxes=None, eyes=None)

    def _cut(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        x, y, width, height = box
        left, right = _span(x, width, self.margin, image.shape[1])
        top, bottom = _span(y, height, self.margin, image.shape[0])
        return image[top:bottom, left:right]


def filled(faces: Sequence[Box | None], images: Sequence[NDArray[np.uint8]]) -> tuple[Box, ...]:
    """Each frame's own box, else the median of the clip's found ones, else the whole frame."""
    import numpy as np

    found = [face for face in faces if face]
    if not found:
        return tuple((0, 0, image.shape[1], image.shape[0]) for image in images)
    x, y, width, height = (int(value) for value in np.rint(np.median(found, axis=0)))
    return tuple(face or (x, y, width, height) for face in faces)


@lru_cache(maxsize=256)
def classifier(cascade: str, _thread: int) -> Any:
    """The cv2.CascadeClassifier of a name or path for one thread; raises FerbenchError with what to do."""
    import cv2

    try:
        from cv2.data import haarcascades

        detector = cv2.CascadeClassifier()
    except (AttributeError, ImportError):
        hint = "install OpenCV 4: pip install 'opencv-python>=4.8,<5', and no other package that brings a cv2"
        raise FerbenchError(f"OpenCV {cv2.__version__} has no CascadeClassifier", where=_WHERE, hint=hint) from None
    path = _cascade_file(cascade, Path(haarcascades))
    if not _loads(detector, path):
        raise FerbenchError(f"{path} is no cascade that OpenCV can load", where=_WHERE, hint="give an XML file trained as a cascade")
    return detector


def _cascade_file(cascade: str, shipped: Path) -> Path:
    for path in (Path(cascade), shipped / f"{cascade.removesuffix('.xml')}.xml"):
        if path.is_file():
            return path
    names = ", ".join(sorted(file.stem for file in shipped.glob("haarcascade_frontalface*.xml")))
    raise FerbenchError(
        f"no cascade {cascade!r}", where=_WHERE, hint=f"give the path of an XML file, or a name that OpenCV ships: {names} ..."
    )


def _loads(detector: Any, path: Path) -> bool:
    import cv2

    try:
        return detector.load(str(path)) and not detector.empty()
    except cv2.error:
        return False


def _span(start: int, size: int, margin: float, limit: int) -> tuple[int, int]:
    """First and last + 1 pixel of one axis; never empty, not even for a box borrowed from a larger frame."""
    first = min(max(round(start - margin * size), 0), limit - 1)
    return first, max(first + 1, min(round(start + size + margin * size), limit))
