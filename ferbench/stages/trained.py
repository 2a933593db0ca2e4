"""Trained rows at work: images → preprocessing → frozen part → trained part → frame scores → aggregator → scores of a clip.

Each fold of a row is a chain of its own. Chains with equal frozen parts share them, so that features are computed once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ferbench.api.clips import Clip
from ferbench.api.components import Aggregator, Preprocessor
from ferbench.api.errors import FerbenchError
from ferbench.corpora.images import Image
from ferbench.corpora.selection import select_frames
from ferbench.plan.models import Classifier
from ferbench.stages.crops import ClipCrops, trace_images
from ferbench.stages.features import forward
from ferbench.stages.parts import Part, Scores
from ferbench.stages.scores import aggregate_clip
from ferbench.store.rows import DoneRow
from ferbench.training.items import Items

Features = NDArray[np.float32] | NDArray[np.uint8]
Memo = dict[int, list[Features]]
"""The features of the clips, by the id of the frozen module."""


class Chain(ABC):
    """The fit of a fold, or the fused fits."""

    @abstractmethod
    def score(self, clips: Sequence[ClipCrops], memo: Memo) -> list[Scores]:
        """The scores [T,C+K] of the frames of each clip, or [1,C+K] of the clip as a whole; [0,C+K] of a clip without frames."""


@dataclass(frozen=True)
class TrainedChain(Chain):
    """A backbone's frozen part, if it has one, and its trained part."""

    classifier: Classifier
    frozen: torch.nn.Module | None
    part: Part
    device: torch.device

    def score(self, clips: Sequence[ClipCrops], memo: Memo) -> list[Scores]:
        """Compute the features of all clips, unless they are in the memo, then their scores."""
        features = self._compute_features(clips, memo)
        lengths = [len(each) for each in features]
        answers = len(self.classifier.classes) + len(self.classifier.others)
        if not any(lengths):
            return [np.zeros((0, answers)) for _ in clips]
        x = torch.from_numpy(np.concatenate([each for each in features if len(each)]))
        if self.classifier.reads_clips:
            return self._score_clips(x, lengths, answers)
        scores = self.part.score(Items(x, torch.zeros(len(x), dtype=torch.int64)))
        return np.split(scores, np.cumsum(lengths)[:-1])

    def _score_clips(self, x: torch.Tensor, lengths: Sequence[int], answers: int) -> list[Scores]:
        filled = torch.tensor([length for length in lengths if length], dtype=torch.int64)
        items = Items(x, torch.zeros(len(filled), dtype=torch.int64), clips=torch.stack([filled.cumsum(0) - filled, filled], 1))
        scores = iter(self.part.score(items))
        return [next(scores)[None] if length else np.zeros((0, answers)) for length in lengths]

    def _compute_features(self, clips: Sequence[ClipCrops], memo: Memo) -> list[Features]:
        if self.frozen is None:
            return [clip.crops for clip in clips]
        if id(self.frozen) not in memo:
            inputs = ((str(number), self._read_input(clip)) for number, clip in enumerate(clips))
            memo[id(self.frozen)] = [features for _, features in forward(self.classifier, inputs, self.frozen, self.device)]
        return memo[id(self.frozen)]

    def _read_input(self, clip: ClipCrops) -> NDArray:
        if self.classifier.frozen is None or self.classifier.frozen.reads != "landmarks":
            return clip.crops
        if clip.landmarks is None:
            problem = f"{self.classifier.backbone.title} reads landmarks, which come with a corpus: images and videos have none"
            raise FerbenchError(problem, hint="choose a row whose backbone reads images")
        return clip.landmarks


@dataclass(frozen=True)
class FusedChain(Chain):
    """Several chains: the scores of a clip are the weighted mean of its mean scores under each."""

    members: tuple[Chain, ...]
    weights: tuple[float, ...]

    def score(self, clips: Sequence[ClipCrops], memo: Memo) -> list[Scores]:
        """Scores [1,C] of each clip."""
        members = [member.score(clips, memo) for member in self.members]
        return [self._fuse([scores[number] for scores in members]) for number in range(len(clips))]

    def _fuse(self, scores: Sequence[Scores]) -> Scores:
        if not all(map(len, scores)):
            return np.zeros((0, scores[0].shape[1]))
        fused: Scores = np.tensordot(self.weights, np.array([each.mean(0) for each in scores]), 1)[None]
        return fused


@dataclass(frozen=True)
class Answer:
    """What a trained row says of a clip.

    `frames` [T,C+K] are the scores of its frames, or [1,C+K] if whole clips are scored, means over the folds; `clip` [C+K] is the mean of
    the folds' scores after aggregation. Both are None if the clip has no frame. `crops` say which frames were used, and in which a face was
    found.
    """

    crops: ClipCrops
    frames: Scores | None
    clip: Scores | None


@dataclass(frozen=True)
class Trained:
    """A row with its trained parts: one chain for each fold in `folds`, which are numbers from 0."""

    row: DoneRow
    classes: tuple[str, ...]
    others: tuple[str, ...]
    steps: tuple[Preprocessor, ...]
    aggregator: Aggregator
    folds: tuple[int, ...]
    chains: tuple[Chain, ...]

    def crop(self, name: str, images: Mapping[int, Image]) -> ClipCrops:
        """Take the images of a clip, by the number of the frame from 0, through the preprocessing: selection, detection, cutting …"""
        clip = Clip(name, "", "", length=len(images))
        chosen = select_frames(clip, self.steps)
        numbers = list(images)
        *_, crops = trace_images(name, {numbers[at]: images[numbers[at]] for at in chosen}, self.steps)
        assert isinstance(crops, ClipCrops)
        return crops

    def score_folds(self, clips: Sequence[ClipCrops]) -> list[list[Scores]]:
        """For each fold, the scores of the frames of each clip: [T,C+K], or [1,C+K] if whole clips are scored."""
        memo: Memo = {}
        return [chain.score(clips, memo) for chain in self.chains]

    def answer(self, clips: Sequence[ClipCrops]) -> list[Answer]:
        """The answers to clips: means over the folds."""
        folds = self.score_folds(clips)
        return [self._join(number, clip, [scores[number] for scores in folds]) for number, clip in enumerate(clips)]

    def _join(self, number: int, clip: ClipCrops, scores: Sequence[Scores]) -> Answer:
        if not len(scores[0]):
            return Answer(clip, None, None)
        aggregated = [aggregate_clip(self.aggregator, f"clip {number}", each) for each in scores]
        return Answer(clip, np.mean(scores, axis=0), np.mean(aggregated, axis=0))
