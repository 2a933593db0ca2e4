"""Histogram equalization and resizing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from ferbench import Frames, Portable, Preprocessor
from ferbench.types import Count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


LUMA = """\
def luma(i):
    y, r, b = cv2.split(cv2.cvtColor(i, cv2.COLOR_RGB2YCrCb))
    return cv2.cvtColor(cv2.merge([change(y), r, b]), cv2.COLOR_YCrCb2RGB)
return [change(i) if i.ndim == 2 else luma(i) for i in images], boxes
"""
RESIZE = """\
modes = [cv2.INTER_AREA if min(i.shape[:2]) >= SIZE else cv2.INTER_LINEAR for i in images]
return [cv2.resize(i, (SIZE, SIZE), interpolation=mode) for i, mode in zip(images, modes)], None
"""
IN_RANGE = """\
def change(i):
    low, high = int(i.min()), int(i.max())
    cdf = np.cumsum(np.bincount(i.ravel(), minlength=256)) / i.size
    return np.rint(cdf * (high - low) + low).astype(np.uint8)[i]
"""


@dataclass(frozen=True)
class Equalize(Preprocessor):
    """Equalizes the histogram of each frame; in color frames, of the luma.

    `range`: "image" maps to the image's own range, y = cdf(x) (max x - min x) + min x; "full" maps to 0..255 (OpenCV's equalizeHist).
    """

    name = "equalize"
    is_thread_safe = True
    repairs: ClassVar[Literal["", "frames", "crops"]] = "crops"
    range: Literal["image", "full"] = "image"

    def portable(self) -> Portable:
        """The equalization."""
        return Portable((IN_RANGE if self.range == "image" else "change = cv2.equalizeHist\n") + LUMA)

    def __call__(self, frames: Frames) -> Frames:
        """Equalize each image by itself; shapes stay."""
        import cv2

        equalize = equalize_in_range if self.range == "image" else cv2.equalizeHist
        return replace(frames, images=tuple(_change_luma(image, equalize) for image in frames.images))


@dataclass(frozen=True)
class Resize(Preprocessor):
    """Resizes each frame to a square of `size` pixels.

    Averages pixel areas to shrink a frame and interpolates linearly to enlarge it.
    """

    name = "resize"
    is_thread_safe = True
    size: Count = 224

    def portable(self) -> Portable:
        """The resizing."""
        return Portable(RESIZE.replace("SIZE", str(self.size)))

    def __call__(self, frames: Frames) -> Frames:
        """[H,W] or [H,W,3] -> [size,size] or [size,size,3]. Drops boxes and eyes, which are in pixels of the old size."""
        return replace(frames, images=tuple(self._resize(image) for image in frames.images), boxes=None, eyes=None)

    def _resize(self, image: Image) -> Image:
        import cv2

        shrinks = min(image.shape[:2]) >= self.size
        return cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def equalize_in_range(image: Image) -> Image:
    """Map [H,W] by y = cdf(x) (max - min) + min, rounded; cdf(x) is the share of pixels that are at most x."""
    import numpy as np

    low, high = int(image.min()), int(image.max())
    cdf = np.cumsum(np.bincount(image.ravel(), minlength=256)) / image.size  # [256]
    table = np.rint(cdf * (high - low) + low).astype(np.uint8)
    return table[image]


def _change_luma(image: Image, change: Callable[[Image], Image]) -> Image:
    import cv2

    if image.ndim == 2:
        return change(image)
    luma, red, blue = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    return cv2.cvtColor(cv2.merge([change(luma), red, blue]), cv2.COLOR_YCrCb2RGB)
