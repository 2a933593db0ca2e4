"""What the steps that find landmarks share, and where the eyes are among landmarks."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ferbench import FerbenchError, Frames, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]

EYES = {
    5: ((0,), (1,)),  # left and right eye in the image, nose, corners of the mouth
    68: (range(36, 42), range(42, 48)),  # of iBUG 300-W
    478: ((33, 133), (362, 263)),  # of MediaPipe: the corners of the eyes, which do not move with the gaze
}
"""By number of landmarks, those whose mean is the eye on the left of the image, and that on the right."""


@dataclass(frozen=True)
class LandmarkStep(Preprocessor):
    """A step that finds landmarks in the faces that a detector found; implement `find_landmarks`.

    They replace those of the corpus, and eyes are located by them. A frame without a face takes the median landmarks of the clip's other
    frames. In a clip without any face, landmarks are searched in whole frames, and eyes are unknown.
    """

    @abstractmethod
    def find_landmarks(self, image: NDArray[np.uint8], box: tuple[int, int, int, int], eyes: Numbers | None) -> Numbers:
        """Find landmarks [P,2] in an image, RGB [H,W,3], from the box and the eyes [2,2] of the face; (x, y) in pixels of the image."""

    def __call__(self, frames: Frames) -> Frames:
        """Add landmarks and eyes; images and boxes stay. Raises FerbenchError without boxes, or if the frames were cropped or resized."""
        import numpy as np

        if frames.boxes is None or frames.has_face is None or frames.is_resized:
            problem = "cropped or resized frames" if frames.is_resized else "frames without boxes"
            hint = "put it right after a detector, before crop, resize and align"
            raise FerbenchError(f"{self.name} got {problem}", where=f"preprocessor {self.name}", hint=hint)
        has_face = np.array(frames.has_face)
        searched = has_face if has_face.any() else ~has_face
        known = np.stack([self._search(frames, int(at)) for at in np.flatnonzero(searched)]).astype(np.float32)  # [K,P,2]
        points = np.repeat(np.median(known, axis=0)[None], len(searched), axis=0)
        points[searched] = known
        eyes = locate_eyes(points) if has_face.any() else np.full((len(points), 2, 2), np.nan, np.float32)
        return replace(frames, landmarks=points, eyes=eyes)

    def _search(self, frames: Frames, at: int) -> Numbers:
        import cv2

        assert frames.boxes is not None
        image = frames.images[at]
        color = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
        return self.find_landmarks(color, frames.boxes[at], None if frames.eyes is None else frames.eyes[at])


def locate_eyes(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The eyes [T,2,2] on the left and on the right of the image, from 5, 68 or 478 landmarks [T,P,2]."""
    import numpy as np

    return np.stack([landmarks[:, list(eye)].mean(1) for eye in EYES[landmarks.shape[1]]], 1)
