"""Items to train on or to score: the frames, or the clips, of one part of a fold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ferbench.training.streaming import DiskFrames

MAX_SCORED_VALUES = 2**23  # per batch: 55 crops of 224x224x3, 334 frames of 25088 features
MAX_SCORED_FRAMES = 256

Augment = Callable[[Tensor, Tensor, int], Tensor]
"""(crops [B,...], their rows [B], epoch) -> augmented crops [B,...]."""


@dataclass(frozen=True)
class Items:
    """M items, each a frame or a clip.

    x [V*N,...]: N frames, view by view if there are several. y [M]: each item's class index. If the items are clips, `clips` [M,2] is
    the first row and the number of frames of each; else item i is row i. `augment` augments crops that have no stored views.
    """

    x: Tensor | DiskFrames
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

        All frames of each clip, padded with its last one to the longest clip; or `per_clip` frames, one from each of that many equal
        segments.
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
        """Split the items into batches for scoring; each batch holds clips of one length, so that none is padded."""
        values = max(1, math.prod(self.x.shape[1:]))
        if self.clips is None:
            return list(torch.arange(len(self.y)).split(max(1, min(MAX_SCORED_FRAMES, MAX_SCORED_VALUES // values))))
        lengths = self.clips[:, 1]
        return [
            batch
            for length in lengths.unique()
            for batch in torch.nonzero(lengths == length).flatten().split(max(1, MAX_SCORED_VALUES // (values * int(length))))
        ]
