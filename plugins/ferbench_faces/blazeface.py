"""BlazeFace: Google's detectors for faces close to the camera, run by OpenCV."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ferbench import FaceDetector, Faces, ModelFile
from ferbench_faces.models import BLAZEFACE, FACE_LANDMARKER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class AnchorDetector(FaceDetector):
    """What both detectors share: the frame in the middle of a black square of `size` pixels, and anchors.

    `score`: the lowest score of a face.
    """

    score: Annotated[float, Meta(gt=0, lt=1)] = 0.5

    @abstractmethod
    def source(self) -> tuple[ModelFile, str, int]:
        """The file of the network, its member in a zip, and the side of its input in pixels."""

    def detect_faces(self, image: NDArray[np.uint8]) -> Faces:
        """Find all faces in an image, and their eyes; raises FerbenchError without the model."""
        import numpy as np

        from ferbench_faces.networks import get_network
        from ferbench_faces.ssd import decode, merge_overlapping

        model, member, size = self.source()
        network = get_network(model, member)
        square, scale, corner = fit_into_square(image, size)
        network.setInput(square.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1)
        logits, raw = network.forward(("classificators", "regressors"))  # [1,N,1], [1,N,16]
        scores = 1 / (1 + np.exp(-logits.reshape(-1).clip(-80, 80)))
        is_face = scores >= self.score
        faces, scores = merge_overlapping(decode(raw.reshape(-1, 16), size)[is_face], scores[is_face])
        faces[:, [0, *range(2, 8)]] -= corner / size  # places, but not the size
        faces *= size / scale
        return Faces(faces[:, :2].reshape(-1, 4), scores, faces[:, 2:4])


@dataclass(frozen=True)
class BlazeFace(AnchorDetector):
    """Finds the face of each frame, and its eyes, with BlazeFace (Bazarevsky et al. 2019), short range: 128 pixels, 3 ms."""

    name = "blazeface"
    is_thread_safe = True

    def source(self) -> tuple[ModelFile, str, int]:
        """The file of the network, and the side of its input."""
        return BLAZEFACE, "", 128


@dataclass(frozen=True)
class MediaPipeFace(AnchorDetector):
    """Finds the face of each frame, and its eyes, with the detector of MediaPipe's Face Landmarker: 192 pixels, 8 ms."""

    name = "mediapipe-face"
    is_thread_safe = True

    def source(self) -> tuple[ModelFile, str, int]:
        """The file of the network, and the side of its input."""
        return FACE_LANDMARKER, "face_detector.tflite", 192


def fit_into_square(image: NDArray[np.uint8], size: int) -> tuple[NDArray[np.uint8], float, NDArray[np.int64]]:
    """The image, RGB, in the middle of a black square [size,size,3]; by what it was scaled, and where its top left corner is now."""
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    scale = size / max(height, width)
    small = cv2.resize(
        image,
        (max(1, round(width * scale)), max(1, round(height * scale))),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )
    if small.ndim == 2:
        small = cv2.cvtColor(small, cv2.COLOR_GRAY2RGB)
    left, top = (size - small.shape[1]) // 2, (size - small.shape[0]) // 2
    square = np.zeros((size, size, 3), np.uint8)
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square, scale, np.array([left, top])
