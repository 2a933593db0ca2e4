"""YuNet: a small network that detects faces and their eyes, run by OpenCV."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from ferbench import FerbenchError, File, Frames, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WHERE = "preprocessor yunet"
FileState = tuple[int, ...]  # of a file that may be replaced between two runs in one process; empty if there is none
HINT = "download face_detection_yunet_2023mar.onnx from https://github.com/opencv/opencv_zoo and give its path as `model`"


@dataclass(frozen=True)
class YuNet(Preprocessor):
    """Finds the largest face of each frame, and its eyes, with YuNet (Wu et al. 2023).

    `model`: the path of the ONNX file, which is not shipped. `score`: the lowest score of a face. A frame without a face takes the median
    box and eyes of the clip's other frames; in a clip without any face, all frames stay whole. Both count as frames without a face.
    """

    name = "yunet"
    is_thread_safe = True
    model: File = "face_detection_yunet_2023mar.onnx"
    score: Annotated[float, Meta(gt=0, lt=1)] = 0.6

    def __call__(self, frames: Frames) -> Frames:
        """Add box and eyes for every frame, and whether a face was found in it; raises FerbenchError without the model."""
        import numpy as np

        faces = np.array([self._largest_face(image) for image in frames.images], np.float32).reshape(-1, 8)
        return frames.with_faces(faces[:, :4], faces[:, 4:].reshape(-1, 2, 2))

    def _largest_face(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """[8]: x, y, width, height, and the left and right eye in the picture, (x, y) each; NaN without a face."""
        import cv2
        import numpy as np

        network = load_detector(self.model, self.score, threading.get_ident(), _file_state(self.model))
        network.setInputSize(image.shape[1::-1])
        _, faces = network.detect(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR))
        if faces is None or not len(faces):
            return np.full(8, np.nan, np.float32)
        largest: NDArray[np.float32] = max(faces, key=lambda face: float(face[2] * face[3]))[:8]
        return largest


@lru_cache(maxsize=256)
def load_detector(model: str, score: float, _thread: int, _state: FileState = ()) -> Any:
    """Load a cv2.FaceDetectorYN from a file, one per thread and state of the file; raises FerbenchError if it is missing or unusable."""
    import cv2

    if not Path(model).is_file():
        raise FerbenchError(f"no model at {model}", where=WHERE, hint=HINT)
    try:
        return cv2.FaceDetectorYN.create(model, "", (320, 320), score)
    except (cv2.error, AttributeError) as error:
        raise FerbenchError(f"{model} is not a YuNet model that OpenCV {cv2.__version__} can load", where=WHERE, hint=HINT) from error


def _file_state(path: str) -> FileState:
    try:
        state = Path(path).stat()
    except OSError:  # an error of its own names it
        return ()
    return state.st_mtime_ns, state.st_size, state.st_ino
