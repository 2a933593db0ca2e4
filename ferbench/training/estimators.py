"""Fits scikit-learn classifiers to the items of a fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ferbench.api.errors import FerbenchError
from ferbench.training.history import History
from ferbench.training.items import Items
from ferbench.training.streaming import DiskFrames

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin


def fit_best_estimator(
    candidates: Sequence[ClassifierMixin],
    weights: Sequence[float] | None,
    training: Items,
    validation: Items,
) -> tuple[History, int]:
    """Fit all candidates, and return the history and the number of the candidate that is best on the validation items.

    `weights` are those of the classes. Raises FerbenchError if there are several candidates but no validation items, if a candidate takes
    no weights, or if the features exceed the memory.
    """
    if len(candidates) > 1 and not len(validation.y):
        raise FerbenchError(
            f"no validation frames to choose one of {len(candidates)} classifiers",
            hint="add validation people to the protocol, or fix the parameters that would be chosen",
        )
    history = _fit_candidates(candidates, weights, training, validation)
    number = int(np.argmax(history.validation_accuracy)) if len(candidates) > 1 else 0
    history.parameters = _chosen_parameters(candidates[number], candidates)
    return history, number


def score_with_estimator(estimator: ClassifierMixin, items: Items, classes: int) -> NDArray[np.float64]:
    """The scores [M,C] of all items; a class without training items scores 0."""
    x = _feature_matrix(items)
    scores = np.zeros((len(x), classes))
    scores[:, estimator.classes_] = predict_scores(estimator, x)
    return scores


def _fit_candidates(candidates: Sequence[ClassifierMixin], weights: Sequence[float] | None, training: Items, validation: Items) -> History:
    """Fit each candidate, and return the accuracies; `weights` are those of the classes."""
    x, x_validation = _feature_matrix(training), _feature_matrix(validation)
    target = training.y.repeat(training.views).numpy()  # [V*N]
    history = History()
    for estimator in candidates:
        estimator.fit(x, target, **_sample_weight(estimator, weights, target))
        history.accuracy.append(float(estimator.score(x, target)))
        if len(x_validation):
            history.validation_accuracy.append(float(estimator.score(x_validation, validation.y.numpy())))
    return history


def predict_scores(estimator: ClassifierMixin, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute scores [N,C] from features [N,D]: `predict_proba`, else the softmax of `decision_function` (logistic for two classes)."""
    from scipy.special import expit, softmax

    if hasattr(estimator, "predict_proba"):  # scikit-learn's own test for optional methods
        return np.asarray(estimator.predict_proba(x))
    values = estimator.decision_function(x)
    return np.asarray(softmax(values, axis=1) if values.ndim == 2 else np.stack([expit(-values), expit(values)], 1))


def _feature_matrix(items: Items) -> NDArray[np.float32]:
    """The features [N,D] of all items, read-only: other fits read them too."""
    if isinstance(items.x, DiskFrames):
        raise FerbenchError(
            "the features exceed the memory, but a scikit-learn classifier needs all of them", hint="choose a head that is a network"
        )
    matrix: NDArray[np.float32] = torch.flatten(items.x, 1).cpu().numpy()
    matrix.setflags(write=False)
    return matrix


def _chosen_parameters(best: ClassifierMixin, candidates: Sequence[ClassifierMixin]) -> dict[str, float | str]:
    """The parameters of the best classifier that differ from those of another candidate."""
    others = [candidate.get_params() for candidate in candidates]
    plain = {name: value for name, value in best.get_params().items() if isinstance(value, int | float | str)}
    return {name: value for name, value in plain.items() if any(other.get(name) != value for other in others)}


def _sample_weight(
    estimator: ClassifierMixin, weights: Sequence[float] | None, target: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """The argument of `fit` that weights samples by their class; raises FerbenchError if the classifier has none."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    if weights is None:
        return {}
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not has_fit_parameter(last, "sample_weight"):
        raise FerbenchError(f"{type(last).__name__} takes no class weights", hint="choose a loss without them: cross-entropy")
    name = f"{estimator.steps[-1][0]}__sample_weight" if isinstance(estimator, Pipeline) else "sample_weight"
    return {name: np.asarray(weights)[target]}
