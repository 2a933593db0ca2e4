"""Pictures and videos with boxes and answers drawn into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ferbench.api.errors import FerbenchError
from ferbench.report.findings import NO_FACE, Finding

Image = NDArray[np.uint8]
CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
GREEN, GRAY = (0, 158, 115), (120, 120, 120)  # RGB
MAX_RATE = 60.0  # frames per second
TITLE = "ferbench predict"  # of the live window
QUIT_KEYS = (ord("q"), 27)


def annotate(image: Image, findings: Iterable[Finding]) -> Image:
    """A copy [H,W,3] of a frame with the box, number and answer of each face."""
    drawn = np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image.copy())
    size = max(12, round(min(drawn.shape[:2]) / 28))
    for finding in findings:
        is_answer = finding.answer == finding.predicted != ""
        color = GREEN if is_answer else GRAY
        x, y = 0, drawn.shape[0] - 1
        if finding.box:
            x, y, width, height = finding.box
            cv2.rectangle(drawn, (x, y), (x + width, y + height), color, max(2, size // 8))
        _paste(drawn, _draw_label(_describe(finding), size, color), x, y)
    return drawn


class VideoFile:
    """A video of constant frame rate, in which each frame is shown at its time; written under another name until `close`."""

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.part = path, path.with_name(f".part-{path.name}")
        self.rate = min(rate, MAX_RATE)
        self.writer: cv2.VideoWriter | None = None
        self.written, self.last = 0, np.zeros((0, 0, 3), np.uint8)

    def write(self, image: Image, seconds: float) -> None:
        """Show this frame [H,W,3] from this time on."""
        while self.writer is not None and self.written < round(seconds * self.rate):
            self._put(self.last)
        if self.writer is None:
            code = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
            self.writer = cv2.VideoWriter(str(self.part), code, self.rate, image.shape[1::-1])
            if not self.writer.isOpened():
                raise FerbenchError(f"{self.path} cannot be written: OpenCV has no encoder for it", where="--video", hint="try FILE.avi")
        self.last = image

    def close(self, keep: bool) -> None:
        """Finish the video and give it its name, or remove it."""
        if self.writer is not None:
            if keep:
                self._put(self.last)
            self.writer.release()
        if keep and self.part.exists():
            self.part.replace(self.path)
        self.part.unlink(missing_ok=True)

    def _put(self, image: Image) -> None:
        assert self.writer is not None
        self.writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        self.written += 1


def estimate_rate(times: Sequence[float]) -> float:
    """Frames per second of the first window; 25 if it holds one frame."""
    span = times[-1] - times[0]
    return (len(times) - 1) / span if span > 0 else 25.0


def save_picture(image: Image, path: Path) -> None:
    """Write a picture [H,W,3] as JPEG; a file that is there is replaced at once, or not at all."""
    part = path.with_name(f".part-{path.name}")
    data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def show_live(image: Image, waits: bool) -> bool:
    """Show an image [H,W,3] in the live window, until a key is pressed if it `waits`; returns False if the user quits with q or Esc."""
    cv2.imshow(TITLE, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return cv2.waitKey(0 if waits else 1) & 0xFF not in QUIT_KEYS


def close_live() -> None:
    """Close the live window."""
    cv2.destroyAllWindows()


def _describe(finding: Finding) -> str:
    number = "" if finding.face is None else f"{finding.face} "
    if finding.answer == NO_FACE or not finding.predicted:
        return f"{number}{finding.answer or '–'}"
    score = finding.scores.get(finding.predicted, 0.0)
    if finding.answer == finding.predicted:
        return f"{number}{finding.answer} {score:.2f}"
    candidates = " / ".join(finding.set) if finding.set and len(finding.set) < 4 else ""
    return f"{number}{finding.answer}{f': {candidates}' if candidates else ''}"


@lru_cache(maxsize=512)
def _draw_label(text: str, size: int, color: tuple[int, int, int]) -> Image:
    """White text on a background of this color, [h,w,3]; OpenCV's own fonts have no other letters than those of ASCII."""
    from matplotlib import get_data_path
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    font = ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
    left, top, right, bottom = font.getbbox(text)
    picture = Pillow.new("RGB", (int(right - left) + size // 2, int(bottom - top) + size // 2), color)
    ImageDraw.Draw(picture).text((size // 4 - left, size // 4 - top), text, font=font, fill="white")
    return np.asarray(picture)


def _paste(image: Image, label: Image, x: int, y: int) -> None:
    """Put a label above the point (x, y), inside the image."""
    height, width = min(label.shape[0], image.shape[0]), min(label.shape[1], image.shape[1])
    left = min(max(0, x), image.shape[1] - width)
    top = min(max(0, y - height), image.shape[0] - height)
    image[top : top + height, left : left + width] = label[:height, :width]


def find_shown(findings: Sequence[Finding], frame: int) -> list[Finding]:
    """What to draw into a frame: the answer of the window for each face, with the box that the face has in this frame."""
    boxes = {finding.face: finding.box for finding in findings if finding.level == "frame" and finding.frame == frame}
    shown = []
    for finding in findings:
        if finding.level == "clip" and (finding.face in boxes or finding.box is None):
            box = boxes.get(finding.face)
            shown.append(replace(finding, box=box))
    return shown
