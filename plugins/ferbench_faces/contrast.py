"""Contrast-limited adaptive histogram equalization."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ferbench import Frames, Preprocessor
from ferbench.types import Positive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class CLAHE(Preprocessor):
    """Contrast-limited adaptive histogram equalization (Zuiderveld 1994).

    OpenCV's; in color, that of the luma. `clip` limits the contrast. Each of `grid` x `grid` tiles is equalized by itself, then they are
    blended.
    """

    name = "clahe"
    is_thread_safe = True
    clip: Positive = 2.0
    grid: Annotated[int, Meta(ge=1, le=64)] = 8

    def __call__(self, frames: Frames) -> Frames:
        """Equalize each image by itself; shapes stay."""
        return replace(frames, images=tuple(self._equalize(image) for image in frames.images))

    def _equalize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        import cv2

        clahe = cv2.createCLAHE(self.clip, (self.grid, self.grid))
        if image.ndim == 2:
            return clahe.apply(image)
        luma, red, blue = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
        return cv2.cvtColor(cv2.merge([clahe.apply(luma), red, blue]), cv2.COLOR_YCrCb2RGB)
