"""Conformal sets: their coverage of new people's clips, which are alike within a person."""

from __future__ import annotations

import numpy as np
import pytest

from ferbench.report.statistics.conformal import calibrate

CLASSES = 6


def draw_people(rng: np.random.Generator, people: int, clips: tuple[int, int], spread: float, gain: float = 1):
    """Scores, classes and people of clips; `spread` is how much people differ in how easy they are, next to noise of 1 for each clip.

    With a `gain` of 8 the network is sure of its errors: scores are near 0 or 1. Easy people show more clips: a threshold that counts
    clips, not people, would be too low for the others.
    """
    ease = rng.normal(0, spread, people)
    counts = np.where(ease > 0, clips[1], clips[0])
    person = np.repeat(np.arange(people), counts)
    true = rng.integers(0, CLASSES, len(person))
    logits = rng.normal(0, 1, (len(person), CLASSES))
    logits[np.arange(len(person)), true] += 1.5 + ease[person]
    scores = np.exp(gain * logits) / np.exp(gain * logits).sum(1, keepdims=True)
    return scores, true, person


def cover(rng: np.random.Generator, sets, clips: tuple[int, int], spread: float, gain: float = 1) -> float:
    """The share of clips whose set holds the true class, each of 400 new people counting alike."""
    scores, true, person = draw_people(rng, 400, clips, spread, gain)
    held = sets.members(scores)[np.arange(len(true)), true]
    return float((np.bincount(person, held) / np.bincount(person)).mean())


@pytest.mark.parametrize("gain", [1, 8])
@pytest.mark.parametrize(
    ("people", "clips", "spread"),
    [(9, (6, 6), 1.0), (12, (3, 9), 1.0), (18, (1, 1), 1.0), (20, (6, 6), 0.5), (40, (2, 20), 2.0), (118, (1, 6), 1.5)],
)
def test_sets_hold_the_true_class_for_new_people(people, clips, spread, gain):
    """Rounding ranks up would give 95 % of 18 people; the mean of thresholds, not of shares, 82 % of 20 with a gain of 8."""
    rng = np.random.default_rng(people)
    shares = [cover(rng, calibrate(*draw_people(rng, people, clips, spread, gain), 0.9), clips, spread, gain) for _ in range(200)]
    assert np.mean(shares) == pytest.approx(0.9, abs=0.02)


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
    own = np.sort(scores[np.arange(29), true])[::-1]
    for confidence, rank in ((0.9, 27), (0.8, 24), (0.5, 15)):  # 30 * confidence
        assert calibrate(scores, true, person, confidence).least == pytest.approx(own[rank - 1])
    between = calibrate(scores, true, person, 0.91).least  # rank 27.3
    assert between == pytest.approx(own[26] ** 0.7 * own[27] ** 0.3)


def test_one_clip_of_each_person_is_drawn():
    """Two people are right about everything; the third is wrong in one of four clips: the largest of three holds all clips, or 11 of 12."""
    scores = np.array([[0.9, 0.1]] * 2 + [[0.8, 0.2]] * 3 + [[0.3, 0.7]])
    sets = calibrate(scores, np.zeros(6, int), np.array([0, 1, 2, 2, 2, 2]), 0.75)
    assert sets.least == pytest.approx(0.8**0.75 * 0.3**0.25, abs=0.03)
    assert calibrate(scores, np.zeros(6, int), np.array([0, 1, 2, 2, 2, 2]), 0.5).least == pytest.approx(0.9)


def test_a_score_of_zero_rules_nothing_out():
    scores = np.array([[0.0, 1.0]] * 12)
    assert calibrate(scores, np.zeros(12, int), np.arange(12), 0.9).members(np.array([0.0, 1.0])).all()


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
