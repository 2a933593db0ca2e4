"""Face detectors: what one implements, and how faces are told apart over the frames of a video."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ferbench.api.clips import Frames
from ferbench.api.components import Preprocessor
from ferbench.types import Count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Numbers = NDArray[np.floating]

MIN_OVERLAP = 0.3  # intersection over union of the boxes of one face in two frames that follow each other
PATIENCE = 10  # frames that a face may be lost for


@dataclass(frozen=True, eq=False)
class Faces:
    """The N faces that a detector found in one image.

    `boxes` [N,4]: x, y, width, height in pixels. `scores` [N]: the higher, the more certain. `eyes` [N,2,2]: the eye on the left and on the
    right of the image, (x, y) in pixels; None if the detector finds no eyes.
    """

    boxes: Numbers
    scores: Numbers
    eyes: Numbers | None = None

    def __len__(self) -> int:
        """The number of faces."""
        return len(self.boxes)

    @property
    def largest(self) -> int | None:
        """The index of the face with the largest box, the first of several; None without faces."""
        return int((self.boxes[:, 2] * self.boxes[:, 3]).argmax()) if len(self) else None

    def flatten(self, face: int | None) -> Numbers:
        """Box and eyes of one face in a row, [4] or [8]; NaN for None."""
        import numpy as np

        eyes = np.zeros((len(self), 0)) if self.eyes is None else self.eyes.reshape(-1, 4)
        return np.full(4 + eyes.shape[1], np.nan) if face is None else np.hstack([self.boxes[face], eyes[face]])


@dataclass(frozen=True)
class FaceDetector(Preprocessor):
    """A step that finds the face of each frame of a clip; implement `detect_faces`.

    A clip shows one labeled face. If several faces are in view and `follow` is true, that is the one with the largest boxes over the clip
    (see `follow_face`); otherwise, it is the largest of each frame. `every`: only each n-th frame and the last are searched, and box and
    eyes of the frames between them are interpolated; if the face is missing in one of two searched frames, it is missing between them.
    A frame without the face takes the median box and eyes of the clip's other frames; in a clip without any face, all frames stay whole.
    Both count as frames without a face.
    """

    every: Count = field(default=1, kw_only=True)
    follow: bool = field(default=True, kw_only=True)

    @abstractmethod
    def detect_faces(self, image: Image) -> Faces:
        """Find all faces in an image, uint8 [H,W] (gray) or [H,W,3] (RGB)."""

    def detect_in_frames(self, images: Sequence[Image]) -> list[Faces]:
        """Find all faces in each of several images of one clip, in temporal order."""
        return [self.detect_faces(image) for image in images]

    def __call__(self, frames: Frames) -> Frames:
        """Add a box for every frame, eyes if the detector finds them, and whether the face was found; images stay."""
        import numpy as np

        last = len(frames.images) - 1
        searched = sorted({*range(0, last, self.every), last})
        found = self.detect_in_frames([frames.images[index] for index in searched])
        chosen = follow_face(found) if self.follow else [faces.largest for faces in found]
        rows = np.stack([faces.flatten(face) for faces, face in zip(found, chosen, strict=True)])  # [K,4] or [K,8]
        rows = interpolate_rows(rows, np.array(searched), last + 1)
        return frames.with_faces(rows[:, :4], rows[:, 4:].reshape(-1, 2, 2).astype(np.float32) if rows.shape[1] > 4 else None)


@dataclass
class FaceLinker:
    """Numbers the faces of a video, so that a face keeps its number from frame to frame; memory does not grow with the video.

    A face is that of an earlier frame if their boxes overlap by `min_overlap` (intersection over union) or more; the best overlaps are
    linked first. A face that is lost for more than `patience` frames gets a new number.
    """

    min_overlap: float = MIN_OVERLAP
    patience: int = PATIENCE
    _next: int = 0
    _frame: int = 0
    _seen: dict[int, tuple[int, Numbers]] = field(default_factory=dict)  # the last frame and box of each number

    def link(self, faces: Faces) -> list[int]:
        """Return the number of each face in the next frame."""
        known = list(self._seen)
        numbers: dict[int, int] = {}
        for face, other in _best_pairs(faces.boxes, [self._seen[number][1] for number in known], self.min_overlap):
            numbers[face] = known[other]
        for face in range(len(faces)):
            if face not in numbers:
                numbers[face], self._next = self._next, self._next + 1
            self._seen[numbers[face]] = self._frame, faces.boxes[face]
        self._frame += 1
        self._seen = {number: seen for number, seen in self._seen.items() if self._frame - seen[0] <= self.patience + 1}
        return [numbers[face] for face in range(len(faces))]


def link_faces(frames: Sequence[Faces]) -> list[list[int]]:
    """Return a number for each face of each frame of a video; equal numbers are one face (see FaceLinker)."""
    linker = FaceLinker()
    return [linker.link(faces) for faces in frames]


def follow_face(frames: Sequence[Faces]) -> list[int | None]:
    """Return the index of the same face in each frame of a clip; None where it is not seen.

    That face is the one whose boxes have the largest total area. Where its track breaks off, the next largest one continues it, unless both
    are seen in one frame: then they are two people.
    """
    tracks: dict[int, dict[int, int]] = defaultdict(dict)  # number -> frame -> index of the face
    areas: dict[int, float] = defaultdict(float)
    for frame, (faces, numbers) in enumerate(zip(frames, link_faces(frames), strict=True)):
        for face, number in enumerate(numbers):
            tracks[number][frame] = face
            areas[number] += float(faces.boxes[face, 2] * faces.boxes[face, 3])
    followed: dict[int, int] = {}
    for number in sorted(tracks, key=lambda number: -areas[number]):
        if followed.keys().isdisjoint(tracks[number]):
            followed |= tracks[number]
    return [followed.get(frame) for frame in range(len(frames))]


def measure_overlaps(boxes: Numbers, others: Numbers) -> Numbers:
    """The intersection over union of boxes [N,4] with others [M,4] as [N,M]."""
    import numpy as np

    first = np.maximum(boxes[:, None, :2], others[None, :, :2])
    last = np.minimum(boxes[:, None, :2] + boxes[:, None, 2:], others[None, :, :2] + others[None, :, 2:])
    intersection = np.maximum(last - first, 0).prod(2)  # [N,M]
    union = boxes[:, 2:].prod(1)[:, None] + others[:, 2:].prod(1)[None] - intersection
    shares: Numbers = intersection / np.maximum(union, 1e-9)
    return shares


def _best_pairs(boxes: Numbers, others: Sequence[Numbers], min_overlap: float) -> Iterator[tuple[int, int]]:
    """Pairs of a box and another, each at most once, from the largest overlap down to `min_overlap`."""
    import numpy as np

    if not len(boxes) or not others:
        return
    shares = measure_overlaps(boxes, np.stack(others))
    while shares.max() >= min_overlap:
        face, other = map(int, np.unravel_index(shares.argmax(), shares.shape))
        yield face, other
        shares[face], shares[:, other] = -1, -1


def interpolate_rows(rows: Numbers, at: NDArray[np.intp], count: int) -> Numbers:
    """Rows [K,D] at the positions `at` [K], the first 0 and the last count - 1, to [count,D]; NaN on either side gives NaN."""
    import numpy as np

    positions = np.arange(count)
    left = np.searchsorted(at, positions, side="right") - 1
    right = np.minimum(left + 1, len(at) - 1)
    weight = (positions - at[left]) / np.maximum(at[right] - at[left], 1)  # [count]
    result: Numbers = rows[left] + weight[:, None] * (rows[right] - rows[left])
    result[at] = rows
    return result
