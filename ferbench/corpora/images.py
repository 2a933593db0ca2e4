"""Image files to arrays: gray stays [H,W], color becomes RGB [H,W,3]."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ferbench.corpora.integrity import JPEG, find_damage
from ferbench.corpora.reading import Unreadable

Image = NDArray[np.uint8]
DeepImage = NDArray[np.uint8] | NDArray[np.uint16]

EXIF = b"Exif\0\0"  # before the data that may say how a JPEG is rotated
MAX_PIXELS = 2**30  # OpenCV's own limit
DEPTHS = (8, 10, 12, 14, 16)  # bits of a sensor


def decode_image(data: bytes, name: str) -> DeepImage:
    """The content of an image file, rotated as its EXIF data says; 16-bit files stay 16-bit. Raises Unreadable if any part is damaged."""
    if problem := find_damage(data):
        raise Unreadable(name, problem)
    try:
        return _decode_jpeg(data) if data.startswith(JPEG) else _decode_any(data)
    except (cv2.error, ValueError) as error:
        reason = error.err if isinstance(error, cv2.error) else str(error)
        raise Unreadable(name, reason or "cannot be decoded") from error


def reduce_depth(frames: Mapping[int, DeepImage]) -> dict[int, Image]:
    """8-bit images of the frames of a clip.

    Cameras write 10, 12 or 14 bits into files of 16. The brightest 16-bit frame shows how many are used, and all are scaled alike.
    """
    brightest = max((int(image.max(initial=0)) for image in frames.values() if image.dtype == np.uint16), default=0)
    shift = next(bits for bits in DEPTHS if brightest < 2**bits) - 8
    return {index: (image >> shift if image.dtype == np.uint16 else image).astype(np.uint8, copy=False) for index, image in frames.items()}


def to_rgb(image: NDArray) -> NDArray:
    """RGB of OpenCV's BGR; gray stays gray."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _decode_jpeg(data: bytes) -> DeepImage:
    """Decode a JPEG, to the same values as OpenCV. Raises ValueError for damage that OpenCV would report on stderr, without a name."""
    try:
        height, width, colors, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:  # no header, or an unusual one that only OpenCV can read
        return _decode_any(data)
    if height * width > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels are too many")
    image: Image = simplejpeg.decode_jpeg(data, "GRAY" if colors == "Gray" else "RGB", strict=True)
    if EXIF in data:
        return _decode_any(data)  # OpenCV rotates it
    return image.squeeze(2) if colors == "Gray" else image


def _decode_any(data: bytes) -> DeepImage:
    encoded = np.frombuffer(data, np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    if image is not None and image.dtype not in (np.uint8, np.uint16):
        image = cv2.imdecode(encoded, cv2.IMREAD_ANYCOLOR)
    if image is None:
        raise ValueError("OpenCV cannot decode it as an image")
    return to_rgb(image)
