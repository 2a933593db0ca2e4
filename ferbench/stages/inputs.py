"""The inputs of a fit: the stored features, or crops, of a fold's clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import torch

from ferbench.api.errors import FerbenchError, PluginError, location
from ferbench.api.recipe import Augmentation
from ferbench.plan.models import Fit, KeySet
from ferbench.stages.crops import load_crops
from ferbench.stages.features import find_features
from ferbench.store.costs import Cost
from ferbench.store.entries import Store
from ferbench.store.entry_format import ArrayFile
from ferbench.training.device import has_room
from ferbench.training.items import Augment, Items
from ferbench.training.streaming import DiskFrames, fits_in_memory


@dataclass
class Inputs:
    """The frames of a fold, in memory if they fit: training frames view by view, then validation frames, then test frames.

    x [V*N+M,...]; y [N+M] without the views; `rows` are the rows of each clip in y. A clip of two parts (an allowed leak) has rows among
    the training frames and once among the others, which are those in `rows`.
    """

    x: torch.Tensor | DiskFrames
    y: torch.Tensor
    rows: Mapping[str, slice]
    views: int = 1
    feature_seconds: float = 0.0  # spent on computing the features

    def move(self, device: torch.device) -> None:
        """Move the frames to a GPU if it has room for all of them."""
        if isinstance(self.x, torch.Tensor) and self.x.device != device and has_room(device, self.x):
            self.x = self.x.to(device)

    def training_items(self, clips: Sequence[str], augmentation: Augmentation | None = None, by_clip: bool = False) -> Items:
        """All training items, in all views. With an augmentation but no stored views, every epoch augments them again."""
        rows = slice(0, sum(self.lengths(clips).values()))
        items = self._items(clips, slice(0, self.views * rows.stop), rows, by_clip)
        return replace(items, augment=self._augment(clips, augmentation)) if augmentation and self.views == 1 else items

    def items(self, clips: Sequence[str], by_clip: bool = False) -> Items:
        """The items of these clips, which must be consecutive and not training clips; not a copy."""
        start, before = self.rows[clips[0]].start if clips else 0, len(self.x) - len(self.y)
        rows = slice(start, start + sum(self.lengths(clips).values()))
        return self._items(clips, slice(rows.start + before, rows.stop + before), rows, by_clip)

    def lengths(self, clips: Sequence[str]) -> dict[str, int]:
        """The number of frames of each clip."""
        return {clip: self.rows[clip].stop - self.rows[clip].start for clip in clips}

    def _items(self, clips: Sequence[str], x: slice, rows: slice, by_clip: bool) -> Items:
        """Select frames as items, or the clips that have any frame."""
        if not by_clip:
            return Items(self._slice(x), self.y[rows])
        lengths = torch.tensor([length for length in self.lengths(clips).values() if length], dtype=torch.int64)
        starts = lengths.cumsum(0) - lengths
        return Items(self._slice(x), self.y[rows][starts], clips=torch.stack([starts, lengths], 1))

    def _slice(self, rows: slice) -> torch.Tensor | DiskFrames:
        return self.x.part(rows) if isinstance(self.x, DiskFrames) else self.x[rows]

    def _augment(self, clips: Sequence[str], augmentation: Augmentation) -> Augment:
        from ferbench.training.augmentation import augment_frames  # imports torchvision

        owners = [clip for clip, length in self.lengths(clips).items() for _ in range(length)]
        return lambda crops, rows, epoch: augment_frames(crops, augmentation, [owners[row] for row in rows.tolist()], epoch)


def load_inputs(fit: Fit, store: Store) -> Inputs:
    """Load the frames of a fold's clips, or leave them on disk if they exceed the memory; raises FerbenchError if their shapes differ."""
    fold = fit.split.folds[fit.fold]
    clips = [*fold.train, *dict.fromkeys([*fold.validation, *fold.test])]
    files = _find_frames(fit, fit.features, clips, store)
    views = [file for keys in fit.views for file in _find_frames(fit, keys, fold.train, store)]
    frames = _open_frames(fit, [*views, *files])
    ends = accumulate(len(clip) for clip in files)
    rows = {name: slice(end - len(clip), end) for name, clip, end in zip(clips, files, ends, strict=True)}
    y = np.repeat([fit.classes.index(fit.split.labels[clip]) for clip in clips], [len(clip) for clip in files])
    keys = {task.key for task in fit.feature_tasks()} if fit.frozen else ()
    feature_seconds = sum((find_features(key, store, facts_only=True).read_run(Cost).seconds for key in keys), 0.0)
    x = frames.whole() if fits_in_memory(frames.clips) else frames
    return Inputs(x, torch.from_numpy(y), rows, 1 + len(fit.views), feature_seconds)


def _find_frames(fit: Fit, keys: KeySet, clips: Sequence[str], store: Store) -> list[ArrayFile]:
    """Where the crops or features of these clips are."""
    owners, groups = fit.groups.owners, dict[str, Callable[[str], ArrayFile]]()
    for name in dict.fromkeys(owners[clip] for clip in clips):
        groups[name] = load_crops(keys[name], store).locate if keys.stage == "crops" else find_features(keys[name], store).locate
    return [groups[owners[clip]](clip) for clip in clips]


def _open_frames(fit: Fit, files: Sequence[ArrayFile]) -> DiskFrames:
    """Join the files, which stay on disk; raises FerbenchError if the shapes of their frames differ."""
    full = [clip for clip in files if len(clip)]
    if len(shapes := {clip.shape[1:] for clip in full}) != 1:
        if not shapes:
            raise FerbenchError("no clip of the fold has a readable frame", hint="the warnings of the run explain why")
        sizes = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:3])
        if fit.frozen is not None:
            problem = f"gives features of several shapes: {sizes}: expected one shape for all frames"
            raise PluginError(f"the frozen part of {fit.backbone.title} {problem}", where=location(type(fit.frozen)))
        raise FerbenchError(f"the fold's frames have several shapes: {sizes}", hint="end the preprocessing with gray and resize")
    return DiskFrames(full)
