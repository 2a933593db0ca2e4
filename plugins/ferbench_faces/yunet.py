"""YuNet: a small network that finds faces and their eyes, run by OpenCV."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from ferbench import FerbenchError, File, Frames, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WHERE = "preprocessor yunet"
HINT = "fetch face_detection_yunet_2023mar.onnx from https://github.com/opencv/opencv_zoo and give its path"


@dataclass(frozen=True)
class YuNet(Preprocessor):
    """Face detection by YuNet (Wu et al. 2023): the largest face of each frame, and its eyes.

    `model` names the ONNX file, which is not shipped. A face counts from the score `score`. A frame without a face takes the median box
    of the clip's other frames, and where there is none the whole frame; both are told as frames without a face.
    """

    name = "yunet"
    model: File = "face_detection_yunet_2023mar.onnx"
    score: Annotated[float, Meta(gt=0, lt=1)] = 0.6

    def __call__(self, frames: Frames) -> Frames:
        """A box and the eyes for each frame, and whether a face was found; FerbenchError without the model."""
        import numpy as np

        faces = [self._largest(image) for image in frames.images]
        found = [face for face in faces if face is not None]
        usual = np.median(found, axis=0) if found else None
        boxes, eyes = [], np.full((len(faces), 2, 2), np.nan, np.float32)
        for number, (face, image) in enumerate(zip(faces, frames.images, strict=True)):
            taken = face if face is not None else usual
            if taken is None:
                boxes.append((0, 0, image.shape[1], image.shape[0]))
                continue
            x, y, width, height = (round(float(value)) for value in taken[:4])
            boxes.append((x, y, max(1, width), max(1, height)))
            eyes[number] = np.reshape(taken[4:8], (2, 2))
        return replace(frames, boxes=tuple(boxes), has_face=tuple(face is not None for face in faces), eyes=eyes)

    def _largest(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """x, y, width, height, and the eyes that are left and right in the picture, (x, y) each: [8], or None."""
        import cv2

        network = detector(self.model, self.score, threading.get_ident())
        network.setInputSize(image.shape[1::-1])
        _, faces = network.detect(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR))
        if faces is None or not len(faces):
            return None
        largest: NDArray[np.float32] = max(faces, key=lambda face: float(face[2] * face[3]))[:8]
        return largest


@lru_cache(maxsize=256)
def detector(model: str, score: float, _thread: int) -> Any:
    """The cv2.FaceDetectorYN of a file for one thread; FerbenchError with what to do."""
    import cv2

    if not Path(model).is_file():
        raise FerbenchError(f"no model at {model}", where=WHERE, hint=HINT)
    try:
        return cv2.FaceDetectorYN.create(model, "", (320, 320), score)
    except (cv2.error, AttributeError) as error:
        raise FerbenchError(f"{model} is no model of YuNet that OpenCV {cv2.__version__} can load", where=WHERE, hint=HINT) from error
