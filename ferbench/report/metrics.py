"""Metrics over clips, from true and predicted class indices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ferbench.store.rows import Metrics


def compute_metrics(true: NDArray[np.int64], predicted: NDArray[np.int64], classes: tuple[str, ...]) -> Metrics:
    """WAR (accuracy), UAR (mean recall), macro-F1, recall by class (None where a class is not tested) and the confusion matrix.

    With n_ij clips of class i predicted as j: WAR is sum n_ii / sum n_ij, recall_i is n_ii / sum_j n_ij, and
    F1_i is 2 n_ii / (sum_j n_ij + sum_j n_ji). UAR and macro-F1 are means over the classes that are tested. Plain numpy scores a
    thousand rows in less time than importing scikit-learn takes (1.3 s); a test compares the two.
    """
    count = len(classes)
    confusion = np.bincount(true * count + predicted, minlength=count * count).reshape(count, count)  # [C,C]
    correct, of_class, as_class = confusion.diagonal(), confusion.sum(1), confusion.sum(0)  # [C] each
    tested = of_class > 0
    recalls = correct[tested] / of_class[tested]
    f1 = 2 * correct[tested] / (of_class + as_class)[tested]
    by_class = dict(zip(np.flatnonzero(tested).tolist(), recalls.tolist(), strict=True))
    return {
        "war": float(correct.sum() / len(true)),
        "uar": float(recalls.mean()),
        "macro_f1": float(f1.mean()),
        "recall": {name: by_class.get(index) for index, name in enumerate(classes)},
        "confusion": confusion.tolist(),
        "clips": len(true),
    }
