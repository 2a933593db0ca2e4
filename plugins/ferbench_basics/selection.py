"""Frame selections: which frames of a clip are decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferbench import Clip, Portable, Preprocessor
from ferbench.types import Count


@dataclass(frozen=True)
class Last(Preprocessor):
    """Keeps the last `frames` frames, wherever the apex is."""

    name = "last"
    is_thread_safe = True
    frames: Count = 3

    def portable(self) -> Portable:
        """The last frames."""
        return Portable(f"return images[-{self.frames} :], boxes")

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:  # noqa: ARG002
        """The last `frames` indices, or all if there are fewer."""
        return indices[-self.frames :]


@dataclass(frozen=True)
class Apex(Preprocessor):
    """Keeps the most intense frame; the last one if the apex is unknown."""

    name = "apex"
    is_thread_safe = True

    def portable(self) -> Portable:
        """The last frame: whoever runs it gives the frames up to the apex."""
        return Portable("return images[-1:], boxes")

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:
        """The apex, or the last frame before it that earlier steps kept."""
        return clip.until_apex(indices)[-1:]


@dataclass(frozen=True)
class Uniform(Preprocessor):
    """Keeps `frames` frames, evenly spaced over the clip.

    They are the middle ones of equal segments.
    """

    name = "uniform"
    is_thread_safe = True
    frames: Count = 8

    def portable(self) -> Portable:
        """The middle frames of equal segments."""
        chosen = f"[images[(2 * k + 1) * len(images) // {2 * self.frames}] for k in range({self.frames})]"
        return Portable(f"return ({chosen} if len(images) > {self.frames} else images), boxes")

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:  # noqa: ARG002
        """Frame floor((k + 1/2) n / frames) of each segment k; all frames if there are fewer."""
        if len(indices) <= self.frames:
            return indices
        return [indices[(2 * segment + 1) * len(indices) // (2 * self.frames)] for segment in range(self.frames)]
