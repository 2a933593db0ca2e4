"""Fused fits: weighted means of the scores of several fits, clip by clip; stored like a fit."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ferbench.api.errors import PluginError, location
from ferbench.api.networks import Fusion
from ferbench.plan.models import FusedFit
from ferbench.stages.fits import FitRun, Scores, load_scores, pack_scores
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.rows import Provenance
from ferbench.training.history import History


def compute_fused_fit(fit: FusedFit, store: Store, provenance: Provenance) -> Content:
    """Compute what a fit has: scores [M,C] of the clips that every member scored, and a history with the weights."""
    start = time.perf_counter()
    members = [load_scores(member.key, store)[0] for member in fit.members]
    by_clip = {clip: _clip_scores(members, clip) for clip in members[0] if all(len(scores[clip]) for scores in members)}
    weights, history = _weigh(fit, by_clip)
    fused = np.array([np.tensordot(weights, scores, 1) for scores in by_clip.values()]).reshape(-1, len(fit.classes))
    counts = {clip: int(clip in by_clip) for clip in members[0]}
    run = FitRun(time.perf_counter() - start, features_seconds=0.0, epoch_seconds=[], frame_epochs=0, provenance=provenance)
    return pack_scores(fused, counts, history, run)


def _clip_scores(members: list[dict[str, Scores]], clip: str) -> Scores:
    """The mean scores [M,C] of each member over the clip's frames."""
    return np.array([scores[clip].mean(0) for scores in members])


def _weigh(fit: FusedFit, by_clip: Mapping[str, Scores]) -> tuple[Scores, History]:
    """Choose the weights [M] on the validation clips; returns them, and a history that holds them."""
    validation = [clip for clip in fit.split.folds[fit.fold].validation if clip in by_clip]
    shape = (-1, len(fit.members), len(fit.classes))
    scores = np.array([by_clip[clip] for clip in validation]).reshape(shape).swapaxes(0, 1)  # [M,N,C]
    target = np.array([fit.classes.index(fit.split.labels[clip]) for clip in validation], np.int64)
    weights = _normalized_weights(fit.fusion, scores, target)
    history = History(parameters=dict(zip(fit.member_names, weights.tolist(), strict=True)))
    if validation:
        history.validation_accuracy.append(float((np.tensordot(weights, scores, 1).argmax(1) == target).mean()))
    return weights, history


def _normalized_weights(fusion: Fusion, scores: Scores, target: NDArray[np.int64]) -> Scores:
    """Compute weights that sum to 1; raises PluginError if the Fusion returns anything else than weights."""
    weights = np.asarray(fusion.weigh(scores, target), float)
    if weights.shape != (len(scores),) or not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        expected = f"expected {len(scores)} numbers, at least 0 and one of them above"
        raise PluginError(f"{fusion.title} gives the weights {weights.tolist()}: {expected}", where=location(type(fusion)))
    weights = weights / weights.max()  # so that the sum of very large weights is finite
    normalized: Scores = weights / weights.sum()
    return normalized
