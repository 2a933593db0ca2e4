"""YuNet: a small network that detects faces and their eyes, run by OpenCV."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from ferbench import FaceDetector, Faces, FerbenchError, File, Portable, models
from ferbench.types import Count
from ferbench_faces.models import YUNET

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FileState = tuple[int, ...]  # of a file that may be replaced between two runs in one process; empty if there is none
WHERE = "preprocessor yunet"
OWN = "yunet"  # the value of `model` that stands for the file of this name
HINT = "leave `model` out, or give the path of another YuNet, such as face_detection_yunet_2023mar.onnx of github.com/opencv/opencv_zoo"


RUNNER = """\
network, found = cv2.FaceDetectorYN.create(str(FOLDER / "yunet.onnx"), "", (320, 320), SCORE), []
for image in images:
    scale = min(1.0, SIDE / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    network.setInputSize(small.shape[1::-1])
    faces = network.detect(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR if small.ndim == 2 else cv2.COLOR_RGB2BGR))[1]
    found.append(None if faces is None else faces[(faces[:, 2] * faces[:, 3]).argmax(), :4] / scale)
return images, fill(images, found)
"""


@dataclass(frozen=True)
class YuNet(FaceDetector):
    """Finds the face of each frame, and its eyes, with YuNet (Wu et al. 2023).

    `model`: "yunet", which `ferbench weights` tells how to get, or the path of another ONNX file. `score`: the lowest score of a face.
    Frames whose longer side has more than `side` pixels are shrunk to it first: the network misses faces that are much larger than those
    that it was trained on.
    """

    name = "yunet"
    is_thread_safe = True
    model: File = OWN
    score: Annotated[float, Meta(gt=0, lt=1)] = 0.6
    side: Count = 640

    def portable(self) -> Portable | None:
        """The largest face of each frame, which is the one that is followed if there is one person; None if some frames are skipped."""
        if self.every > 1:
            return None
        path = models.find(YUNET) if self.model == OWN else Path(self.model)
        return Portable(RUNNER.replace("SCORE", str(self.score)).replace("SIDE", str(self.side)), {"yunet.onnx": path})

    def detect_faces(self, image: NDArray[np.uint8]) -> Faces:
        """Find all faces in an image, and their eyes; raises FerbenchError without the model."""
        import cv2
        import numpy as np

        path = str(models.find(YUNET)) if self.model == OWN else self.model
        network = load_detector(path, self.score, threading.get_ident(), _file_state(path))
        scale = min(1.0, self.side / max(image.shape[:2]))
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        network.setInputSize(image.shape[1::-1])
        _, found = network.detect(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR))
        faces = np.zeros((0, 15), np.float32) if found is None else found  # [N,15]: box, five points (the eyes first), score
        return Faces(faces[:, :4] / scale, faces[:, 14], faces[:, 4:8].reshape(-1, 2, 2) / scale)


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
