"""Alignment of faces by their eyes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ferbench import FerbenchError, Frames, Preprocessor
from ferbench.types import Count
from ferbench_faces.landmarks import EYES, locate_eyes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Align(Preprocessor):
    """Aligns each face by its eyes and crops a square of `size` pixels.

    Rotates, scales and shifts each frame so that both eyes are level, `distance` of the side apart and `height` of it from the top. The
    eyes come from a detector that finds them, such as yunet, or from 5, 68 or 478 landmarks of the corpus or of a step. A frame without
    eyes takes the median positions of the clip's other frames; in a clip without any, whole frames are resized. Use it in place of `crop`
    and `resize`. Pixels from outside the frame are black.
    """

    name = "align"
    is_thread_safe = True
    size: Count = 224
    distance: Annotated[float, Meta(gt=0, lt=1)] = 0.4
    height: Annotated[float, Meta(gt=0, lt=1)] = 0.35

    def __call__(self, frames: Frames) -> Frames:
        """[H,W] or [H,W,3] -> [size,size] or [size,size,3]; raises FerbenchError if there are neither eyes nor landmarks."""
        import numpy as np

        eyes = self._locate_eyes(frames)
        is_known = np.array([bool(np.isfinite(pair).all()) for pair in eyes])  # [T]
        if is_known.any():
            eyes = np.where(is_known[:, None, None], eyes, np.median(eyes[is_known], axis=0))
        images = tuple(self._align(image, pair) for image, pair in zip(frames.images, eyes, strict=True))
        return replace(frames, images=images, boxes=None, eyes=None, is_resized=True)

    def _locate_eyes(self, frames: Frames) -> NDArray[np.float32]:
        """[T,2,2]: the left and the right eye in the picture, (x, y) each; NaN where unknown."""
        if frames.eyes is not None:
            return frames.eyes
        if frames.landmarks is None or frames.landmarks.shape[1] not in EYES or frames.is_resized:
            kind = "cropped or resized frames" if frames.is_resized else "frames without eyes"
            hint = "put yunet before it and no crop, resize or align, or choose a corpus with 5, 68 or 478 landmarks"
            raise FerbenchError(f"align got {kind}", where="preprocessor align", hint=hint)
        return locate_eyes(frames.landmarks)

    def _align(self, image: NDArray[np.uint8], eyes: NDArray[np.float32]) -> NDArray[np.uint8]:
        import cv2
        import numpy as np

        if np.isnan(eyes).any() or np.allclose(eyes[0], eyes[1]):
            return cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
        left, right = ((np.array([0.5 + side * self.distance / 2, self.height]) * self.size) for side in (-1, 1))
        return cv2.warpAffine(image, similarity(eyes, np.stack([left, right])), (self.size, self.size), flags=cv2.INTER_LINEAR)


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """The rotation, scaling and shift, as a matrix [2,3], that takes two points [2,2] to two others."""
    import numpy as np
    from skimage.transform import estimate_transform

    matrix: NDArray[np.float64] = estimate_transform("similarity", source.astype(np.float64), target).params[:2]
    return matrix
