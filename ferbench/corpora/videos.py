"""Video files: their frames, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ferbench.api.text import is_unicode
from ferbench.corpora.images import Image, to_rgb
from ferbench.corpora.reading import NOT_UNICODE, Unreadable, check_readable


class FrameCount(NamedTuple):
    """Frames of a video that can be decoded, and how many its header declares."""

    decoded: int
    declared: int


class VideoHeader(NamedTuple):
    """What the header of a video declares: width and height in pixels, and frames per second."""

    width: int
    height: int
    rate: float


def read_header(video: Path) -> VideoHeader:
    """Read the header of a video; raises Unreadable."""
    with _open(video) as capture:
        width, height, rate = map(capture.get, (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS))
    return VideoHeader(int(width), int(height), rate)


def count_frames(video: Path) -> FrameCount:
    """Decodes the video, since headers guess, count dropped frames and survive truncation; raises Unreadable."""
    with _open(video) as capture:
        decoded = sum(1 for _ in iter(capture.grab, False))
        declared = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if not decoded:
        raise Unreadable(video.name, "no frame can be decoded")
    return FrameCount(decoded, declared)


def declared_frames(video: Path) -> int:
    """The number of frames in the header; raises Unreadable."""
    with _open(video) as capture:
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT))


def read_frames(video: Path) -> Iterator[NDArray[np.uint8]]:
    """Every frame, BGR as OpenCV writes it; raises Unreadable if there is none."""
    count = 0
    with _open(video) as capture:
        while (image := capture.read()[1]) is not None:
            count += 1
            yield image
    if not count:
        raise Unreadable(video.name, "no frame can be decoded")


def decode_frames(video: Path, indices: Sequence[int]) -> dict[int, Image]:
    """The frames of these indices that can be decoded; raises Unreadable if the video cannot be opened.

    Decodes from the start, since seeking misses the frame in many files; only the frames asked for become arrays.
    """
    requested, frames = set(indices), dict[int, Image]()
    with _open(video) as capture:
        for index in range(max(requested, default=-1) + 1):
            if not capture.grab():
                break
            if index in requested and (image := capture.retrieve()[1]) is not None:
                frames[index] = to_rgb(image)
    return frames


@contextmanager
def _open(video: Path) -> Iterator[cv2.VideoCapture]:
    check_readable(video)
    if not is_unicode(str(video)):  # OpenCV would crash
        raise Unreadable(video.name, NOT_UNICODE)
    capture = cv2.VideoCapture(str(video))
    try:
        if not capture.isOpened():
            raise Unreadable(video.name, "OpenCV cannot decode it as a video")
        yield capture
    finally:
        capture.release()
