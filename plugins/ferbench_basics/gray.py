"""Color to gray."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ferbench import Frames, Portable, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Gray(Preprocessor):
    """Converts color to gray: luma by ITU-R BT.601."""

    name = "gray"
    is_thread_safe = True

    def portable(self) -> Portable:
        """The luma."""
        return Portable("return [i if i.ndim == 2 else cv2.cvtColor(i, cv2.COLOR_RGB2GRAY) for i in images], boxes")

    def __call__(self, frames: Frames) -> Frames:
        """[H,W,3] -> [H,W]; gray images stay."""
        return replace(frames, images=tuple(to_gray(image) for image in frames.images))


def to_gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB [H,W,3] -> luma [H,W]; a gray image is returned as it is."""
    import cv2

    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
