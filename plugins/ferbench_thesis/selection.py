"""The thesis's frame selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferbench import Clip, Portable, Preprocessor


@dataclass(frozen=True)
class SecondHalf(Preprocessor):
    """Keeps the second half of the frames up to the apex, p_{n/2} ... p_n.

    Of the n frames up to and including the apex (all frames, if the apex is unknown), it keeps the last floor(n/2) + 1: of 1 to 6 frames,
    it keeps 1, 2, 2, 3, 3 and 4. Counted from 1, the first one kept is p_{n/2}, rounded up for odd n.
    """

    name = "second-half"
    is_thread_safe = True

    def portable(self) -> Portable:
        """The second half: whoever runs it gives the frames up to the apex."""
        return Portable("return images[-(len(images) // 2 + 1) :], boxes")

    def select(self, clip: Clip, indices: Sequence[int]) -> Sequence[int]:
        """The later half of the indices up to the apex; at least one."""
        rising = clip.until_apex(indices)
        return rising[-(len(rising) // 2 + 1) :]
