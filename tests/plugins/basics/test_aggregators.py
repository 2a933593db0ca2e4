"""Aggregators against their formulas, worked out by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

import ferbench_basics
from ferbench_basics.aggregators import Confidence, LastFrame, Majority, Max, Mean, Median, Product, Rising, TrimmedMean

ALL = [Median(), Max(), Product(), TrimmedMean(), Confidence(), Rising(), LastFrame()]
SCORES = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.0, 0.1, 0.9]])


@pytest.mark.parametrize(
    ("aggregator", "expected"),
    [
        (Median(), np.array([0.6, 0.2, 0.1]) / 0.9),
        (Max(), np.array([0.7, 0.3, 0.9]) / 1.9),
        (TrimmedMean(0.34), np.array([0.6, 0.2, 0.1]) / 0.9),  # one at either end
        (TrimmedMean(0.0), SCORES.mean(0)),
        (Rising(), (SCORES[0] + 2 * SCORES[1] + 3 * SCORES[2]) / 6),
        (Rising(0.0), SCORES.mean(0)),
        (LastFrame(), SCORES[2]),
        (Confidence(0.0), SCORES.mean(0)),
    ],
)
def test_formulas(aggregator, expected):
    assert aggregator(SCORES) == pytest.approx(expected)


def test_product_of_two_frames():
    prediction = Product()(np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]]))
    roots = np.sqrt([0.4, 0.025, 0.025])
    assert prediction == pytest.approx(roots / roots.sum())


def test_confidence_weighs_by_entropy():
    scores = np.array([[0.5, 0.5], [0.9, 0.1]])
    weight = 1 + (0.9 * log(0.9) + 0.1 * log(0.1)) / log(2)  # the first frame is not sure at all: 0
    assert weight > 0.5
    assert Confidence()(scores) == pytest.approx([0.9, 0.1])


@pytest.mark.parametrize("aggregator", ALL, ids=lambda a: a.name)
@pytest.mark.parametrize("scores", [SCORES, SCORES[:1], np.full((4, 6), 1 / 6), np.eye(4), np.tile(SCORES, (400, 1))])
def test_every_clip_gets_scores_that_sum_to_one(aggregator, scores):
    prediction = aggregator(scores)
    assert prediction.shape == scores.shape[1:]
    assert prediction.sum() == pytest.approx(1)
    assert (prediction >= 0).all()


@pytest.mark.parametrize("aggregator", ALL, ids=lambda a: a.name)
def test_frames_that_agree_decide(aggregator):
    assert aggregator(np.tile([0.2, 0.7, 0.1], (5, 1))).argmax() == 1


def test_the_plugin_registers_all_aggregators():
    classes = []
    ferbench_basics.register_aggregators(classes.append)
    assert {type(aggregator) for aggregator in ALL} | {Majority, Mean} == set(classes)
