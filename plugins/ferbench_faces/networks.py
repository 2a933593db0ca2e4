"""Loads networks that OpenCV runs."""

from __future__ import annotations

import threading
import zipfile
from functools import lru_cache
from typing import Any

from ferbench import FerbenchError, ModelFile, models


def get_network(model: ModelFile, member: str = "") -> Any:
    """The cv2.dnn.Net of a TFLite file, or of a member of a zip of these; each thread has its own, since a Net keeps scratch state.

    Raises FerbenchError if the file is not on this machine, or if this OpenCV cannot load it.
    """
    return _load(model, member, threading.get_ident())


@lru_cache(maxsize=256)
def _load(model: ModelFile, member: str, _thread: int) -> Any:
    import cv2
    import numpy as np

    path = models.find(model)
    content = zipfile.ZipFile(path).read(member) if member else path.read_bytes()
    try:
        return cv2.dnn.readNetFromTFLite(np.frombuffer(content, np.uint8))
    except (cv2.error, AttributeError) as error:
        hint = "install a newer OpenCV 4: pip install --upgrade 'opencv-python>=4.8,<5'"
        raise FerbenchError(f"OpenCV {cv2.__version__} cannot load {path} {member}".rstrip(), hint=hint) from error
