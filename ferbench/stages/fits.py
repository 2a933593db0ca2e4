"""Fit: the trained part of a backbone on one fold with one loss, recipe and seed; stores its scores and history."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ferbench.api.components import Loss
from ferbench.api.errors import PluginError, location
from ferbench.api.networks import EmbeddingNetwork, Estimators, FinishedSystem, Network
from ferbench.plan.models import Fit
from ferbench.stages.inputs import Inputs
from ferbench.stages.networks import build_learner, build_model, check_learner, check_logits
from ferbench.store.costs import Cost
from ferbench.store.entries import Store
from ferbench.store.files import read_json, to_json
from ferbench.store.rows import FitHistory, Origin
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.estimators import fit_best_estimator
from ferbench.training.history import History
from ferbench.training.items import Items
from ferbench.training.learner import score_items
from ferbench.training.loop import Report, train
from ferbench.training.streaming import Streamed

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Resources:
    """What a run gives a fit: where it computes, whom it reports to, where it keeps checkpoints, and what is noted as its origin.

    `compile` speeds a network up if the user asks for it.
    """

    device: torch.device
    report: Report
    checkpoints: Checkpoints
    provenance: Origin
    compile: Callable[[nn.Module], nn.Module] = lambda module: module


@dataclass(frozen=True)
class FitFacts:
    """What is known of a fit: how long it took, the seconds that its features took, what was trained, and its origin."""

    seconds: float
    features_seconds: float
    training_frames: int
    epochs: int
    weights: int
    made: Origin

    @property
    def cost(self) -> Cost:
        """What it cost to train."""
        return Cost(self.training_frames * max(1, self.epochs), self.seconds, weights=self.weights)


@dataclass(frozen=True)
class _Result:
    history: History
    scores: Scores  # [M,C], softmax
    weights: int = 0


@dataclass(frozen=True)
class _Parts:
    training: Items
    validation: Items
    scored: Items  # validation, then test
    counts: Sequence[int]  # training items of each class


def compute_fit(folder: Path, fit: Fit, inputs: Inputs, resources: Resources) -> FitFacts:
    """Train, score validation and test items, and write scores.npy [M,C], clips.json and history.json into `folder`."""
    start = time.perf_counter()
    fold, by_clip = fit.split.folds[fit.fold], fit.reads_clips
    scored = [*fold.validation, *fold.test]
    if isinstance(fit.trainable, Network | EmbeddingNetwork):
        inputs.move(resources.device)
    training = inputs.training_items(fold.train, fit.recipe.augmentation, by_clip)
    counts = torch.bincount(training.y, minlength=len(fit.classes)).tolist()
    result = _train(fit, _Parts(training, inputs.items(fold.validation, by_clip), inputs.items(scored, by_clip), counts), resources)
    np.save(folder / "scores.npy", result.scores.astype(np.float32))
    (folder / "history.json").write_bytes(to_json(asdict(result.history)))
    lengths = inputs.lengths(scored)
    (folder / "clips.json").write_bytes(to_json({clip: min(1, n) for clip, n in lengths.items()} if by_clip else lengths))
    epochs, seconds = len(result.history.loss), time.perf_counter() - start
    return FitFacts(seconds, inputs.seconds, training.frames, epochs, result.weights, resources.provenance)


def load_scores(key: str, store: Store) -> tuple[dict[str, Scores], FitHistory]:
    """Scores [T,C] of each validation and test clip, T frames or 1 if whole clips are read; and the history."""
    folder = store.find_entry("fits", key)
    if folder is None:
        raise FileNotFoundError(f"fit {key}")
    values = np.load(folder / "scores.npy").astype(np.float64)
    lengths = read_json(folder / "clips.json", dict[str, int])
    parts = np.split(values, np.cumsum(list(lengths.values()))[:-1])
    return dict(zip(lengths, parts, strict=True)), read_json(folder / "history.json", FitHistory)


def seed_generators(seed: int) -> None:
    """Seed every generator that a model may draw from; torch.manual_seed takes 5 ms for devices that are not there."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed)
    random.seed(seed)


def _train(fit: Fit, parts: _Parts, resources: Resources) -> _Result:
    """Whatever kind of trainable the backbone has."""
    seed_generators(fit.seed % 2**32)
    match fit.trainable:
        case Estimators() as estimators:
            return _fit_estimators(fit, estimators, parts)
        case FinishedSystem() as system:
            return _run_finished_system(fit, system, parts.scored)
        case trainable:
            return _train_network(fit, trainable, parts, resources)


def _train_network(fit: Fit, trainable: Network | EmbeddingNetwork, parts: _Parts, resources: Resources) -> _Result:
    model = build_model(fit.backbone, trainable, tuple(parts.training.x.shape[1:]))
    learner = build_learner(fit, model, parts.counts, resources.device)
    check_learner(fit, learner, parts.training)
    resources.compile(model)
    order, history = torch.Generator().manual_seed(fit.seed), History()
    if learner.parameters:
        history = train(learner, parts.training, parts.validation, order, resources.report, resources.checkpoints)
    scores = score_items(learner, parts.scored).softmax(1).numpy()
    return _Result(history, scores, sum(p.numel() for p in model.parameters()))


def _fit_estimators(fit: Fit, estimators: Estimators, parts: _Parts) -> _Result:
    candidates: object = estimators.build()
    if not isinstance(candidates, Sequence) or not candidates:
        raise PluginError(
            f"{fit.backbone.title}: its Estimators build {type(candidates).__name__}: expected a list of classifiers",
            where=location(type(fit.backbone)),
        )
    assert isinstance(fit.loss, Loss)  # the plan refuses any other
    history, scores = fit_best_estimator(candidates, fit.loss, parts.counts, parts.training, parts.validation, parts.scored)
    return _Result(history, scores)


def _run_finished_system(fit: Fit, system: FinishedSystem, scored: Items) -> _Result:
    """The logits that the frozen part gives, or a module makes of them."""
    logits = scored.x.whole() if isinstance(scored.x, Streamed) else scored.x.cpu()
    if system.build:
        with torch.inference_mode():
            logits = system.build(tuple(logits.shape[1:])).eval()(logits)
    check_logits(fit, tuple(logits.shape[1:]), len(fit.classes))
    return _Result(History(), logits.softmax(1).numpy())
