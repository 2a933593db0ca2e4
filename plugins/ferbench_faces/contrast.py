"""Contrast-limited adaptive histogram equalisation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ferbench import Frames, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class CLAHE(Preprocessor):
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994), by OpenCV; of a colour image its luma is equalised.

    `clip` limits the contrast, `grid` x `grid` tiles are equalised each by itself and blended.
    """

    name = "clahe"
    clip: Annotated[float, Meta(gt=0)] = 2.0
    grid: Annotated[int, Meta(ge=1, le=64)] = 8

    def __call__(self, frames: Frames) -> Frames:
        """Images of equal shape, equalised one by one."""
        return replace(frames, images=tuple(self._equalized(image) for image in frames.images))

    def _equalized(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        import cv2

        clahe = cv2.createCLAHE(self.clip, (self.grid, self.grid))
        if image.ndim == 2:
            return clahe.apply(image)
        luma, red, blue = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
        return cv2.cvtColor(cv2.merge([clahe.apply(luma), red, blue]), cv2.COLOR_YCrCb2RGB)
