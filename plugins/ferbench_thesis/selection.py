"""Frame selections: which frames of a clip are decoded at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from ferbench import Clip, Preprocessor

Number = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True)
class SecondHalf(Preprocessor):
    """The second half of the frames up to the apex, p_{n/2} ... p_n.

    Of the n frames up to and with the apex (all, where none is known) the last floor(n/2) + 1: for n = 1 to 6 these are 1, 2, 2, 3, 3
    and 4 frames. Counted from 1 the first is p_{n/2}, rounded up for odd n.
    """

    name = "second-half"

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:
        """The later half of the frames up to the apex; at least one."""
        rising = until_apex(clip, indices)
        return rising[-(len(rising) // 2 + 1) :]


@dataclass(frozen=True)
class Last(Preprocessor):
    """The last frames of the clip, wherever its apex is."""

    name = "last"
    frames: Number = 3

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:  # noqa: ARG002
        """The last `frames` frames, or all of a shorter clip."""
        return indices[-self.frames :]


@dataclass(frozen=True)
class Apex(Preprocessor):
    """The most intense frame alone; the last one where the corpus does not tell it."""

    name = "apex"

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:
        """The apex, or the last frame before it that earlier steps left."""
        return until_apex(clip, indices)[-1:]


@dataclass(frozen=True)
class Uniform(Preprocessor):
    """Frames spread evenly over the clip: the middle ones of equal stretches."""

    name = "uniform"
    frames: Number = 8

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:  # noqa: ARG002
        """Frame floor((k + 1/2) n / frames) for each stretch k; all of a shorter clip."""
        if len(indices) <= self.frames:
            return indices
        return [indices[(2 * stretch + 1) * len(indices) // (2 * self.frames)] for stretch in range(self.frames)]


def until_apex(clip: Clip, indices: Sequence[int]) -> Sequence[int]:
    """The indices up to and with the apex; the first one where all lie behind it, so that no clip is left without a frame."""
    if clip.apex is None:
        return indices
    return [index for index in indices if index <= clip.apex] or indices[:1]
