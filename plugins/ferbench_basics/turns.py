"""Frames that are turned, mirrored, or have their channels in another order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from ferbench import Frames, Portable, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Rotate(Preprocessor):
    """Turns each frame clockwise by `degrees`. Put it before a detector."""

    name = "rotate"
    is_thread_safe = True
    repairs: ClassVar[Literal["", "frames", "crops"]] = "frames"
    degrees: Literal[90, 180, 270] = 180

    def alternatives(self) -> list[Rotate]:
        """The other turns."""
        turns: tuple[Literal[90, 180, 270], ...] = (90, 180, 270)
        return [Rotate(degrees) for degrees in turns if degrees != self.degrees]

    def portable(self) -> Portable:
        """The turn."""
        return Portable(f"return [np.rot90(i, {-self.degrees // 90}) for i in images], None")

    def __call__(self, frames: Frames) -> Frames:
        """[H,W] or [H,W,3] -> [W,H,...] for a quarter turn. Drops boxes and eyes."""
        import numpy as np

        return _move_pixels(frames, lambda image: np.ascontiguousarray(np.rot90(image, -self.degrees // 90)))


@dataclass(frozen=True)
class Mirror(Preprocessor):
    """Exchanges left and right of each frame. Put it before a detector."""

    name = "mirror"
    is_thread_safe = True
    repairs: ClassVar[Literal["", "frames", "crops"]] = "frames"

    def portable(self) -> Portable:
        """The mirror."""
        return Portable("return [i[:, ::-1] for i in images], None")

    def __call__(self, frames: Frames) -> Frames:
        """Shapes stay. Drops boxes and eyes."""
        return _move_pixels(frames, lambda image: image[:, ::-1].copy())


@dataclass(frozen=True)
class SwapChannels(Preprocessor):
    """Exchanges red and blue of each color frame: RGB becomes BGR, and BGR becomes RGB. Gray frames stay."""

    name = "swap-channels"
    is_thread_safe = True
    repairs: ClassVar[Literal["", "frames", "crops"]] = "crops"

    def portable(self) -> Portable:
        """The exchange."""
        return Portable("return [i[..., ::-1] if i.ndim == 3 else i for i in images], boxes")

    def __call__(self, frames: Frames) -> Frames:
        """Shapes, boxes and eyes stay."""
        return replace(frames, images=tuple(image[..., ::-1].copy() if image.ndim == 3 else image for image in frames.images))


def _move_pixels(frames: Frames, move: Callable[[Image], Image]) -> Frames:
    return replace(frames, images=tuple(map(move, frames.images)), boxes=None, eyes=None, is_resized=True)
