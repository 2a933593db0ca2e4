"""Image and video files; both writers raise OSError if the disk is full, which OpenCV does not report."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def write_image(path: Path, image: NDArray[np.uint8], *options: int) -> None:
    """Write [H,W] or BGR [H,W,3]; `options` are OpenCV's."""
    path.write_bytes(cv2.imencode(path.suffix, image, options)[1].tobytes())


def write_video(path: Path, images: Sequence[NDArray[np.uint8]]) -> None:
    """Write RGB images [H,W,3] as motion JPEG, 25 frames a second."""
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (width, height))
    for image in images:
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    _check_frames(path, len(images))


def _check_frames(path: Path, expected: int) -> None:
    capture = cv2.VideoCapture(str(path))
    frames = sum(1 for _ in iter(capture.grab, False))
    capture.release()
    if frames != expected:
        raise OSError(errno.ENOSPC, f"{frames} of {expected} frames were written: is the disk full?", str(path))
