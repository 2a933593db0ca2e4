"""scikit-learn's classifiers, and the values of their parameters that are tried."""

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

COSTS = {"svm": (1.0, 10.0, 100.0), "logistic-regression": (0.001, 0.01, 0.1, 1.0)}
NEIGHBOURS = (1, 3, 5, 9, 15)


def candidates(kind: str, kernel: str, c: float | None, neighbours: int | None, trees: int, shares: bool) -> list[Any]:
    """One classifier for each value that is tried.

    Features are standardised, or where they are histograms that sum to 1 their square roots are taken, which makes of Euclid's distance
    Hellinger's (Arandjelovic & Zisserman 2012); trees and the chi2 kernel see them as they are.
    """
    if kind == "random-forest":
        return [RandomForestClassifier(trees)]
    if kind == "knn":
        made = [Neighbours(each) for each in ([neighbours] if neighbours else NEIGHBOURS)]
    elif kind == "logistic-regression":
        made = [LogisticRegression(C=each, max_iter=1000) for each in ([c] if c else COSTS[kind])]
    else:
        made = [SVC(C=each, kernel=chi2 if kernel == "chi2" else kernel, break_ties=True) for each in ([c] if c else COSTS[kind])]
        if kernel == "chi2":
            return made
    return [make_pipeline(FunctionTransformer(np.sqrt) if shares else StandardScaler(), each) for each in made]


def chi2(x: np.ndarray, training: np.ndarray) -> np.ndarray:
    """exp(-d / m) for the chi-squared distances d = sum (x - y)^2 / (x + y) [N,M]; m is the mean sum of a training feature."""
    return chi2_kernel(x, training, gamma=1 / training.sum(1).mean())


class Neighbours(KNeighborsClassifier):
    """With fewer training frames than neighbours all of them are asked."""

    def fit(self, X: Any, y: Any) -> Neighbours:  # noqa: N803 (scikit-learn's name)
        """[N,D], [N]."""
        self.n_neighbors: int = min(self.get_params()["n_neighbors"], len(X))
        return super().fit(X, y)
