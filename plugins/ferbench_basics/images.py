"""Histogram equalisation and size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ferbench import Frames, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Equalize(Preprocessor):
    """Histogram equalisation; of a colour image its luma is equalised and its colours stay.

    `range: image` maps to the image's own span, y = cdf(x) (max x - min x) + min x; `range: full` is OpenCV's equalizeHist, to 0..255.
    """

    name = "equalize"
    range: Literal["image", "full"] = "image"

    def __call__(self, frames: Frames) -> Frames:
        """Images of equal shape, equalised one by one."""
        import cv2

        stretch = equalized if self.range == "image" else cv2.equalizeHist
        return replace(frames, images=tuple(_on_luma(image, stretch) for image in frames.images))


@dataclass(frozen=True)
class Resize(Preprocessor):
    """Makes every frame `size` pixels square; pixel areas where it shrinks, linear interpolation where it grows."""

    name = "resize"
    size: Annotated[int, Meta(ge=1)] = 224

    def __call__(self, frames: Frames) -> Frames:
        """[H,W] or [H,W,3] -> [size,size] or [size,size,3]; boxes and eyes no longer hold and are dropped."""
        return replace(frames, images=tuple(self._resized(image) for image in frames.images), boxes=None, eyes=None)

    def _resized(self, image: Image) -> Image:
        import cv2

        shrinks = min(image.shape[:2]) >= self.size
        return cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def equalized(image: Image) -> Image:
    """[H,W] through y = cdf(x) (max - min) + min, rounded, where cdf(x) is the share of pixels of at most x."""
    import numpy as np

    low, high = int(image.min()), int(image.max())
    cdf = np.cumsum(np.bincount(image.ravel(), minlength=256)) / image.size  # [256]
    table = np.rint(cdf * (high - low) + low).astype(np.uint8)
    return table[image]


def _on_luma(image: Image, stretch: Callable[[Image], Image]) -> Image:
    import cv2

    if image.ndim == 2:
        return stretch(image)
    luma, red, blue = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    return cv2.cvtColor(cv2.merge([stretch(luma), red, blue]), cv2.COLOR_YCrCb2RGB)
