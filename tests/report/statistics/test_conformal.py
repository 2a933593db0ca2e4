"""Conformal sets: their coverage of new people's clips, which are alike within a person."""

from __future__ import annotations

import numpy as np
import pytest

from ferbench.report.statistics.conformal import calibrate

CLASSES = 6


def draw_people(rng: np.random.Generator, people: int, clips: tuple[int, int], spread: float):
    """Scores, classes and people of clips; `spread` is how much people differ in how easy they are, next to noise of 1 for each clip.

    Easy people show more clips: a threshold that counts clips, not people, would be too low for the others.
    """
    ease = rng.normal(0, spread, people)
    counts = np.where(ease > 0, clips[1], clips[0])
    person = np.repeat(np.arange(people), counts)
    true = rng.integers(0, CLASSES, len(person))
    logits = rng.normal(0, 1, (len(person), CLASSES))
    logits[np.arange(len(person)), true] += 1.5 + ease[person]
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return scores, true, person


def cover(rng: np.random.Generator, sets, clips: tuple[int, int], spread: float) -> float:
    """The share of clips whose set holds the true class, each of 400 new people counting alike."""
    scores, true, person = draw_people(rng, 400, clips, spread)
    held = sets.members(scores)[np.arange(len(true)), true]
    return float(np.mean([held[person == each].mean() for each in range(400)]))


@pytest.mark.parametrize(
    ("people", "clips", "spread"), [(20, (1, 1), 1.0), (40, (6, 6), 1.0), (40, (2, 20), 2.0), (118, (1, 6), 1.5), (12, (3, 9), 1.0)]
)
def test_sets_hold_the_true_class_for_new_people(people, clips, spread):
    rng = np.random.default_rng(people)
    shares = [cover(rng, calibrate(*draw_people(rng, people, clips, spread), 0.9), clips, spread) for _ in range(200)]
    assert np.mean(shares) == pytest.approx(0.9, abs=0.03)


def test_counting_clips_instead_of_people_would_not_do():
    """What the weights are for: with one for each clip, the simulation above finds a coverage that is too low."""
    rng, shares = np.random.default_rng(0), []
    for _ in range(200):
        scores, true, _ = draw_people(rng, 40, (2, 20), 2.0)
        shares.append(cover(rng, calibrate(scores, true, np.arange(len(true)), 0.9), (2, 20), 2.0))
    assert np.mean(shares) < 0.87


def test_one_clip_per_person_is_split_conformal_prediction():
    rng = np.random.default_rng(3)
    scores, true, person = draw_people(rng, 29, (1, 1), 1.0)
    nonconformity = np.sort(1 - scores[np.arange(29), true])
    for confidence, rank in ((0.9, 27), (0.8, 24), (0.5, 15)):  # ceil(30 * confidence)
        assert calibrate(scores, true, person, confidence).threshold == pytest.approx(nonconformity[rank - 1])


def test_one_clip_of_each_person_is_drawn():
    """Two people are right about everything; the third is wrong in one of four clips, so that the largest of three is 0.7 or 0.2."""
    scores = np.array([[0.9, 0.1]] * 2 + [[0.8, 0.2]] * 3 + [[0.3, 0.7]])
    sets = calibrate(scores, np.zeros(6, int), np.array([0, 1, 2, 2, 2, 2]), 0.7)
    assert sets.threshold == pytest.approx(0.25 * 0.7 + 0.75 * 0.2, abs=0.03)
    assert calibrate(scores, np.zeros(6, int), np.array([0, 1, 2, 2, 2, 2]), 0.5).threshold == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("people", "confidence", "needed"), [(8, 0.9, 9), (9, 0.9, 9), (18, 0.95, 19), (19, 0.95, 19), (3, 0.8, 4), (1, 0.5, 1)]
)
def test_too_few_people_rule_nothing_out(people, confidence, needed):
    rng = np.random.default_rng(1)
    sets = calibrate(*draw_people(rng, people, (5, 5), 1.0), confidence)
    assert sets.people_needed == needed
    assert sets.can_exclude == (people >= needed)
    if not sets.can_exclude:
        assert sets.members(np.array([0.0, 1.0])).all()
