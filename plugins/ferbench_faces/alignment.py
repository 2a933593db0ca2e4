"""Faces turned and scaled until their eyes stand where all others' do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ferbench import FerbenchError, Frames, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EYES = (slice(36, 42), slice(42, 48))  # of 68 landmarks


@dataclass(frozen=True)
class Align(Preprocessor):
    """Alignment by the eyes: each frame becomes `size` pixels square, with both eyes level at fixed places.

    Eyes are `distance` of the side apart and at `height` of it from the top. They come from a detector that finds them (yunet), or from
    the corpus's 68 landmarks. A frame without eyes takes the median places of the clip's other frames; a clip without any is scaled whole.
    It stands in place of `crop` and `resize`; what lies outside the frame is black.
    """

    name = "align"
    size: Annotated[int, Meta(ge=1)] = 224
    distance: Annotated[float, Meta(gt=0, lt=1)] = 0.4
    height: Annotated[float, Meta(gt=0, lt=1)] = 0.35

    def __call__(self, frames: Frames) -> Frames:
        """[H,W] or [H,W,3] -> [size,size] or [size,size,3]; FerbenchError where neither eyes nor landmarks are known."""
        import numpy as np

        eyes = self._eyes(frames)
        known = np.array([bool(np.isfinite(pair).all()) for pair in eyes])
        if known.any():
            eyes = np.where(known[:, None, None], eyes, np.median(eyes[known], axis=0))
        images = tuple(self._aligned(image, pair) for image, pair in zip(frames.images, eyes, strict=True))
        return replace(frames, images=images, boxes=None, eyes=None)

    def _eyes(self, frames: Frames) -> NDArray[np.float32]:
        """[T,2,2]: left and right in the picture, (x, y) each; NaN where they are not known."""
        import numpy as np

        if frames.eyes is not None:
            return frames.eyes
        cropped = frames.has_face is not None and frames.boxes is None
        if frames.landmarks is None or frames.landmarks.shape[1] != 68 or cropped:
            what = "is given cropped frames" if cropped else "is given frames without eyes"
            raise FerbenchError(
                f"align {what}", where="preprocessor align", hint="put yunet before it and no crop, or choose a corpus with 68 landmarks"
            )
        return np.stack([frames.landmarks[:, part].mean(1) for part in EYES], 1)

    def _aligned(self, image: NDArray[np.uint8], eyes: NDArray[np.float32]) -> NDArray[np.uint8]:
        import cv2
        import numpy as np

        if np.isnan(eyes).any() or np.allclose(eyes[0], eyes[1]):
            return cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
        left, right = ((np.array([0.5 + side * self.distance / 2, self.height]) * self.size) for side in (-1, 1))
        return cv2.warpAffine(image, similarity(eyes, np.stack([left, right])), (self.size, self.size), flags=cv2.INTER_LINEAR)


def similarity(given: NDArray[np.floating], wanted: NDArray[np.floating]) -> NDArray[np.float64]:
    """The turning, scaling and shifting [2,3] that takes two points [2,2] to two others."""
    import numpy as np

    (a, b), (c, d) = (complex(*map(float, p)) for p in given), (complex(*map(float, p)) for p in wanted)
    turn = (d - c) / (b - a)
    shift = c - turn * a
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
