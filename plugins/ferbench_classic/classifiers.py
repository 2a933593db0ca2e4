"""scikit-learn's classifiers, and the values of their parameters that are tried."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import chi2_kernel
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

COSTS = {"svm": (1.0, 10.0, 100.0), "logistic-regression": (0.001, 0.01, 0.1, 1.0)}
NEIGHBOURS = (1, 3, 5, 9, 15)


def candidates(kind: str, kernel: str, c: float | None, neighbours: int | None, trees: int) -> list[Any]:
    """One classifier for each value that is tried; features are standardised but for trees and the chi2 kernel."""
    if kind == "random-forest":
        return [RandomForestClassifier(trees)]
    if kind == "knn":
        return [make_pipeline(StandardScaler(), KNeighborsClassifier(each)) for each in ([neighbours] if neighbours else NEIGHBOURS)]
    costs = [c] if c else COSTS[kind]
    if kind == "logistic-regression":
        return [make_pipeline(StandardScaler(), LogisticRegression(C=each, max_iter=1000)) for each in costs]
    if kernel == "chi2":
        return [SVM(C=each, kernel=chi2_kernel, break_ties=True) for each in costs]
    return [make_pipeline(StandardScaler(), SVM(C=each, kernel=kernel, break_ties=True)) for each in costs]


class SVM(SVC):
    """scores are the softmax of the one-against-rest decision values, of two classes the logistic function: no held-out calibration."""

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803 (scikit-learn's name)
        """[N,D] -> [N,C]; the arg max is what `predict` gives."""
        values = self.decision_function(X)
        if values.ndim == 1:
            return np.stack([expit(-values), expit(values)], 1)
        return softmax(values, axis=1)
