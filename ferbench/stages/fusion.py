"""Fusion: weighted means of what several fits score, clip by clip; stored as a fit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ferbench.api.components import Fusion
from ferbench.api.errors import PluginError
from ferbench.plan.planner import Fit
from ferbench.stages import fits as fit
from ferbench.store.entries import Store, to_json
from ferbench.training.loop import History


def compute(folder: Path, job: Fit, store: Store, made: Mapping[str, Any]) -> dict[str, Any]:
    """Into `folder`, as a fit does: scores.npy [M,C], one a clip that every member scored, clips.json, history.json with the weights."""
    start = time.perf_counter()
    fusion, classes, fold = job.cell.backbone, job.cell.protocol.classes, job.split.folds[job.fold]
    assert isinstance(fusion, Fusion)
    told = [fit.scores(member.key, store)[0] for member in job.members]
    scored = {clip: [scores[clip].mean(0) for scores in told] for clip in told[0] if all(len(scores[clip]) for scores in told)}
    validation = [clip for clip in fold.validation if clip in scored]
    of_validation = np.array([scored[clip] for clip in validation]).reshape(-1, len(told), len(classes)).swapaxes(0, 1)  # [M,N,C]
    target = np.array([classes.index(job.labels[clip]) for clip in validation], np.int64)
    weights = _weights(fusion, of_validation, target, len(told))
    fused = np.array([np.tensordot(weights, values, 1) for values in scored.values()]).reshape(-1, len(classes))
    np.save(folder / "scores.npy", fused.astype(np.float32))
    (folder / "clips.json").write_bytes(to_json({clip: int(clip in scored) for clip in told[0]}))
    names = [f"{number} {member.name}" for number, member in enumerate(fusion.members(), 1)]
    history = History(parameters=dict(zip(names, weights.tolist(), strict=True)))
    if validation:
        history.validation_accuracy.append(float((np.tensordot(weights, of_validation, 1).argmax(1) == target).mean()))
    (folder / "history.json").write_bytes(to_json(asdict(history)))
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "features seconds": 0.0, "training frames": 0, "epochs": 0, "weights": 0, "made": made}


def _weights(fusion: Fusion, scores: np.ndarray, target: np.ndarray, members: int) -> np.ndarray:
    """Scaled to sum to 1."""
    weights = np.asarray(fusion.weigh(scores, target), float)
    if weights.shape != (members,) or not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise PluginError(f"backbone {fusion.name} gives the weights {weights.tolist()}: expected {members} numbers, at least 0, one above")
    return weights / weights.sum()
