"""scikit-learn's classifiers, and the candidate values of their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import chi2_kernel
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

C_VALUES = {"svm": (1.0, 10.0, 100.0), "logistic-regression": (0.001, 0.01, 0.1, 1.0)}
NEIGHBOR_COUNTS = (1, 3, 5, 9, 15)


def candidates(kind: str, kernel: str, c: float | None, neighbors: int | None, trees: int, sums_to_one: bool) -> list[Any]:
    """One classifier for each candidate value of its parameter.

    Features are standardized. Of histograms that sum to 1, the square roots are taken instead, which turns Euclidean into Hellinger
    distances (Arandjelovic & Zisserman 2012). Random forests and the chi2 kernel read features as they are.
    """
    if kind == "random-forest":
        return [RandomForestClassifier(trees)]
    classifiers: list[Any]
    if kind == "knn":
        classifiers = [NearestNeighbors(count) for count in ([neighbors] if neighbors else NEIGHBOR_COUNTS)]
    elif kind == "logistic-regression":
        classifiers = [LogisticRegression(C=value, max_iter=1000) for value in ([c] if c else C_VALUES[kind])]
    else:
        function = chi2 if kernel == "chi2" else kernel
        classifiers = [SVC(C=value, kernel=function, break_ties=True) for value in ([c] if c else C_VALUES[kind])]
        if kernel == "chi2":
            return classifiers
    return [make_pipeline(FunctionTransformer(np.sqrt) if sums_to_one else StandardScaler(), classifier) for classifier in classifiers]


def chi2(x: np.ndarray, training: np.ndarray) -> np.ndarray:
    """exp(-d / m) for the chi-squared distances d = sum (x - y)^2 / (x + y) [N,M]; m is the mean sum of a training item's features."""
    return chi2_kernel(x, training, gamma=1 / training.sum(1).mean())


class NearestNeighbors(KNeighborsClassifier):
    """k-NN that uses all training items if there are fewer than k."""

    def fit(self, X: Any, y: Any) -> NearestNeighbors:  # noqa: N803 (scikit-learn's name)
        """[N,D], [N]."""
        self.n_neighbors: int = min(self.get_params()["n_neighbors"], len(X))
        return super().fit(X, y)
