"""Metrics by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, f1_score, log_loss, precision_score, top_k_accuracy_score

from ferbench.report.statistics.metrics import compute_calibration_error, compute_metrics, compute_score_metrics

CLASSES = ("anger", "fear", "joy")


def test_by_hand():
    true = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    predicted = np.array([0, 0, 0, 1, 1, 0, 2, 2, 2, 0])
    result = compute_metrics(true, predicted, CLASSES)
    assert result["war"] == 7 / 10
    assert result["recall"] == {"anger": 3 / 4, "fear": 1 / 2, "joy": 3 / 4}
    assert result["uar"] == pytest.approx((3 / 4 + 1 / 2 + 3 / 4) / 3)
    # F1 = 2 TP / (2 TP + FP + FN): anger 6/9, fear 2/4, joy 6/7
    assert result["macro_f1"] == pytest.approx((6 / 9 + 2 / 4 + 6 / 7) / 3)
    assert result["confusion"] == [[3, 1, 0], [1, 1, 0], [1, 0, 3]]
    assert result["clips"] == 10


def test_class_that_is_not_tested():
    true, predicted = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    result = compute_metrics(true, predicted, CLASSES)
    assert result["recall"] == {"anger": 0.5, "fear": None, "joy": 1.0}
    assert result["uar"] == pytest.approx(0.75)  # over the two classes tested, though a clip was taken for fear
    assert result["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert result["confusion"] == [[1, 1, 0], [0, 0, 0], [0, 0, 2]]


@pytest.mark.parametrize("guess", [0, 1, 2])
def test_constant_guess_has_the_uar_of_chance(guess):
    true = np.array([0] * 7 + [1] * 2 + [2])
    result = compute_metrics(true, np.full(10, guess), CLASSES)
    assert result["uar"] == pytest.approx(1 / 3)
    assert result["war"] == (true == guess).mean()


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn(seed):
    true, predicted = np.random.default_rng(seed).integers(0, 3, (2, 60))
    result = compute_metrics(true, predicted, CLASSES)
    assert result["uar"] == pytest.approx(balanced_accuracy_score(true, predicted))
    assert result["macro_f1"] == pytest.approx(f1_score(true, predicted, average="macro"))
    confusion = np.array(result["confusion"])
    assert np.array_equal(confusion.sum(1), np.bincount(true, minlength=3))
    assert result["war"] == np.trace(confusion) / 60


def test_plain_types_for_json():
    result = compute_metrics(np.array([0, 1]), np.array([0, 1]), CLASSES)
    assert {type(result[name]) for name in ("war", "uar", "macro_f1")} == {float}
    assert type(result["confusion"][0][0]) is int
    assert type(result["recall"]["anger"]) is float


def test_scores_by_hand():
    true = np.array([0, 1, 2, 0])
    scores = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.1, 0.5, 0.4]])
    result = compute_score_metrics(true, scores * 3)  # scaled to sum to 1
    assert result["log_loss"] == pytest.approx(log_loss(true, scores))
    squares = [(0.3**2 + 0.2**2 + 0.1**2), (0.6**2 + 0.7**2 + 0.1**2), (0.2**2 + 0.2**2 + 0.4**2), (0.9**2 + 0.5**2 + 0.4**2)]
    assert result["brier"] == pytest.approx(np.mean(squares))
    assert result["top2"] == top_k_accuracy_score(true, scores, k=2) == 3 / 4
    assert result["calibration_error"] == pytest.approx((0.3 + 0.1 + 0.1 + 0.5) / 4)  # a bin each; half of the clips at 0.6 is right
    assert compute_score_metrics(true, scores - 0.5) is None


@pytest.mark.parametrize("order", [1, -1])
def test_calibration_does_not_depend_on_the_order_of_equal_confidences(order):
    correct = (np.arange(100) < 70)[::order]
    assert compute_calibration_error(np.full(100, 0.7), correct) == pytest.approx(0)
    assert compute_calibration_error(np.full(100, 0.9), correct) == pytest.approx(0.2)


@pytest.mark.parametrize("seed", range(3))
def test_kappa_and_precision_agree_with_scikit_learn(seed):
    true, predicted = np.random.default_rng(seed).integers(0, 3, (2, 60))
    result = compute_metrics(true, predicted, CLASSES)
    assert result["kappa"] == pytest.approx(cohen_kappa_score(true, predicted))
    assert list(result["class_precision"].values()) == pytest.approx(precision_score(true, predicted, average=None).tolist())


def test_other_answers_count_as_wrong():
    result = compute_metrics(np.array([0, 0, 1, 2]), np.array([0, 3, 1, 4]), CLASSES, others=2)
    assert result["confusion"] == [[1, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]
    assert (result["war"], result["uar"]) == (0.5, pytest.approx((0.5 + 1 + 0) / 3))
    assert result["class_precision"] == {"anger": 1, "fear": 1, "joy": None}
