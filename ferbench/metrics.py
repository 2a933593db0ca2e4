"""Metrics over clips, from true and predicted class indices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def metrics(true: NDArray[np.int64], predicted: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, Any]:
    """WAR (accuracy), UAR (mean recall), macro-F1, recall by class (None where a class is not tested) and the confusion matrix.

    UAR and macro-F1 are means over the classes that are tested. `confusion[i][j]` counts clips of class i predicted as j.
    """
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

    tested = np.unique(true)
    recalls = recall_score(true, predicted, labels=tested, average=None, zero_division=0)
    by_class = dict(zip(tested.tolist(), recalls.tolist(), strict=True))
    return {
        "war": float(accuracy_score(true, predicted)),
        "uar": float(recalls.mean()),
        "macro_f1": float(f1_score(true, predicted, labels=tested, average="macro", zero_division=0)),
        "recall": {name: by_class.get(index) for index, name in enumerate(classes)},
        "confusion": confusion_matrix(true, predicted, labels=range(len(classes))).tolist(),
        "clips": len(true),
    }
