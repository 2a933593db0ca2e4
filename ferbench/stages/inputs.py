"""What a fit reads: the stored features, or crops, of a fold's clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import torch

from ferbench.api.errors import FerbenchError
from ferbench.api.recipe import Augmentation
from ferbench.plan.planner import Fit
from ferbench.stages import crops, features
from ferbench.store.entries import Store
from ferbench.training.device import roomy
from ferbench.training.loop import Change, Part
from ferbench.training.streaming import SHARE, Stored, Streamed, available


@dataclass
class Inputs:
    """The frames of a fold, in memory if there is room: training frames view by view, those of validation, of test.

    x [views*N+M,...]; y [N+M] without the views; `rows` tells which of the latter each clip owns.
    """

    x: torch.Tensor | Streamed
    y: torch.Tensor
    rows: Mapping[str, slice]
    views: int = 1
    seconds: float = 0.0  # that making the features took

    def move(self, device: torch.device) -> None:
        """To a GPU that has room for all of them."""
        if isinstance(self.x, torch.Tensor) and self.x.device != device and roomy(device, self.x):
            self.x = self.x.to(device)

    def training(self, clips: Sequence[str], how: Augmentation | None = None, by_clip: bool = False) -> Part:
        """All training frames, in all views; where there is an augmentation and no views, they are changed in every epoch anew."""
        rows = self._rows(clips)
        part = self._part(clips, slice(0, self.views * rows.stop), rows, by_clip)
        return replace(part, change=self._changes(clips, how)) if how and self.views == 1 else part

    def part(self, clips: Sequence[str], by_clip: bool = False) -> Part:
        """Frames of these clips, which follow each other behind the training clips; no copy."""
        rows, before = self._rows(clips), len(self.x) - len(self.y)
        return self._part(clips, slice(rows.start + before, rows.stop + before), rows, by_clip)

    def lengths(self, clips: Sequence[str]) -> dict[str, int]:
        """How many frames each clip has."""
        return {clip: self.rows[clip].stop - self.rows[clip].start for clip in clips}

    def _part(self, clips: Sequence[str], x: slice, rows: slice, by_clip: bool) -> Part:
        """Its items are frames, or the clips that have any."""
        if not by_clip:
            return Part(self._x(x), self.y[rows])
        own = [self.rows[clip] for clip in clips if self.rows[clip].stop > self.rows[clip].start]
        at = torch.tensor([(each.start - rows.start, each.stop - each.start) for each in own]).reshape(-1, 2)
        return Part(self._x(x), self.y[[each.start for each in own]], clips=at)

    def _rows(self, clips: Sequence[str]) -> slice:
        return slice(self.rows[clips[0]].start, self.rows[clips[-1]].stop) if clips else slice(0, 0)

    def _x(self, rows: slice) -> torch.Tensor | Streamed:
        return self.x.part(rows) if isinstance(self.x, Streamed) else self.x[rows]

    def _changes(self, clips: Sequence[str], how: Augmentation) -> Change:
        from ferbench.training.augmentation import augmented_rows  # imports torchvision

        owners = [clip for clip, length in self.lengths(clips).items() for _ in range(length)]
        return lambda crops, rows, epoch: augmented_rows(crops, how, [owners[row] for row in rows.tolist()], epoch)


def load_inputs(fit: Fit, store: Store) -> Inputs:
    """Reads what is stored of a fold's clips, or tells where to read it; FerbenchError where frames come in several shapes."""
    fold = fit.split.folds[fit.fold]
    frozen = fit.cell.backbone.frozen() is not None
    path: Callable = features.path if frozen else crops.path
    clips = [*fold.train, *fold.validation, *fold.test]
    each = [Stored.at(path(fit.features[clip], store)) for clip in clips]
    views = [Stored.at(path(view[clip], store)) for view in fit.views for clip in fold.train]
    full = [clip for clip in (*views, *each) if len(clip)]
    if len(shapes := {clip.shape[1:] for clip in full}) != 1:
        told = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:3]) or "nothing"
        raise FerbenchError(
            f"the frames of the fold's clips come as {told}: expected one shape", hint="end the preprocessing with gray and resize"
        )
    ends = accumulate(len(clip) for clip in each)
    rows = {name: slice(end - len(clip), end) for name, clip, end in zip(clips, each, ends, strict=True)}
    y = np.repeat([fit.cell.protocol.classes.index(fit.labels[clip]) for clip in clips], [len(clip) for clip in each])
    seconds = sum(store.facts("features", work.key)["seconds"] for work in fit.works()) if frozen else 0.0
    x = Streamed(full)
    in_memory = sum(clip.nbytes for clip in full) < SHARE * available()
    return Inputs(x.whole() if in_memory else x, torch.from_numpy(y), rows, 1 + len(fit.views), seconds)
