"""Pictures, folders, videos and cameras that users name: their frames with time stamps, one window at a time, so that memory stays flat."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
from natsort import natsorted

from ferbench.api.paths import expand_home
from ferbench.api.text import is_unicode
from ferbench.corpora.extraction import VIDEOS
from ferbench.corpora.images import Image, decode_image, reduce_depth, to_rgb
from ferbench.corpora.reading import NOT_UNICODE, Unreadable, check_readable, is_truncated, translate_os_errors

IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
MOVING = (*VIDEOS, ".3gp", ".gif", ".mts")
MAX_WINDOW_BYTES = 256 * 2**20  # of decoded frames


@dataclass(frozen=True)
class Source:
    """A picture, a video, or a camera, whose path is its number."""

    name: str
    kind: Literal["image", "video", "camera"]


class Frame(NamedTuple):
    """A frame: its number from 0, its time in seconds from the start, and its pixels, RGB [H,W,3] or gray [H,W]."""

    number: int
    time: float
    image: Image


def find_sources(text: str) -> list[Source]:
    """The sources that a text names: a file, the pictures and videos of a folder, or the number of a camera; raises Unreadable."""
    path = expand_home(text)
    if path.is_dir():
        return _list_folder(path)
    if text.isdecimal() and not path.exists():
        return [Source(text, "camera")]
    with translate_os_errors(path):
        path.stat()
    return [Source(str(path), _guess_kind(path))]


def read_windows(source: Source, seconds: float) -> Iterator[list[Frame]]:
    """Yield the frames of a source, window by window; a picture is a window of its own.

    A window lasts `seconds`, all of the source if 0, and ends early if its frames fill 256 MiB. Raises Unreadable if nothing can be read,
    or, after the last frame, if a video ends before its header says.
    """
    if source.kind == "image":
        yield [_read_image(Path(source.name))]
        return
    frames = _read_camera(int(source.name)) if source.kind == "camera" else _read_video(Path(source.name))
    window: list[Frame] = []
    problem = None
    try:
        for frame in frames:
            is_full = len(window) * frame.image.nbytes >= MAX_WINDOW_BYTES
            if window and (is_full or (seconds and frame.time >= (window[0].time // seconds + 1) * seconds)):
                yield window
                window = []
            window.append(frame)
    except Unreadable as error:
        problem = error
    if window:
        yield window
    if problem:  # after the frames that were read before it
        raise problem


def _list_folder(folder: Path) -> list[Source]:
    with translate_os_errors(folder):
        files = [path for path in folder.iterdir() if path.suffix.lower() in (*IMAGES, *MOVING) and path.is_file()]
    if not files:
        raise Unreadable(str(folder), f"no picture or video in this folder: expected {', '.join(IMAGES[:4])}, .mp4 ...")
    return [Source(str(path), _guess_kind(path)) for path in natsorted(files, key=str)]


def _guess_kind(path: Path) -> Literal["image", "video"]:
    return "video" if path.suffix.lower() in MOVING else "image"


def _read_image(path: Path) -> Frame:
    check_readable(path)
    with translate_os_errors(path):
        image = decode_image(path.read_bytes(), path.name)
    return Frame(0, 0.0, reduce_depth({0: image})[0])


def _read_video(path: Path) -> Iterator[Frame]:
    """Each frame, upright as the file says, with its time stamp; raises Unreadable, also after the last frame if others are missing."""
    check_readable(path)
    if not is_unicode(str(path)):  # OpenCV would crash
        raise Unreadable(path.name, NOT_UNICODE)
    number, first = 0, 0.0
    with _open(str(path), path.name, "OpenCV cannot decode it as a video") as capture:
        declared, rate = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), capture.get(cv2.CAP_PROP_FPS)
        before = -1.0
        while (read := capture.read())[0]:
            stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if number == 0:
                first = stamp
            seconds = stamp - first
            if seconds <= before:  # some files have no time stamps
                seconds = before + 1 / (rate or 25)
            before = seconds
            yield Frame(number, seconds, to_rgb(read[1]))
            number += 1
    if not number:
        raise Unreadable(path.name, "no frame can be decoded")
    if path.suffix.lower() == ".gif" and not _has_end(path):  # it declares no number of frames
        raise Unreadable(path.name, f"the video ends early: {number} frames can be decoded; these are answered")
    if is_truncated(number, declared):
        raise Unreadable(path.name, f"the video ends early: {number} of {declared} frames can be decoded; these are answered")


def _has_end(path: Path) -> bool:
    """Whether a GIF ends with its trailer, a semicolon; some programs append zeros or a line break."""
    with translate_os_errors(path), path.open("rb") as file:
        file.seek(-min(64, path.stat().st_size), SEEK_END)
        return file.read().rstrip(b"\0\r\n").endswith(b";")


def _read_camera(number: int) -> Iterator[Frame]:
    with _open(number, f"camera {number}", "there is no such camera, or another program uses it") as capture:
        count, start = 0, time.monotonic()
        while (read := capture.read())[0]:
            yield Frame(count, time.monotonic() - start, to_rgb(read[1]))
            count += 1
    if not count:
        raise Unreadable(f"camera {number}", "it gives no picture")


@contextmanager
def _open(source: str | int, name: str, reason: str) -> Iterator[cv2.VideoCapture]:
    api = cv2.CAP_V4L2 if isinstance(source, int) and sys.platform == "linux" else cv2.CAP_ANY
    capture = cv2.VideoCapture(source, api)
    try:
        if not capture.isOpened():
            raise Unreadable(name, reason)
        yield capture
    finally:
        capture.release()
