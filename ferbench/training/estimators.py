"""Fits scikit-learn classifiers on stored features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ferbench.api.components import Loss
from ferbench.api.errors import FerbenchError
from ferbench.training.loop import History, Part
from ferbench.training.streaming import Streamed


def fit_estimator(candidates: Any, loss: Loss, counts: Sequence[int], parts: Sequence[Part]) -> tuple[History, np.ndarray]:
    """The classifier, or the best of several on the validation frames, and its scores [N,C] of the frames to score.

    `parts`: training frames, in all views; validation frames; those to score. `counts` are the training frames of each class, from
    which the loss makes sample weights.
    """
    training, validation, _ = parts
    if training.change:
        what = "a scikit-learn classifier is fitted on crops, which an augmentation would change in every epoch"
        raise FerbenchError(what, hint="leave recipe.augmentation out, or give the backbone a frozen part: its views are stored")
    if any(isinstance(part.x, Streamed) for part in parts):
        what = "the features exceed the memory, and a scikit-learn classifier needs them whole"
        raise FerbenchError(what, hint="choose a head that is trained by gradients")
    candidates = candidates if isinstance(candidates, list) else [candidates]
    if len(candidates) > 1 and not len(validation.y):
        raise FerbenchError(
            f"no validation frames to choose one of {len(candidates)} classifiers on",
            hint="give the protocol validation people, or the backbone the parameters that are chosen",
        )
    x, held, wanted = (part.x.flatten(1).cpu().numpy() for part in parts)  # type: ignore[union-attr] # [N,D] each
    target = training.y.repeat(len(x) // max(1, len(training.y))).numpy()  # for each view
    weights, history = loss.class_weights(counts), History()
    for estimator in candidates:
        estimator.fit(x, target, **_sample_weight(estimator, weights, target))
        history.accuracy.append(float(estimator.score(x, target)))
        if len(held):
            history.validation_accuracy.append(float(estimator.score(held, validation.y.numpy())))
    best = candidates[int(np.argmax(history.validation_accuracy)) if len(candidates) > 1 else 0]
    history.parameters = _differing(best, candidates)
    scores = np.zeros((len(wanted), len(counts)))
    scores[:, best.classes_] = probabilities(best, wanted)  # a class without training frames scores 0
    return history, scores


def probabilities(estimator: Any, x: np.ndarray) -> np.ndarray:
    """Scores [N,C] of features [N,D]; without predict_proba the softmax of decision values, of two classes the logistic function."""
    from scipy.special import expit, softmax

    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(x))
    values = estimator.decision_function(x)
    return softmax(values, axis=1) if values.ndim == 2 else np.stack([expit(-values), expit(values)], 1)


def _differing(best: Any, candidates: Sequence[Any]) -> dict[str, float | str]:
    """The parameters of the best classifier that others have otherwise."""
    given = [each.get_params() for each in candidates]
    plain = {name: value for name, value in best.get_params().items() if isinstance(value, int | float | str)}
    return {name: value for name, value in plain.items() if any(other.get(name) != value for other in given)}


def _sample_weight(estimator: Any, weights: Sequence[float] | None, target: np.ndarray) -> dict[str, np.ndarray]:
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    if weights is None:
        return {}
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not has_fit_parameter(last, "sample_weight"):
        raise FerbenchError(f"{type(last).__name__} takes no class weights", hint="give it a loss without them: cross-entropy")
    name = f"{estimator.steps[-1][0]}__sample_weight" if isinstance(estimator, Pipeline) else "sample_weight"
    return {name: np.asarray(weights)[target]}
