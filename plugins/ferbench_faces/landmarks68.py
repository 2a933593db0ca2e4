"""The 68 landmarks of face-api.js."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferbench_faces.landmarks import LandmarkStep

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]


@dataclass(frozen=True)
class FaceAPILandmarks(LandmarkStep):
    """Finds 68 landmarks, in the order of iBUG 300-W, with the small network of face-api.js (Muehler 2018).

    The network sees the part of the box that is inside the frame, stretched to a square.
    """

    name = "face-api-landmarks"
    is_thread_safe = True

    def find_landmarks(self, image: NDArray[np.uint8], box: tuple[int, int, int, int], eyes: Numbers | None) -> Numbers:  # noqa: ARG002
        """[68,2]; raises FerbenchError without the model."""
        import cv2
        import numpy as np

        from ferbench_faces.face_api import SIZE, locate_points

        height, width = image.shape[:2]
        left, top = min(max(box[0], 0), width - 1), min(max(box[1], 0), height - 1)
        face = image[top : max(top + 1, box[1] + box[3]), left : max(left + 1, box[0] + box[2])]
        points: Numbers = locate_points(cv2.resize(face, (SIZE, SIZE))) * face.shape[1::-1] + np.array([left, top])
        return points
