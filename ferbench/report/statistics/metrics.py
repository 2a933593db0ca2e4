"""Metrics over clips, from true classes, predicted classes and scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ferbench.store.rows import Metrics, ScoreMetrics

BINS = 15  # of the calibration error
MIN_SCORE = 1e-15  # lower scores are raised to this, so that one clip cannot make the log-loss infinite


def compute_metrics(true: NDArray[np.int64], predicted: NDArray[np.int64], classes: tuple[str, ...], others: int = 0) -> Metrics:
    """The metrics of N > 0 clips, from their true classes and the predicted ones, [N], numbers of `classes`.

    Predictions from len(classes) on are the `others`, answers outside the classes, which are always wrong. With n_ij clips of class i
    predicted as j and n clips: WAR (accuracy) is sum n_ii / n, recall_i = n_ii / sum_j n_ij, precision_i = n_ii / sum_j n_ji, F1_i =
    2 n_ii / (sum_j n_ij + sum_j n_ji), and Cohen's kappa (WAR - e) / (1 - e) with e = sum_i (sum_j n_ij) (sum_j n_ji) / n^2. UAR and
    macro-F1 are means over the classes that are tested. scikit-learn would take 1.3 s to import; a test compares the two.
    """
    count, width = len(classes), len(classes) + others
    confusion = np.bincount(true * width + predicted, minlength=count * width).reshape(count, width)
    correct, of_class, as_class = confusion.diagonal(), confusion.sum(1), confusion.sum(0)[:count]  # [C] each
    tested = of_class > 0
    war, chance = correct.sum() / len(true), (of_class @ as_class) / len(true) ** 2
    return {
        "war": float(war),
        "uar": float((correct[tested] / of_class[tested]).mean()),
        "macro_f1": float((2 * correct[tested] / (of_class + as_class)[tested]).mean()),
        "kappa": float((war - chance) / (1 - chance)) if chance < 1 else None,
        "recall": _shares(correct, of_class, classes),
        "class_precision": _shares(correct, as_class, classes),
        "confusion": confusion.tolist(),
        "clips": len(true),
    }


def compute_score_metrics(true: NDArray[np.int64], scores: NDArray[np.float64]) -> ScoreMetrics | None:
    """Metrics of the scores [N,C] of N > 0 clips, scaled to sum to 1; None if they are no probabilities: negative, or all 0 for a clip.

    Log-loss is the mean of -ln p(true); the Brier score that of the squared distance |p - onehot(true)|^2 (Brier 1950: 0 to 2); `top2` is
    the share of clips whose true class has one of the two highest scores.
    """
    totals = scores.sum(1, keepdims=True)
    if (scores < 0).any() or (totals <= 0).any():
        return None
    shares, clips = scores / totals, np.arange(len(true))
    own = shares[clips, true]
    brier = (shares**2).sum(1) - 2 * own + 1
    top = np.argsort(-shares, axis=1, kind="stable")[:, :2]
    return {
        "log_loss": float(-np.log(np.maximum(own, MIN_SCORE)).mean()),
        "brier": float(brier.mean()),
        "calibration_error": compute_calibration_error(shares.max(1), shares.argmax(1) == true),
        "top2": float((top == true[:, None]).any(1).mean()),
    }


def compute_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Expected calibration error of N clips in up to 15 bins of equal numbers of clips: sum_b n_b / N |accuracy_b - mean confidence_b|.

    Bins of equal numbers are those of Nguyen and O'Connor 2015; bins of equal width (Guo et al. 2017) are almost empty at low confidences.
    """
    _, group = np.unique(confidence, return_inverse=True)
    accuracy = (np.bincount(group, correct) / np.bincount(group))[group]  # of all clips of equal confidence: their order must not count
    order = np.argsort(confidence, kind="stable")
    gaps = [abs((accuracy[part] - confidence[part]).sum()) for part in np.array_split(order, min(BINS, len(order)))]
    return float(sum(gaps) / len(order))


def _shares(correct: NDArray[np.int64], counts: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, float | None]:
    return {name: int(right) / int(count) if count else None for name, right, count in zip(classes, correct, counts, strict=True)}
