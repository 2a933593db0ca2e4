"""The choices of an autopsy, on answers made by hand: which frames and clips count, and which choices have no effect."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ferbench import Clip
from ferbench.execution.choices import ACCURACY, EPOCH, FACES, FOLDS, FRAMES, MEAN, PEAK, Answer, Examiner, find_unanswerable, select_peak
from ferbench.stages.crops import CropFacts

RIGHT, WRONG = (0.9, 0.1), (0.2, 0.8)  # scores of a frame of class a


def answer(*scores: tuple[float, float], indices: list[int] | None = None, faces: list[bool] | None = None, fold: int = 0) -> Answer:
    return Answer(np.array(scores), fold, CropFacts(list(range(len(scores))) if indices is None else indices, faces, {}))


def clip(name: str = "one", person: str = "p", label: str = "a", apex: int | None = None) -> Clip:
    return Clip(name, person, label, apex=apex)


@pytest.mark.parametrize(
    ("apex", "indices", "peak"),
    [
        (0, [0, 5, 9], 0),
        (6, [0, 5, 9], 1),
        (8, [0, 5, 9], 2),
        (20, [0, 5, 9], 2),
        (7, [0, 5, 9], 1),  # the earlier one of two that are equally near
        (None, [0, 5, 9], 2),
        (0, [0, 5], 2),  # scores of other items than frames
    ],
)
def test_peak_is_the_scored_frame_nearest_to_the_apex(apex, indices, peak):
    frames = select_peak(clip(apex=apex), answer(RIGHT, RIGHT, WRONG, indices=indices))
    assert list(range(3))[frames] == [peak]


@pytest.fixture
def examine():
    """Counts right answers and clips [F,P,C] of people p and q and classes a and b, under choices."""

    def call(clips: list[Clip], answers: dict[str, Answer], *choices: str) -> tuple[list, list]:
        split = SimpleNamespace(folds=[None, None])
        cell = SimpleNamespace(protocol=SimpleNamespace(classes=("a", "b")))
        row = SimpleNamespace(model=SimpleNamespace(cell=cell, split=split), aggregator=lambda scores: scores.mean(0))
        key = (FOLDS in choices, EPOCH in choices)
        figure = Examiner(row, {clip.id: clip for clip in clips}, ["p", "q"]).figure({key: answers}, set(choices))
        return figure.correct.tolist(), figure.total.tolist()

    return call


def test_peak_frame_decides(examine):
    """The mean of the three frames is wrong, that at the apex is right."""
    answers = {"one": answer(RIGHT, WRONG, WRONG)}
    assert examine([clip(apex=0)], answers) == ([[[0, 0], [0, 0]]], [[[1, 0], [0, 0]]])
    assert examine([clip(apex=0)], answers, PEAK) == ([[[1, 0], [0, 0]]], [[[1, 0], [0, 0]]])


def test_every_frame_counts(examine):
    answers = {"one": answer(RIGHT, WRONG, WRONG)}
    assert examine([clip()], answers, FRAMES) == ([[[1, 0], [0, 0]]], [[[3, 0], [0, 0]]])
    assert examine([clip(apex=0)], answers, FRAMES, PEAK) == ([[[1, 0], [0, 0]]], [[[1, 0], [0, 0]]])


def test_clips_without_a_face_are_dropped(examine):
    clips = [clip("one"), clip("two", "q", "b")]
    answers = {"one": answer(RIGHT, faces=[False]), "two": answer(RIGHT, WRONG, faces=[False, True])}
    assert examine(clips, answers, FACES) == ([[[0, 0], [0, 0]]], [[[0, 0], [0, 1]]])
    assert examine(clips, answers)[1] == [[[1, 0], [0, 1]]]


def test_folds_and_classes(examine):
    clips = [clip("one"), clip("two", "q", "b")]
    answers = {"one": answer(RIGHT), "two": answer(RIGHT, fold=1)}
    assert examine(clips, answers, MEAN) == ([[[1, 0], [0, 0]], [[0, 0], [0, 0]]], [[[1, 0], [0, 0]], [[0, 0], [0, 1]]])
    assert examine(clips, answers, ACCURACY) == ([[[1], [0]]], [[[1], [1]]])
    assert examine(clips, answers, FOLDS, EPOCH) == ([[[1, 0], [0, 0]]], [[[1, 0], [0, 1]]])


def test_choices_without_an_effect():
    several = {"one": answer(RIGHT, WRONG, faces=[False, True]), "two": answer(RIGHT, WRONG, faces=[False, False])}
    assert find_unanswerable([several]) == {}
    single = "each clip has one score"
    assert find_unanswerable([{"one": answer(RIGHT)}]) == {PEAK: single, FRAMES: single, FACES: "no step looks for faces"}
    assert find_unanswerable([{"one": several["one"]}]) == {FACES: "a face is found in every clip"}


def test_without_a_face_no_clip_is_left():
    """Also if only the clips that one of the models is tested on have none."""
    none, some = ({"one": answer(RIGHT, WRONG, faces=[False, face])} for face in (False, True))
    for answers in ([none], [none, none], [none, some]):
        assert find_unanswerable(answers) == {FACES: "no face is found in any clip that is tested"}
