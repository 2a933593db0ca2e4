"""The choices of published code that an autopsy examines, and the answers of models under each of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ferbench.api.clips import Clip
from ferbench.plan.models import Model, Row
from ferbench.report.statistics.shares import Figure
from ferbench.stages.crops import CropFacts, load_facts
from ferbench.stages.fits import load_scores
from ferbench.stages.scores import aggregate_clip
from ferbench.store.entries import Store

FOLDS, EPOCH, PEAK, FRAMES, FACES, MEAN, ACCURACY = "folds", "epoch", "peak", "frames", "faces", "mean", "accuracy"
CHOICES = {
    FOLDS: "people on both sides: clips are folded, not people",
    EPOCH: "the best epoch, or the parameters of a classifier, are chosen on the test clips",
    PEAK: "only the peak frame of each clip is tested, the last one if it is unknown",
    FRAMES: "every frame counts, not every clip",
    FACES: "clips without a detected face are dropped",
    MEAN: "mean over folds instead of pooled clips",
    ACCURACY: "accuracy instead of mean recall (UAR)",
}


@dataclass(frozen=True)
class Answer:
    """The scores [T,C] of a clip's frames under one model, the fold that tests it, and the frames that they are of."""

    scores: NDArray[np.float64]
    fold: int
    facts: CropFacts


Answers = Mapping[str, Answer]
"""By clip."""


def read_answers(model: Model, *, on_test: bool, store: Store) -> dict[str, Answer]:
    """Read the answers to the tested clips; `on_test` is whether these chose the epoch, and so are the validation part."""
    facts = load_facts(model.crops, store)
    answers = dict[str, Answer]()
    for number, (fit, fold) in enumerate(zip(model.fits, model.split.folds, strict=True)):
        scores, _ = load_scores(fit.key, store)
        tested = fold.validation if on_test else fold.test
        answers |= {clip: Answer(scores[clip], number, facts[clip]) for clip in tested if len(scores[clip])}
    return answers


def find_unanswerable(answers: Sequence[Answers]) -> dict[str, str]:
    """The choices that these answers leave without effect, or without a clip; `answers` are those of each model."""
    every = [answer for each in answers for answer in each.values()]
    reasons = dict[str, str]()
    if all(len(answer.scores) == 1 for answer in every):
        reasons |= dict.fromkeys((PEAK, FRAMES), "each clip has one score")
    if all(answer.facts.has_face is None for answer in every):
        reasons[FACES] = "no step looks for faces"
    elif all(answer.facts.is_covered for answer in every):
        reasons[FACES] = "a face is found in every clip"
    elif not all(any(answer.facts.is_covered for answer in each.values()) for each in answers):
        reasons[FACES] = "no face is found in any clip that is tested"
    return reasons


@dataclass(frozen=True)
class Examiner:
    """Counts the answers of models to these clips; figures list all these people, also those without a clip."""

    row: Row
    clips: Mapping[str, Clip]
    people: Sequence[str]

    def figure(self, answers: Mapping[tuple[bool, bool], Answers], choices: Collection[str]) -> Figure:
        """The answers behind the figure with these choices."""
        classes, place = self.row.model.cell.protocol.classes, {person: number for number, person in enumerate(self.people)}
        folds = len(self.row.model.split.folds) if MEAN in choices else 1
        correct, total = np.zeros((2, folds, len(self.people), len(classes)))
        for name, answer in answers[(FOLDS in choices, EPOCH in choices)].items():
            if FACES in choices and not answer.facts.is_covered:
                continue
            clip = self.clips[name]
            at = (answer.fold if MEAN in choices else 0, place[clip.subject], classes.index(clip.label))
            scores = answer.scores[select_peak(clip, answer)] if PEAK in choices else answer.scores
            predicted = scores.argmax(1) if FRAMES in choices else aggregate_clip(self.row.aggregator, name, scores)[None].argmax(1)
            total[at] += len(predicted)
            correct[at] += (predicted == at[2]).sum()
        return Figure(correct, total).pool_classes() if ACCURACY in choices else Figure(correct, total)


def select_peak(clip: Clip, answer: Answer) -> slice:
    """The scored frame that is nearest to the apex; the last one if it is unknown."""
    indices = answer.facts.indices
    if clip.apex is None or len(indices) != len(answer.scores):
        return slice(-1, None)
    nearest = min(range(len(indices)), key=lambda number: abs(indices[number] - (clip.apex or 0)))
    return slice(nearest, nearest + 1)
