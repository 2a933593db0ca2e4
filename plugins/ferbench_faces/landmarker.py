"""MediaPipe's Face Landmarker: 478 points of a face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferbench_faces.landmarks import EYES, LandmarkStep
from ferbench_faces.models import FACE_LANDMARKER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]

SIZE = 256  # pixels of the network's input
MARGIN = 1.5  # the searched square is this much larger than the box


@dataclass(frozen=True)
class FaceLandmarker(LandmarkStep):
    """Finds 478 landmarks with MediaPipe's Face Landmarker (Kartynnik et al. 2019, Grishchenko et al. 2020).

    The network sees a square around the face, 1.5 times as large as its box, in which the eyes are level. It runs twice: the second square
    is that around the landmarks of the first run, as MediaPipe follows a face through a video; so the detector matters little.
    """

    name = "face-landmarker"
    is_thread_safe = True

    def find_landmarks(self, image: NDArray[np.uint8], box: tuple[int, int, int, int], eyes: Numbers | None) -> Numbers:
        """[478,2]; raises FerbenchError without the model."""
        import numpy as np

        x, y, width, height = box
        tilt = 0.0 if eyes is None or np.isnan(eyes).any() else _measure_tilt(eyes)
        points = _find(image, np.array([x + width / 2, y + height / 2]), max(width, height), tilt)
        tilt = _measure_tilt(np.stack([points[list(eye)].mean(0) for eye in EYES[478]]))
        return _find(image, *_enclose(points, tilt), tilt)


def _find(image: NDArray[np.uint8], center: Numbers, side: float, tilt: float) -> Numbers:
    """Landmarks [478,2] in a tilted square that is larger than `side` by the margin; outside the image, the pixels at its border go on."""
    import cv2
    import numpy as np

    from ferbench_faces.networks import get_network

    matrix = _turn(tilt) * SIZE / (MARGIN * max(side, 1.0))  # from the image to the network's input
    to_input = np.hstack([matrix, (SIZE / 2 - matrix @ center)[:, None]])
    square = cv2.warpAffine(image, to_input, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    network = get_network(FACE_LANDMARKER, "face_landmarks_detector.tflite")
    network.setInput(square.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    found = network.forward("Identity").reshape(478, 3)[:, :2]  # the third is depth
    points: Numbers = (found - SIZE / 2) @ np.linalg.inv(matrix).T + center
    return points


def _measure_tilt(eyes: Numbers) -> float:
    """The angle of the line through both eyes [2,2]; 0 if it is level."""
    import numpy as np

    return float(np.arctan2(*(eyes[1] - eyes[0])[::-1]))


def _enclose(points: Numbers, tilt: float) -> tuple[Numbers, float]:
    """Center and side of the smallest square with this tilt around points [P,2]."""
    turned = points @ _turn(tilt).T
    first, last = turned.min(0), turned.max(0)
    return (first + last) / 2 @ _turn(tilt), float((last - first).max())


def _turn(tilt: float) -> Numbers:
    """The rotation matrix that makes a line of this tilt level."""
    import numpy as np

    return np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
