"""Image files and videos to 8-bit arrays: gray stays [H,W], colour is RGB [H,W,3]."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ferbench.api.clips import Clip

Image = NDArray[np.uint8]
SURE = 0.95  # of the frames that a header promises: some guess from the duration


class Unreadable(Exception):
    """A file that gives no picture; the text names the file and says why."""


def count(video: Path) -> int:
    """Frames of a video, counted by decoding, since headers guess, forget dropped frames and outlive truncation; raises Unreadable."""
    return counted(video)[0]


def counted(video: Path) -> tuple[int, int]:
    """The same, and what the header promises."""
    with _opened(video) as capture:
        frames = sum(1 for _ in iter(capture.grab, False))
        promised = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if not frames:
        raise Unreadable(f"{video.name}: no frame can be decoded")
    return frames, promised


def frames(video: Path) -> Iterator[NDArray[np.uint8]]:
    """Every frame, BGR as OpenCV writes it; raises Unreadable where there is none."""
    seen = False
    with _opened(video) as capture:
        while (image := capture.read()[1]) is not None:
            seen = True
            yield image
    if not seen:
        raise Unreadable(f"{video.name}: no frame can be decoded")


def promised(video: Path) -> int:
    """How many frames the header tells of; raises Unreadable."""
    with _opened(video) as capture:
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT))


def decode(clip: Clip, indices: Sequence[int]) -> tuple[dict[int, Image], dict[int, str]]:
    """The frames asked for: images by index, and by index the reason for each one that cannot be had."""
    return _from_video(clip.video, indices) if clip.video else _from_files(clip.images, indices)


def points(clip: Clip, indices: Sequence[int], problems: dict[int, str]) -> NDArray[np.float32]:
    """Landmarks [T,P,2] of these frames; why a file does not hold as many points as the others is added to `problems`."""
    read: dict[int, NDArray[np.float32]] = {}
    for index in indices:
        file = clip.landmarks[index]
        try:
            rows = [[float(number) for number in line.split()] for line in file.read_text(errors="replace").splitlines() if line.strip()]
            read[index] = np.array(rows, np.float32).reshape(-1, 2)
        except (OSError, ValueError) as error:
            problems[index] = f"{file.name}: no landmarks ({error})"
    usual = Counter(len(each) for each in read.values()).most_common(1)
    for index, each in read.items():
        if len(each) != usual[0][0] or not len(each):
            problems[index] = f"{clip.landmarks[index].name}: {len(each)} landmarks, {usual[0][0]} in the clip's other frames"
    return np.array([each for index, each in read.items() if index not in problems], np.float32)


def decode_image(path: Path) -> Image:
    """One image file, 8 bits, turned as its EXIF says; raises Unreadable, also where only a part of the picture is there."""
    data = _bytes(path)
    problem = _damage(data)
    if problem:
        raise Unreadable(f"{path.name}: {problem}")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR)
    except cv2.error as error:
        raise Unreadable(f"{path.name}: {error.err or 'cannot be decoded'}") from error
    if image is None:
        raise Unreadable(f"{path.name}: no picture that OpenCV can decode")
    return _rgb(image)


def _from_files(images: Sequence[Path], indices: Sequence[int]) -> tuple[dict[int, Image], dict[int, str]]:
    frames, problems = {}, {}
    for index in indices:
        try:
            frames[index] = decode_image(images[index])
        except Unreadable as problem:
            problems[index] = str(problem)
    return frames, problems


def _from_video(video: Path, indices: Sequence[int]) -> tuple[dict[int, Image], dict[int, str]]:
    """Decodes from the start, since seeking lands beside the frame in many files, and turns only the wanted frames into arrays."""
    wanted, frames = set(indices), {}
    try:
        with _opened(video) as capture:
            for index in range(max(wanted, default=-1) + 1):
                if not capture.grab():
                    break
                if index in wanted and (image := capture.retrieve()[1]) is not None:
                    frames[index] = _rgb(image)
    except Unreadable as problem:
        return {}, dict.fromkeys(wanted, str(problem))
    return frames, {index: f"{video.name}: frame {index} cannot be decoded" for index in sorted(wanted - frames.keys())}


@contextmanager
def _opened(video: Path) -> Iterator[cv2.VideoCapture]:
    if not _size(video):
        raise Unreadable(f"{video.name}: empty file")
    capture = cv2.VideoCapture(str(video))
    try:
        if not capture.isOpened():
            raise Unreadable(f"{video.name}: no video that OpenCV can decode")
        yield capture
    finally:
        capture.release()


def _rgb(image: NDArray) -> Image:
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise Unreadable(f"{path.name}: {error.strerror}") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path.name}: {error.strerror}") from error


def _damage(data: bytes) -> str:
    """What the file's own framing tells: decoders may return half a picture for a truncated file, with a word on stderr at most."""
    if not data:
        return "empty file"
    if data.startswith(b"\x89PNG\r\n\x1a\n") and not _png_is_whole(data):
        return "truncated or damaged PNG"
    if data.startswith(b"\xff\xd8") and not _jpeg_is_whole(data):
        return "truncated JPEG"
    return ""


def _png_is_whole(data: bytes) -> bool:
    """Whether the critical chunks up to IEND have their right checksums; what follows IEND is not looked at."""
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        kind, checksum = data[at + 4 : at + 8], int.from_bytes(data[end : end + 4])
        if kind[:1].isupper() and zlib.crc32(data[at + 4 : end]) != checksum:
            return False
        if kind == b"IEND":
            return True
        at = end + 4
    return False


def _jpeg_is_whole(data: bytes) -> bool:
    """Whether an end-of-image marker follows the first scan; that of a thumbnail in the header does not count."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        fill = data[at + 1] == 0xFF
        at += 1 if fill else 2 + int.from_bytes(data[at + 2 : at + 4])
    return data.find(b"\xff\xd9", at) >= 0
