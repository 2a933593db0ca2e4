"""What one part of a fold learns from, or is scored on: items that are frames or clips."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ferbench.training.streaming import Streamed

SCORED_VALUES = 2**23  # in a batch that is scored: 55 crops of 224x224x3, 334 frames of 25088 features
SCORED_FRAMES = 256

Augment = Callable[[Tensor, Tensor, int], Tensor]
"""(crops [B,...], their rows [B], epoch) -> augmented crops [B,...]."""


@dataclass(frozen=True)
class Items:
    """M items, each a frame or a clip.

    x [V*N,...]: N frames, view by view if there are several. y [M]: each item's class index. If the items are clips, `clips` [M,2] is
    the first row and the number of frames of each; else item i is row i. `augment` changes crops of which no views are stored.
    """

    x: Tensor | Streamed
    y: Tensor
    augment: Augment | None = None
    clips: Tensor | None = None

    @property
    def frames(self) -> int:
        """N."""
        return len(self.y) if self.clips is None else int(self.clips[:, 1].sum())

    @property
    def views(self) -> int:
        """V."""
        return len(self.x) // max(1, self.frames)

    def rows(self, items: Tensor, per_clip: int | None = None, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """The rows of x to read for items [B], and a mask: [B] and None for frames, [B,T] both for clips.

        Of each clip all frames, padded by its last one up to the longest; or `per_clip` frames, one from each of so many equal parts.
        """
        if self.clips is None:
            return items, None
        first, length = self.clips[items].T[..., None]  # [B,1] each
        if per_clip:
            at = torch.arange(per_clip) + torch.rand(len(items), per_clip, generator=generator)  # [B,per_clip], 0 to per_clip
            return first + (at * length / per_clip).long().clamp(max=length - 1), torch.ones(len(items), per_clip, dtype=torch.bool)
        at = torch.arange(int(length.max()))  # [T]
        return first + torch.minimum(at, length - 1), at < length

    def batches_to_score(self) -> list[Tensor]:
        """The items in batches for scoring; clips in batches of one length, which need no padding."""
        values = max(1, math.prod(self.x.shape[1:]))
        if self.clips is None:
            return list(torch.arange(len(self.y)).split(max(1, min(SCORED_FRAMES, SCORED_VALUES // values))))
        lengths = self.clips[:, 1]
        return [
            batch
            for length in lengths.unique()
            for batch in torch.nonzero(lengths == length).flatten().split(max(1, SCORED_VALUES // (values * int(length))))
        ]
