"""Scores of scikit-learn classifiers."""

from __future__ import annotations

import numpy as np
import pytest

from ferbench.training.estimators import predict_scores


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_of_a_classifier_without_probabilities(classes):
    from sklearn.svm import SVC

    rng = np.random.default_rng(0)
    y = np.arange(60) % classes
    x = np.eye(classes)[y] + 0.3 * rng.normal(size=(60, classes))
    estimator = SVC(kernel="linear", break_ties=True).fit(x, y)
    scores = predict_scores(estimator, x)
    assert scores.shape == (60, classes)
    assert np.allclose(scores.sum(1), 1)
    assert (scores.argmax(1) == estimator.predict(x)).all()
