"""Face detection by Viola and Jones."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from ferbench import FaceDetector, Faces, FerbenchError, File, Portable
from ferbench_basics.crop import clip_span
from ferbench_basics.gray import to_gray

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

FileState = tuple[int, ...]  # of a file that may be replaced between two runs in one process; empty if there is none
SEARCH_MARGIN = 0.25  # `near` searches the previous box, widened on each side by this share of its size,
SIZE_RATIO = 1.25  # for faces that are smaller or larger by at most this factor
_WHERE = "preprocessor viola-jones: cascade"


RUNNER = """\
detector, found = cv2.CascadeClassifier(str(FOLDER / "cascade.xml")), []
for image in images:
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    side = max(1, round(MIN_SIZE * min(gray.shape)))
    faces = detector.detectMultiScale(gray, SCALE_FACTOR, MIN_NEIGHBORS, minSize=(side, side))
    found.append(max((tuple(map(int, box)) for box in faces), key=lambda box: (box[2] * box[3], box), default=None))
return images, fill(images, found)
"""


@dataclass(frozen=True)
class ViolaJones(FaceDetector):
    """Finds the face of each frame with a Haar cascade (Viola & Jones 2001).

    `cascade`: the name of a cascade that OpenCV ships, or the path of an XML file. `min_size`: the smallest face, as a share of the frame's
    shorter side. `near` searches each frame around the box of the previous one first, and the whole frame only if nothing is found there:
    faster, with nearly the same boxes (see docs/performance.md). Unless `follow` is true, each frame's face is its largest.
    """

    name = "viola-jones"
    is_thread_safe = True
    cascade: File = "haarcascade_frontalface_alt2"
    scale_factor: Annotated[float, Meta(gt=1)] = 1.1
    min_neighbors: Annotated[int, Meta(ge=0)] = 5
    min_size: Annotated[float, Meta(gt=0, le=1)] = 0.1
    near: bool = False
    follow: bool = field(default=False, kw_only=True)

    def portable(self) -> Portable | None:
        """The largest face of each frame; None for the ways that look at several frames."""
        from cv2.data import haarcascades

        if self.near or self.follow or self.every > 1:
            return None
        values = {"MIN_SIZE": self.min_size, "SCALE_FACTOR": self.scale_factor, "MIN_NEIGHBORS": self.min_neighbors}
        body = RUNNER
        for name, value in values.items():
            body = body.replace(name, str(value))
        return Portable(body, {"cascade.xml": _cascade_file(self.cascade, Path(haarcascades))})

    def detect_faces(self, image: Image) -> Faces:
        """Find all faces in an image, the largest first; their scores are 1. Raises FerbenchError for an unusable cascade."""
        side = max(1, round(self.min_size * min(image.shape[:2])))
        return self._detect(image, minSize=(side, side))

    def detect_in_frames(self, images: Sequence[Image]) -> list[Faces]:
        """Find all faces in each image; if `near`, only the largest of those around the previous face and of similar size, if any."""
        found: list[Faces] = []
        previous = None
        for image in images:
            faces = self._detect_near(image, previous) if self.near and previous is not None else None
            found.append(faces or self.detect_faces(image))
            previous = found[-1].boxes[0] if len(found[-1]) else previous
        return found

    def _detect_near(self, image: Image, box: NDArray[np.floating]) -> Faces:
        import numpy as np

        x, y, width, height = map(int, box)
        left, right = clip_span(x, width, SEARCH_MARGIN, image.shape[1])
        top, bottom = clip_span(y, height, SEARCH_MARGIN, image.shape[0])
        sizes = {"minSize": (round(width / SIZE_RATIO),) * 2, "maxSize": (round(width * SIZE_RATIO),) * 2}
        faces = self._detect(image[top:bottom, left:right], **sizes)
        return Faces(faces.boxes[:1] + np.array([left, top, 0, 0]), faces.scores[:1])

    def _detect(self, image: Image, **sizes: tuple[int, int]) -> Faces:
        import numpy as np

        # A cv2.CascadeClassifier keeps scratch state, and clips are decoded by several threads: one classifier for each.
        detector = load_cascade(self.cascade, threading.get_ident(), _file_state(self.cascade))
        found = detector.detectMultiScale(to_gray(image), self.scale_factor, self.min_neighbors, **sizes)
        boxes = sorted((tuple(map(int, box)) for box in found), key=lambda box: (box[2] * box[3], box), reverse=True)
        return Faces(np.array(boxes, np.float64).reshape(-1, 4), np.ones(len(boxes)))


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
