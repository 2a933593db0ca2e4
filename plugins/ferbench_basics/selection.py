"""Frame selections: which frames of a clip are decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferbench import Clip, Preprocessor
from ferbench.types import Count


@dataclass(frozen=True)
class Last(Preprocessor):
    """Selects the last frames of a clip, wherever its apex is."""

    name = "last"
    frames: Count = 3

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:  # noqa: ARG002
        """The last `frames` frames, or all of a shorter clip."""
        return indices[-self.frames :]


@dataclass(frozen=True)
class Apex(Preprocessor):
    """Selects the most intense frame; the last one if the corpus does not say which it is."""

    name = "apex"

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:
        """The apex, or the last frame before it that earlier steps kept."""
        return clip.until_apex(indices)[-1:]


@dataclass(frozen=True)
class Uniform(Preprocessor):
    """Selects frames spread evenly over the clip: the middle ones of equal stretches."""

    name = "uniform"
    frames: Count = 8

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:  # noqa: ARG002
        """Frame floor((k + 1/2) n / frames) for each stretch k; all of a shorter clip."""
        if len(indices) <= self.frames:
            return indices
        return [indices[(2 * stretch + 1) * len(indices) // (2 * self.frames)] for stretch in range(self.frames)]
