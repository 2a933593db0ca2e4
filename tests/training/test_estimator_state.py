"""The fitted state of classifiers as arrays and plain values."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from ferbench.api.errors import FerbenchError
from ferbench.api.heads import make_classifiers
from ferbench.training.estimator_state import EstimatorState, read_state, restore_state
from ferbench.training.estimators import predict_scores
from ferbench_classic.classifiers import candidates

RNG = np.random.default_rng(0)
X, Y, NEW = RNG.random((60, 9), np.float32), np.arange(60) % 3, RNG.random((50, 9), np.float32)
BUILDERS = {
    "svm rbf": lambda: candidates("svm", "rbf", None, None, 1, True)[1],
    "svm linear": lambda: candidates("svm", "linear", None, None, 1, False)[0],
    "svm chi2": lambda: candidates("svm", "chi2", 1.0, None, 1, True)[0],
    "k-NN": lambda: candidates("knn", "rbf", None, 5, 1, True)[0],
    "k-NN of few": lambda: candidates("knn", "rbf", None, 500, 1, False)[0],
    "logistic regression": lambda: candidates("logistic-regression", "rbf", 1.0, None, 1, False)[0],
    "random forest": lambda: candidates("random-forest", "rbf", None, None, 7, True)[0],
    "head svm": lambda: make_classifiers("svm")[0],
    "head logistic": lambda: make_classifiers("logistic-regression")[0],
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "discriminant": LinearDiscriminantAnalysis,
    "bayes": GaussianNB,
}


def copy_through_json(state: EstimatorState) -> EstimatorState:
    """What a file keeps of it."""
    return EstimatorState({name: array.copy() for name, array in state.arrays.items()}, json.loads(json.dumps(state.values)))


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
@pytest.mark.parametrize("classes", [2, 3])
def test_restored_classifiers_give_equal_scores(build, classes):
    np.random.seed(0)
    fitted, restored = build(), build()
    fitted.fit(X, Y % classes)
    restore_state(restored, copy_through_json(read_state(fitted)))
    assert (predict_scores(restored, NEW) == predict_scores(fitted, NEW)).all()


def test_a_classifier_that_holds_objects_is_refused():
    fitted = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    with pytest.raises(FerbenchError, match="the weights of OneVsRestClassifier cannot be kept: its attribute"):
        read_state(fitted)


@pytest.mark.parametrize(
    ("name", "value", "problem"), [("left_child", 10**6, "child"), ("feature", 99, "feature"), ("right_child", 0, "child")]
)
def test_trees_are_checked(name, value, problem):
    """scikit-learn follows the numbers of children and features without a look."""
    state = read_state(DecisionTreeClassifier(random_state=0).fit(X, Y))
    state.arrays[f"nodes/{name}"][0] = value
    with pytest.raises(FerbenchError, match=f"{problem} .*does not exist|{problem} that does not exist"):
        restore_state(DecisionTreeClassifier(), state)
