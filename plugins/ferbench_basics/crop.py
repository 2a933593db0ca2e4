"""Cropping to the boxes of faces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ferbench import FerbenchError, Frames, Portable, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

MARGINS = (0.0, 0.15, 0.3)  # that an audit tries

Box = tuple[int, int, int, int]  # x, y, width, height in pixels


@dataclass(frozen=True)
class Crop(Preprocessor):
    """Cuts each frame to the box of its face.

    `margin` widens the box on every side by this share of its width and height. `shape`: "stretched" keeps the box as it is, so that a
    resize after it stretches the face to a square, and ends at the border of the frame; "square" first grows the shorter side of the box
    around its center, and fills what is outside the frame with black.
    """

    name = "crop"
    is_thread_safe = True
    margin: Annotated[float, Meta(ge=0, le=10)] = 0.0
    shape: Literal["stretched", "square"] = "stretched"

    def portable(self) -> Portable:
        """The cut."""
        return Portable((STRETCHED if self.shape == "stretched" else SQUARE).replace("MARGIN", str(self.margin)))

    def alternatives(self) -> list[Crop]:
        """The other shape, and wider and narrower boxes."""
        shapes: tuple[Literal["stretched", "square"], ...] = ("stretched", "square")
        return [Crop(margin, shape) for shape in shapes for margin in MARGINS if (margin, shape) != (self.margin, self.shape)]

    def __call__(self, frames: Frames) -> Frames:
        """Cut images to their boxes, and drop the boxes; raises FerbenchError if no earlier step found any."""
        if frames.boxes is None:
            hint = "put a detector before it, such as viola-jones, and only one crop after it"
            raise FerbenchError("crop got frames without boxes", where="preprocessor crop", hint=hint)
        cut = _cut_square if self.shape == "square" else _cut_box
        images = tuple(cut(image, box, self.margin) for image, box in zip(frames.images, frames.boxes, strict=True))
        return replace(frames, images=images, boxes=None, eyes=None)


STRETCHED = """\
def span(start, size, limit):
    first = min(max(round(start - MARGIN * size), 0), limit - 1)
    return slice(first, max(first + 1, min(round(start + size + MARGIN * size), limit)))
return [i[span(y, h, i.shape[0]), span(x, w, i.shape[1])] for i, (x, y, w, h) in zip(images, boxes)], None
"""
SQUARE = """\
def cut(i, x, y, w, h):
    side = max(1, round(max(w, h) * (1 + 2 * MARGIN)))
    left, top, square = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2), np.zeros((side, side, *i.shape[2:]), np.uint8)
    inside, row, column = i[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)], max(-top, 0), max(-left, 0)
    square[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return square
return [cut(i, *box) for i, box in zip(images, boxes)], None
"""


def clip_span(start: int, size: int, margin: float, limit: int) -> tuple[int, int]:
    """First and last + 1 pixel along one axis of `limit` pixels; never empty, not even for a box from a larger frame."""
    first = min(max(round(start - margin * size), 0), limit - 1)
    return first, max(first + 1, min(round(start + size + margin * size), limit))


def _cut_box(image: Image, box: Box, margin: float) -> Image:
    x, y, width, height = box
    left, right = clip_span(x, width, margin, image.shape[1])
    top, bottom = clip_span(y, height, margin, image.shape[0])
    return image[top:bottom, left:right]


def _cut_square(image: Image, box: Box, margin: float) -> Image:
    """A square of the box's longer side, widened, around its center; black outside the image."""
    import numpy as np

    x, y, width, height = box
    side = max(1, round(max(width, height) * (1 + 2 * margin)))
    left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side / 2)
    square = np.zeros((side, side, *image.shape[2:]), np.uint8)
    inside = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    first_row, first_column = max(-top, 0), max(-left, 0)
    square[first_row : first_row + inside.shape[0], first_column : first_column + inside.shape[1]] = inside
    return square
