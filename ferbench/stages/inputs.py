"""What a fit reads: the stored features, or crops, of a fold's clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import torch

from ferbench.api.errors import FerbenchError
from ferbench.api.recipe import Augmentation
from ferbench.plan.models import Fit
from ferbench.stages.crops import crops_path
from ferbench.stages.features import FeatureFacts, features_path
from ferbench.store.entries import Store
from ferbench.training.device import has_room
from ferbench.training.items import Augment, Items
from ferbench.training.streaming import Streamed, StreamedClip, fits_in_memory


@dataclass
class Inputs:
    """The frames of a fold, in memory if there is room: training frames view by view, then those of validation, then of test.

    x [V*N+M,...]; y [N+M] without the views; `rows` are the rows of each clip, not counting the views.
    """

    x: torch.Tensor | Streamed
    y: torch.Tensor
    rows: Mapping[str, slice]
    views: int = 1
    seconds: float = 0.0  # that computing the features took

    def move(self, device: torch.device) -> None:
        """To a GPU, if it has room for all of them."""
        if isinstance(self.x, torch.Tensor) and self.x.device != device and has_room(device, self.x):
            self.x = self.x.to(device)

    def training_items(self, clips: Sequence[str], augmentation: Augmentation | None = None, by_clip: bool = False) -> Items:
        """All training items, in all views. If there is an augmentation and no views are stored, every epoch augments them anew."""
        rows = self._rows(clips)
        items = self._items(clips, slice(0, self.views * rows.stop), rows, by_clip)
        return replace(items, augment=self._augment(clips, augmentation)) if augmentation and self.views == 1 else items

    def items(self, clips: Sequence[str], by_clip: bool = False) -> Items:
        """The items of these clips, which follow each other behind the training clips; not a copy."""
        rows, before = self._rows(clips), len(self.x) - len(self.y)
        return self._items(clips, slice(rows.start + before, rows.stop + before), rows, by_clip)

    def lengths(self, clips: Sequence[str]) -> dict[str, int]:
        """How many frames each clip has."""
        return {clip: self.rows[clip].stop - self.rows[clip].start for clip in clips}

    def _items(self, clips: Sequence[str], x: slice, rows: slice, by_clip: bool) -> Items:
        """The items are frames, or the clips that have any."""
        if not by_clip:
            return Items(self._slice(x), self.y[rows])
        spans = [self.rows[clip] for clip in clips if self.rows[clip].stop > self.rows[clip].start]
        starts = torch.tensor([(span.start - rows.start, span.stop - span.start) for span in spans]).reshape(-1, 2)
        return Items(self._slice(x), self.y[[span.start for span in spans]], clips=starts)

    def _rows(self, clips: Sequence[str]) -> slice:
        return slice(self.rows[clips[0]].start, self.rows[clips[-1]].stop) if clips else slice(0, 0)

    def _slice(self, rows: slice) -> torch.Tensor | Streamed:
        return self.x.part(rows) if isinstance(self.x, Streamed) else self.x[rows]

    def _augment(self, clips: Sequence[str], augmentation: Augmentation) -> Augment:
        from ferbench.training.augmentation import augment_frames  # imports torchvision

        owners = [clip for clip, length in self.lengths(clips).items() for _ in range(length)]
        return lambda crops, rows, epoch: augment_frames(crops, augmentation, [owners[row] for row in rows.tolist()], epoch)


def load_inputs(fit: Fit, store: Store) -> Inputs:
    """Read what is stored of a fold's clips, or note where to stream it from; raises FerbenchError if frames have several shapes."""
    fold, path = fit.split.folds[fit.fold], crops_path if fit.frozen is None else features_path
    clips = [*fold.train, *fold.validation, *fold.test]
    files = [StreamedClip.at(path(fit.features[clip], store)) for clip in clips]
    views = [StreamedClip.at(path(view[clip], store)) for view in fit.views for clip in fold.train]
    frames = _streamed([*views, *files])
    ends = accumulate(len(clip) for clip in files)
    rows = {name: slice(end - len(clip), end) for name, clip, end in zip(clips, files, ends, strict=True)}
    y = np.repeat([fit.classes.index(fit.split.labels[clip]) for clip in clips], [len(clip) for clip in files])
    seconds = sum(store.read_facts("features", task.key, FeatureFacts).seconds for task in fit.feature_tasks()) if fit.frozen else 0.0
    x = frames.whole() if fits_in_memory(frames.clips) else frames
    return Inputs(x, torch.from_numpy(y), rows, 1 + len(fit.views), seconds)


def _streamed(files: Sequence[StreamedClip]) -> Streamed:
    """All frames, on the disk."""
    full = [clip for clip in files if len(clip)]
    if len(shapes := {clip.shape[1:] for clip in full}) != 1:
        if not shapes:
            raise FerbenchError("no clip of the fold has a readable frame", hint="the warnings of the run say why frames cannot be read")
        sizes = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:3])
        raise FerbenchError(f"the fold's frames come in several shapes: {sizes}", hint="end the preprocessing with gray and resize")
    return Streamed(full)
