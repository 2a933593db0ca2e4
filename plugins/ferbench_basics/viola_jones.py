"""Face detection by Viola and Jones."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from ferbench import FerbenchError, File, Frames, Preprocessor
from ferbench_basics.crop import Box, clip_span
from ferbench_basics.gray import to_gray

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FileState = tuple[int, ...]  # of a file that may be replaced between two runs in one process; empty if there is none
NO_FACE = (nan, nan, nan, nan)
SEARCH_MARGIN = 0.25  # `near` searches the previous box, widened on each side by this share of its size,
SIZE_RATIO = 1.25  # for faces that are smaller or larger by at most this factor
_WHERE = "preprocessor viola-jones: cascade"


@dataclass(frozen=True)
class ViolaJones(Preprocessor):
    """Finds the largest face of each frame with a Haar cascade (Viola & Jones 2001).

    `cascade`: the name of a cascade that OpenCV ships, or the path of an XML file. `min_size`: the smallest face, as a share of the frame's
    shorter side. A frame without a face takes the median box of the clip's other frames; in a clip without any face, all frames stay whole.
    `near` searches each frame around the box of the previous one first, and the whole frame only if nothing is found there: faster, with
    nearly the same boxes (see docs/performance.md).
    """

    name = "viola-jones"
    is_thread_safe = True
    cascade: File = "haarcascade_frontalface_alt2"
    scale_factor: Annotated[float, Meta(gt=1)] = 1.1
    min_neighbors: Annotated[int, Meta(ge=0)] = 5
    min_size: Annotated[float, Meta(gt=0, le=1)] = 0.1
    near: bool = False

    def __call__(self, frames: Frames) -> Frames:
        """Add a box for every frame, and whether a face was found in it; images stay. Raises FerbenchError for an unusable cascade."""
        import numpy as np

        faces: list[Box | None] = []
        for image in frames.images:
            previous = next((face for face in reversed(faces) if face), None) if self.near else None
            faces.append(self._find_face(image, previous))
        return frames.with_faces(np.array([face or NO_FACE for face in faces], np.float64).reshape(-1, 4))

    def _find_face(self, image: NDArray[np.uint8], previous: Box | None) -> Box | None:
        """The largest face: near the box `previous` and of similar size, if there is one; else in the whole image."""
        if previous:
            x, y, width, height = previous
            left, right = clip_span(x, width, SEARCH_MARGIN, image.shape[1])
            top, bottom = clip_span(y, height, SEARCH_MARGIN, image.shape[0])
            sizes = {"minSize": (round(width / SIZE_RATIO),) * 2, "maxSize": (round(width * SIZE_RATIO),) * 2}
            if face := self._largest_face(image[top:bottom, left:right], **sizes):
                return face[0] + left, face[1] + top, *face[2:]
        side = max(1, round(self.min_size * min(image.shape[:2])))
        return self._largest_face(image, minSize=(side, side))

    def _largest_face(self, image: NDArray[np.uint8], **sizes: tuple[int, int]) -> Box | None:
        # A cv2.CascadeClassifier keeps scratch state, and clips are decoded by several threads: one classifier for each.
        detector = load_cascade(self.cascade, threading.get_ident(), _file_state(self.cascade))
        faces = detector.detectMultiScale(to_gray(image), self.scale_factor, self.min_neighbors, **sizes)
        boxes = [(int(x), int(y), int(w), int(h)) for x, y, w, h in faces]
        return max(boxes, key=lambda box: (box[2] * box[3], box), default=None)


@lru_cache(maxsize=256)
def load_cascade(cascade: str, _thread: int, _state: FileState = ()) -> Any:
    """Load a cv2.CascadeClassifier by name or path, one per thread and state of the file.

    Raises FerbenchError if OpenCV or the file does not allow it.
    """
    import cv2

    try:
        from cv2.data import haarcascades

        detector = cv2.CascadeClassifier()
    except (AttributeError, ImportError):
        hint = "install OpenCV 4: pip install 'opencv-python>=4.8,<5', and no other package that provides cv2"
        raise FerbenchError(f"OpenCV {cv2.__version__} has no CascadeClassifier", where=_WHERE, hint=hint) from None
    path = _cascade_file(cascade, Path(haarcascades))
    if not _can_load(detector, path):
        raise FerbenchError(f"{path} is not a cascade that OpenCV can load", where=_WHERE, hint="give the XML file of a trained cascade")
    return detector


def _file_state(path: str) -> FileState:
    try:
        state = Path(path).stat()
    except OSError:  # it is the name of a cascade that OpenCV ships
        return ()
    return state.st_mtime_ns, state.st_size, state.st_ino


def _cascade_file(cascade: str, shipped: Path) -> Path:
    for path in (Path(cascade), shipped / f"{cascade.removesuffix('.xml')}.xml"):
        if path.is_file():
            return path
    names = ", ".join(sorted(file.stem for file in shipped.glob("haarcascade_frontalface*.xml")))
    raise FerbenchError(
        f"no cascade {cascade!r}", where=_WHERE, hint=f"give the path of an XML file, or a name that OpenCV ships: {names} ..."
    )


def _can_load(detector: Any, path: Path) -> bool:
    import cv2

    try:
        return detector.load(str(path)) and not detector.empty()
    except cv2.error:
        return False
