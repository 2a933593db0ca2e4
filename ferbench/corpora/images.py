"""Image files to 8-bit arrays: gray stays [H,W], color becomes RGB [H,W,3]."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ferbench.corpora.integrity import find_damage
from ferbench.corpora.reading import Unreadable

Image = NDArray[np.uint8]


def decode_image(data: bytes, name: str) -> Image:
    """The content of an image file, rotated as its EXIF data says. Raises Unreadable, also if a part of the picture is missing."""
    if problem := find_damage(data):
        raise Unreadable(f"{name}: {problem}")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR)
    except cv2.error as error:
        raise Unreadable(f"{name}: {error.err or 'cannot be decoded'}") from error
    if image is None:
        raise Unreadable(f"{name}: OpenCV cannot decode it as an image")
    return to_rgb(image)


def to_rgb(image: NDArray) -> Image:
    """RGB of OpenCV's BGR; gray stays gray."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
